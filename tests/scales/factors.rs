//! Factors beyond the range of `f32`, and denominators whose inverse is infinite.

use kldiv::{
    AnyReduction, DistributionMean, Error, KLDivLoss, KLDivWithLogitsLoss, Partial,
    PerDistribution, Sum, SumOver, Target,
};
use ndarray::{Array2, Axis, array};

/// Results that fit are right, others ±∞, and 0 stays 0.
fn check(found: &Array2<f32>, exact: &Array2<f64>, what: &str) {
    for (&found, &exact) in found.iter().zip(exact) {
        let expected = exact as f32;
        let near = (f64::from(found) - exact).abs() <= 1e-5 * exact.abs();
        assert!(found == expected || near, "{what}: {found:e}, not {expected:e}");
    }
}

fn softmax(z: &Array2<f32>, temperature: f64) -> Array2<f64> {
    let e = z.mapv(|z| (f64::from(z) / temperature).exp());
    &e / &e.sum_axis(Axis(1)).insert_axis(Axis(1))
}

/// A lane of equal logits, and one where one of them differs by 2⁻¹² of τ.
fn operands(temperature: f32) -> [Array2<f32>; 2] {
    let teacher = array![[1.0_f32, 2.0, 0.5], [1.0, 2.0, 0.5]];
    let mut student = teacher.clone();
    student[[1, 1]] += 1.0 / 4096.0;
    [student * temperature, teacher * temperature]
}

#[test]
fn a_denominator_below_the_range_of_f32_from_logits() {
    let [student, teacher] = operands(1.0);
    for denominator in [1e-30, 1e-36, 1e-39, 1e-44, 1e-100, 1e-300] {
        for columns in [false, true] {
            let lay = |z: &Array2<f32>| if columns { z.clone().reversed_axes() } else { z.clone() };
            let criterion = KLDivWithLogitsLoss::new(SumOver(denominator));
            let criterion = criterion.axis(Axis(usize::from(!columns)));
            let exact = (softmax(&student, 1.0) - softmax(&teacher, 1.0)) / denominator;
            let (z_q, z_p) = (lay(&student), lay(&teacher));
            let gradient = criterion.value_and_grad(&z_q, &z_p).unwrap().1;
            let gradients = criterion.backward(&z_q, &z_p, &1.0).unwrap();
            let what = format!("{denominator:e}, columns {columns}");
            check(&lay(&gradient), &exact, &what);
            check(&lay(&gradients.input), &exact, &what);
            let target = lay(&gradients.target);
            assert!(target.row(0).iter().all(|&slope| slope == 0.0), "{what}: {target}");
            assert!(target.iter().all(|slope| !slope.is_nan()), "{what}: {target}");
        }
    }
}

#[test]
fn a_large_weight_over_a_small_temperature() {
    for temperature in [1e-3_f32, 1e-9, 1e-15] {
        let [student, teacher] = operands(temperature);
        for weight in [1e10_f32, 1e30, 3e38] {
            let weights = array![weight, weight];
            let criterion = KLDivWithLogitsLoss::new(Sum).temperature(temperature.into());
            let batch = criterion.batch(&student, &teacher).unwrap().weights(&weights).unwrap();
            let tau = f64::from(temperature);
            let apart = softmax(&student, tau) - softmax(&teacher, tau);
            let exact = apart * (f64::from(weight) / tau);
            let gradients = batch.backward(&1.0).unwrap();
            let what = format!("{weight:e} over {temperature:e}");
            check(&batch.value_and_grad().unwrap().1, &exact, &what);
            check(&gradients.input, &exact, &what);
            assert!(gradients.target.iter().all(|slope| !slope.is_nan()), "{what}");
        }
    }
}

/// The upstream makes up for the denominator, or for the weight.
#[test]
fn factors_that_are_too_large_alone() {
    let [student, teacher] = operands(1.0);
    let exact = softmax(&student, 1.0) - softmax(&teacher, 1.0);
    let over = KLDivWithLogitsLoss::new(SumOver(1e-60));
    let small = over.backward(&student, &teacher, &1e-30).unwrap();
    check(&small.input, &(&exact * 1e30), "1e-30 over 1e-60");
    let each = KLDivWithLogitsLoss::new(PerDistribution);
    let weights = array![1e-30, 1e-30];
    let batch = each.batch(&student, &teacher).unwrap().weights(&weights).unwrap();
    let large = batch.backward(&array![1e38, 1e38]).unwrap();
    check(&large.input, &(&exact * 1e8), "1e38 by 1e-30");
}

/// −t/d, whose t may be 0; e^y, which may underflow to 0.
#[test]
fn a_denominator_below_the_range_of_f32_from_log_probabilities() {
    let t = array![[0.0_f32, 1.0, 1e-30], [0.5, 0.5, 0.0]];
    let x = array![[-1.0_f32, -2.0, -0.5], [-1.0, -2.0, -200.0]];
    let y = array![[-200.0_f32, 0.0, -69.0], [-0.7, -0.7, f32::NEG_INFINITY]];
    for denominator in [1e-39, 1e-100, 1e-300] {
        for generalized in [false, true] {
            for (log_target, target) in [(false, &t), (true, &y)] {
                let criterion = KLDivLoss::new(SumOver(denominator));
                let criterion = criterion.log_target(log_target).generalized(generalized);
                let gradient = criterion.value_and_grad(&x, target).unwrap().1;
                let backward = criterion.backward(&x, target, &1.0).unwrap();
                let what = format!("{denominator:e} log {log_target} generalized {generalized}");
                let all = gradient.iter().chain(&backward.input).chain(&backward.target);
                assert!(all.into_iter().all(|slope| !slope.is_nan()), "{what}");
                if !generalized {
                    assert_eq!((gradient[[0, 0]], backward.input[[1, 2]]), (0.0, 0.0), "{what}");
                }
            }
        }
    }
}

/// Soft labels, whose gradient is q·Σt − t.
#[test]
fn soft_labels_that_are_met_have_no_gradient_whatever_the_factor() {
    let z = Array2::<f32>::zeros((2, 4));
    let p = Array2::from_elem((2, 4), 0.25_f32);
    for denominator in [1e-39, 1e-300] {
        let criterion =
            KLDivWithLogitsLoss::new(SumOver(denominator)).target(Target::Probabilities);
        let gradient = criterion.value_and_grad(&z, &p).unwrap().1;
        assert!(gradient.iter().all(|&slope| slope == 0.0), "{denominator:e}: {gradient}");
        let gradient = criterion.backward(&z, &p, &1.0).unwrap().input;
        assert!(gradient.iter().all(|&slope| slope == 0.0), "{denominator:e}: {gradient}");
    }
}

/// Generalized terms of equal operands have no gradient, even where weight over denominator overflows in `f64`.
#[test]
fn equal_log_probabilities_have_no_generalized_gradient_whatever_the_factor() {
    let x = array![[-1.0_f32, -2.0, 0.0], [-0.5, -3.0, -90.0]];
    let weights = array![3e38, 3e38];
    let criterion = KLDivLoss::new(SumOver(1e-300)).log_target(true).generalized(true);
    let batch = criterion.batch(&x, &x).unwrap().weights(&weights).unwrap();
    let (value, gradient) = batch.value_and_grad().unwrap();
    let backward = batch.backward(&1.0).unwrap();
    assert_eq!(value, 0.0);
    for gradient in [gradient, backward.input, backward.target] {
        assert!(gradient.iter().all(|&slope| slope == 0.0), "{gradient}");
    }
}

/// A mean's gradient is −t·w/Σw, whose parts may be so small that 1/Σw is infinite.
#[test]
fn a_mean_of_weights_at_the_ends_of_the_range() {
    let (x, t) = (array![[-1.0, -2.0], [-0.5, -3.0]], array![[0.5, 0.5], [0.25, 0.75]]);
    for weight in [5e-324, 1e-310, 1e-300, 1e300] {
        let weights = array![weight, weight];
        let criterion = KLDivLoss::new(DistributionMean);
        let batch = criterion.batch(&x, &t).unwrap().weights(&weights).unwrap();
        let gradient = batch.value_and_grad().unwrap().1;
        let near = |(&found, &t): (&f64, &f64)| (found + t / 2.0).abs() <= 1e-15;
        assert!(gradient.iter().zip(&t).all(near), "{weight:e}: {gradient}");
    }
}

#[test]
fn a_denominator_has_a_finite_inverse() {
    let z = array![[1.0, 2.0]];
    let least = 2_f64.powi(-512) * 2_f64.powi(-512); // 1/2⁻¹⁰²⁴ overflows, 1/(2⁻¹⁰²⁴ + 2⁻¹⁰⁷⁴) does not.
    for denominator in [5e-324, 1e-310, least] {
        let error = Error::InvalidDenominator { denominator };
        let criterion = KLDivLoss::new(SumOver(denominator));
        assert_eq!(criterion.batch(&z, &z).err(), Some(error.clone()), "{denominator:e}");
        let finished = criterion.finish::<f64>(&Partial::default());
        assert_eq!(finished, Err(error.clone()), "{denominator:e}");
        let any = KLDivLoss::new(AnyReduction::SumOver(denominator));
        assert_eq!(any.batch(&z, &z).err(), Some(error.clone()), "{denominator:e}");
        let logits = KLDivWithLogitsLoss::new(SumOver(denominator));
        assert_eq!(logits.batch(&z, &z).err(), Some(error.clone()), "{denominator:e}");
        let finished = logits.finish::<f32>(&Partial::default());
        assert_eq!(finished, Err(error), "{denominator:e}");
    }
    assert!(KLDivLoss::new(SumOver(least + 5e-324)).batch(&z, &z).is_ok());
}

/// One rule for weights that are all 0.
#[test]
fn no_weight_at_all_gives_0() {
    let (x, t) = (array![[-0.5_f64, -1.0], [f64::NAN, -0.2]], array![[0.5_f64, 0.5], [0.1, 0.9]]);
    let weights = array![0.0, 0.0];
    let criterion = KLDivLoss::new(DistributionMean);
    let batch = criterion.batch(&x, &t).unwrap().weights(&weights).unwrap();
    let partial = batch.partial().unwrap();
    assert_eq!(batch.forward(), Ok(0.0));
    assert_eq!(criterion.finish(&partial), Ok(0.0));
    assert_eq!(partial.mean(), 0.0);
    let logits = KLDivWithLogitsLoss::new(DistributionMean);
    let batch = logits.batch(&x, &t).unwrap().weights(&weights).unwrap();
    assert_eq!(batch.partial().unwrap().mean(), 0.0);
    // Of nothing there is no mean.
    assert!(Partial::default().mean().is_nan());
}
