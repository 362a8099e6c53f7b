//! The skew divergence KL(p ‖ m) to the mixture m = αp + (1−α)q.
//!
//! | | F | ∂/∂(ln q) | ∂/∂p | ∂/∂q |
//! |---|---|---|---|---|
//! | plain | −p·ln(m/p) | −(1−α)·q·p/m | 1 − ln(m/p) − α·p/m | −(1−α)·p/m |
//! | generalized | p·(w − log1p(w)), w = m/p − 1 | (1−α)·q·(1 − p/m) | α·(1 − p/m) − ln(m/p) | (1−α)·(1 − p/m) |
//!
//! The generalized form is the plain one plus (1−α)·(q − p). Everything but p and q follows from D, by [`Mixture`].

use super::formula::{Forms, Formula, Pair, times};
use super::reversed::OneSided;
use crate::number::{Growth, LnOfSum, Real, ln, ln_of_sum};

/// The mixture m = s·p + (1−s)·q of two sides, from D = ln p − ln q.
///
/// With e = e^(−D) − 1 and w = (1−s)·e, m = p·(1 + w). w is right to a few ulp of itself, and so are ln(1 + w) and w − ln(1 + w):
/// where w > −½ they are computed from w, elsewhere from s + (1−s)·e^(−D), whose summands are positive.
#[derive(Clone, Copy)]
pub struct Mixture<T> {
    /// e.
    pub growth: T,
    /// φ(D) = e^(−D) − 1 + D.
    pub phi: T,
    /// w. For D below the least exponent it is that of a greater D.
    pub w: T,
    /// m/p = 1 + w.
    pub ratio: T,
    /// w − ln(1 + w) ≥ 0.
    pub gap: T,
    /// ln(m/p).
    pub log_p: T,
    /// ln(m/q).
    pub log_q: T,
    /// p/m.
    pub share_p: T,
    /// q/m.
    pub share_q: T,
}

/// The weights of the two sides in a mixture.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// The weight s of p, 0 < s < 1.
    pub s: f64,
    /// 1 − s.
    pub rest: f64,
    /// ln s and ln(1 − s).
    logs: [f64; 2],
}

impl Shares {
    /// The weights s and 1 − s, of which the smaller one is exact.
    pub fn new(s: f64, rest: f64) -> Self {
        let log = |share: f64, rest: f64| match rest < 0.5 {
            true => ln_of_sum(share, -rest, 0.0).log,
            false => ln(share),
        };
        Shares { s, rest, logs: [log(s, rest), log(rest, s)] }
    }
}

impl<T: Real> Mixture<T> {
    /// The mixture. `EVEN` promises that s is at least ½.
    #[inline(always)]
    pub fn of<const CAREFUL: bool, const EVEN: bool>(shares: Shares, d: T) -> Self {
        let (s, rest) = (T::from_f64(shares.s), T::from_f64(shares.rest));
        // Farther out e^(−D) overflows, or adds nothing to a share that is not tiny.
        let bound = -(T::LOWEST + T::from_f64(4.0));
        let low = if CAREFUL & (d < -bound) { -bound } else { d };
        let bounded = if CAREFUL & (low > bound) { bound } else { low };
        let Growth { power, growth, phi } = Growth::of(-bounded);
        let without_q = CAREFUL & (d == T::INFINITY);
        let power = if without_q { T::ZERO } else { power };
        let growth = if without_q { -T::ONE } else { growth };
        let w = rest * growth;
        let is_low = !EVEN & (w < T::from_f64(-0.5));
        let ratio = if is_low { rest.mul_add(power, s) } else { T::ONE + w };
        let LnOfSum { log, less_w, less_x } = ln_of_sum(ratio, w, -bounded);
        let (log_p, log_q) = match CAREFUL {
            true if d == T::INFINITY => (T::from_f64(shares.logs[0]), d),
            true if d == -T::INFINITY => (-d, T::from_f64(shares.logs[1])),
            // A share may be less than e^(−D) even there.
            true if d > bound => {
                let [of_s, of_rest] = shares.logs.map(T::from_f64);
                let log = if of_s > of_rest - d { of_s } else { of_rest - d };
                (log, log + d)
            }
            true => (log + (low - d), less_x + (low - bounded)),
            false => (log, less_x),
        };
        let inverse = T::ONE / ratio;
        let without_p = CAREFUL & (d == -T::INFINITY);
        let share_p = if without_p { T::ZERO } else { inverse };
        let share_q = if without_q { T::ZERO } else { power * inverse };
        Mixture { growth, phi, w, ratio, gap: -less_w, log_p, log_q, share_p, share_q }
    }
}

/// KL(p ‖ αp + (1−α)q), or its generalized form.
#[derive(Clone, Copy, Debug)]
pub struct Skew {
    shares: Shares,
    forms: Forms,
}

impl Skew {
    /// The divergence with 0 < α < 1.
    pub fn new(alpha: f64, forms: Forms) -> Self {
        Skew { shares: Shares::new(alpha, 1.0 - alpha), forms }
    }

    /// The mixture, 1 − α, and 0 or NaN.
    #[inline(always)]
    fn mixture<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (Mixture<T>, T, T) {
        let (d, nan) = pair.ratio::<CAREFUL>();
        (Mixture::of::<CAREFUL, false>(self.shares, d), T::from_f64(self.shares.rest), nan)
    }
}

impl Formula for Skew {
    const USES_Q: bool = true;
    const IS_NARROW: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let ((m, rest, nan), Pair { p, q, .. }) = (self.mixture::<T, CAREFUL>(pair), pair);
        let plain = p * -m.log_p;
        // p·w = (1−α)·(q − p), which is more accurate where w is large.
        let far = rest.mul_add(q - p, plain);
        let generalized = if m.w > T::ONE { far } else { p * m.gap };
        let generalized = if generalized < T::ZERO { T::ZERO } else { generalized };
        if !CAREFUL {
            // Adding 0 makes a zero positive.
            return if self.forms.generalized_terms() { generalized } else { plain } + T::ZERO;
        }
        // A target that underflows weighs nothing beside a model that is finite.
        let weightless = (p == T::ZERO) & (pair.is_absent_in_p() | (pair.log_q != T::INFINITY));
        let plain = if weightless { T::ZERO } else { plain };
        let plain = if (p == T::ZERO) & !weightless { -T::INFINITY } else { plain };
        let generalized = if p == T::ZERO { rest * q } else { generalized };
        let is_infinite = ((p == T::INFINITY) | (q == T::INFINITY)) & (pair.log_ratio != T::ZERO);
        let generalized = if is_infinite { T::INFINITY } else { generalized };
        let term = if self.forms.generalized_terms() { generalized } else { plain };
        (if pair.log_ratio == T::ZERO { T::ZERO } else { term }) + nan
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let ((m, rest, nan), Pair { p, q, log_ratio, .. }) =
            (self.mixture::<T, CAREFUL>(pair), pair);
        // q·p/m, from the side that is small.
        let both = if log_ratio >= T::ZERO { q * m.share_p } else { p * m.share_q };
        let slope = if self.forms.generalized_slopes() {
            rest * q * (m.w * m.share_p)
        } else {
            -(rest * both)
        };
        let slope = if CAREFUL & (log_ratio == -T::INFINITY) & self.forms.generalized_slopes() {
            rest * q
        } else {
            slope
        };
        let slope = if CAREFUL & (q == T::ZERO) { T::ZERO } else { slope };
        slope + nan
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let pair = pair.without_q_first::<CAREFUL>();
        let (m, rest, nan) = self.mixture::<T, CAREFUL>(pair);
        // 1 − α·p/m = (1−α)·q/m.
        let plain = rest * m.share_q;
        let generalized = T::from_f64(self.shares.s) * (m.w * m.share_p);
        let is_limit = CAREFUL & (pair.log_ratio == T::INFINITY);
        let generalized = if is_limit { -rest } else { generalized };
        (if self.forms.generalized_slopes() { generalized } else { plain }) - m.log_p + nan
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        times::<T, CAREFUL>(pair.p, self.d_p::<T, CAREFUL>(pair))
    }
}

impl OneSided for Skew {
    #[inline(always)]
    fn d_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (m, rest, nan) = self.mixture::<T, CAREFUL>(pair);
        let lack_p = m.w * m.share_p;
        let without_p = CAREFUL & (pair.log_ratio == -T::INFINITY);
        let lack_p = if without_p { T::ONE } else { lack_p };
        // Adding 0 makes a zero positive.
        rest * (if self.forms.generalized_slopes() { lack_p } else { -m.share_p }) + nan + T::ZERO
    }
}
