//! What partial results know of the divergences.

use kldiv::{
    DistributionMean, KLDivLoss, KLDivWithLogitsLoss, Partial, PerDistribution, Pointwise, Sum,
};
use ndarray::{Array1, Array2, ArrayD, Axis};

use crate::common::{Number, Operands};
use crate::{SHAPES, partial};

/// Mean, standard error and extremes, naively.
fn naive(divergences: &ArrayD<f64>, weights: Option<&ArrayD<f64>>) -> [f64; 5] {
    let ones = ArrayD::ones(divergences.raw_dim());
    let pairs = || divergences.iter().zip(weights.unwrap_or(&ones)).filter(|(_, w)| **w > 0.0);
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs().map(|(&d, &w)| f(d, w)).sum::<f64>();
    let total = sum(&|_, w| w);
    let mean = sum(&|d, w| w * d) / total;
    let variance = sum(&|d, w| w * (d - mean) * (d - mean)) / total;
    let n = total * total / sum(&|_, w| w * w);
    let fold = |f: fn(f64, f64) -> f64, start| pairs().fold(start, |m, (&d, _)| f(m, d));
    let (min, max) = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
    [pairs().count() as f64, mean, (variance / (n - 1.0)).sqrt(), min, max]
}

fn found(partial: &Partial) -> [f64; 5] {
    let count = partial.distributions() as f64;
    [count, partial.mean(), partial.standard_error(), partial.min(), partial.max()]
}

#[test]
fn statistics_are_those_of_the_divergences() {
    for (shape, axis) in SHAPES {
        let operands = Operands::<f64>::random(&shape, axis, false);
        let each = KLDivLoss::new(PerDistribution).axis(Axis(axis));
        let divergences = each.forward(&operands.input, &operands.target).unwrap();
        for weighted in [false, true] {
            let expected = naive(&divergences, weighted.then_some(&operands.weights));
            let found = found(&partial(&operands, weighted, None));
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    found.is_nan() && expected.is_nan()
                        || (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{shape:?} {weighted}: {found}, not {expected}"
                );
            }
            assert_eq!([found[0], found[3], found[4]], [expected[0], expected[3], expected[4]]);
        }
    }
}

/// Rows [q, 1 − q] against a target of [1, 0]: −ln q each.
fn of_rows(qs: &[f64], weights: Option<&[f64]>) -> Partial {
    let input =
        ArrayD::from_shape_fn(vec![qs.len(), 2], |i| (if i[1] == 0 { qs[i[0]] } else { 0.5 }).ln());
    let target = ArrayD::from_shape_fn(vec![qs.len(), 2], |i| if i[1] == 0 { 1.0 } else { 0.0 });
    let weights = weights.map(|w| ArrayD::from_shape_vec(vec![w.len()], w.to_vec()).unwrap());
    let batch = KLDivLoss::new(Sum).batch(&input, &target).unwrap();
    let batch = match &weights {
        Some(weights) => batch.weights(weights).unwrap(),
        None => batch,
    };
    batch.partial().unwrap()
}

#[test]
fn equal_divergences_have_no_spread() {
    for n in [2, 3, 1000, 2500] {
        let partial = of_rows(&vec![0.3; n], None);
        assert_eq!((partial.standard_error(), partial.min()), (0.0, partial.max()));
        let weights: Vec<_> = (0..n).map(|i| 0.1 + i as f64).collect();
        assert_eq!(of_rows(&vec![0.3; n], Some(&weights)).standard_error(), 0.0);
    }
}

/// A spread of 10⁻¹³ of the mean: squares rounded before they are summed would lose it.
#[test]
fn a_small_spread_is_kept() {
    let (a, b) = (0.3_f64, 0.3_f64 + 2e-14);
    let (low, high) = (-b.ln(), -a.ln());
    let error = of_rows(&[a, b, a, b], None).standard_error();
    let expected = (high - low) / 2.0 / 3_f64.sqrt();
    assert!((error / expected - 1.0).abs() < 1e-14, "{error:e}, not {expected:e}");
}

#[test]
fn of_nothing_and_of_one() {
    for partial in [Partial::default(), of_rows(&[], None)] {
        assert_eq!(partial.distributions(), 0);
        assert!(found(&partial)[1..].iter().all(|number| number.is_nan()));
    }
    for one in [of_rows(&[0.5], None), of_rows(&[0.5, f64::NAN], Some(&[3.0, 0.0]))] {
        let ln_2 = 2_f64.ln();
        assert_eq!((one.distributions(), one.mean(), one.min(), one.max()), (1, ln_2, ln_2, ln_2));
        assert!(one.standard_error().is_nan());
    }
    let empty = ArrayD::<f32>::zeros(vec![5, 0]);
    let empty = KLDivLoss::new(Sum).batch(&empty, &empty).unwrap().partial().unwrap();
    assert_eq!(found(&empty), [5.0, 0.0, 0.0, 0.0, 0.0]);
}

/// The mean of weights that are all 0 is 0, as every reduction is. No divergence counts, so the rest is NaN.
#[test]
fn of_weights_that_are_all_zero() {
    let mut partial = of_rows(&[f64::NAN, 0.5], Some(&[0.0; 2]));
    for _ in 0..2 {
        assert_eq!((partial.distributions(), partial.mean()), (0, 0.0));
        assert!(found(&partial)[2..].iter().all(|number| number.is_nan()));
        assert_eq!(KLDivLoss::new(DistributionMean).finish(&partial), Ok(partial.mean()));
        partial.merge(&Partial::default());
    }
    partial.merge(&of_rows(&[0.5], None));
    assert_eq!(partial.mean(), 2_f64.ln());
}

#[test]
fn special_divergences() {
    let (ln_2, inf) = (2_f64.ln(), f64::INFINITY);
    let partial = of_rows(&[0.5, 0.0, 1.0], None);
    assert_eq!((partial.mean(), partial.min(), partial.max()), (inf, 0.0, inf));
    assert!(partial.min().is_sign_positive() && partial.standard_error().is_nan());
    let partial = of_rows(&[0.5, f64::INFINITY, 0.25], None);
    assert_eq!((partial.mean(), partial.min(), partial.max()), (-inf, -inf, 2.0 * ln_2));
    let partial = of_rows(&[0.5, 0.0, f64::NAN, 1.0], None);
    assert!(found(&partial)[1..].iter().all(|number| number.is_nan()));
    assert_eq!(Partial::from_words(&partial.to_words(), partial.extremes()), Ok(partial));
}

/// Of D, one class each, with weights.
fn of_divergences(divergences: &[f64], weights: &[f64]) -> Partial {
    let input = Array2::from_shape_fn((divergences.len(), 1), |(i, _)| -divergences[i]);
    let (target, weights) = (Array2::ones(input.raw_dim()), Array1::from(weights.to_vec()));
    let batch = KLDivLoss::new(Sum).batch(&input, &target).unwrap();
    batch.weights(&weights).unwrap().partial().unwrap()
}

/// Weights times a power of two change no bit of it, down to the documented bound of 2⁻⁴⁸⁵; below it is NaN.
#[test]
fn the_standard_error_holds_for_weights_of_any_size_in_range() {
    let divergences = [0.3, 1.7, 0.9, 1.1];
    let scaled = |exponent: i32| {
        let scale = 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2);
        of_divergences(&divergences, &[1.1, 1.0, 1.3, 2.7].map(|w| w * scale)).standard_error()
    };
    let expected = scaled(0);
    assert!((expected - 0.274_424_006).abs() < 1e-9, "{expected}");
    for exponent in [-485, -484, -300, -149, -1, 1, 127, 300, 505] {
        assert_eq!(scaled(exponent), expected, "2^{exponent}");
    }
    for exponent in [-1074, -1000, -570, -540, -500, -487, 512, 1000] {
        assert!(scaled(exponent).is_nan(), "2^{exponent}");
    }
}

/// One distribution has no standard error, however its square is rounded; beside one of weight 1 it counts for
/// nothing, however small its weight.
#[test]
fn small_weights_beside_large_ones() {
    for weight in [1.1e-310, 1.1e-170, 1.1e-150, 1.1e-140, 1.1, 1.1e140, 1.1e160] {
        assert!(of_divergences(&[0.3], &[weight]).standard_error().is_nan(), "{weight:e}");
    }
    let expected = of_divergences(&[0.3, 0.7, 0.9], &[1.0; 3]).standard_error();
    for weight in [1e-320, 1e-170, 1e-150] {
        let found =
            of_divergences(&[0.3, 0.7, 0.9, 5.0], &[1.0, 1.0, 1.0, weight]).standard_error();
        assert_eq!(found, expected, "{weight:e}");
    }
}

/// wD² down to the documented 10⁻²⁷⁵.
#[test]
fn the_standard_error_holds_for_small_divergences() {
    for (divergence, weight) in [(1e-137, 1.0), (1e-64, 1.1e-146), (1e-17, 1.0), (1e150, 1.0)] {
        let found = of_divergences(&[divergence, 2.0 * divergence], &[weight; 2]).standard_error();
        assert!((found / divergence / 0.5 - 1.0).abs() < 1e-15, "{divergence:e}: {found:e}");
    }
}

/// `mean` and `DistributionMean`, both in `f64`, and the mean size of the terms.
fn means<A: Number>(
    Operands { input, target, .. }: &Operands<A>,
    weights: &ArrayD<A::Loss>,
    logits: bool,
) -> [f64; 3] {
    let (terms, mean, finished) = if logits {
        let criterion = KLDivWithLogitsLoss::new(DistributionMean);
        let batch = criterion.batch(input, target).unwrap().weights(weights).unwrap();
        let terms = KLDivWithLogitsLoss::new(Pointwise).forward(input, target).unwrap();
        let partial = batch.partial().unwrap();
        (terms, partial.mean(), criterion.finish(&partial))
    } else {
        let criterion = KLDivLoss::new(DistributionMean).log_target(true);
        let batch = criterion.batch(input, target).unwrap().weights(weights).unwrap();
        let terms = KLDivLoss::new(Pointwise).log_target(true).forward(input, target).unwrap();
        let partial = batch.partial().unwrap();
        (terms, partial.mean(), criterion.finish(&partial))
    };
    let lanes = terms.rows().into_iter().zip(weights);
    let size: f64 =
        lanes.map(|(terms, w)| w.to() * terms.fold(0.0, |sum, t| sum + t.to().abs())).sum();
    [mean, finished.unwrap(), size / weights.iter().map(|w| w.to()).sum::<f64>()]
}

#[test]
fn the_mean_agrees_with_the_reduction_as_documented() {
    fn check<A: Number>() {
        for (classes, logits) in
            [1, 2, 10, 64, 65, 300].into_iter().flat_map(|n| [(n, false), (n, true)])
        {
            let operands = Operands::<A>::random(&[200, classes], 1, true);
            let sums_distributions = logits || classes == 1 || classes > 64;
            let ones = operands.weights.mapv(|_| A::Loss::of(1.0));
            let powers =
                operands.weights.mapv(|w| A::Loss::of(if w.to() < 0.5 { 0.0 } else { 4.0 }));
            for weights in [&ones, &powers] {
                let [found, expected, size] = means(&operands, weights, logits);
                let allowed = if sums_distributions { 0.0 } else { 2_f64.powi(-50) * size };
                assert!((found - expected).abs() <= allowed, "{classes}: {found}, {expected}");
            }
            let [found, expected, size] = means(&operands, &operands.weights, logits);
            let rounding = if logits || classes > 64 { f64::EPSILON } else { A::Loss::EPSILON };
            assert!((found - expected).abs() <= rounding * size, "{classes}: {found}, {expected}");
        }
    }
    check::<f32>();
    check::<f64>();
}
