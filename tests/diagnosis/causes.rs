//! The cause of every mistake, and none where the figures may come from several.

use kldiv::{KLDivLoss, LikelyCause, Operand, Sum};
use ndarray::{Array2, Axis};

use super::common::Random;
use super::proper;

fn causes(x: &Array2<f64>, t: &Array2<f64>, log_target: bool, axis: usize) -> Vec<LikelyCause> {
    let criterion = KLDivLoss::new(Sum).log_target(log_target).axis(Axis(axis));
    let diagnosis = criterion.batch(x, t).unwrap().diagnose();
    let text = diagnosis.to_string();
    for cause in &diagnosis.likely_causes {
        assert!(text.contains(&format!("Likely cause: {cause}.")), "{text}");
    }
    assert!(text.lines().count() <= 7 && !diagnosis.is_proper(), "{text}");
    diagnosis.likely_causes
}

#[test]
fn probabilities_as_input() {
    let [p, q] = proper();
    assert_eq!(causes(&q, &p, false, 1), [LikelyCause::ProbabilitiesAsInput]);
    assert_eq!(causes(&q, &p.ln(), true, 1), [LikelyCause::ProbabilitiesAsInput]);
}

#[test]
fn a_target_of_the_other_kind() {
    let [p, q] = proper();
    assert_eq!(causes(&q.ln(), &p.ln(), false, 1), [LikelyCause::LogProbabilitiesAsTarget]);
    assert_eq!(causes(&q.ln(), &p, true, 1), [LikelyCause::ProbabilitiesAsLogTarget]);
}

#[test]
fn operands_swapped() {
    let [p, q] = proper();
    assert_eq!(causes(&p, &q.ln(), false, 1), [LikelyCause::Swapped]);
}

#[test]
fn raw_logits() {
    let [p, q] = proper();
    let mut random = Random(3);
    let scores = Array2::from_shape_simple_fn((40, 5), || 6.0 * random.unit() - 3.0);
    assert_eq!(causes(&scores, &p, false, 1), [LikelyCause::Logits(Operand::Input)]);
    assert_eq!(causes(&q.ln(), &scores, false, 1), [LikelyCause::Logits(Operand::Target)]);
    assert_eq!(causes(&q.ln(), &scores, true, 1), [LikelyCause::Logits(Operand::Target)]);
}

#[test]
fn class_axis_wrong() {
    let [p, q] = proper();
    let both = |axis| {
        [Operand::Input, Operand::Target].map(|operand| LikelyCause::ClassAxis { operand, axis })
    };
    assert_eq!(causes(&q.ln(), &p, false, 0), both(1));
    let [p, q] = [p, q].map(|array| array.reversed_axes());
    assert_eq!(causes(&q.ln(), &p.ln(), true, 1), both(0));
}

#[test]
fn multiplied_by_a_constant() {
    let [p, q] = proper();
    let scaled = |causes: Vec<LikelyCause>| match causes[..] {
        [LikelyCause::Scaled { operand, mass }] => (operand, (mass * 1e9).round() / 1e9),
        _ => panic!("{causes:?}"),
    };
    assert_eq!(scaled(causes(&q.ln(), &(3.0 * &p), false, 1)), (Operand::Target, 3.0));
    assert_eq!(scaled(causes(&(0.25 * &q).ln(), &p, false, 1)), (Operand::Input, 0.25));
}

fn scores(least: f64, most: f64) -> Array2<f64> {
    let mut random = Random(3);
    Array2::from_shape_simple_fn((40, 5), || least + (most - least) * random.unit())
}

#[test]
fn probabilities_times_a_constant_in_the_wrong_place() {
    let [p, q] = proper();
    let kinds = |x: &Array2<f64>, t: &Array2<f64>, log_target| {
        let kind = |cause| match cause {
            LikelyCause::Scaled { operand, mass } if (mass - 3.0).abs() < 1e-9 => {
                LikelyCause::Scaled { operand, mass: 3.0 }
            }
            other => other,
        };
        causes(x, t, log_target, 1).into_iter().map(kind).collect::<Vec<_>>()
    };
    let scaled = |operand| LikelyCause::Scaled { operand, mass: 3.0 };
    let input = [LikelyCause::ProbabilitiesAsInput, scaled(Operand::Input)];
    assert_eq!(kinds(&(3.0 * &q), &p, false), input);
    let target = [LikelyCause::ProbabilitiesAsLogTarget, scaled(Operand::Target)];
    assert_eq!(kinds(&q.ln(), &(3.0 * &p), true), target);
    let target = [LikelyCause::LogProbabilitiesAsTarget, scaled(Operand::Target)];
    assert_eq!(kinds(&q.ln(), &(3.0 * &p).ln(), false), target);
}

/// Logits of a model that was not trained yet, or log-probabilities plus ln 5? Zeros do not tell, nor do
/// distributions that are nearly so or all alike.
#[test]
fn distributions_that_are_alike_name_no_cause() {
    let [p, q] = proper();
    let zeros = Array2::zeros((40, 5));
    let nearly = scores(-1e-4, 0.0);
    let alike = (0.25 * &q).ln().row(3).broadcast((40, 5)).unwrap().to_owned();
    for numbers in [&zeros, &nearly, &alike] {
        assert_eq!(causes(numbers, &p, false, 1), []);
        assert_eq!(causes(&q.ln(), numbers, true, 1), []);
    }
    let one = zeros.slice_move(ndarray::s![..1, ..]);
    assert_eq!(causes(&one, &p.slice_move(ndarray::s![..1, ..]), false, 1), []);
}

#[test]
fn constant_targets_name_no_cause() {
    let [_, q] = proper();
    for number in [0.0, 1.0, 0.7] {
        assert_eq!(causes(&q.ln(), &Array2::from_elem((40, 5), number), false, 1), []);
    }
}

/// Negative scores may be logits, or logarithms of what was not normalised.
#[test]
fn negative_scores_name_no_cause() {
    let [p, q] = proper();
    let negative = scores(-6.0, -0.5);
    assert_eq!(causes(&negative, &p, false, 1), []);
    assert_eq!(causes(&q.ln(), &negative, true, 1), []);
    assert_eq!(causes(&q.ln(), &negative, false, 1), []);
}

#[test]
fn some_distributions_multiplied_by_a_constant_name_no_cause() {
    let [mut p, q] = proper();
    p.slice_mut(ndarray::s![..30, ..]).mapv_inplace(|t| 3.0 * t);
    assert_eq!(causes(&q.ln(), &p, false, 1), []);
}
