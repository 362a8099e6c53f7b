//! What a diagnosis says: the limit it judges by, and the call that mends a mistake.

use kldiv::{Batch, Diagnosis, KLDivLoss, KLDivWithLogitsLoss, Reduction, Sum, Target};
use ndarray::{Array2, Axis, Dimension, array};

use super::common::Random;
use super::proper;

/// The only cause named, as it is said and as it is shown by `Debug`.
fn only_cause<R: Reduction, D: Dimension>(batch: &Batch<'_, R, f64, D>) -> [String; 2] {
    let Diagnosis { likely_causes, .. } = batch.diagnose();
    assert_eq!(likely_causes.len(), 1, "{likely_causes:?}");
    [likely_causes[0].to_string(), format!("{:?}", likely_causes[0])]
}

fn says<R: Reduction, D: Dimension>(batch: &Batch<'_, R, f64, D>, what: &[&str]) {
    let [text, _] = only_cause(batch);
    what.iter().for_each(|what| assert!(text.contains(what), "{text:?} does not name {what:?}"));
    assert!(batch.diagnose().to_string().contains(&text));
}

fn scores(seed: u64) -> Array2<f64> {
    let mut random = Random(seed);
    Array2::from_shape_simple_fn((40, 5), || 6.0 * random.unit() - 3.0)
}

/// Log-probabilities may be above 0 by the tolerance.
#[test]
fn the_limit_is_the_tolerance() {
    let [p, q] = proper();
    let mut x = q.ln();
    x[[3, 1]] = 0.25;
    let diagnosis = KLDivLoss::new(Sum).batch(&x, &p).unwrap().diagnose();
    assert_eq!(diagnosis.input.out_of_range, 1);
    let text = diagnosis.to_string();
    assert!(text.contains("1 number above 0.001"), "{text}");
}

#[test]
fn the_limit_of_validated_calls_is_their_tolerance() {
    let [p, q] = proper();
    let mut x = q.ln();
    x[[3, 1]] = 0.25;
    x[[4, 1]] = 0.05;
    for (tolerance, said) in
        [(0.1, "1 number above 0.1"), (0.01, "2 numbers above 0.01"), (0.0, "2 numbers above 0")]
    {
        let batch = KLDivLoss::new(Sum).validated(tolerance);
        let text = batch.batch(&x, &p).unwrap().diagnose().to_string();
        assert!(text.contains(said), "{tolerance}: {text}");
    }
}

#[test]
fn a_target_of_the_other_kind_is_mended_by_log_target() {
    let [p, q] = proper();
    let criterion = KLDivLoss::new(Sum);
    says(&criterion.batch(&q.ln(), &p.ln()).unwrap(), &[".log_target(true)"]);
    let logarithms = criterion.log_target(true);
    says(&logarithms.batch(&q.ln(), &p).unwrap(), &[".log_target(false)"]);
}

/// From logits the call is another.
#[test]
fn a_target_of_the_other_kind_from_logits_is_mended_by_target() {
    let ([p, _], z) = (proper(), scores(1));
    let criterion = KLDivWithLogitsLoss::new(Sum);
    let given = criterion.target(Target::Probabilities);
    says(&given.batch(&z, &p.ln()).unwrap(), &[".target(Target::LogProbabilities)"]);
    let logarithms = criterion.target(Target::LogProbabilities);
    says(&logarithms.batch(&z, &p).unwrap(), &[".target(Target::Probabilities)"]);
    says(&criterion.batch(&z, &p).unwrap(), &[".target(Target::Probabilities)"]);
}

#[test]
fn a_wrong_class_axis_is_mended_by_axis() {
    let [p, q] = proper();
    let x = q.ln();
    let causes = KLDivLoss::new(Sum).axis(Axis(0)).batch(&x, &p).unwrap().diagnose().likely_causes;
    assert_eq!(causes.len(), 2);
    for cause in causes {
        assert!(cause.to_string().contains(".axis(Axis(1))"), "{cause}");
    }
}

#[test]
fn logits_are_mended_by_the_loss_from_logits() {
    let [p, q] = proper();
    let criterion = KLDivLoss::new(Sum);
    says(&criterion.batch(&scores(3), &p).unwrap(), &["KLDivWithLogitsLoss", "input"]);
    says(&criterion.batch(&q.ln(), &scores(3)).unwrap(), &["KLDivWithLogitsLoss", "target"]);
}

#[test]
fn probabilities_as_input_are_mended_by_their_logarithm() {
    let [p, q] = proper();
    says(&KLDivLoss::new(Sum).batch(&q, &p).unwrap(), &[".ln()"]);
    says(&KLDivWithLogitsLoss::new(Sum).batch(&q, &scores(2)).unwrap(), &[".ln()"]);
}

/// Counts: every row has another sum.
fn counts(seed: u64, least: u64) -> Array2<f64> {
    let mut random = Random(seed);
    Array2::from_shape_simple_fn((40, 5), || (least + random.below(40)) as f64)
}

#[test]
fn counts_are_mended_by_their_sum() {
    let [p, q] = proper();
    let mut few = p.clone();
    few.rows_mut().into_iter().enumerate().for_each(|(i, mut row)| row *= 80.0 + i as f64);
    for target in [counts(1, 1), counts(2, 0), few] {
        let (x, criterion) = (q.ln(), KLDivLoss::new(Sum));
        let [text, name] = only_cause(&criterion.batch(&x, &target).unwrap());
        assert!(name.starts_with("Unnormalized") && name.contains("Target"), "{name}");
        let named = text.contains("divide") && text.contains("sum") && text.contains("class axis");
        assert!(named, "{text}");
        let from_logits = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities);
        let [_, name] = only_cause(&from_logits.batch(&x, &target).unwrap());
        assert!(name.starts_with("Unnormalized") && name.contains("Target"), "{name}");
    }
}

/// The outputs of sigmoids, say.
#[test]
fn positive_numbers_of_no_mass_are_unnormalised() {
    let [_, q] = proper();
    let mut random = Random(3);
    let positive = Array2::from_shape_simple_fn((40, 5), || 0.1 + 0.8 * random.unit());
    let [_, name] = only_cause(&KLDivLoss::new(Sum).batch(&q.ln(), &positive).unwrap());
    assert!(name.starts_with("Unnormalized") && name.contains("Target"), "{name}");
}

/// Distributions are not unnormalised, nor is what has a cause of its own.
#[test]
fn nothing_else_is_unnormalised() {
    let [p, q] = proper();
    let mut some = p.clone();
    some.row_mut(3).fill(7.0);
    let zeros = Array2::zeros((40, 5));
    let nan = Array2::from_elem((40, 5), f64::NAN);
    for target in [&p, &some, &zeros, &nan, &p.ln(), &(3.0 * &p), &scores(1), &-counts(1, 1)] {
        let causes = KLDivLoss::new(Sum).batch(&q.ln(), target).unwrap().diagnose().likely_causes;
        assert!(!format!("{causes:?}").contains("Unnormalized"), "{causes:?}");
    }
    let along_0 = array![[0.25, 0.5], [0.75, 0.5]];
    let x = along_0.ln();
    let causes = KLDivLoss::new(Sum).batch(&x, &along_0).unwrap().diagnose().likely_causes;
    assert!(!format!("{causes:?}").contains("Unnormalized"), "{causes:?}");
}
