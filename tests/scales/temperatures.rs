//! Temperatures of every size, and divergences too small for the type.

use kldiv::{AnyReduction, Error, KLDivWithLogitsLoss, PerDistribution, Pointwise, Sum};
use ndarray::{Array2, Axis, array};

use super::big::{Big, ZERO};
use super::common::{Number, REDUCTIONS, Random};
use super::reference::pair;

/// T² must be a normal number only where it is asked for.
fn check_limits<A: Number<Wide = A>>(temperatures: &[f64], no_temperatures: &[f64]) {
    let z = array![[A::of(0.0), A::of(0.0)]];
    let sum = KLDivWithLogitsLoss::new(Sum);
    for &temperature in temperatures {
        let criterion = sum.temperature(temperature);
        let found = criterion.forward(&z, &z).map(A::to);
        assert_eq!(found, Ok(0.0), "{} {temperature:e}", A::NAME);
        let squared = criterion.times_temperature_squared(true).forward(&z, &z).map(A::to);
        assert_eq!(squared, Err(Error::InvalidTemperature { temperature }), "{temperature:e}");
    }
    for &temperature in no_temperatures {
        let found = sum.temperature(temperature).forward(&z, &z).map(A::to);
        assert_eq!(found, Err(Error::InvalidTemperature { temperature }), "{temperature:e}");
    }
}

#[test]
fn the_square_matters_only_where_it_is_asked_for() {
    check_limits::<f32>(
        &[2_f64.powi(-126), 1e-30, 1e30, 8e37, 1e38, 2_f64.powi(127)],
        &[1e-39, 2_f64.powi(-127), 1e39, 2_f64.powi(128)],
    );
    check_limits::<f64>(
        &[2_f64.powi(-1022), 1e-300, 1e300, 2_f64.powi(1022)],
        &[1e-310, 2_f64.powi(1023)],
    );
}

/// The divergence of each lane and Σ p·|D|, which its rounding errors are relative to.
fn exact(student: &Array2<f64>, teacher: &Array2<f64>, temperature: f64) -> Vec<[f64; 2]> {
    let lane = |lane: usize| {
        let (z_q, z_p) = (student.row(lane).to_vec(), teacher.row(lane).to_vec());
        let [p, d, _] = pair(&z_q, &z_p, temperature);
        let sum = |of: fn(Big) -> Big| p.iter().zip(&d).fold(ZERO, |sum, (&p, &d)| sum + p * of(d));
        [sum(|d| d).to_f64(), sum(Big::abs).to_f64()]
    };
    (0..student.nrows()).map(lane).collect()
}

/// Logits near the ends of the range, over a temperature that brings them back.
fn check_extreme<A: Number<Wide = A>>(temperature: f64, extent: f64) {
    let mut random = Random(5);
    for classes in [2, 3, 10, 64, 70] {
        let mut logits = || {
            let z = || A::of(extent * (2.0 * random.unit() - 1.0));
            Array2::from_shape_simple_fn((4, classes), z)
        };
        let (mut student, mut teacher) = (logits(), logits());
        (student[[0, 0]], student[[0, 1]]) = (A::of(extent), A::of(-extent));
        (teacher[[0, 0]], teacher[[0, 1]]) = (A::of(-extent), A::of(extent));
        let wide = |z: &Array2<A>| z.mapv(A::to);
        let expected = exact(&wide(&student), &wide(&teacher), temperature);
        let criterion = KLDivWithLogitsLoss::new(PerDistribution).temperature(temperature);
        let found = criterion.forward(&student, &teacher).unwrap();
        for (found, [divergence, size]) in found.iter().zip(expected) {
            let what = format!("{} {classes} classes over {temperature:e}", A::NAME);
            let error = (found.to() - divergence).abs() / (A::EPSILON * size);
            assert!(error <= 8.0, "{what}: {found:?}, not {divergence}: {error:.1} ulp");
        }
        let gradients = criterion.value_and_grad(&student, &teacher).unwrap().1;
        for lane in 0..4 {
            let (z_q, z_p) = (wide(&student).row(lane).to_vec(), wide(&teacher).row(lane).to_vec());
            let [p, _, excess] = pair(&z_q, &z_p, temperature);
            for (class, found) in gradients.row(lane).iter().enumerate() {
                let slope = excess[class] / Big::of(temperature);
                let size = (p[class] + excess[class].abs()) / Big::of(temperature);
                let error = (Big::of(found.to()) - slope).abs();
                let allowed = Big::of(64.0 * A::EPSILON) * size + Big::of(2.0 * A::TINY);
                assert!(error <= allowed, "{} {temperature:e}: {found:?}", A::NAME);
            }
        }
    }
}

/// Where T² is a normal number too.
#[test]
fn large_and_small_logits_of_a_temperature_as_large_and_as_small() {
    check_extreme::<f32>(1e18, 4e18);
    check_extreme::<f32>(1e-18, 4e-18);
    check_extreme::<f64>(8e37, 3e38);
    check_extreme::<f64>(1e-150, 4e-150);
}

#[test]
fn logits_as_large_as_the_range_have_a_finite_divergence() {
    check_extreme::<f32>(8e37, 3e38);
    check_extreme::<f32>(1e38, 3e38);
    check_extreme::<f32>(2_f64.powi(126), 3e38);
    check_extreme::<f64>(4e307, 1.7e308);
}

#[test]
fn logits_as_small_as_the_range_have_a_divergence() {
    check_extreme::<f32>(2_f64.powi(-126), 5e-38);
    check_extreme::<f32>(1e-30, 4e-30);
    check_extreme::<f64>(2_f64.powi(-1022), 1e-307);
}

/// No value is negative or NaN, however far below the range of the type the divergence is.
fn check_signs<A: Number<Wide = A>>(temperatures: &[f64], exponents: &[i32]) {
    let mut random = Random(17);
    for (&temperature, &exponent) in
        temperatures.iter().flat_map(|t| exponents.iter().map(move |e| (t, e)))
    {
        for classes in [2, 3, 10, 64, 65, 100] {
            let scale = temperature * 10_f64.powi(exponent);
            let level = [0.0, 1.0, -3.0][random.below(3) as usize] * temperature;
            let mut logits = || {
                let z = || A::of(level + scale * (random.unit() - 0.5));
                Array2::from_shape_simple_fn((6, classes), z)
            };
            let (student, teacher) = (logits(), logits());
            for (squared, columns) in [(false, false), (true, false), (true, true)] {
                let lay = |z: &Array2<A>| if columns { z.t().to_owned() } else { z.clone() };
                let (z_q, z_p) = (lay(&student).into_dyn(), lay(&teacher).into_dyn());
                for reduction in REDUCTIONS.into_iter().filter(|&r| r != AnyReduction::Pointwise) {
                    let criterion = KLDivWithLogitsLoss::new(reduction)
                        .axis(Axis(usize::from(!columns)))
                        .temperature(temperature)
                        .times_temperature_squared(squared);
                    let what = format!(
                        "{} {reduction} {temperature:e} squared {squared} 1e{exponent} {classes}",
                        A::NAME
                    );
                    let value = criterion.forward(&z_q, &z_p).unwrap();
                    let beside = criterion.value_and_grad(&z_q, &z_p).unwrap().0;
                    for value in value.iter().chain(&beside) {
                        assert!(value.to() >= 0.0, "{what}: {value:?}");
                    }
                }
                let terms = KLDivWithLogitsLoss::new(Pointwise)
                    .temperature(temperature)
                    .times_temperature_squared(squared)
                    .generalized(true)
                    .forward(&student, &teacher)
                    .unwrap();
                assert!(terms.iter().all(|term| term.to() >= 0.0), "{temperature:e} {terms:?}");
                let sum = KLDivWithLogitsLoss::new(Sum)
                    .temperature(temperature)
                    .times_temperature_squared(squared);
                let partial = sum.batch(&student, &teacher).unwrap().partial().unwrap();
                let found = [partial.min(), partial.mean()];
                let what = format!("{} {temperature:e} squared {squared} 1e{exponent}", A::NAME);
                assert!(
                    found.iter().all(|&d| d >= 0.0),
                    "{what} {classes}: least and mean {found:?}"
                );
            }
        }
    }
}

#[test]
fn no_divergence_from_logits_is_negative() {
    let exponents = [0, -1, -3, -5, -7, -10, -15, -19, -21, -22, -23, -25, -28, -32, -37];
    check_signs::<f32>(&[1e-18, 1e-10, 1e-3, 1.0, 7.0, 1e5, 1.15e14, 1e18], &exponents);
    let exponents = [0, -5, -10, -16, -20, -50, -100, -150, -155, -160, -161, -165, -200, -250];
    check_signs::<f64>(&[1e-150, 1e-50, 1.0, 7.0, 1e50, 1e150], &exponents);
}

/// As it was found: −3.6e-43.
#[test]
fn a_divergence_below_the_range_of_f32_times_the_square_is_not_negative() {
    let mut random = Random(3);
    for classes in [2, 3, 5, 10, 50, 65, 100] {
        for _ in 0..40 {
            let mut logits = || {
                let z = || (2.5e-14 * (2.0 * random.unit() - 1.0)) as f32;
                Array2::from_shape_simple_fn((3, classes), z)
            };
            let (student, teacher) = (logits(), logits());
            let criterion = KLDivWithLogitsLoss::new(PerDistribution)
                .temperature(1.15e14)
                .times_temperature_squared(true);
            let found = criterion.forward(&student, &teacher).unwrap();
            assert!(found.iter().all(|&divergence| divergence >= 0.0), "{classes}: {found:e}");
        }
    }
}
