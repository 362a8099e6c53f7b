//! Where p, q and D come from: two kinds of target beside an input of log-probabilities.

use std::marker::PhantomData;

use super::formula::{Formula, Pair};
use crate::number::{
    Float, Real, exp, exp_of_normal, log_ratio_of_any, log_ratio_of_normal, power_of_two,
};

/// A kind of target: how an input x = ln q and a number of the target become a [`Pair`].
pub trait Source: Copy + Send + Sync + 'static {
    /// Whether p is an exponential, which gradients take from the terms' loop rather than compute it again.
    const P_IS_COSTLY: bool;
    /// A target whose pair with the input 0 has the term 0 and finite derivatives, for padding.
    fn neutral<T: Real>() -> T;
    /// The number that takes longest to compute of the pair: D, p, or for a term that [reads only it](Formula::TERM_READS_GREATER)
    /// the greater of p and q. `SLOPES` tells whether more than the term is wanted.
    fn first_step<F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(
        input: T,
        target: T,
    ) -> T;
    /// The pair, its [first step](Self::first_step) done. With `CAREFUL` false it must be [regular](Self::is_regular).
    fn pair<F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(
        input: T,
        target: T,
        first: T,
    ) -> Pair<T>;
    /// A measure of the pair that no regular one exceeds, in an operation or two. Larger ones may be regular too.
    fn irregularity<F: Formula, T: Real>(input: T, target: T) -> T::Bits;
    /// The bound of [`irregularity`](Self::irregularity).
    fn regular_bound<F: Formula, T: Real>() -> T::Bits;
    /// Whether the pair needs no special care.
    fn is_regular<F: Formula, T: Real>(input: T, target: T) -> bool;
    /// The derivative with respect to the target's number.
    fn d_target<F: Formula, T: Real, const CAREFUL: bool>(formula: F, pair: Pair<T>) -> T;
}

/// The target holds probabilities t: p = t, D = ln t − x.
#[derive(Clone, Copy, Debug)]
pub struct Probabilities;

/// The target holds log-probabilities y: p = eʸ, D = y − x.
#[derive(Clone, Copy, Debug)]
pub struct LogProbabilities;

impl Source for Probabilities {
    const P_IS_COSTLY: bool = false;

    #[inline(always)]
    fn neutral<T: Real>() -> T {
        T::ONE
    }

    #[inline(always)]
    fn first_step<F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(x: T, t: T) -> T {
        if CAREFUL { log_ratio_of_any(x, t) } else { log_ratio_of_normal(x, t) }
    }

    #[inline(always)]
    fn pair<F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(
        x: T,
        t: T,
        log_ratio: T,
    ) -> Pair<T> {
        let infinite = if t == T::INFINITY { t } else { T::ZERO };
        let log_p = if t == T::ZERO { -T::INFINITY } else { infinite };
        let log_p = if t >= T::ZERO { log_p } else { T::NAN };
        Pair { p: t, q: q_of::<F, T, CAREFUL>(x), log_ratio, log_p, log_q: x }
    }

    #[inline(always)]
    fn irregularity<F: Formula, T: Real>(x: T, t: T) -> T::Bits {
        let of_target = t.above(lowest_p::<F, T>());
        match F::USES_Q {
            true => of_target.max(reach::<F, T>().above(x.abs())),
            false => of_target,
        }
    }

    #[inline(always)]
    fn regular_bound<F: Formula, T: Real>() -> T::Bits {
        highest_p::<F, T>().above(lowest_p::<F, T>())
    }

    #[inline(always)]
    fn is_regular<F: Formula, T: Real>(x: T, t: T) -> bool {
        let normal = (t >= lowest_p::<F, T>()) & (t <= highest_p::<F, T>());
        let zero = F::ALLOWS_ZERO_P & (t == T::ZERO);
        match F::USES_Q {
            // ln 0 is taken for a number a little below `LOWEST`: far from x, and times 0.
            true => {
                let zero = zero & (x >= T::LOWEST + T::from_f64(4.0));
                (normal & (x >= -reach::<F, T>()) | zero) & (x <= reach::<F, T>())
            }
            false => normal | (zero & (x.abs() <= T::MAX)),
        }
    }

    #[inline(always)]
    fn d_target<F: Formula, T: Real, const CAREFUL: bool>(formula: F, pair: Pair<T>) -> T {
        formula.d_p::<T, CAREFUL>(pair)
    }
}

impl Source for LogProbabilities {
    const P_IS_COSTLY: bool = true;

    #[inline(always)]
    fn neutral<T: Real>() -> T {
        T::ZERO
    }

    #[inline(always)]
    fn first_step<F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(x: T, y: T) -> T {
        let log = if !SLOPES & F::TERM_READS_GREATER & (x > y) { x } else { y };
        if CAREFUL { exp(log) } else { exp_of_normal(log) }
    }

    #[inline(always)]
    fn pair<F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(
        x: T,
        y: T,
        p: T,
    ) -> Pair<T> {
        let q = if !SLOPES & F::TERM_READS_GREATER { p } else { q_of::<F, T, CAREFUL>(x) };
        Pair { p, q, log_ratio: y - x, log_p: y, log_q: x }
    }

    #[inline(always)]
    fn irregularity<F: Formula, T: Real>(x: T, y: T) -> T::Bits {
        let of_target = y.abs().above(T::ZERO);
        if F::USES_Q { of_target.max(x.abs().above(T::ZERO)) } else { of_target }
    }

    #[inline(always)]
    fn regular_bound<F: Formula, T: Real>() -> T::Bits {
        reach::<F, T>().above(T::ZERO)
    }

    #[inline(always)]
    fn is_regular<F: Formula, T: Real>(x: T, y: T) -> bool {
        let normal = |number: T| (number >= T::LOWEST) & (number <= T::HIGHEST);
        match F::USES_Q {
            true => (x.abs() <= reach::<F, T>()) & (y.abs() <= reach::<F, T>()),
            false => normal(y),
        }
    }

    #[inline(always)]
    fn d_target<F: Formula, T: Real, const CAREFUL: bool>(formula: F, pair: Pair<T>) -> T {
        formula.d_log_p::<T, CAREFUL>(pair)
    }
}

/// What a [narrow](Formula::IS_NARROW) formula takes without special care: the largest magnitude of ln q, and of a log target; the
/// exponents of the least and the greatest target. No D exceeds the range of the exponential then, and the targets span at least
/// as many floats as there are from 0 to that magnitude, so that one measure of irregularity serves both operands.
#[inline(always)]
fn narrow<T: Real>() -> (f64, [i32; 2]) {
    if T::DIGITS == <f32 as Float>::DIGITS { (36.0, [-68, 65]) } else { (340.0, [-521, 511]) }
}

/// The largest magnitude of ln q, and of a log target, that needs no special care.
#[inline(always)]
fn reach<F: Formula, T: Real>() -> T {
    if F::IS_NARROW { T::from_f64(narrow::<T>().0) } else { T::LOWEST.abs() }
}

/// The least target that needs no special care.
#[inline(always)]
fn lowest_p<F: Formula, T: Real>() -> T {
    let [lowest, _] = narrow::<T>().1;
    if F::IS_NARROW { T::from_f64(power_of_two(lowest)) } else { T::MIN_POSITIVE }
}

/// The greatest target that needs no special care.
#[inline(always)]
fn highest_p<F: Formula, T: Real>() -> T {
    let [_, highest] = narrow::<T>().1;
    if F::IS_NARROW { T::from_f64(power_of_two(highest)) } else { T::MAX }
}

/// q = eˣ, or some number where the divergence does not read it.
#[inline(always)]
fn q_of<F: Formula, T: Real, const CAREFUL: bool>(x: T) -> T {
    match (F::USES_Q, CAREFUL) {
        (false, _) => T::ZERO,
        (true, true) => exp(x),
        (true, false) => exp_of_normal(x),
    }
}

/// What the loops compute of an input and a target: a divergence of a kind of target.
///
/// With `CAREFUL` false the pair must be [regular](Self::is_regular); the results are the same bits either way.
pub trait Kernel: Copy + Send + Sync + 'static {
    /// Whether gradients take ∂/∂input from the terms' loop rather than compute it again.
    const D_INPUT_IS_COSTLY: bool;
    /// Whether one loop over [first steps](Self::first_step) and one over the rest are faster than one loop over both.
    const IN_TWO_LOOPS: bool;
    /// The term.
    fn term<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> T;
    /// The term and ∂term/∂input.
    fn term_and_slope<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> (T, T);
    /// The first number that is computed of a regular pair, for the term alone or with its slope.
    fn first_step<T: Real, const SLOPES: bool>(self, input: T, target: T) -> T;
    /// The term of a regular pair, its [first step](Self::first_step) done.
    fn regular_term<T: Real>(self, input: T, target: T, first: T) -> T;
    /// The term and ∂term/∂input of a regular pair, its [first step](Self::first_step) done.
    fn regular_term_and_slope<T: Real>(self, input: T, target: T, first: T) -> (T, T);
    /// ∂term/∂input.
    fn d_input<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> T;
    /// ∂term/∂target.
    fn d_target<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> T;
    /// An input and a target whose term is 0 and whose derivatives are finite, for padding.
    fn neutral<T: Real>(self) -> (T, T);
    /// A measure of the pair that no regular one exceeds.
    fn irregularity<T: Real>(self, input: T, target: T) -> T::Bits;
    /// The bound of [`irregularity`](Self::irregularity).
    fn regular_bound<T: Real>(self) -> T::Bits;
    /// Whether the pair needs no special care.
    fn is_regular<T: Real>(self, input: T, target: T) -> bool;
}

/// A formula F of targets of the kind S.
pub struct Between<S, F> {
    formula: F,
    source: PhantomData<S>,
}

impl<S, F> Between<S, F> {
    /// The formula of targets of that kind.
    pub const fn new(formula: F) -> Self {
        Between { formula, source: PhantomData }
    }
}

/// The pair of an input and a target.
#[inline(always)]
fn pair<S: Source, F: Formula, T: Real, const CAREFUL: bool, const SLOPES: bool>(
    input: T,
    target: T,
) -> Pair<T> {
    let first = S::first_step::<F, T, CAREFUL, SLOPES>(input, target);
    S::pair::<F, T, CAREFUL, SLOPES>(input, target, first)
}

impl<S, F: Copy> Clone for Between<S, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, F: Copy> Copy for Between<S, F> {}

impl<S: Source, F: Formula> Kernel for Between<S, F> {
    const D_INPUT_IS_COSTLY: bool = S::P_IS_COSTLY | F::USES_Q;
    const IN_TWO_LOOPS: bool = F::USES_Q;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> T {
        self.formula.term::<T, CAREFUL>(pair::<S, F, T, CAREFUL, false>(input, target))
    }

    #[inline(always)]
    fn term_and_slope<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> (T, T) {
        let pair = pair::<S, F, T, CAREFUL, true>(input, target);
        self.formula.term_and_d_log_q::<T, CAREFUL>(pair)
    }

    #[inline(always)]
    fn first_step<T: Real, const SLOPES: bool>(self, input: T, target: T) -> T {
        S::first_step::<F, T, false, SLOPES>(input, target)
    }

    #[inline(always)]
    fn regular_term<T: Real>(self, input: T, target: T, first: T) -> T {
        self.formula.term::<T, false>(S::pair::<F, T, false, false>(input, target, first))
    }

    #[inline(always)]
    fn regular_term_and_slope<T: Real>(self, input: T, target: T, first: T) -> (T, T) {
        let pair = S::pair::<F, T, false, true>(input, target, first);
        self.formula.term_and_d_log_q::<T, false>(pair)
    }

    #[inline(always)]
    fn d_input<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> T {
        self.formula.d_log_q::<T, CAREFUL>(pair::<S, F, T, CAREFUL, true>(input, target))
    }

    #[inline(always)]
    fn d_target<T: Real, const CAREFUL: bool>(self, input: T, target: T) -> T {
        S::d_target::<F, T, CAREFUL>(self.formula, pair::<S, F, T, CAREFUL, true>(input, target))
    }

    #[inline(always)]
    fn neutral<T: Real>(self) -> (T, T) {
        (T::ZERO, S::neutral())
    }

    #[inline(always)]
    fn irregularity<T: Real>(self, input: T, target: T) -> T::Bits {
        S::irregularity::<F, T>(input, target)
    }

    #[inline(always)]
    fn regular_bound<T: Real>(self) -> T::Bits {
        S::regular_bound::<F, T>()
    }

    #[inline(always)]
    fn is_regular<T: Real>(self, input: T, target: T) -> bool {
        S::is_regular::<F, T>(input, target)
    }
}
