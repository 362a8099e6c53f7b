//! The Jensen–Shannon divergence β·KL(p ‖ m) + (1−β)·KL(q ‖ m) with m = βp + (1−β)q.
//!
//! For β ≥ ½, with e = e^(−D) − 1, w = (1−β)·e and m = p·(1 + w),
//!
//! > F = −β·p·ln(m/p) − (1−β)·q·ln(m/q) = p·[(1 + w)·(w − log1p(w)) − (1−β)·(φ(D)·(1 + e) − β·e²)].
//!
//! The second form, in which little cancels near p = q, is used where |D| ≤ ln 2, and the first elsewhere. For β < ½ the sides
//! are exchanged, since JS_β(p, q) = JS_(1−β)(q, p): the second form cancels as β → 0.
//!
//! ∂/∂(ln q) = −(1−β)·q·ln(m/q), ∂/∂p = −β·ln(m/p).

use super::formula::{Formula, Pair, times};
use super::skew::{Mixture, Shares};
use crate::number::Real;

/// The Jensen–Shannon divergence.
#[derive(Clone, Copy, Debug)]
pub struct JensenShannon {
    /// Whether p and q are exchanged, so that p has the greater share.
    swapped: bool,
    /// The shares of the mixture.
    shares: Shares,
}

impl JensenShannon {
    /// The divergence with the target's weight β, 0 < β < 1.
    pub fn new(beta: f64) -> Self {
        let swapped = beta < 0.5;
        let (share, rest) = if swapped { (1.0 - beta, beta) } else { (beta, 1.0 - beta) };
        JensenShannon { swapped, shares: Shares::new(share, rest) }
    }

    /// The pair whose p has the greater share.
    #[inline(always)]
    fn turned<T: Real>(self, pair: Pair<T>) -> Pair<T> {
        if self.swapped { pair.swapped() } else { pair }
    }

    /// ∂F/∂p and ∂F/∂q.
    #[inline(always)]
    fn slopes<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (T, T) {
        let (d, nan) = self.turned(pair).ratio::<CAREFUL>();
        let m = Mixture::of::<CAREFUL, true>(self.shares, d);
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

impl Formula for JensenShannon {
    const USES_Q: bool = true;
    const IS_NARROW: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    fn has_one_form(self) -> bool {
        true
    }

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (s, rest) = (T::from_f64(self.shares.s), T::from_f64(self.shares.rest));
        let pair = self.turned(pair);
        let ((d, nan), Pair { p, q, .. }) = (pair.ratio::<CAREFUL>(), pair);
        let m = Mixture::of::<CAREFUL, true>(self.shares, d);
        let (e, phi) = (m.growth, m.phi);
        let both = phi.mul_add(e, phi) - s * e * e;
        let near = p * m.ratio.mul_add(m.gap, -(rest * both));
        let far = times::<T, CAREFUL>(s * p, -m.log_p) + times::<T, CAREFUL>(rest * q, -m.log_q);
        let term = if d.abs() <= T::LN_2 { near } else { far };
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
