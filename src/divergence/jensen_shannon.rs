//! The Jensen–Shannon divergence β·KL(p ‖ m) + (1−β)·KL(q ‖ m) with m = βp + (1−β)q.
//!
//! With w = (1−β)·expm1(−D) and v = β·expm1(D), m = p·(1 + w) = q·(1 + v), so that
//!
//! > F = β·p·(w − log1p(w)) + (1−β)·q·(v − log1p(v)),
//!
//! since β·p·w + (1−β)·q·v = 0. Both parts are at least 0, and nothing cancels near p = q.
//!
//! ∂/∂(ln q) = −(1−β)·q·log1p(v), ∂/∂p = −β·log1p(w).

use super::{Divergence, Pair, zero_unless_nan};
use crate::number::{Real, exp_minus_1, ln, ln_1p};

/// The Jensen–Shannon divergence with the target's weight β, 0 < β < 1.
#[derive(Clone, Copy, Debug)]
pub struct JensenShannon(pub f64);

impl JensenShannon {
    /// (w, v): m/p − 1 and m/q − 1.
    #[inline(always)]
    fn ratios<T: Real>(self, d: T) -> (T, T) {
        let (beta, rest) = (T::from_f64(self.0), T::from_f64(1.0 - self.0));
        (rest * exp_minus_1(-d), beta * exp_minus_1(d))
    }

    /// ln(p/m) = −log1p(w) and ln(q/m) = −log1p(v) of any D. Where one ratio overflows, it follows from the other:
    /// ln(q/m) = ln(p/m) − D.
    #[inline(always)]
    fn logs<T: Real>(self, d: T) -> (T, T) {
        let (w, v) = self.ratios(d);
        let (log_p, log_q) = (-ln_1p(w).0, -ln_1p(v).0);
        let large = T::from_f64(8.0);
        (if d < -large { log_q + d } else { log_p }, if d > large { log_p - d } else { log_q })
    }
}

impl Divergence for JensenShannon {
    const USES_Q: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let Pair { p, q, log_ratio: d, .. } = pair;
        let (beta, rest) = (T::from_f64(self.0), T::from_f64(1.0 - self.0));
        let (w, v) = self.ratios(d);
        let near = (beta * p).mul_add(-ln_1p(w).1, rest * q * -ln_1p(v).1);
        let (log_p, log_q) = self.logs(d);
        let far = (beta * p).mul_add(log_p, rest * q * log_q);
        let term = if d.abs() <= T::from_f64(8.0) { near } else { far };
        // Adding 0 makes a zero positive.
        let term = term + T::ZERO;
        if !CAREFUL {
            return term;
        }
        let without_q = beta * p * -T::from_f64(ln(self.0));
        let without_p = rest * q * -T::from_f64(ln_1p(-self.0).0);
        let nan = zero_unless_nan(p) + zero_unless_nan(pair.log_q) + zero_unless_nan(pair.log_p);
        let term = if q == T::ZERO { without_q } else { term };
        let term = if p == T::ZERO { without_p } else { term };
        let term = if (p == T::ZERO) & (q == T::ZERO) { T::ZERO } else { term };
        term + nan
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        // Adding 0 makes a zero positive.
        let slope =
            (T::from_f64(1.0 - self.0) * pair.q).mul_add(self.logs(pair.log_ratio).1, T::ZERO);
        if !CAREFUL {
            return slope;
        }
        let without_p = T::from_f64(1.0 - self.0) * pair.q * -T::from_f64(ln_1p(-self.0).0);
        let slope = if pair.is_absent_in_p() { without_p } else { slope };
        let slope = if pair.q == T::ZERO { T::ZERO } else { slope };
        slope + (zero_unless_nan(pair.p) + zero_unless_nan(pair.log_q))
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let slope = T::from_f64(self.0).mul_add(self.logs(pair.log_ratio).0, T::ZERO);
        if !CAREFUL {
            return slope;
        }
        let without_q = T::from_f64(-self.0 * ln(self.0));
        let slope = if pair.is_absent_in_q() { without_q } else { slope };
        let slope =
            if pair.is_absent_in_p() & !pair.is_absent_in_q() { -T::INFINITY } else { slope };
        slope + (zero_unless_nan(pair.p) + zero_unless_nan(pair.log_q))
    }
}
