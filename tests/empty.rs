//! What is returned where there is nothing.

mod common;

use common::{Number, REDUCTIONS};
use kldiv::{AnyReduction, Error, KLDivLoss, Partial};
use ndarray::{ArrayD, Axis, IxDyn, RemoveAxis};

const SHAPES: [&[usize]; 9] =
    [&[0], &[0, 5], &[5, 0], &[0, 0], &[2, 0, 3], &[0, 2, 3], &[2, 3, 0], &[2, 0, 0], &[0, 70]];

/// Whether the divisor of a mean over operands of this shape counts nothing.
fn counts_nothing(reduction: AnyReduction, shape: &[usize], axis: usize) -> bool {
    let no_distributions = shape.iter().enumerate().any(|(i, &len)| i != axis && len == 0);
    match reduction {
        AnyReduction::Mean => true,
        AnyReduction::BatchMean => shape[0] == 0,
        AnyReduction::DistributionMean => no_distributions,
        _ => false,
    }
}

/// The shape of what is returned.
fn shape_of(reduction: AnyReduction, shape: &[usize], axis: usize) -> Vec<usize> {
    let without = IxDyn(shape).remove_axis(Axis(axis));
    match reduction {
        AnyReduction::Pointwise => shape.to_vec(),
        AnyReduction::PerDistribution => ndarray::Dimension::slice(&without).to_vec(),
        _ => vec![],
    }
}

fn check<A: Number>(reduction: AnyReduction, shape: &[usize], axis: usize, weighted: bool) {
    let at = format!("{reduction} of {shape:?} along {axis}, {}, weighted: {weighted}", A::NAME);
    let empty = ArrayD::<A>::default(shape);
    let weights = ArrayD::from_elem(IxDyn(shape).remove_axis(Axis(axis)), A::Loss::of(0.5));
    let criterion = KLDivLoss::new(reduction).axis(Axis(axis));
    let mut batch = criterion.batch(&empty, &empty).unwrap();
    if weighted {
        batch = batch.weights(&weights).unwrap();
    }
    let mut value = ArrayD::from_elem(shape_of(reduction, shape, axis), A::Loss::of(7.0));
    let upstream = value.clone();
    if counts_nothing(reduction, shape, axis) {
        assert_eq!(batch.forward(), Err(Error::EmptyMean), "{at}");
        assert_eq!(batch.value_and_grad(), Err(Error::EmptyMean), "{at}");
        assert_eq!(batch.backward(&upstream), Err(Error::EmptyMean), "{at}");
        assert_eq!(batch.forward_into(&mut value), Err(Error::EmptyMean), "{at}");
        assert_eq!(value, upstream, "{at}: untouched");
    } else {
        let zeros = ArrayD::default(value.raw_dim());
        assert_eq!(batch.forward(), Ok(zeros.clone()), "{at}");
        assert_eq!(batch.value_and_grad(), Ok((zeros.clone(), empty.clone())), "{at}");
        let gradients = batch.backward(&upstream).unwrap();
        assert_eq!([gradients.input, gradients.target], [empty.clone(), empty.clone()], "{at}");
        batch.forward_into(&mut value).unwrap();
        assert_eq!(value, zeros, "{at}: written");
    }
}

fn check_all<A: Number>() {
    for (shape, reduction) in SHAPES.into_iter().flat_map(|s| REDUCTIONS.map(|r| (s, r))) {
        for axis in 0..shape.len() {
            check::<A>(reduction, shape, axis, false);
            check::<A>(reduction, shape, axis, true);
        }
    }
}

#[test]
fn nothing_sums_to_zero_and_has_no_mean() {
    check_all::<f32>();
    check_all::<f64>();
    #[cfg(feature = "half")]
    {
        check_all::<kldiv::half::f16>();
        check_all::<kldiv::half::bf16>();
    }
}

#[test]
fn partials_of_nothing_are_fine() {
    let nothing = ArrayD::<f32>::zeros(vec![0, 3]);
    let some = ArrayD::from_elem(vec![2, 3], 0.5_f32);
    let criterion = KLDivLoss::new(kldiv::Mean);
    let mut partial = Partial::default();
    partial.merge(&criterion.batch(&nothing, &nothing).unwrap().partial().unwrap());
    assert_eq!(criterion.finish::<f32>(&partial), Err(Error::EmptyMean));
    partial.merge(&criterion.batch(&some, &some).unwrap().partial().unwrap());
    assert_eq!(criterion.finish(&partial), criterion.forward(&some, &some));
}

/// Σw = 0 gives 0, whatever else there is.
#[test]
fn no_weight_gives_zero() {
    let nan = ArrayD::from_elem(vec![4, 3], f64::NAN);
    let weights = ArrayD::zeros(vec![4]);
    for reduction in REDUCTIONS {
        let batch = KLDivLoss::new(reduction).batch(&nan, &nan).unwrap().weights(&weights).unwrap();
        let (value, gradient) = batch.value_and_grad().unwrap();
        assert!(value.iter().chain(&gradient).all(|&number| number == 0.0), "{reduction}");
        let gradients = batch.backward(&value.mapv(|_| 1.0)).unwrap();
        let both = gradients.input.iter().chain(&gradients.target);
        assert!(both.into_iter().all(|&number| number == 0.0), "{reduction}");
    }
}
