//! Special values: limits, and NaN that is never swallowed.

use kldiv::{Divergence, KLDivLoss, KLDivWithLogitsLoss, Sum, Tail, Target};
use ndarray::{Array1, array};

use super::{FAMILY, Operands, Settings};

const INF: f64 = f64::INFINITY;

/// The loss and the gradient of one lane of log-probabilities with the bucket as its tail.
fn bucket(log_q: &[f64], classes: &[i64], p: &[f64]) -> (f64, Vec<f64>) {
    let [log_q, p] = [log_q, p].map(|numbers| Array1::from(numbers.to_vec()));
    let classes = Array1::from(classes.to_vec());
    let batch = KLDivLoss::new(Sum);
    let (loss, gradient) =
        batch.sparse_batch(&log_q, &classes, &p).unwrap().value_and_grad().unwrap();
    (loss, gradient.to_vec())
}

#[test]
fn nan_in_a_class_that_nobody_named_is_not_swallowed() {
    for settings in Settings::faces() {
        for divergence in FAMILY {
            let settings = Settings { divergence, ..settings };
            for dim in [[1, 9, 3], [1, 70, 3], [1, 1100, 20]] {
                let operands = Operands::<f32>::random(&settings, dim, 7);
                let is_named = |class: &usize| operands.classes.iter().any(|&c| c == *class as i64);
                for class in (0..dim[1]).filter(|class| !is_named(class)).step_by(7) {
                    let mut input = operands.input.clone();
                    input[[0, class]] = f32::NAN;
                    let Operands { classes, values, .. } = &operands;
                    let batch = settings.batch(Sum, &input, classes, values).unwrap();
                    let loss = batch.forward().unwrap();
                    // Only classes that are not even read may hold anything.
                    let is_read = settings.logits || settings.tail != Tail::Dropped;
                    assert_eq!(loss.is_nan(), is_read, "{settings:?} {dim:?} {class}: {loss}");
                }
            }
        }
    }
}

#[test]
fn nothing_left_on_both_sides_is_a_term_of_zero() {
    let x = [0.25_f64.ln(), -INF, 0.75_f64.ln(), -INF];
    let (loss, gradient) = bucket(&x, &[2, 0], &[0.5, 0.5]);
    assert_eq!(loss, 0.5 * (0.5_f64.ln() - x[2]) + 0.5 * (0.5_f64.ln() - x[0]));
    assert_eq!(gradient, [-0.5, 0.0, -0.5, 0.0]);
}

#[test]
fn mass_that_only_the_target_has_left_is_infinite() {
    let x = [0.25_f64.ln(), -INF, 0.75_f64.ln(), -INF];
    let (loss, gradient) = bucket(&x, &[2, 0], &[0.5, 0.25]);
    assert_eq!(loss, INF);
    // Each class that was left out has the same share of the slope −r.
    assert_eq!(gradient, [-0.25, -0.125, -0.5, -0.125]);

    let logits = array![0.0, -INF, 3_f64.ln(), -INF];
    let criterion = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities);
    let (classes, p) = (array![2_u32, 0], array![0.5, 0.25]);
    let (loss, gradient) =
        criterion.sparse_batch(&logits, &classes, &p).unwrap().value_and_grad().unwrap();
    assert_eq!(loss, INF);
    let expected = array![0.25 - 0.25, -0.125, 0.75 - 0.5, -0.125];
    assert!((gradient - expected).iter().all(|d: &f64| d.abs() < 1e-15));

    for (divergence, infinite) in [
        (Divergence::Reverse, false),
        (Divergence::JensenShannon(0.5), false),
        (Divergence::TotalVariation, false),
        (Divergence::Jeffreys, true),
    ] {
        let batch = KLDivLoss::new(Sum).divergence(divergence);
        let (x, classes, p) = (Array1::from(x.to_vec()), array![2_i64, 0], array![0.5, 0.25]);
        let loss = batch.sparse_batch(&x, &classes, &p).unwrap().forward().unwrap();
        assert_eq!(loss == INF, infinite, "{divergence:?}: {loss}");
    }
}

#[test]
fn a_named_class_that_the_input_excludes() {
    let x = [-INF, 0.5_f64.ln(), 0.5_f64.ln()];
    assert_eq!(bucket(&x, &[0, 1], &[0.25, 0.5]).0, INF);
    let (loss, gradient) = bucket(&x, &[0, 1], &[0.0, 0.5]);
    assert!(loss.abs() < 1e-16, "{loss}"); // ln t is not rounded, as x was
    assert_eq!(gradient, [0.0, -0.5, -0.5]);
}

#[test]
fn rounding_above_one_leaves_nothing() {
    let x = [0.25_f64.ln(), 0.5_f64.ln(), 0.25_f64.ln()];
    let (loss, gradient) = bucket(&x, &[0, 1], &[0.5 + 1e-15, 0.5]);
    assert!((loss - 0.5 * 2_f64.ln()).abs() < 1e-14);
    assert_eq!(gradient[2], 0.0);
}

#[test]
fn an_infinite_log_probability_that_nobody_named() {
    let x = [0.5_f64.ln(), INF, -1.0];
    assert_eq!(bucket(&x, &[0], &[1.0]).0, 1_f64.ln() - x[0]);
    let (loss, gradient) = bucket(&x, &[0], &[0.75]);
    assert_eq!((loss, gradient), (-INF, vec![-0.75, -0.25, 0.0]));
}

/// The mass of classes far below the named ones is summed where it lies, not as what is left of 1.
#[test]
fn a_bucket_far_below_the_named_classes_keeps_its_digits() {
    let logits = array![100.0_f32, -90.0, -91.0];
    let criterion = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities);
    let (classes, p) = (array![0_i64], array![0.75_f32]);
    let (loss, gradient) =
        criterion.sparse_batch(&logits, &classes, &p).unwrap().value_and_grad().unwrap();
    let of_bucket = -190.0 + (-1_f64).exp().ln_1p();
    let expected = 0.75 * 0.75_f64.ln() + 0.25 * (0.25_f64.ln() - of_bucket);
    assert!((f64::from(loss) / expected - 1.0).abs() < 1e-6, "{loss}, not {expected}");
    let e = (-1_f64).exp();
    let expected = array![0.25, -0.25 / (1.0 + e), -0.25 * e / (1.0 + e)];
    let far = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() > 1e-6 * b.abs();
    assert!(!gradient.iter().zip(&expected).any(far), "{gradient}");
}

/// Where nothing is left and q has mass, the slope of the bucket is +∞; a class that q excludes has none of it.
#[test]
fn an_infinite_slope_is_not_shared_with_a_class_that_has_no_mass() {
    let x = array![0.5_f64.ln(), 0.25_f64.ln(), 0.25_f64.ln(), -INF];
    for (divergence, tail) in [Divergence::Reverse, Divergence::Jeffreys]
        .into_iter()
        .flat_map(|divergence| [(divergence, Tail::Bucket), (divergence, Tail::Renormalized)])
    {
        let criterion = KLDivLoss::new(Sum).divergence(divergence).tail(tail);
        let (classes, p) = (array![0_i64], array![1.0]);
        let batch = criterion.sparse_batch(&x, &classes, &p).unwrap();
        let (loss, gradient) = batch.value_and_grad().unwrap();
        assert_eq!((loss, gradient[1], gradient[2], gradient[3]), (INF, INF, INF, 0.0));
        let criterion = KLDivWithLogitsLoss::new(Sum).divergence(divergence).tail(tail);
        let label = ndarray::arr0(0);
        let batch = criterion.labels_batch(&x, &label).unwrap();
        let (loss, gradient) = batch.value_and_grad().unwrap();
        assert!(loss == INF && !gradient.iter().any(|slope| slope.is_nan()), "{gradient}");
    }
}

#[test]
fn renormalizing_nothing_or_infinity_is_nan() {
    let (x, classes) = (array![0.5_f64.ln(), 0.25_f64.ln(), 0.25_f64.ln()], array![0_i64, 2]);
    let renormalized = KLDivLoss::new(Sum).tail(Tail::Renormalized);
    for p in [array![0.0_f64, 0.0], array![INF, 0.5]] {
        for (criterion, values) in
            [(renormalized, p.clone()), (renormalized.log_target(true), p.ln())]
        {
            let loss = criterion.sparse_batch(&x, &classes, &values).unwrap().forward().unwrap();
            assert!(loss.is_nan(), "{values}: {loss}");
        }
    }
}

/// Adding the same to all logits changes nothing: the bucket's logit is not rounded to the last place of large ones.
#[test]
fn large_logits_lose_nothing() {
    let near = Array1::from_shape_fn(100, |class| (class * class % 17) as f64);
    let far = &near + 2_f64.powi(40);
    let criterion = KLDivWithLogitsLoss::new(Sum).temperature(0.5);
    let loss = |logits: &Array1<f64>| {
        criterion.labels_batch(logits, &ndarray::arr0(16)).unwrap().value_and_grad().unwrap()
    };
    assert_eq!(loss(&far), loss(&near));
}

#[test]
fn logits_without_a_softmax_give_nan() {
    let criterion = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities);
    let (classes, p) = (array![1_i64, 0], array![0.5, 0.25]);
    let lanes = [
        [0.0, 1.0, INF, 0.0],
        [0.0, INF, 1.0, 0.0],
        [-INF, -INF, -INF, -INF],
        [0.0, 1.0, 2.0, f64::NAN],
        [0.0, f64::NAN, 2.0, -INF],
    ];
    for tail in super::TAILS {
        for lane in lanes {
            let lane = Array1::from(lane.to_vec());
            let batch = criterion.tail(tail);
            let batch = batch.sparse_batch(&lane, &classes, &p).unwrap();
            let (loss, gradient) = batch.value_and_grad().unwrap();
            assert!(loss.is_nan(), "{tail} {lane}");
            assert!(gradient.iter().all(|slope| slope.is_nan()), "{tail} {lane}: {gradient}");
        }
    }
}

/// From log-probabilities with temperatures beyond the usual, and logits as far apart as there are.
#[test]
fn extreme_logits() {
    let criterion = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities);
    let (classes, p) = (array![0_i64], array![0.75_f32]);
    let logits = array![f32::MAX, f32::MIN, f32::MIN];
    let loss = criterion.sparse_batch(&logits, &classes, &p).unwrap().forward().unwrap();
    assert!((loss / (f32::MAX / 2.0) - 1.0).abs() < 1e-6, "{loss}"); // a quarter of twice the largest
    let wide = criterion.temperature(1e38);
    let loss = wide.sparse_batch(&logits, &classes, &p).unwrap().forward().unwrap();
    let apart = (f64::from(f32::MAX) - f64::from(f32::MIN)) / 1e38;
    let norm = (2.0 * (-apart).exp()).ln_1p();
    let expected =
        0.75 * (0.75_f64.ln() + norm) + 0.25 * (0.25_f64.ln() - 2_f64.ln() + apart + norm);
    assert!((f64::from(loss) / expected - 1.0).abs() < 1e-6, "{loss}, not {expected}");
}

/// Their sign would cancel where they are divided by their sum.
#[test]
fn probabilities_below_0_are_nan_with_every_tail() {
    for (classes, tail) in [3, 70].into_iter().flat_map(|c| super::TAILS.map(|tail| (c, tail))) {
        let input = Array1::from_elem(classes, -(classes as f64).ln());
        for p in [array![-0.2, -0.3], array![-1e-9, 0.0], array![0.5, -0.7]] {
            let loss = KLDivLoss::new(Sum).tail(tail);
            let loss = loss.sparse_batch(&input, &array![0, 2], &p).unwrap().forward().unwrap();
            assert!(loss.is_nan(), "{classes} {tail} {p}: {loss}");
        }
    }
}
