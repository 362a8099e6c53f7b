//! The divergence keeps its relative accuracy however close the two sides are.

use kldiv::{KLDivWithLogitsLoss, PerDistribution};
use ndarray::Array2;

use super::common::{Number, Random};

/// KL(p ‖ q) = ln Σp·e^(−δ) + Σp·δ, as Σp·φ(δ − m) with m = Σp·δ, in f64.
fn exact(z_q: &[f64], z_p: &[f64]) -> f64 {
    let peak = z_p.iter().fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
    let weights: Vec<_> = z_p.iter().map(|z| (z - peak).exp()).collect();
    let total: f64 = weights.iter().sum();
    let delta: Vec<_> = z_p.iter().zip(z_q).map(|(p, q)| p - q).collect();
    let mean = weights.iter().zip(&delta).map(|(w, d)| w * d).sum::<f64>() / total;
    // Σ (−d)ᵏ/k! from k = 2 on, all terms that count for |d| ≤ 1.
    let phi = |d: f64| {
        let (mut term, mut sum) = (-d, 0.0);
        for k in 2..25 {
            term *= -d / f64::from(k);
            sum += term;
        }
        sum
    };
    let sums = weights.iter().zip(&delta);
    let curvature = sums.map(|(w, d)| w * phi(d - mean)).sum::<f64>() / total;
    curvature.ln_1p()
}

/// The largest relative error over so many lanes.
fn worst<A: Number<Wide = A>>(noise: f64, classes: usize, lanes: usize) -> f64 {
    let mut random = Random(1951);
    let mut normal = || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
    let teacher = Array2::from_shape_simple_fn((lanes, classes), || A::of(normal()));
    let student = teacher.mapv(|z| A::of(z.to() + noise * normal()));
    let found = KLDivWithLogitsLoss::new(PerDistribution).forward(&student, &teacher).unwrap();
    let wide = |array: &Array2<A>, lane: usize| -> Vec<f64> {
        array.row(lane).iter().map(|z| z.to()).collect()
    };
    (0..lanes).fold(0.0, |worst: f64, lane| {
        let expected = exact(&wide(&student, lane), &wide(&teacher, lane));
        worst.max((found[lane].to() - expected).abs() / expected)
    })
}

#[test]
fn relative_error_near_equality() {
    for (classes, lanes) in [(10, 300), (1000, 20), (32_000, 2)] {
        for noise in [1e-2, 1e-3, 1e-4, 1e-6] {
            let error = worst::<f32>(noise, classes, lanes);
            assert!(error < 4e-7, "{classes} classes, noise {noise}: {error:e}");
            let error = worst::<f64>(noise, classes, lanes);
            assert!(error < 1e-13, "{classes} classes, noise {noise}: {error:e}");
        }
    }
}
