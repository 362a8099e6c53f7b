//! The Jensen–Shannon divergence β·KL(p ‖ m) + (1−β)·KL(q ‖ m) with m = βp + (1−β)q.
//!
//! ∂/∂(ln q) = −(1−β)·q·ln(m/q), ∂/∂p = −β·ln(m/p).
//!
//! [`EqualWeights`](super::equal_weights::EqualWeights) has β = ½. Of any other [`Weights`], for β ≥ ½, with e = e^(−D) − 1,
//! w = (1−β)·e and m = p·(1 + w),
//!
//! > F = −β·p·ln(m/p) − (1−β)·q·ln(m/q) = p·[(1 + w)·(w − log1p(w)) − (1−β)·(φ(D)·(1 + e) − β·e²)].
//!
//! The second form, in which little cancels near p = q, is used where |D| ≤ ln 2, and the first elsewhere. For β < ½ the sides
//! are exchanged, since JS_β(p, q) = JS_(1−β)(q, p): the second form cancels as β → 0.

use super::formula::{Formula, Pair, times};
use super::skew::{Mixture, Shares};
use crate::number::Real;

/// The Jensen–Shannon divergence with weights of some kind.
#[derive(Clone, Copy, Debug)]
pub struct JensenShannon<W>(pub W);

/// The weights β and 1 − β, and how the divergence is computed with them.
pub trait Weights: Copy + Send + Sync + 'static {
    /// As [`Formula::TERM_READS_GREATER`].
    const TERM_READS_GREATER: bool;
    /// F, before rounding errors below 0 and special values are mended. `d` is D, or 0 where that is NaN.
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>, d: T) -> T;
    /// ∂F/∂p and ∂F/∂q, to which `nan` is added.
    fn slopes<T: Real, const CAREFUL: bool>(self, d: T, nan: T) -> (T, T);
}

impl<W: Weights> JensenShannon<W> {
    #[inline(always)]
    fn slopes<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (T, T) {
        let (d, nan) = pair.ratio::<CAREFUL>();
        self.0.slopes::<T, CAREFUL>(d, nan)
    }
}

impl<W: Weights> Formula for JensenShannon<W> {
    const USES_Q: bool = true;
    const TERM_READS_GREATER: bool = W::TERM_READS_GREATER;
    const IS_NARROW: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    fn has_one_form(self) -> bool {
        true
    }

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let ((d, nan), Pair { p, q, .. }) = (pair.ratio::<CAREFUL>(), pair);
        let term = self.0.term::<T, CAREFUL>(pair, d);
        // Rounding may leave less than nothing. Adding 0 makes a zero positive.
        let term = if term < T::ZERO { T::ZERO } else { term } + T::ZERO;
        if !CAREFUL {
            return term;
        }
        let is_infinite = ((p == T::INFINITY) | (q == T::INFINITY)) & (d != T::ZERO);
        let term = if d == T::ZERO { T::ZERO } else { term };
        (if is_infinite { T::INFINITY } else { term }) + nan
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        times::<T, CAREFUL>(pair.q, self.slopes::<T, CAREFUL>(pair).1)
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        self.slopes::<T, CAREFUL>(pair.without_q_first::<CAREFUL>()).0 + T::ZERO
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        times::<T, CAREFUL>(pair.p, self.slopes::<T, CAREFUL>(pair).0)
    }
}

/// Any weights.
#[derive(Clone, Copy, Debug)]
pub struct AnyWeights {
    /// Whether p and q are exchanged, so that p has the greater share.
    swapped: bool,
    /// The shares of the mixture.
    shares: Shares,
}

impl AnyWeights {
    /// The target's weight β, 0 < β < 1, and 1 − β.
    pub fn new(beta: f64) -> Self {
        let swapped = beta < 0.5;
        let (share, rest) = if swapped { (1.0 - beta, beta) } else { (beta, 1.0 - beta) };
        AnyWeights { swapped, shares: Shares::new(share, rest) }
    }

    /// The mixture from the side with the greater share, and its D.
    #[inline(always)]
    fn mixture<T: Real, const CAREFUL: bool>(self, d: T) -> Mixture<T> {
        Mixture::of::<CAREFUL, true>(self.shares, if self.swapped { -d } else { d })
    }
}

impl Weights for AnyWeights {
    const TERM_READS_GREATER: bool = false;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>, d: T) -> T {
        let (s, rest) = (T::from_f64(self.shares.s), T::from_f64(self.shares.rest));
        let Pair { p, q, .. } = if self.swapped { pair.swapped() } else { pair };
        let m = self.mixture::<T, CAREFUL>(d);
        let (e, phi) = (m.growth, m.phi);
        let both = phi.mul_add(e, phi) - s * e * e;
        let near = p * m.ratio.mul_add(m.gap, -(rest * both));
        let far = times::<T, CAREFUL>(s * p, -m.log_p) + times::<T, CAREFUL>(rest * q, -m.log_q);
        if d.abs() <= T::LN_2 { near } else { far }
    }

    #[inline(always)]
    fn slopes<T: Real, const CAREFUL: bool>(self, d: T, nan: T) -> (T, T) {
        let m = self.mixture::<T, CAREFUL>(d);
        // A share may be too small for the computing type.
        let scaled = |share: f64, log: T| match CAREFUL & (log == T::INFINITY) {
            true => -log + nan,
            false => T::from_f64(share).mul_add(-log, nan),
        };
        let greater = scaled(self.shares.s, m.log_p);
        let lesser = scaled(self.shares.rest, m.log_q);
        if self.swapped { (lesser, greater) } else { (greater, lesser) }
    }
}
