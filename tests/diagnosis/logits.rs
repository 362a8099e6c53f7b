//! From logits.

use kldiv::{
    Error, Holds, KLDivWithLogitsLoss, LikelyCause, Operand, PerDistribution, Sum, Target,
};
use ndarray::{Array2, ShapeBuilder};

use super::common::Random;
use super::proper;

fn scores(shape: (usize, usize), seed: u64) -> Array2<f64> {
    let mut random = Random(seed);
    Array2::from_shape_simple_fn(shape, || 6.0 * random.unit() - 3.0)
}

#[test]
fn logits_may_be_anything_finite() {
    let [z_q, z_p] = [scores((40, 5), 1), scores((40, 5), 2)];
    for target in [z_p.clone(), proper()[0].ln(), z_p.mapv(f64::abs)] {
        let diagnosis = KLDivWithLogitsLoss::new(Sum).batch(&z_q, &target).unwrap().diagnose();
        assert!(diagnosis.is_proper() && diagnosis.likely_causes.is_empty());
        assert_eq!([diagnosis.input.holds, diagnosis.target.holds], [Holds::Logits; 2]);
    }
}

/// A distribution is improper where its divergence is NaN.
#[test]
fn logits_that_have_no_softmax() {
    for shape in [(40, 5), (300, 3), (5, 1500)] {
        let classes = shape.1;
        let mut z = scores(shape, 1);
        z[[1, 0]] = f64::NEG_INFINITY;
        z.row_mut(2).fill(f64::NEG_INFINITY);
        z[[3, classes - 1]] = f64::NAN;
        z[[4, 1]] = f64::INFINITY;
        let teacher = scores(shape, 2);
        let mut columns = Array2::zeros(shape.f());
        columns.assign(&z);
        for z in [&z, &columns] {
            let criterion = KLDivWithLogitsLoss::new(PerDistribution);
            let divergences = criterion.forward(z, &teacher).unwrap();
            let diagnosis = criterion.batch(z, &teacher).unwrap().diagnose();
            let input = &diagnosis.input;
            assert_eq!(input.improper, divergences.iter().filter(|d| d.is_nan()).count());
            assert_eq!((input.nan, input.plus_infinity), (1, 1));
            assert_eq!((input.minus_infinity, input.only_minus_infinity), (classes + 1, 1));
            let first = input.first.as_ref().unwrap();
            assert!(first.index == [2] && first.mass.is_nan());
            assert!(!diagnosis.is_proper() && diagnosis.likely_causes.is_empty());
            let text = diagnosis.to_string();
            let said = "have no softmax: first at [2]; 1 number NaN; 1 number +∞;";
            assert!(text.contains(said) && text.contains("1 distribution of −∞ alone"), "{text}");
        }
    }
}

#[test]
fn probabilities_taken_for_logits() {
    let [p, q] = proper();
    let z = scores((40, 5), 1);
    let criterion = KLDivWithLogitsLoss::new(Sum);
    let causes = |z_q, z_p| criterion.batch(z_q, z_p).unwrap().diagnose().likely_causes;
    let cause = LikelyCause::ProbabilitiesAsLogits;
    assert_eq!(causes(&z, &p), [cause(Operand::Target)]);
    assert_eq!(causes(&q, &z), [cause(Operand::Input)]);
    assert_eq!(causes(&q, &p), [cause(Operand::Input), cause(Operand::Target)]);
    let diagnosis = criterion.target(Target::Probabilities).batch(&z, &p).unwrap().diagnose();
    assert_eq!(diagnosis.likely_causes, []);
    let text = criterion.batch(&z, &p).unwrap().diagnose().to_string();
    assert!(text.contains(".target(Target::Probabilities)"), "{text}");
    // A single class of logits 1 is not much to go by.
    let ones = Array2::ones((40, 1));
    assert_eq!(causes(&ones, &ones), []);
}

/// The target is asked for masses where it is not logits.
#[test]
fn targets_of_another_kind() {
    let [p, _] = proper();
    let z = scores((40, 5), 1);
    let criterion = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities).validated(1e-3);
    assert!(criterion.forward(&z, &p).is_ok());
    let refused = criterion.forward(&z, &p.ln()).unwrap_err();
    assert!(matches!(refused, Error::NotADistribution { operand: Operand::Target, .. }));
    let diagnosis = criterion.batch(&z, &p.ln()).unwrap().diagnose();
    assert_eq!(diagnosis.likely_causes, [LikelyCause::LogProbabilitiesAsTarget]);
}
