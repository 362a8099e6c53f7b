use super::accuracy::{Worst, f32_ulps, over_all_f32};
use crate::number::{Eta, Growth};

/// The worst of all eᶻ, eᶻ − 1 and eᶻ − 1 − z with |z| ≤ 40, in ulp.
const GROWTH: [Worst<f32>; 3] = [
    Worst { error: 2.319_04, input: -39.510_66 },
    Worst { error: 2.316_99, input: 39.507_904 },
    Worst { error: 2.893_68, input: 0.021_988_925 },
];
/// The worst of all η(w).
const ETA: Worst<f32> = Worst { error: 2.949_83, input: -0.015_485_856 };

/// eᶻ − 1 − z = z²/2·(1 + z/3·(1 + z/4·(…))), which does not cancel near 0.
fn phi(z: f64) -> f64 {
    let series = || (3..15).rev().fold(1.0, |sum, n| 1.0 + sum * z / f64::from(n));
    if z.abs() < 0.1 { z * z / 2.0 * series() } else { z.exp_m1() - z }
}

/// (1 + w)·ln(1 + w) − w = w²/2 − w³/6 + w⁴/12 − …
fn eta(w: f64) -> f64 {
    let series = || (2..14).map(|n| (-w).powi(n) / f64::from(n * (n - 1))).sum();
    if w.abs() < 0.02 { series() } else { (1.0 + w) * w.ln_1p() - w }
}

fn errors_of_growth(z: f32) -> [f64; 3] {
    if !(z.abs() <= 40.0 && z * z > 1e-30) {
        return [0.0; 3];
    }
    let (Growth { power, growth, phi: of_z }, wide) = (Growth::of(z), f64::from(z));
    let found = [power, growth, of_z].map(f64::from);
    let exact = [wide.exp(), wide.exp_m1(), phi(wide)];
    std::array::from_fn(|i| f32_ulps(found[i], exact[i]))
}

fn error_of_eta(w: f32) -> [f64; 1] {
    let is_in_range = (-0.5..=-1e-15).contains(&w);
    [if is_in_range { f32_ulps(f64::from(f32::eta(w)), eta(f64::from(w))) } else { 0.0 }]
}

#[test]
fn every_4099th_f32() {
    for (worst, stated) in over_all_f32(4099, errors_of_growth).into_iter().zip(GROWTH) {
        worst.assert_within(stated);
    }
    let [worst] = over_all_f32(4099, error_of_eta);
    worst.assert_within(ETA);
}

/// Both precisions compute the same function.
#[test]
fn double_precision() {
    for i in 1..10_000 {
        let w = -f64::from(i) / 20_000.0;
        let (found, expected) = (f64::eta(w), eta(w));
        assert!((found - expected).abs() <= 1e-13 * expected, "{w}: {found:e}, not {expected:e}");
        let z = 80.0 * w;
        let Growth { power, growth, phi: of_z } = Growth::of(z);
        for (found, expected) in [(power, z.exp()), (growth, z.exp_m1()), (of_z, phi(z))] {
            assert!(
                (found - expected).abs() <= 2e-14 * expected.abs(),
                "{z}: {found:e}, not {expected:e}"
            );
        }
    }
}
