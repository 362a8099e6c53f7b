//! The target is given in its own space: the passes over a lane. With ln q at hand the rest is the term of
//! a log-probability, of which the loss from log-probabilities is made.

mod columns;
mod lane;

pub use columns::ColumnsAgainst;
pub use lane::LaneAgainst;

use super::given::{Total, d_logits, log_softmax};
use super::gradient::PerLane;
use super::solver::{Outputs, Settings};
use crate::divergence::Kernel;
use crate::elementwise::{Factors, Operands, Prefetch, TILE, d_target, terms, terms_and_slopes};
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
    log_q: [T; TILE],
    target: [T; TILE],
    terms: [T; TILE],
    /// −t.
    slopes: [T; TILE],
    shares: [f64; TILE],
}

impl<T: Real + Number<Real = T>> Block<T> {
    fn new() -> Self {
        let (zeros, wide) = ([T::ZERO; TILE], [0.0; TILE]);
        Block { log_q: zeros, target: zeros, terms: zeros, slopes: zeros, shares: wide }
    }

    /// Computes the terms, and −t if gradients are wanted.
    fn fill<K: Kernel, A: Number<Real = T>>(
        &mut self,
        kernel: K,
        settings: Settings,
        total: impl PerLane<Total<T>>,
        input: &[A],
        target: impl Iterator<Item = T>,
    ) {
        let (level, len) = (settings.level, input.len());
        log_softmax(level, total, input, &mut self.log_q[..len]);
        self.target.iter_mut().zip(target).for_each(|(to, target)| *to = target);
        let chunk = Operands { input: &self.log_q[..len], target: &self.target[..len] };
        let ahead = Prefetch::NOTHING;
        if settings.gradients {
            let slopes = &mut self.slopes[..len];
            terms_and_slopes(level, kernel, chunk, ahead, &mut self.terms[..len], slopes);
        } else {
            terms(level, kernel, chunk, ahead, &mut self.terms[..len]);
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
    fn outputs<K: Kernel, A: Number<Real = T>>(
        &mut self,
        kernel: K,
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
            let chunk = Operands { input: &self.log_q[..len], target: &self.target[..len] };
            let slopes = &mut self.terms[..len];
            d_target(level, kernel, chunk, Factors::Uniform(1.0), slopes);
            for (i, (out, slope)) in out.iter_mut().zip(slopes).enumerate() {
                let (factor, nan) = (factor(i), self.log_q[i].is_nan() | self.target[i].is_nan());
                // 0 · ∞ = 0, and rounded once.
                let vanishes = (factor == 0.0) & !nan;
                *out = A::narrow(if vanishes { 0.0 } else { slope.to_f64() * factor });
            }
        }
    }
}
