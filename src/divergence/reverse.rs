//! The reverse divergence KL(q ‖ p) = Σ q·(−D).
//!
//! | | F | ∂/∂(ln q) | ∂/∂p |
//! |---|---|---|---|
//! | [`Reverse`] | −q·D | q·(1 − D) | −q/p = −e^(−D) |

use super::{Divergence, Pair, zero_unless_nan};
use crate::number::{Real, exp};

/// KL(q ‖ p).
#[derive(Clone, Copy, Debug)]
pub struct Reverse;

impl Reverse {
    /// q·factor, factor being −D plus a constant: 0 where the model excludes the class, +∞ where only the target does.
    #[inline(always)]
    fn times_q<T: Real, const CAREFUL: bool>(pair: Pair<T>, factor: T) -> T {
        let product = pair.q.mul_add(factor, T::ZERO);
        if !CAREFUL {
            return product;
        }
        let product = if pair.log_p.abs() == T::INFINITY { factor } else { product };
        let underflows = (pair.q == T::ZERO) & (pair.log_p.abs() <= T::MAX);
        let vanishes = pair.is_absent_in_q() | underflows | (factor == T::ZERO);
        if vanishes { zero_unless_nan(pair.p) } else { product }
    }
}

impl Divergence for Reverse {
    const USES_Q: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        Self::times_q::<T, CAREFUL>(pair, -pair.log_ratio)
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        Self::times_q::<T, CAREFUL>(pair, T::ONE - pair.log_ratio)
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        // Two normal numbers may be so far apart that their quotient overflows.
        let slope = -exp(-pair.log_ratio);
        if CAREFUL && pair.is_absent_in_q() { T::ZERO - zero_unless_nan(pair.p) } else { slope }
    }

    /// −q.
    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        -pair.q + zero_unless_nan(pair.p)
    }
}
