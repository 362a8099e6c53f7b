//! Calls that once gave a wrong answer.

use kldiv::{
    Divergence, Error, KLDivWithLogitsLoss, Operand, PerDistribution, Pointwise, Sum, Target,
};
use ndarray::{Array1, Array2, array};

/// A NaN is one whatever its other bits are, and beside −∞ on the other side too.
#[test]
fn every_nan_comes_through() {
    let criterion = KLDivWithLogitsLoss::new(PerDistribution);
    for bits in [0x7ff8_0000_0000_0001, 0x7ff0_0000_0000_0001, 0xfff8_0000_0000_07a2_u64] {
        let (masked, nan) =
            (array![0.0, -f64::INFINITY, 1.0], array![0.0, f64::from_bits(bits), 1.0]);
        for (input, target) in [(&masked, &nan), (&nan, &masked)] {
            assert!(criterion.forward(input, target).unwrap().into_scalar().is_nan(), "{bits:x}");
            let found = criterion.backward(input, target, &array::<f64>(1.0)).unwrap();
            assert!(
                found.input.iter().chain(&found.target).all(|slope| slope.is_nan()),
                "{bits:x}"
            );
        }
    }
    for bits in [0x7fc0_00ff, 0x7f80_0001, 0xffc0_0003_u32] {
        for classes in [3, 100] {
            let ramp = Array1::from_iter((0..classes).map(|class| class as f32 / 50.0));
            let (mut masked, mut nan) = (ramp.clone(), ramp);
            (masked[1], nan[1]) = (-f32::INFINITY, f32::from_bits(bits));
            assert!(criterion.forward(&masked, &nan).unwrap().into_scalar().is_nan(), "{bits:x}");
            assert!(criterion.forward(&nan, &masked).unwrap().into_scalar().is_nan(), "{bits:x}");
        }
    }
}

fn array<T>(number: T) -> ndarray::Array0<T> {
    ndarray::arr0(number)
}

/// A target that is NaN makes the gradients of its lane NaN, whichever of the upstreams are 0.
#[test]
fn nan_in_a_target_is_not_hidden_by_its_upstream() {
    let (z, t) = (array![0.0, 1.0, 2.0], array![f64::NAN, 0.5, 0.5]);
    for target in [Target::Probabilities, Target::LogProbabilities] {
        let criterion = KLDivWithLogitsLoss::new(Pointwise).target(target);
        for upstream in [
            array![0.0, 1.0, 1.0],
            array![1.0, 1.0, 1.0],
            Array1::zeros(3),
            array![0.0, 1e300, 1.0],
        ] {
            let found = criterion.backward(&z, &t, &upstream).unwrap();
            assert!(found.input.iter().all(|slope| slope.is_nan()), "{upstream}: {}", found.input);
            let is_nan = found.target.mapv(f64::is_nan).to_vec();
            assert_eq!(is_nan, [true, false, false], "{upstream}: {}", found.target);
        }
    }
}

/// Beside a class that the model excludes, the limit is −∞ where the target's probability underflows, too.
#[test]
fn limits_where_a_probability_underflows() {
    let upstream = array(1.0);
    let of_lane = KLDivWithLogitsLoss::new(PerDistribution);
    let (masked, low) = (array![-f64::INFINITY, 0.0], array![0.0, -1000.0]);
    let infinite = [f64::INFINITY, -f64::INFINITY];
    assert_eq!(of_lane.backward(&masked, &low, &upstream).unwrap().target.to_vec(), infinite);
    let each = KLDivWithLogitsLoss::new(Pointwise).backward(&masked, &low, &array![1.0, 1.0]);
    assert_eq!(each.unwrap().target.to_vec(), infinite);
    let (masked, low) = (array![-f32::INFINITY, 0.0, 0.0], array![0.0, -1000.0, 0.0]);
    let found = of_lane.backward(&masked, &low, &array(1.0)).unwrap().target;
    assert_eq!(found.to_vec(), [f32::INFINITY, -f32::INFINITY, -f32::INFINITY]);
}

#[test]
fn distributions_without_classes_are_no_targets() {
    let none = Array2::<f64>::zeros((3, 0));
    let criterion = KLDivWithLogitsLoss::new(Sum).target(Target::Probabilities).validated(0.1);
    let error = criterion.forward(&none, &none).unwrap_err();
    let expected = Error::NotADistribution { operand: Operand::Target, index: vec![0], mass: 0.0 };
    assert_eq!(error, expected);
}

#[test]
fn great_targets_and_extreme_factors() {
    let criterion = KLDivWithLogitsLoss::new(PerDistribution).target(Target::Probabilities);
    let found = criterion.backward(&array![0.0, 1.0], &array![1e100, 0.5], &array(1e-295)).unwrap();
    let q = 1.0 / (1.0 + 1_f64.exp());
    let expected = 1e-195 * (q - 1.0);
    assert!((found.input[0] / expected - 1.0).abs() < 1e-14, "{}", found.input);
    assert!((found.input[1] / -expected - 1.0).abs() < 1e-14, "{}", found.input);
}

/// A class that the model excludes beside one that the target excludes: 0 · ∞ = 0 in the sum of the chain rule.
#[test]
fn different_masks_on_both_sides() {
    let (none, all) = (-f64::INFINITY, f64::INFINITY);
    let jeffreys = KLDivWithLogitsLoss::new(PerDistribution).divergence(Divergence::Jeffreys);
    let (student, teacher) = (array![0.0, none, 0.0], array![none, 0.0, 0.0]);
    let found = jeffreys.backward(&student, &teacher, &array(1.0)).unwrap();
    assert_eq!(found.input.to_vec(), [all, -0.5, none]);
    assert_eq!(found.target.to_vec(), [-0.5, all, none]);

    let each = KLDivWithLogitsLoss::new(Pointwise).divergence(Divergence::Jeffreys);
    let (student, teacher) = (array![0.0, 0.0, none], array![none, 0.0, none]);
    let found = each.backward(&student, &teacher, &Array1::ones(3)).unwrap();
    assert_eq!(found.input[2], 0.0);

    let soft = KLDivWithLogitsLoss::new(PerDistribution).target(Target::Probabilities);
    for divergence in [Divergence::Reverse, Divergence::Jeffreys, Divergence::Symmetric(0.3)] {
        let criterion = soft.divergence(divergence);
        let target = array![0.0, 1.0, 0.0];
        let found = criterion.backward(&array![0.0, 0.0, none], &target, &array(1.0)).unwrap();
        assert_eq!(found.input[2], 0.0, "{divergence}");
    }
}
