//! Divergences: what one class contributes, and its derivatives. One file implements one divergence.
//!
//! Every loss here is a sum Σ F(p, D) over the classes, with p the target's probability, q the model's, and
//! D = ln p − ln q. A [`Divergence`] is F. A [`Source`](source::Source) makes p, q and D of the numbers of the operands.
//!
//! One principle decides every special value: 0 · ±∞ = 0, derivatives at 0 are one-sided limits, there is no epsilon, and
//! NaN comes through.

mod choice;
mod forward;
#[cfg(test)]
mod jensen_shannon;
#[cfg(test)]
mod reverse;
mod source;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use choice::{Choice, Work};
pub(crate) use source::Kernel;

use forward::{Forward, GeneralizedForward};
use source::{Between, LogProbabilities, Probabilities};

use crate::number::Real;

/// One class of a target p and a model q.
#[derive(Clone, Copy, Debug)]
pub struct Pair<T> {
    /// The target's probability p.
    pub p: T,
    /// The model's probability q. A divergence that reads it says so by [`Divergence::USES_Q`].
    #[cfg_attr(not(test), expect(dead_code, reason = "the generalized form computes its own q"))]
    pub q: T,
    /// D = ln p − ln q, with its full relative accuracy near p = q. NaN where both are 0.
    pub log_ratio: T,
    /// ln p, which is −∞ only where the target excludes the class, not where p underflows. Read with special care only.
    pub log_p: T,
    /// ln q, −∞ only where the model excludes the class. Read with special care, or by a divergence that uses q.
    pub log_q: T,
}

/// A divergence: F(p, D) and its derivatives. The value is the setting, with its parameters.
///
/// With `CAREFUL` false a method may assume that p, q and D are finite. p and q are then normal numbers, or p is 0 where
/// [`ALLOWS_ZERO_P`](Self::ALLOWS_ZERO_P) says so; eᴰ and e^(−D) may overflow. Both versions give the same bits wherever that
/// holds.
pub trait Divergence: Copy + Send + Sync + 'static {
    /// Whether the term or its derivatives read q, or ln q without special care.
    const USES_Q: bool;
    /// Whether a class with p = 0 and a finite ln q needs no special care: D is then some finite number.
    const ALLOWS_ZERO_P: bool;

    /// F.
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
    /// ∂F/∂(ln q).
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
    /// Both of them.
    #[inline(always)]
    fn term_and_d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (T, T) {
        (self.term::<T, CAREFUL>(pair), self.d_log_q::<T, CAREFUL>(pair))
    }
    /// ∂F/∂p.
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
    /// ∂F/∂(ln p) = p·∂F/∂p.
    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        pair.times_p::<CAREFUL>(self.d_p::<T, CAREFUL>(pair))
    }
}

impl<T: Real> Pair<T> {
    /// Whether the target excludes the class.
    #[inline(always)]
    pub fn is_absent_in_p(&self) -> bool {
        self.log_p == -T::INFINITY
    }

    /// Whether the model excludes the class.
    #[inline(always)]
    pub fn is_absent_in_q(&self) -> bool {
        self.log_q == -T::INFINITY
    }

    /// p·factor, where factor is D plus a constant: 0 · ±∞ = 0 where the target excludes the class, and ±∞ where only ln q is
    /// infinite, even if p underflows. Every zero is positive.
    #[inline(always)]
    pub fn times_p<const CAREFUL: bool>(self, factor: T) -> T {
        let product = self.p.mul_add(factor, T::ZERO);
        if !CAREFUL {
            return product;
        }
        let product = if self.log_q.abs() == T::INFINITY { factor } else { product };
        let underflows = (self.p == T::ZERO) & (self.log_q.abs() <= T::MAX);
        let vanishes = self.is_absent_in_p() | underflows | (factor == T::ZERO);
        if vanishes { zero_unless_nan(self.log_q) } else { product }
    }
}

/// 0, or NaN where the number is.
#[inline(always)]
fn zero_unless_nan<T: Real>(number: T) -> T {
    if number.is_nan() { number } else { T::ZERO }
}
