//! A divergence with its sides exchanged: of KL(p ‖ q) the reverse, KL(q ‖ p) = Σ q·(−D), of the skew divergence the skew
//! reverse.

use super::formula::{Formula, Pair};
use crate::number::Real;

/// A formula whose derivative with respect to q is known too.
pub trait OneSided: Formula {
    /// ∂F/∂q.
    fn d_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
}

/// The formula F of the pair (q, p).
#[derive(Clone, Copy, Debug)]
pub struct Reversed<F>(pub F);

impl<F: OneSided> Formula for Reversed<F> {
    const USES_Q: bool = true;
    const IS_NARROW: bool = F::IS_NARROW;
    const ALLOWS_ZERO_P: bool = false;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        self.0.term::<T, CAREFUL>(pair.swapped())
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        self.0.d_log_p::<T, CAREFUL>(pair.swapped())
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        self.0.d_q::<T, CAREFUL>(pair.without_q_first::<CAREFUL>().swapped())
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        self.0.d_log_q::<T, CAREFUL>(pair.swapped())
    }
}
