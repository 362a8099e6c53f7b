//! The family of divergences: laws, special values, accuracy, gradients, bits and settings.

#[allow(dead_code)]
#[path = "../scales/big.rs"]
mod big;
#[path = "../common/mod.rs"]
mod common;

mod bits;
mod definition;
mod face;
mod gradients;
mod lane;
mod laws;
mod laws_of_terms;
mod near;
mod pinned;
mod settings;
mod special;
mod special_logits;
mod terms;

use common::Random;
pub use face::{FACES, Face, LOGITS, LOGS, Settings};
use kldiv::Divergence;
use ndarray::Array2;

/// Every divergence, those with a parameter at several.
pub const FAMILY: [Divergence; 13] = [
    Divergence::Forward,
    Divergence::Reverse,
    Divergence::Symmetric(0.3),
    Divergence::Symmetric(0.9),
    Divergence::Jeffreys,
    Divergence::JensenShannon(0.5),
    Divergence::JensenShannon(0.3),
    Divergence::JensenShannon(0.9),
    Divergence::Skew(0.1),
    Divergence::Skew(0.75),
    Divergence::SkewReverse(0.1),
    Divergence::SkewReverse(0.75),
    Divergence::TotalVariation,
];

/// Parameters close to the ends of their range.
pub const EXTREMES: [Divergence; 8] = [
    Divergence::JensenShannon(1e-300),
    Divergence::JensenShannon(1e-9),
    Divergence::JensenShannon(1.0 - 1e-9),
    Divergence::Symmetric(1e-9),
    Divergence::Symmetric(1.0 - 1e-9),
    Divergence::Skew(1e-9),
    Divergence::Skew(1.0 - 1e-9),
    Divergence::SkewReverse(1e-9),
];

/// Normal noise, nearly.
pub fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
}

/// ln softmax of each row, in `f64`.
pub fn log_softmax(logits: &Array2<f64>) -> Array2<f64> {
    let mut logs = logits.clone();
    for mut row in logs.rows_mut() {
        let peak = row.fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
        let sum: f64 = row.iter().map(|z| (z - peak).exp()).sum();
        row.mapv_inplace(|z| z - peak - sum.ln());
    }
    logs
}
