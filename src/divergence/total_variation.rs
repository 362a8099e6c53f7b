//! The total variation ½·Σ|p − q|.
//!
//! ∂/∂(ln q) = −½·q·sign D and ∂/∂p = ½·sign D, 0 at p = q. Near p = q, where |D| ≤ 3/2, p − q = −p·expm1(−D).

use super::formula::{Formula, Pair};
use crate::number::Real;

/// ½|p − q|.
#[derive(Clone, Copy, Debug)]
pub struct TotalVariation;

impl TotalVariation {
    /// ½·sign D, and 0 or NaN.
    #[inline(always)]
    fn half_sign<T: Real, const CAREFUL: bool>(pair: Pair<T>) -> (T, T) {
        let (d, nan) = pair.ratio::<CAREFUL>();
        let half = T::from_f64(0.5);
        let below = if d < T::ZERO { -half } else { T::ZERO };
        (if d > T::ZERO { half } else { below }, nan)
    }
}

impl Formula for TotalVariation {
    const USES_Q: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    fn has_one_form(self) -> bool {
        true
    }

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let ((d, nan), Pair { p, q, .. }) = (pair.ratio::<CAREFUL>(), pair);
        let is_near = d.abs() <= T::from_f64(1.5);
        let z = if is_near { -d } else { T::ZERO };
        let close = p * (z * z).mul_add(T::remainder(z), z);
        let difference = if is_near { close } else { p - q };
        let difference = if CAREFUL & (d == T::ZERO) { d } else { difference };
        T::from_f64(0.5).mul_add(difference.abs(), nan)
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (sign, nan) = Self::half_sign::<T, CAREFUL>(pair);
        // A sign of 0 makes 0 of an infinite q, which is NaN already.
        pair.q.mul_add(-sign, T::ZERO) + nan
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (sign, nan) = Self::half_sign::<T, CAREFUL>(pair);
        sign + nan
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (sign, nan) = Self::half_sign::<T, CAREFUL>(pair);
        pair.p.mul_add(sign, T::ZERO) + nan
    }
}
