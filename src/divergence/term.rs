//! The term of the divergence and its two derivatives, for each kind of target.
//!
//! One principle: 0 · ±∞ = 0, derivatives at 0 are one-sided limits, no epsilon, NaN is never
//! swallowed. Every formula comes in one piece; the constant `ANY` adds what special values need.

use crate::number::{Real, exp, exp_of_normal, log_ratio_of_any, log_ratio_of_normal};

/// A kind of target: how a class contributes to the divergence.
///
/// With `ANY` false the arguments must be [usual](Self::is_usual); the results are the same bits either way.
pub trait Term: Copy + Send + Sync + 'static {
    /// Whether ∂/∂input takes an exponential, which the term has computed already.
    const D_INPUT_IS_COSTLY: bool;
    /// Whether a loop over what is [prepared](Self::prepare) and one over the rest are faster than one over both.
    const IN_TWO_LOOPS: bool;
    /// An input and a target whose term is 0 and whose derivatives are finite, for padding.
    fn neutral<T: Real>() -> (T, T);
    /// How far a pair is from those that surely need no special care,
    fn strangeness<T: Real>(input: T, target: T) -> T::Bits;
    /// which are those that are no further than this.
    fn usual<T: Real>() -> T::Bits;
    /// Whether the pair needs no special care.
    fn is_usual<T: Real>(input: T, target: T) -> bool;
    /// The number that the term and ∂term/∂input are computed of, beside the pair.
    fn prepare<T: Real, const ANY: bool>(input: T, target: T) -> T;
    /// The term.
    fn term_of<T: Real, const ANY: bool>(input: T, target: T, prepared: T) -> T;
    /// ∂term/∂input.
    fn d_input_of<T: Real, const ANY: bool>(input: T, target: T, prepared: T) -> T;
    /// The term, of the pair alone.
    #[inline(always)]
    fn term<T: Real, const ANY: bool>(input: T, target: T) -> T {
        Self::term_of::<T, ANY>(input, target, Self::prepare::<T, ANY>(input, target))
    }
    /// ∂term/∂input, of the pair alone.
    #[inline(always)]
    fn d_input<T: Real, const ANY: bool>(input: T, target: T) -> T {
        Self::d_input_of::<T, ANY>(input, target, Self::prepare::<T, ANY>(input, target))
    }
    /// ∂term/∂target.
    fn d_target<T: Real, const ANY: bool>(input: T, target: T) -> T;
}

/// The target is a probability t: t·(ln t − x).
#[derive(Clone, Copy)]
pub struct Probability;

/// The target is a log-probability y: eʸ·(y − x).
#[derive(Clone, Copy)]
pub struct LogProbability;

impl Term for Probability {
    const D_INPUT_IS_COSTLY: bool = false;
    const IN_TWO_LOOPS: bool = false;

    #[inline(always)]
    fn neutral<T: Real>() -> (T, T) {
        (T::ZERO, T::ONE)
    }

    #[inline(always)]
    fn strangeness<T: Real>(_: T, t: T) -> T::Bits {
        t.above(T::MIN_POSITIVE)
    }

    #[inline(always)]
    fn usual<T: Real>() -> T::Bits {
        T::MAX.above(T::MIN_POSITIVE)
    }

    #[inline(always)]
    fn is_usual<T: Real>(x: T, t: T) -> bool {
        let normal = (t >= T::MIN_POSITIVE) & (t <= T::MAX);
        normal | ((t == T::ZERO) & (x.abs() <= T::MAX))
    }

    /// ln t − x.
    #[inline(always)]
    fn prepare<T: Real, const ANY: bool>(x: T, t: T) -> T {
        log_ratio::<T, ANY>(x, t)
    }

    #[inline(always)]
    fn term_of<T: Real, const ANY: bool>(x: T, t: T, log_ratio: T) -> T {
        // Adding +0 makes every zero of t·(…) a positive one, as it is with special care.
        let term = t.mul_add(log_ratio, T::ZERO);
        if ANY && t == T::ZERO { zero_unless_nan(x) } else { term }
    }

    #[inline(always)]
    fn d_input_of<T: Real, const ANY: bool>(_: T, t: T, _: T) -> T {
        -t
    }

    #[inline(always)]
    fn d_target<T: Real, const ANY: bool>(x: T, t: T) -> T {
        let slope = log_ratio::<T, true>(x, t) + T::ONE;
        // t → 0 at a class the model excludes too: ln t + 1 − x with x = −∞ first.
        if (t == T::ZERO) & (x == -T::INFINITY) { T::INFINITY } else { slope }
    }
}

/// ln t − x.
#[inline(always)]
fn log_ratio<T: Real, const ANY: bool>(x: T, t: T) -> T {
    if ANY { log_ratio_of_any(x, t) } else { log_ratio_of_normal(x, t) }
}

#[inline(always)]
fn zero_unless_nan<T: Real>(x: T) -> T {
    if x.is_nan() { x } else { T::ZERO }
}

impl Term for LogProbability {
    const D_INPUT_IS_COSTLY: bool = true;
    const IN_TWO_LOOPS: bool = false;

    #[inline(always)]
    fn neutral<T: Real>() -> (T, T) {
        (T::ZERO, T::ZERO)
    }

    #[inline(always)]
    fn strangeness<T: Real>(_: T, y: T) -> T::Bits {
        y.abs().above(T::ZERO)
    }

    #[inline(always)]
    fn usual<T: Real>() -> T::Bits {
        T::LOWEST.abs().above(T::ZERO)
    }

    #[inline(always)]
    fn is_usual<T: Real>(_: T, y: T) -> bool {
        (y >= T::LOWEST) & (y <= T::HIGHEST)
    }

    /// eʸ.
    #[inline(always)]
    fn prepare<T: Real, const ANY: bool>(_: T, y: T) -> T {
        if ANY { exp(y) } else { exp_of_normal(y) }
    }

    #[inline(always)]
    fn term_of<T: Real, const ANY: bool>(x: T, y: T, weight: T) -> T {
        weighted::<T, ANY>(x, y, weight, y - x)
    }

    #[inline(always)]
    fn d_input_of<T: Real, const ANY: bool>(_: T, _: T, weight: T) -> T {
        -weight
    }

    #[inline(always)]
    fn d_target<T: Real, const ANY: bool>(x: T, y: T) -> T {
        weighted::<T, ANY>(x, y, Self::prepare::<T, ANY>(x, y), (y - x) + T::ONE)
    }
}

/// weight·factor, weight = eʸ, decided on y where that is 0 or the factor infinite.
#[inline(always)]
pub(super) fn weighted<T: Real, const ANY: bool>(x: T, y: T, weight: T, factor: T) -> T {
    if !ANY {
        // Adding +0 makes a zero positive, as it is with special care.
        return weight.mul_add(factor, T::ZERO);
    }
    let product = if x.abs() == T::INFINITY { factor } else { weight.mul_add(factor, T::ZERO) };
    let nothing = (weight == T::ZERO) & (x.abs() <= T::MAX);
    let vanishes = (y == -T::INFINITY) | nothing | (factor == T::ZERO);
    if vanishes { zero_unless_nan(x) } else { product }
}
