//! What is refused, with what is said of it; and that nothing is written then.

#[path = "../common/mod.rs"]
mod common;
mod validated;

use common::{Number, REDUCTIONS, Random};
use kldiv::{
    AnyReduction, BatchMean, DistributionMean, Error, KLDivLoss, KLDivWithLogitsLoss, Mean,
    Operand, Partial, PerDistribution, Pointwise, Sum, SumOver,
};
use ndarray::{Array1, Array2, ArrayD, Axis, arr0, array};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn operand() -> Array2<f64> {
    array![[-1.0, -0.5, -2.0], [-0.1, -3.0, -1.0]]
}

/// One phrase in lower case.
fn assert_phrase(error: &Error) {
    let phrase = error.to_string();
    let first = phrase.chars().next().unwrap();
    assert!(first.is_ascii_lowercase(), "{phrase}");
    assert!(!phrase.ends_with('.') && !phrase.contains('\n'), "{phrase}");
}

#[test]
fn every_error_is_one_lower_case_phrase() {
    let (shape, found) = (vec![2, 3], vec![7]);
    let errors = [
        mismatch(&[2, 3], &[3], 1),
        Error::AxisOutOfBounds { axis: 2, ndim: 2 },
        Error::EmptyMean,
        Error::WeightShape { expected: shape.clone(), found: found.clone() },
        Error::InvalidWeight { index: found.clone(), weight: -5.5 },
        Error::OutputShape { expected: shape.clone(), found },
        Error::InvalidDenominator { denominator: -5.5 },
        Error::UnknownReduction { name: "average".into() },
        Error::TooLarge { shape },
        Error::InvalidTolerance { tolerance: -0.5 },
        Error::NotADistribution { operand: Operand::Target, index: vec![2, 3], mass: 1.75 },
    ];
    errors.iter().for_each(assert_phrase);
    let says = |i: usize, what: &[&str]| {
        let phrase = errors[i].to_string();
        what.iter().for_each(|what| assert!(phrase.contains(what), "{phrase}: {what}"));
    };
    says(0, &["[2, 3]", "[3]", ".broadcast("]);
    says(1, &["axis 2"]);
    says(3, &["[2, 3]", "[7]"]);
    says(4, &["[7]", "-5.5"]);
    says(5, &["[2, 3]", "[7]"]);
    says(6, &["-5.5"]);
    says(7, &["average"]);
    says(8, &["[2, 3]"]);
}

/// What is said of operands of these shapes, with classes along `axis`.
fn mismatch(input: &[usize], target: &[usize], axis: usize) -> Error {
    let [input, target] = [input, target].map(ArrayD::<f32>::zeros);
    KLDivLoss::new(Sum).axis(Axis(axis)).batch(&input, &target).unwrap_err()
}

#[test]
fn shapes_must_be_equal() {
    let shapes = |error: Error| match error {
        Error::ShapeMismatch { input, target, .. } => (input, target),
        other => panic!("{other:?}"),
    };
    let (x, t) = (operand(), array![[0.5, 0.25, 0.25]]);
    let expected = (vec![2, 3], vec![1, 3]);
    assert_eq!(shapes(KLDivLoss::new(Sum).forward(&x, &t).unwrap_err()), expected);
    assert_eq!(shapes(KLDivLoss::new(Pointwise).batch(&x, &t).unwrap_err()), expected);
    let swapped = KLDivLoss::new(Mean).value_and_grad(&t, &x).unwrap_err();
    assert_eq!(shapes(swapped), (vec![1, 3], vec![2, 3]));
    let (x, t) = (x.into_dyn(), array![0.5, 0.5, 0.0].into_dyn());
    let error = KLDivLoss::new(BatchMean).backward(&x, &t, &1.0).unwrap_err();
    assert_eq!(shapes(error), (vec![2, 3], vec![3]));
}

/// `.broadcast` is named only where one of the shapes broadcasts to the other.
#[test]
fn broadcast_is_advised_only_where_it_helps() {
    let good: [(&[usize], &[usize]); 5] = [
        (&[2, 3], &[1, 3]),
        (&[1, 3], &[2, 3]),
        (&[2, 3], &[3]),
        (&[4, 5, 6], &[5, 1]),
        (&[7, 3], &[1, 1]),
    ];
    for (input, target) in good {
        let error = mismatch(input, target, input.len().min(target.len()) - 1);
        assert!(error.to_string().contains(".broadcast("), "{error}");
        assert_phrase(&error);
    }
    let bad: [(&[usize], &[usize]); 7] = [
        (&[2, 3], &[2, 4]),
        (&[2, 3], &[4, 3]),
        (&[2, 3], &[3, 2]),
        (&[2, 3], &[7]),
        (&[1, 3], &[2, 1]), // Each would have to be repeated.
        (&[2, 3], &[0, 3]),
        (&[4, 5, 6], &[4, 7, 6]),
    ];
    for (input, target) in bad {
        let error = mismatch(input, target, input.len() - 1);
        assert!(!error.to_string().contains("broadcast"), "{error}");
        assert_phrase(&error);
    }
}

/// The axis that differs is named; of the class axis it is said how to take some classes.
#[test]
fn the_axis_that_differs_is_named() {
    let cases: [(&[usize], &[usize], usize, usize); 6] = [
        (&[2, 3], &[2, 4], 1, 1),
        (&[4, 3], &[2, 3], 0, 0),
        (&[4, 3], &[2, 3], 1, 0),
        (&[4, 5, 6], &[4, 7, 6], 1, 1),
        (&[4, 5, 6], &[4, 5, 7], 1, 2),
        (&[32000, 8], &[32064, 8], 0, 0),
    ];
    for (input, target, classes, differs) in cases {
        let error = mismatch(input, target, classes);
        let phrase = error.to_string();
        assert!(phrase.contains(&format!("axis {differs}")), "{phrase}");
        assert_eq!(phrase.contains("slice"), classes == differs, "{phrase}");
        assert_phrase(&error);
    }
    // The last axis holds the classes unless the criterion says otherwise.
    let (input, target) = (Array2::<f64>::zeros((2, 3)), Array2::zeros((2, 4)));
    let phrase = KLDivLoss::new(Sum).forward(&input, &target).unwrap_err().to_string();
    assert!(phrase.contains("axis 1") && phrase.contains("slice"), "{phrase}");
}

#[test]
fn class_axis_must_exist() {
    let x = operand();
    for axis in [2, 3, usize::MAX] {
        let error = KLDivLoss::new(Sum).axis(Axis(axis)).forward(&x, &x);
        assert_eq!(error, Err(Error::AxisOutOfBounds { axis, ndim: 2 }));
    }
    let x = arr0(0.5_f32);
    let none = Err(Error::AxisOutOfBounds { axis: 0, ndim: 0 });
    assert_eq!(KLDivLoss::new(Mean).forward(&x, &x), none);
    let x = x.into_dyn();
    for reduction in REDUCTIONS {
        let error = KLDivLoss::new(reduction).forward(&x, &x);
        assert_eq!(error, Err(Error::AxisOutOfBounds { axis: 0, ndim: 0 }), "{reduction}");
    }
    let error = KLDivLoss::new(Sum).axis(Axis(3)).forward(&x, &x);
    assert_eq!(error, Err(Error::AxisOutOfBounds { axis: 3, ndim: 0 }));
}

#[test]
fn denominators_are_finite_and_above_zero() {
    let x = operand();
    for denominator in [0.0, -0.0, -1.0, INF, -INF] {
        let error = Error::InvalidDenominator { denominator };
        let criterion = KLDivLoss::new(SumOver(denominator));
        assert_eq!(criterion.batch(&x, &x).unwrap_err(), error);
        assert_eq!(criterion.finish::<f64>(&Partial::default()), Err(error.clone()));
        let any = KLDivLoss::new(AnyReduction::from(SumOver(denominator)));
        assert_eq!(any.forward(&x, &x), Err(error));
    }
    let error = KLDivLoss::new(SumOver(NAN)).forward(&x, &x).unwrap_err();
    assert!(matches!(error, Error::InvalidDenominator { denominator } if denominator.is_nan()));
    for denominator in [5e-324, 5.5e-309] {
        let error = Error::InvalidDenominator { denominator };
        let criterion = KLDivLoss::new(SumOver(denominator));
        assert_eq!(criterion.batch(&x, &x).unwrap_err(), error); // 1/d is infinite.
        assert_eq!(criterion.finish::<f64>(&Partial::default()), Err(error.clone()));
        let from_logits = KLDivWithLogitsLoss::new(SumOver(denominator));
        assert_eq!(from_logits.forward(&x, &x), Err(error));
    }
    for denominator in [5.6e-309, 1e-308, f64::MAX] {
        assert!(KLDivLoss::new(SumOver(denominator)).forward(&x, &x).is_ok());
    }
}

#[test]
fn weights_have_the_shape_of_distributions() {
    let x = operand();
    let batch = KLDivLoss::new(Sum).batch(&x, &x).unwrap();
    let error = batch.weights(&array![1.0, 1.0, 1.0]).unwrap_err();
    assert_eq!(error, Error::WeightShape { expected: vec![2], found: vec![3] });
    let batch = KLDivLoss::new(Sum).axis(Axis(0)).batch(&x, &x).unwrap();
    let error = batch.weights(&array![1.0, 1.0]).unwrap_err();
    assert_eq!(error, Error::WeightShape { expected: vec![3], found: vec![2] });
    let x = x.into_dyn();
    let batch = KLDivLoss::new(Sum).batch(&x, &x).unwrap();
    let error = batch.weights(&arr0(1.0).into_dyn()).unwrap_err();
    assert_eq!(error, Error::WeightShape { expected: vec![2], found: vec![] });
}

#[test]
fn weights_are_finite_and_at_least_zero() {
    let x = operand().insert_axis(Axis(1));
    for weight in [-1.0, -5e-324, INF, -INF, NAN] {
        let weights = array![[1.0], [weight]];
        let error = KLDivLoss::new(Mean).batch(&x, &x).unwrap().weights(&weights).unwrap_err();
        let Error::InvalidWeight { index, weight: found } = error else { panic!("{error:?}") };
        assert_eq!((index, found.bits()), (vec![1, 0], weight.bits()));
    }
    // The first is told.
    let weights = array![[NAN], [-1.0]];
    let error = KLDivLoss::new(Mean).batch(&x, &x).unwrap().weights(&weights).unwrap_err();
    assert!(matches!(error, Error::InvalidWeight { index, .. } if index == [0, 0]));
    let row = array![-0.5_f32, -1.0];
    let error = KLDivLoss::new(Mean).batch(&row, &row).unwrap().weights(&arr0(-2.0)).unwrap_err();
    assert_eq!(error, Error::InvalidWeight { index: vec![], weight: -2.0 });
}

#[test]
fn buffers_have_the_shape_of_results_and_stay_untouched() {
    let x = operand();
    let (mut wide, mut long) = (Array2::from_elem((3, 2), 7.0), Array1::from_elem(3, 7.0));
    let (mut good, expected) = (Array2::from_elem((2, 3), 7.0), vec![2, 3]);
    let wrong = Error::OutputShape { expected, found: vec![3, 2] };

    let batch = KLDivLoss::new(Pointwise).batch(&x, &x).unwrap();
    assert_eq!(batch.forward_into(&mut wide), Err(wrong.clone()));
    assert_eq!(batch.value_and_grad_into(&mut wide), Err(wrong.clone()));
    assert_eq!(batch.backward(&wide), Err(wrong.clone()));
    let backward = batch.backward_into(&x, Some(&mut good), Some(&mut wide));
    assert_eq!(backward, Err(wrong.clone()));
    let mut other = good.clone();
    assert_eq!(batch.backward_into(&wide, Some(&mut good), Some(&mut other)), Err(wrong));

    let batch = KLDivLoss::new(PerDistribution).batch(&x, &x).unwrap();
    let wrong = Error::OutputShape { expected: vec![2], found: vec![3] };
    assert_eq!(batch.forward_into(&mut long), Err(wrong.clone()));
    assert_eq!(batch.backward(&long), Err(wrong));

    let x = x.into_dyn();
    let mut any = good.clone().into_dyn();
    let batch = KLDivLoss::new(AnyReduction::Sum).batch(&x, &x).unwrap();
    let wrong = Error::OutputShape { expected: vec![], found: vec![2, 3] };
    assert_eq!(batch.forward_into(&mut any), Err(wrong.clone()));
    assert_eq!(batch.backward(&any), Err(wrong));
    let all = good.iter().chain(&wide).chain(&long).chain(&other).chain(&any);
    assert!(all.into_iter().all(|&number| number == 7.0));
}

#[test]
fn means_of_nothing_touch_nothing() {
    let empty = Array2::<f64>::zeros((0, 3));
    let (mut value, mut gradient) = (7.0, empty.clone());
    let of_mean = KLDivLoss::new(DistributionMean);
    let batch = of_mean.batch(&empty, &empty).unwrap();
    assert_eq!(batch.forward_into(&mut value), Err(Error::EmptyMean));
    assert_eq!(batch.value_and_grad_into(&mut gradient), Err(Error::EmptyMean));
    assert_eq!(of_mean.finish::<f32>(&Partial::default()), Err(Error::EmptyMean));
    assert_eq!(KLDivLoss::new(Mean).finish::<f64>(&Partial::default()), Err(Error::EmptyMean));
    assert_eq!(KLDivLoss::new(BatchMean).finish::<f64>(&Partial::default()), Err(Error::EmptyMean));
    assert_eq!(KLDivLoss::new(Sum).finish::<f64>(&Partial::default()), Ok(0.0));
    assert_eq!(value, 7.0);
}

/// Zero-stride views of one number ask for more than there is.
#[test]
fn outputs_that_cannot_be_allocated_are_refused() {
    let one = array![[-1.0_f64]];
    for shape in [[1 << 50, 3], [1 << 30, 1 << 29], [1, isize::MAX as usize]] {
        let view = one.broadcast(shape).unwrap();
        let too_large = Error::TooLarge { shape: shape.to_vec() };
        let criterion = KLDivLoss::new(Pointwise);
        assert_eq!(criterion.forward(&view, &view), Err(too_large.clone()));
        assert_eq!(criterion.value_and_grad(&view, &view), Err(too_large.clone()));
        assert_eq!(criterion.backward(&view, &view, &view), Err(too_large.clone()));
        let gradients = KLDivLoss::new(Sum).batch(&view, &view).unwrap();
        assert_eq!(gradients.value_and_grad(), Err(too_large.clone()));
        assert_eq!(gradients.backward(&1.0), Err(too_large));
    }
    let view = one.broadcast([1 << 60, 1]).unwrap();
    let lanes = KLDivLoss::new(PerDistribution).forward(&view, &view);
    assert_eq!(lanes, Err(Error::TooLarge { shape: vec![1 << 60] }));
}

#[test]
fn names_of_reductions_are_read_and_written() {
    for reduction in REDUCTIONS {
        assert_eq!(reduction.to_string().parse(), Ok(reduction));
    }
    for name in ["", "Mean", "average", "sum_over", "sum_over()", "sum_over(x)", " sum"] {
        let unknown = Error::UnknownReduction { name: name.into() };
        assert_eq!(name.parse::<AnyReduction>(), Err(unknown));
    }
}

/// An array of few elements with anything in it, in any shape and direction.
fn odd(random: &mut Random, shape: &[usize]) -> ArrayD<f32> {
    let mut number = || match random.below(12) {
        0 => f32::NAN,
        1 => f32::INFINITY,
        2 => f32::NEG_INFINITY,
        3 => 0.0,
        4 => f32::from_bits(random.next() as u32),
        _ => random.unit() as f32 - 0.5,
    };
    let mut array = ArrayD::from_shape_simple_fn(shape, &mut number);
    for axis in 0..array.ndim() {
        if random.below(3) == 0 {
            array.invert_axis(Axis(axis));
        }
        array.swap_axes(axis, random.below(axis as u64 + 1) as usize);
    }
    array
}

#[test]
fn no_call_panics() {
    let mut random = Random(1);
    let (mut good, mut refused) = (0, 0);
    for _ in 0..4000 {
        let rank = random.below(5) as usize;
        let shape: Vec<_> = (0..rank).map(|_| random.below(5) as usize).collect();
        let [x, t, w, u] = [0; 4].map(|_| odd(&mut random, &shape));
        let w = if rank == 0 || x.is_empty() {
            w
        } else {
            w.mapv(f32::abs).index_axis_move(Axis(0), 0)
        };
        let reduction = REDUCTIONS[random.below(7) as usize];
        let axis = Axis(random.below(rank as u64 + 1) as usize);
        let criterion = KLDivLoss::new(reduction).axis(axis).log_target(random.below(2) == 0);
        let Ok(batch) = criterion.batch(&x, &t) else {
            refused += 1;
            continue;
        };
        let batch = batch.weights(&w).unwrap_or(batch);
        let (mut value, mut first) = (u.clone(), u.clone());
        let calls = [
            batch.forward().is_ok(),
            batch.value_and_grad().is_ok(),
            batch.backward(&u).is_ok(),
            batch.forward_into(&mut value).is_ok(),
            batch.value_and_grad_into(&mut first).is_ok(),
        ];
        good += calls.iter().filter(|&&good| good).count();
        refused += calls.iter().filter(|&&good| !good).count();
    }
    assert!(good > 1000 && refused > 1000, "{good} good, {refused} refused");
}
