//! What is refused, and what the refusal says.

use kldiv::{
    AnyReduction, Error, KLDivLoss, KLDivWithLogitsLoss, Operand, PerDistribution, Pointwise, Sum,
    Tail, Target,
};
use ndarray::{Array1, Array2, Array3, ArrayD, array};

#[test]
fn shapes_that_do_not_fit() {
    let input = Array3::<f32>::zeros((2, 5, 3));
    let criterion = KLDivLoss::new(Sum).axis(ndarray::Axis(1));
    let refused = |classes: (usize, usize, usize), values: (usize, usize, usize)| {
        let (classes, values) = (Array3::<i64>::zeros(classes), Array3::<f32>::zeros(values));
        let error = criterion.sparse_batch(&input, &classes, &values).unwrap_err();
        let Error::SparseShape { input, classes: found, values: of_values, axis } = &error else {
            panic!("{error}");
        };
        assert_eq!((&input[..], *axis), (&[2, 5, 3][..], 1));
        assert_eq!((&found[..], &of_values[..]), (classes.shape(), values.shape()));
        error.to_string()
    };
    assert_eq!(
        refused((2, 0, 3), (2, 0, 3)),
        "0 classes are named along axis 1, but their number must be from 1 to the input's 5"
    );
    assert!(refused((2, 6, 3), (2, 6, 3)).starts_with("6 classes are named along axis 1"));
    assert_eq!(
        refused((2, 2, 3), (2, 1, 3)),
        "classes have shape [2, 2, 3] and values have [2, 1, 3], but both must have [2, 2, 3]: the input's shape, with the number of named classes along axis 1"
    );
    refused((2, 2, 4), (2, 2, 4));
    refused((1, 2, 3), (2, 2, 3));
    let (of_any, values) = (input.clone().into_dyn(), Array2::<f32>::zeros((2, 3)).into_dyn());
    for classes in [ArrayD::<i64>::zeros(vec![2]), ArrayD::zeros(vec![]), ArrayD::zeros(vec![2, 3])]
    {
        let error = criterion.sparse_batch(&of_any, &classes, &values).unwrap_err();
        assert!(matches!(error, Error::SparseShape { .. }) && !error.to_string().is_empty());
        let error = criterion.labels_batch(&of_any, &classes);
        assert_eq!(error.is_err(), classes.ndim() < 2);
    }

    let labels = Array2::<u32>::zeros((2, 5));
    let error = criterion.labels_batch(&input, &labels).unwrap_err();
    assert_eq!(error, Error::LabelShape { expected: vec![2, 3], found: vec![2, 5] });
    let none = Array2::<f32>::zeros((2, 0));
    let labels = Array1::<u32>::zeros(2);
    assert!(matches!(
        KLDivLoss::new(Sum).labels_batch(&none, &labels),
        Err(Error::SparseShape { .. })
    ));
}

#[test]
fn the_first_class_out_of_range_with_its_place() {
    for width in [5, 500] {
        let mut logits = Array2::<f64>::zeros((4, width));
        let criterion = KLDivWithLogitsLoss::new(PerDistribution);
        for (class, bad) in
            [(-100_i64, -100_i128), (width as i64, width as i128), (i64::MAX, i64::MAX.into())]
        {
            let labels = Array1::from(vec![0, 1, class, class]);
            let batch = criterion.labels_batch(&logits, &labels).unwrap();
            let expected =
                Error::ClassOutOfRange { index: vec![2], entry: 0, class: bad, classes: width };
            assert_eq!(batch.forward(), Err(expected.clone()));
            let mut buffer = Array1::from_elem(4, 7.0);
            assert_eq!(batch.forward_into(&mut buffer), Err(expected.clone()));
            assert_eq!(batch.value_and_grad_into(&mut logits.clone()), Err(expected.clone()));
            assert_eq!(buffer, Array1::from_elem(4, 7.0));
            let weights = array![1.0, 1.0, 0.0, 0.0];
            assert!(batch.weights(&weights).unwrap().forward().is_ok());
            let scalar = KLDivWithLogitsLoss::new(Sum);
            assert_eq!(scalar.labels_batch(&logits, &labels).unwrap().partial(), Err(expected));
        }
        logits.fill(1.0);
        let classes = array![[0_i64, 1], [2, 3], [4, -1], [9999, 0]];
        let p = Array2::from_elem((4, 2), 0.25);
        let criterion = criterion.target(Target::Probabilities);
        let error = criterion.sparse_batch(&logits, &classes, &p).unwrap().forward().unwrap_err();
        let expected =
            Error::ClassOutOfRange { index: vec![2], entry: 1, class: -1, classes: width };
        assert_eq!(error, expected);
        assert_eq!(
            error.to_string(),
            format!(
                "class -1 at place 1 of distribution [2] is not from 0 to {}; if it marks padding, call .weights(…) with a weight of 0 for it",
                width - 1
            )
        );
    }
}

#[test]
fn the_first_repeated_class_with_its_place() {
    let log_q = Array3::<f32>::from_elem((2, 200, 3), -200_f32.ln());
    let mut classes = Array3::<u32>::from_shape_fn((2, 4, 3), |(_, entry, _)| 63 + entry as u32);
    let p = Array3::from_elem((2, 4, 3), 0.25_f32);
    let criterion = KLDivLoss::new(PerDistribution).axis(ndarray::Axis(1));
    assert!(criterion.sparse_batch(&log_q, &classes, &p).unwrap().forward().is_ok());
    classes[[1, 3, 1]] = 64;
    classes[[1, 2, 2]] = 63;
    let error = criterion.sparse_batch(&log_q, &classes, &p).unwrap().forward().unwrap_err();
    assert_eq!(error, Error::RepeatedClass { index: vec![1, 1], class: 64 });
    assert_eq!(error.to_string(), "class 64 is named twice in distribution [1, 1]");
}

/// Of so many classes that a bit for each would be too much.
#[test]
fn more_classes_than_memory() {
    let x = ndarray::arr0(-1_f32);
    let x = x.broadcast(1_usize << 50).unwrap();
    let dropped = KLDivLoss::new(Sum).tail(Tail::Dropped);
    let call = |classes: [i64; 2]| {
        let classes = Array1::from(classes.to_vec());
        dropped.sparse_batch(&x, &classes, &array![0.5_f32, 0.5]).unwrap().forward()
    };
    assert!((call([1 << 49, 7]).unwrap() - (0.5_f32.ln() + 1.0)).abs() < 1e-6);
    let index = vec![];
    assert_eq!(call([9, 9]), Err(Error::RepeatedClass { index: index.clone(), class: 9 }));
    let (class, classes) = (1 << 50, 1 << 50);
    assert_eq!(call([0, 1 << 50]), Err(Error::ClassOutOfRange { index, entry: 1, class, classes }));
}

#[test]
fn settings_that_do_not_fit() {
    let (logits, classes) = (Array2::<f32>::zeros((1, 3)), array![[0_i32]]);
    let values = Array2::<f32>::zeros((1, 1));
    for tail in [Tail::Bucket, Tail::Uniform, Tail::Dropped] {
        let criterion = KLDivWithLogitsLoss::new(Sum).tail(tail);
        let error = criterion.sparse_batch(&logits, &classes, &values).unwrap_err();
        assert_eq!(error, Error::InvalidTail { tail });
        assert!(error.to_string().contains(".tail(Tail::Renormalized)"));
    }
    let reduction = AnyReduction::Pointwise;
    let error = KLDivLoss::new(Pointwise).sparse_batch(&logits, &classes, &values).unwrap_err();
    assert_eq!(error, Error::InvalidReduction { name: "none" });
    assert!(error.to_string().contains("PerDistribution"));
    let error = KLDivLoss::new(reduction).labels_batch(&logits, &array![0]).unwrap_err();
    assert_eq!(error, Error::InvalidReduction { name: "none" });
    let beyond = KLDivLoss::new(Sum).axis(ndarray::Axis(2));
    let error = beyond.sparse_batch(&logits, &classes, &values).unwrap_err();
    assert_eq!(error, Error::AxisOutOfBounds { axis: 2, ndim: 2 });
    assert_eq!(beyond.labels_batch(&logits, &array![0]).unwrap_err(), error);
}

#[test]
fn validated_refuses_what_is_no_part_of_a_distribution() {
    let log_q = array![[0.5_f64, 0.25, 0.25], [0.1, 0.2, 0.7]].ln();
    let classes = array![[0_i64, 1], [2, 0]];
    let criterion = KLDivLoss::new(Sum).validated(1e-6);
    let call = |criterion: KLDivLoss<Sum>, log_q: &Array2<f64>, p: &Array2<f64>| {
        criterion.sparse_batch(log_q, &classes, p).unwrap().forward()
    };
    let refused = |p: [[f64; 2]; 2], first: usize, expected: f64| {
        let p = Array2::from(p.to_vec());
        for (criterion, values) in [(criterion, p.clone()), (criterion.log_target(true), p.ln())] {
            let Err(Error::NotADistribution { operand, index, mass }) =
                call(criterion, &log_q, &values)
            else {
                panic!("{p} was taken");
            };
            assert_eq!((operand, index), (Operand::Target, vec![first]));
            let is_as_expected =
                (mass - expected).abs() < 1e-12 || mass.is_nan() && expected.is_nan();
            assert!(is_as_expected, "{mass}, not {expected}");
        }
    };
    let fine = array![[0.5, 0.25], [1.0, 0.0]];
    assert!(call(criterion, &log_q, &fine).is_ok());
    refused([[0.5, 0.25], [0.75, 0.5]], 1, 1.25);
    refused([[0.5, f64::NAN], [0.5, 0.5]], 0, f64::NAN);
    assert!(call(criterion, &log_q, &array![[-0.5, 0.5], [1.0, 0.0]]).is_err());
    let nothing = array![[0.5, 0.25], [0.0, 0.0]];
    assert!(call(criterion, &log_q, &nothing).is_ok());
    assert!(call(criterion.tail(Tail::Renormalized), &log_q, &nothing).is_err());

    // The input is checked over all its classes, and first.
    let logits = array![[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]];
    let Err(Error::NotADistribution { operand, index, .. }) =
        call(criterion, &logits, &array![[3.0, 0.0], [0.0, 0.0]])
    else {
        panic!("logits were taken for log-probabilities");
    };
    assert_eq!((operand, index), (Operand::Input, vec![0]));

    // Where all classes are named, their mass is 1.
    let (all, p) = (array![[0_i64, 1, 2]], array![[0.5, 0.25, 0.125]]);
    let one = log_q.slice(ndarray::s![..1, ..]).to_owned();
    assert!(criterion.sparse_batch(&one, &all, &p).unwrap().forward().is_err());
}
