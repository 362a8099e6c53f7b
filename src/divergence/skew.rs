//! The skew divergence KL(p ‖ m) to the mixture m = αp + (1−α)q.
//!
//! | | F | ∂/∂(ln q) | ∂/∂p | ∂/∂q |
//! |---|---|---|---|---|
//! | plain | −p·ln(m/p) | −(1−α)·q·p/m | 1 − ln(m/p) − α·p/m | −(1−α)·p/m |
//! | generalized | p·(w − log1p(w)), w = m/p − 1 | (1−α)·q·(1 − p/m) | α·(1 − p/m) − ln(m/p) | (1−α)·(1 − p/m) |
//!
//! The generalized form is the plain one plus (1−α)·(q − p). Everything but p and q follows from D, by [`Mixture`].

use super::formula::{Formula, Pair};
use super::reversed::OneSided;
use crate::number::{Real, ln, ln_of_sum, reduced};

/// The mixture m = s·p + (1−s)·q of two sides, from D = ln p − ln q.
///
/// With e = e^(−D) − 1, w = (1−s)·e and m = p·(1 + w): where |D| ≤ ln 2, ln(m/p) and w − log1p(w) are computed from w without
/// cancellation. Elsewhere m is taken over the larger side, (s + (1−s)·e^(−D))·p or (1 − s + s·e^D)·q, which neither overflows
/// nor loses a small share.
#[derive(Clone, Copy)]
pub struct Mixture<T> {
    /// Whether |D| ≤ ln 2.
    pub is_near: bool,
    /// e^(−D) − 1, where near.
    pub growth: T,
    /// φ(D) = e^(−D) − 1 + D, where near.
    pub phi: T,
    /// m over p where near, otherwise over the larger side.
    pub ratio: T,
    /// w − log1p(w) ≥ 0, where near.
    pub gap: T,
    /// ln(m/p).
    pub log_p: T,
    /// ln(m/q).
    pub log_q: T,
    /// p/m.
    pub share_p: T,
    /// 1 − p/m.
    pub lack_p: T,
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
    pub fn new(s: f64, rest: f64) -> Self {
        Shares { s, rest, logs: [ln(s), ln(rest)] }
    }
}

impl<T: Real> Mixture<T> {
    #[inline(always)]
    pub fn of<const CAREFUL: bool>(shares: Shares, d: T) -> Self {
        let (s, rest) = (T::from_f64(shares.s), T::from_f64(shares.rest));
        let is_near = d.abs() <= T::LN_2;
        let above = d >= T::ZERO;
        // Farther out e^(−|D|) adds nothing to a share.
        let bound = T::LOWEST + T::from_f64(4.0);
        let apart = if -d.abs() < bound { bound } else { -d.abs() };
        let z = if is_near { -d } else { apart };
        let (r, k) = reduced(z);
        let z = if is_near { z } else { r };
        let phi = z * z * T::remainder(z);
        let growth = z + phi;
        let power = (T::ONE + growth).scale(k);
        let w = rest * growth;
        let (own, other) = if above { (s, rest) } else { (rest, s) };
        let ratio = if is_near { T::ONE + w } else { other.mul_add(power, own) };
        // The rounding error of the sum (Fast2Sum, Dekker 1971).
        let lost = if is_near { w - (ratio - T::ONE) } else { T::ZERO };
        let (log, log_less_w) = ln_of_sum(ratio, lost, w);
        let log = match CAREFUL {
            true if d == T::INFINITY => T::from_f64(shares.logs[0]),
            true if d == -T::INFINITY => T::from_f64(shares.logs[1]),
            _ => log,
        };
        let over_p = is_near | above;
        let inverse = T::ONE / ratio;
        let share_p = if over_p { inverse } else { power * inverse };
        Mixture {
            is_near,
            growth,
            phi,
            ratio,
            gap: -log_less_w,
            log_p: if over_p { log } else { log - d },
            log_q: if over_p { log + d } else { log },
            share_p,
            lack_p: if is_near { w * inverse } else { T::ONE - share_p },
        }
    }
}

/// KL(p ‖ αp + (1−α)q), or its generalized form.
#[derive(Clone, Copy, Debug)]
pub struct Skew {
    shares: Shares,
    generalized: bool,
}

impl Skew {
    /// The divergence with 0 < α < 1.
    pub fn new(alpha: f64, generalized: bool) -> Self {
        Skew { shares: Shares::new(alpha, 1.0 - alpha), generalized }
    }

    /// The mixture, 1 − α, and 0 or NaN.
    #[inline(always)]
    fn mixture<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (Mixture<T>, T, T) {
        let (d, nan) = pair.ratio::<CAREFUL>();
        (Mixture::of::<CAREFUL>(self.shares, d), T::from_f64(self.shares.rest), nan)
    }
}

impl Formula for Skew {
    const USES_Q: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let ((m, rest, nan), Pair { p, q, .. }) = (self.mixture::<T, CAREFUL>(pair), pair);
        let plain = p * -m.log_p;
        let far = rest.mul_add(q - p, plain);
        let generalized = if m.is_near { p * m.gap } else { far };
        let generalized = if generalized < T::ZERO { T::ZERO } else { generalized };
        if !CAREFUL {
            // Adding 0 makes a zero positive.
            return if self.generalized { generalized } else { plain } + T::ZERO;
        }
        // A target that underflows weighs nothing beside a model that is finite.
        let weightless = (p == T::ZERO) & (pair.is_absent_in_p() | (pair.log_q != T::INFINITY));
        let plain = if weightless { T::ZERO } else { plain };
        let plain = if (p == T::ZERO) & !weightless { -T::INFINITY } else { plain };
        let generalized = if p == T::ZERO { rest * q } else { generalized };
        let generalized = if q == T::INFINITY { q } else { generalized };
        (if self.generalized { generalized } else { plain }) + nan
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let ((m, rest, nan), Pair { p, q, log_ratio, .. }) =
            (self.mixture::<T, CAREFUL>(pair), pair);
        // q·p/m is the smaller side over the ratio.
        let smaller = if m.is_near | (log_ratio >= T::ZERO) { q } else { p };
        let plain = -(rest * (smaller / m.ratio));
        let slope = if self.generalized { rest * q * m.lack_p } else { plain };
        let slope = if CAREFUL & (q == T::ZERO) { T::ZERO } else { slope };
        slope + nan
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let pair = pair.without_q_first::<CAREFUL>();
        let (m, _, nan) = self.mixture::<T, CAREFUL>(pair);
        let alpha = T::from_f64(self.shares.s);
        let own = if self.generalized { alpha * m.lack_p } else { T::ONE - alpha * m.share_p };
        own - m.log_p + nan
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        super::formula::times::<T, CAREFUL>(pair.p, self.d_p::<T, CAREFUL>(pair))
    }
}

impl OneSided for Skew {
    #[inline(always)]
    fn d_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (m, rest, nan) = self.mixture::<T, CAREFUL>(pair);
        rest * (if self.generalized { m.lack_p } else { -m.share_p }) + nan
    }
}
