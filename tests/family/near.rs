//! From logits every divergence keeps its relative accuracy however close the two sides are.

use kldiv::{Divergence, PerDistribution};
use ndarray::Array2;

use super::common::{Number, Random};
use super::definition::Class;
use super::{EXTREMES, FAMILY, LOGITS, Settings, normal};

/// The classes of a lane of logits. ε = z_p − z_q is exact near equality, and D = ε + ln Σp·e^(−ε), of which ln(1 + x) and
/// e^(−ε) − 1 keep the accuracy.
fn classes(z_q: &[f64], z_p: &[f64]) -> Vec<Class> {
    let peak = z_p.iter().fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
    let weights: Vec<_> = z_p.iter().map(|z| (z - peak).exp()).collect();
    let total: f64 = weights.iter().sum();
    let epsilon: Vec<_> = z_p.iter().zip(z_q).map(|(p, q)| p - q).collect();
    let surplus = weights.iter().zip(&epsilon).map(|(w, e)| w * (-e).exp_m1()).sum::<f64>() / total;
    let class = |(weight, epsilon): (&f64, &f64)| {
        let (p, d) = (weight / total, epsilon + surplus.ln_1p());
        let (log_p, q) = (p.ln(), p * (-d).exp());
        Class { p, q, log_p, log_q: log_p - d, d, d_size: 0.0 }
    };
    weights.iter().zip(&epsilon).map(class).collect()
}

/// The largest relative error of each divergence over so many lanes.
fn worst<A: Number<Wide = A>>(
    divergences: &[Divergence],
    noise: f64,
    classes_of: usize,
    lanes: usize,
) -> Vec<f64> {
    let mut random = Random(1951);
    let teacher =
        Array2::from_shape_simple_fn((lanes, classes_of), || A::of(2.0 * normal(&mut random)));
    let student = teacher.mapv(|z| A::of(z.to() + noise * normal(&mut random)));
    let wide = |array: &Array2<A>, lane: usize| -> Vec<f64> {
        array.row(lane).iter().map(|z| z.to()).collect()
    };
    let all: Vec<_> =
        (0..lanes).map(|lane| classes(&wide(&student, lane), &wide(&teacher, lane))).collect();
    let of = |&divergence: &Divergence| {
        let settings = Settings::new(divergence, LOGITS);
        let found = settings.rows(PerDistribution, &student, &teacher).forward().unwrap();
        found.iter().zip(&all).fold(0.0, |worst: f64, (found, classes)| {
            // The sum of the generalized terms, none of which is negative.
            let terms = classes.iter().map(|class| class.results(divergence, true).term.value);
            let expected: f64 = terms.sum();
            assert!(expected > 0.0);
            worst.max((found.to() - expected).abs() / expected)
        })
    };
    divergences.iter().map(of).collect()
}

/// The worst of all lanes, in `f32` and `f64`.
fn check(divergences: &[Divergence]) {
    let mut worst_of = vec![[0.0_f64; 2]; divergences.len()];
    for (classes, lanes) in [(10, 200), (1000, 10), (32_000, 1)] {
        for noise in [1e-2, 1e-3, 1e-4] {
            let single = worst::<f32>(divergences, noise, classes, lanes);
            let double = worst::<f64>(divergences, noise, classes, lanes);
            for (worst, found) in worst_of.iter_mut().zip(single.iter().zip(&double)) {
                *worst = [worst[0].max(*found.0), worst[1].max(*found.1)];
            }
        }
    }
    let mut excess = vec![];
    for (divergence, &[single, double]) in divergences.iter().zip(&worst_of) {
        println!("{divergence}: {single:.1e} {double:.1e}");
        // 1e-300 is 0 in `f32`.
        let representable = *divergence != Divergence::JensenShannon(1e-300);
        // The reference itself loses some ulp of ε, which is 1e-4 at least: 1e-12.
        if (single > 1e-5 && representable) || double > 2e-12 {
            excess.push(format!("{divergence}: {single:e}, {double:e}"));
        }
    }
    assert!(excess.is_empty(), "relative errors: {excess:#?}");
}

#[test]
fn relative_error_near_equality() {
    check(&FAMILY);
}

#[test]
fn relative_error_near_equality_where_a_parameter_is_near_its_end() {
    check(&EXTREMES);
}
