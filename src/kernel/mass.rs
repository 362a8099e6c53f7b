//! What the masses of distributions are summed of.

use super::exp::{Exp, exp_of_normal};
use super::float::Float;
use super::level::Level;
use crate::element::Element;

/// eˣ, and 0 where that is subnormal.
#[inline(always)]
fn exp_or_zero<T: Exp>(x: T) -> T {
    let high = if x > T::HIGHEST { T::INFINITY } else { exp_of_normal(x) };
    let low = if x.is_nan() { x } else { T::ZERO };
    if x >= T::LOWEST { high } else { low }
}

/// eˣ of each, subnormal ones taken for 0; whether any x is above a limit.
pub fn exps<A: Element>(level: Level, x: &[A], limit: A::Loss, out: &mut [A::Loss]) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut above = false;
            for (out, x) in out.iter_mut().zip(x) {
                let x = x.widen();
                above |= x > limit;
                *out = exp_or_zero(x);
            }
            above
        },
    )
}

/// Each as it is; whether any is below 0.
pub fn copies<A: Element>(level: Level, t: &[A], out: &mut [A::Loss]) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut below = false;
            for (out, t) in out.iter_mut().zip(t) {
                let t = t.widen();
                below |= t < A::Loss::ZERO;
                *out = t;
            }
            below
        },
    )
}
