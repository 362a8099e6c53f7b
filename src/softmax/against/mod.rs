//! The target is given in its own space: the passes over a lane. With ln q at hand the rest is the term of
//! a log-probability, of which the loss from log-probabilities is made.

mod columns;
mod lane;

pub use columns::ColumnsAgainst;
pub use lane::LaneAgainst;

use super::given::{Total, d_logits, log_softmax};
use super::gradient::PerLane;
use super::solver::{Outputs, Settings};
use crate::divergence::Term;
use crate::elementwise::{Ahead, CHUNK, Chunk, Factor, d_target, terms, terms_and_slopes};
use crate::number::Number;
use crate::number::Real;

/// The pass that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    Totals,
    Terms,
}

/// ln q and what is computed of it and of as many targets.
#[derive(Clone, Debug)]
struct Block<T> {
    log_q: [T; CHUNK],
    target: [T; CHUNK],
    terms: [T; CHUNK],
    /// −t.
    slopes: [T; CHUNK],
    shares: [f64; CHUNK],
}

impl<T: Real + Number<Real = T>> Block<T> {
    fn new() -> Self {
        let (zeros, wide) = ([T::ZERO; CHUNK], [0.0; CHUNK]);
        Block { log_q: zeros, target: zeros, terms: zeros, slopes: zeros, shares: wide }
    }

    /// Computes the terms, and −t if gradients are wanted.
    fn fill<K: Term, A: Number<Real = T>>(
        &mut self,
        settings: Settings,
        total: impl PerLane<Total<T>>,
        input: &[A],
        target: impl Iterator<Item = T>,
    ) {
        let (level, len) = (settings.level, input.len());
        log_softmax(level, total, input, &mut self.log_q[..len]);
        self.target.iter_mut().zip(target).for_each(|(to, target)| *to = target);
        let chunk = Chunk { input: &self.log_q[..len], target: &self.target[..len] };
        let ahead = Ahead::NOTHING;
        if settings.gradients {
            let slopes = &mut self.slopes[..len];
            terms_and_slopes::<K, T>(level, chunk, ahead, &mut self.terms[..len], slopes);
        } else {
            terms::<K, T>(level, chunk, ahead, &mut self.terms[..len]);
        }
    }

    /// Factors times t.
    fn share(&mut self, factor: impl Fn(usize) -> f64, len: usize) -> &[f64] {
        for (i, (share, slope)) in self.shares[..len].iter_mut().zip(&self.slopes).enumerate() {
            *share = -slope.to_f64() * factor(i);
        }
        &self.shares[..len]
    }

    /// Terms and gradients: `sums` holds Σ factor·t of each lane.
    fn outputs<K: Term, A: Number<Real = T>>(
        &mut self,
        settings: Settings,
        sums: impl PerLane<f64>,
        factor: impl Fn(usize) -> f64,
        len: usize,
        out: Outputs<'_, A>,
    ) {
        let Settings { level, rate, .. } = settings;
        if let Some(out) = out.terms {
            out.copy_from_slice(&self.terms[..len]);
        }
        if let Some(out) = out.d_input {
            self.share(|i| factor(i) * rate, len);
            d_logits(level, sums, &self.log_q[..len], &self.shares[..len], out);
        }
        if let Some(out) = out.d_target {
            let chunk = Chunk { input: &self.log_q[..len], target: &self.target[..len] };
            let slopes = &mut self.terms[..len];
            d_target::<K, T>(level, chunk, Factor::Uniform(1.0), slopes);
            for (i, (out, slope)) in out.iter_mut().zip(slopes).enumerate() {
                let (factor, nan) = (factor(i), self.log_q[i].is_nan() | self.target[i].is_nan());
                // 0 · ∞ = 0, and rounded once.
                let vanishes = (factor == 0.0) & !nan;
                *out = A::narrow(if vanishes { 0.0 } else { slope.to_f64() * factor });
            }
        }
    }
}
