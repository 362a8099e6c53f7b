//! Cases found in review, each with a failure behind it.

use approx::assert_relative_eq;
use kldiv::{
    BatchMean, Divergence, KLDivLoss, KLDivWithLogitsLoss, Mean, Partial, PerDistribution,
    Pointwise, Sum, SumOver,
};
use ndarray::{Array1, Array2, array};

#[test]
fn infinity_times_zero_is_zero_for_log_targets_beyond_the_range_of_exp() {
    for y in [89.0_f32, 800.0, f32::MAX] {
        let (x, y) = (array![y], array![y]);
        let criterion = KLDivLoss::new(Pointwise).log_target(true);
        assert_eq!(criterion.forward(&x, &y).unwrap(), array![0.0]);
        // y − x + 1 = 0
        let below = array![101.0_f32];
        let gradients = criterion.backward(&below, &array![100.0], &array![1.0]).unwrap();
        assert_eq!(gradients.target, array![0.0]);
    }
}

#[test]
fn a_zero_weight_hides_a_nan_upstream() {
    let x = array![[0.5_f64, 0.5], [0.25, 0.75]].ln();
    let t = array![[0.5_f64, 0.5], [0.5, 0.5]];
    let weights = array![1.0, 0.0];
    for nan in [f64::NAN, f64::INFINITY] {
        let batch = KLDivLoss::new(PerDistribution);
        let batch = batch.batch(&x, &t).unwrap().weights(&weights).unwrap();
        let gradients = batch.backward(&array![1.0, nan]).unwrap();
        assert_eq!(gradients.input.row(1), array![0.0, 0.0]);
        assert_eq!(gradients.target.row(1), array![0.0, 0.0]);
        let batch = KLDivLoss::new(Pointwise);
        let batch = batch.batch(&x, &t).unwrap().weights(&weights).unwrap();
        let gradients = batch.backward(&array![[1.0, 1.0], [nan, nan]]).unwrap();
        assert_eq!(gradients.input.row(1), array![0.0, 0.0]);
        assert_eq!(gradients.target.row(1), array![0.0, 0.0]);
        let batch = KLDivLoss::new(Sum);
        let batch = batch.batch(&x, &t).unwrap().weights(&weights).unwrap();
        let gradients = batch.backward(&nan).unwrap();
        assert_eq!(gradients.target.row(1), array![0.0, 0.0]);
        assert!(!gradients.input[[0, 0]].is_finite());
    }
}

#[test]
fn a_weighted_partial_of_nothing_is_the_identity() {
    let nothing = Array2::<f32>::zeros((0, 3));
    let criterion = KLDivLoss::new(Mean);
    let weights = Array1::zeros(0);
    let empty = criterion.batch(&nothing, &nothing).unwrap().weights(&weights).unwrap();
    let (x, t) = (array![[0.5_f32, 0.5]].ln(), array![[0.25_f32, 0.75]]);
    let mut partial = empty.partial().unwrap();
    partial.merge(&criterion.batch(&x, &t).unwrap().partial().unwrap());
    assert_eq!(criterion.finish::<f32>(&partial), criterion.forward(&x, &t));
}

#[test]
fn counts_stop_where_they_would_overflow() {
    let (x, t) = (array![[0.5_f32, 0.5]].ln(), array![[0.25_f32, 0.75]]);
    let mut partial: Partial = KLDivLoss::new(Sum).batch(&x, &t).unwrap().partial().unwrap();
    for _ in 0..70 {
        partial.merge(&partial.clone());
    }
    assert!(KLDivLoss::new(Mean).finish::<f64>(&partial).unwrap() > 0.0);
}

#[test]
fn the_total_is_the_sum_of_the_distributions_on_both_sides_of_64_classes() {
    for (lanes, classes) in [(1, 64), (5, 64), (1, 65), (2, 65), (300, 65), (2000, 100)] {
        let x = Array2::from_shape_fn((lanes, classes), |(i, j)| -(((i * 7 + j * 3) % 11) as f64));
        let t = Array2::from_shape_fn((lanes, classes), |(i, j)| ((i + j * 5) % 13) as f64 / 16.0);
        let each = KLDivLoss::new(PerDistribution).forward(&x, &t).unwrap();
        let total = KLDivLoss::new(SumOver(2.0)).forward(&x, &t).unwrap();
        assert_relative_eq!(total, each.sum() / 2.0, max_relative = 1e-14);
    }
}

/// Four terms of a stripe, each near the greatest number there is, whose mean over the batch is none too large.
#[test]
fn divergences_beyond_the_range_of_f32_have_a_mean() {
    for (classes, first) in [(65, 0), (100, 3), (1000, 900), (1100, 1030), (1100, 1000)] {
        let mut x = Array2::<f32>::zeros((32, classes));
        let t = Array2::<f32>::ones((32, classes));
        let large = (first..classes).step_by(16).take(4);
        large.clone().for_each(|class| x[[7, class]] = -f32::MAX);
        let mean = (large.count() as f64 * f64::from(f32::MAX) / 32.0) as f32;
        let criterion = KLDivLoss::new(BatchMean);
        assert_eq!(criterion.forward(&x, &t).unwrap(), mean, "{classes} from {first}");
        let columns = [&x, &t].map(|array| array.t().as_standard_layout().into_owned());
        let [x, t] = columns.each_ref().map(|array| array.t());
        assert_eq!(criterion.forward(&x, &t).unwrap(), mean, "{classes} from {first}");
    }
}

/// Only one of the student's classes has mass, so that its weights sum to little beside the teacher's.
#[test]
fn gradients_of_an_infinite_loss_keep_their_digits() {
    let classes = 3000;
    let mut student = Array1::<f64>::zeros(classes);
    (student[0], student[1]) = (50.0, f64::NEG_INFINITY);
    let teacher = Array1::zeros(classes);
    let criterion = KLDivWithLogitsLoss::new(Sum);
    let (loss, gradient) = criterion.value_and_grad(&student, &teacher).unwrap();
    assert_eq!(loss, f64::INFINITY);
    let expected = (-50.0_f64).exp() - 1.0 / classes as f64;
    for found in gradient.iter().skip(2) {
        assert_relative_eq!(*found, expected, max_relative = 2e-15);
    }
}

/// It is q/p, which is more than e to the power of a rounded number tells.
#[test]
fn the_target_gradient_of_the_reverse_divergence_keeps_its_digits() {
    for (p, q) in [(1e-9_f32, 0.2_f32), (1e-20, 0.2), (1e-30, 0.2), (1e-37, 0.5), (0.3, 0.6)] {
        let (x, t) = (array![q.ln(), (1.0 - q).ln()], array![p, 1.0 - p]);
        let quotient = f64::from(x[0]).exp() / f64::from(p);
        for divergence in [Divergence::Reverse, Divergence::Symmetric(0.5)] {
            let criterion = KLDivLoss::new(Sum).divergence(divergence);
            let found = criterion.backward(&x, &t, &1.0).unwrap().target[0];
            let d = f64::from(p).ln() - f64::from(x[0]);
            let expected = match divergence {
                Divergence::Reverse => -quotient,
                _ => 0.5 * (d + 1.0) - 0.5 * quotient,
            };
            assert_relative_eq!(f64::from(found), expected, max_relative = 4e-7);
        }
    }
}
