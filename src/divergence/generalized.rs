//! The generalized term t·φ(d), d = ln t − x, φ(d) = e^(−d) − 1 + d, which is never negative.
//!
//! With s = −d and (eᶻ − 1 − z) = z²·P(z), P(0) = ½ exactly and P > 0, one polynomial serves two arguments:
//!
//! **Near**, |s| ≤ 3/2: z = s, φ = z²·P and e^(−d) − 1 = z + z²·P.
//!
//! **Far**: eˣ + t·(d − 1), of which at d = −3/2 five ninths cancel, and less beyond. t·expm1(−d) would
//! overflow. x = k·ln 2 + z as in [`exp`](crate::number::exp), |z| ≤ ln 2 / 2, and eˣ = 2ᵏ·(1 + (z + z²·P)).
//!
//! P on |z| ≤ 3/2, relative minimax, coefficients rounded:
//! - f32: deg P = 8, relative error 1.0e−8 = 2⁻²⁶·⁶ (at −0.29).
//! - f64: deg P = 15, relative error 8.8e−18 = 2⁻⁵⁶·⁷ (at 0.21).
//!
//! **Error.** The worst of `tests/fixtures/generalized.py`, `exp` and `ln` included, in ulp of itself: log
//! target, term 2.1 (f32) and 2.2 (f64), slope 1.7 and 1.7; probability target, beside 2η/|d| of the term
//! and η/|d| of the slope, 2.2 and 2.0, 1.6 and 1.3, with η = 1.4e−8 and 2.8e−17 the error of ln t.
//! Of 4·10⁷ random pairs in f32 no term was more than 5.9 ulp off for a log target, and for probabilities 5.7 beside 2η/|d|
//! (`tests/generalized.rs` looks at fewer).
//!
//! **Two loops**, one for ln t − x or eʸ and one for the rest: in one the chain of dependent operations is longer
//! than a machine looks ahead, and it waits.

use super::term::{LogProbability, Term, weighted};
use crate::number::{Exp, Real, ln_of_any, ln_of_normal, reduced, reduced_any, scale_any};

/// The target is a probability t.
#[derive(Clone, Copy)]
pub struct GeneralizedProbability;

/// The target is a log-probability y: t = eʸ.
#[derive(Clone, Copy)]
pub struct GeneralizedLogProbability;

/// What the term and its slope are computed of.
#[derive(Clone, Copy)]
struct Parts<T> {
    x: T,
    /// t, and s = x − ln t.
    t: T,
    s: T,
    /// Whether t is 0: underflow is not.
    nothing: bool,
}

/// Exponentials, less what cancels.
struct Powers<T> {
    /// Whether z is s.
    near: bool,
    /// eᶻ − 1 − z.
    bend: T,
    /// eᶻ − 1.
    growth: T,
    /// eˣ, unless near.
    q: T,
}

impl<T: Real> Parts<T> {
    #[inline(always)]
    fn powers<const ANY: bool>(self) -> Powers<T> {
        let Parts { x, s, .. } = self;
        let near = s.abs() <= T::from_f64(1.5);
        let (r, k) = if ANY { reduced_any(x) } else { reduced(x) };
        let z = if near { s } else { r };
        let square = z * z;
        let p = T::remainder(z);
        let growth = square.mul_add(p, z);
        let exp_r = growth + T::ONE;
        let q = if ANY { scale_any(exp_r, k, x) } else { exp_r.scale(k) };
        Powers { near, bend: square * p, growth, q }
    }

    /// t·φ(d); near and far in one multiply-add.
    #[inline(always)]
    fn term<const ANY: bool>(self) -> T {
        let Parts { x, t, s, nothing } = self;
        let Powers { near, bend, q, .. } = self.powers::<ANY>();
        if !ANY {
            let factor = if near { bend } else { -T::ONE - s };
            return t.mul_add(factor, if near { T::ZERO } else { q });
        }
        let far = (-t).mul_add(s + T::ONE, q);
        // Where t is the smallest number of all, eʸ rounded up, it may weigh more than it should.
        let far = if far < T::ZERO { T::ZERO } else { far };
        // s and the smaller summand may overflow, and eʸ underflow.
        let outweighed = (t == T::ZERO) | ((q == T::INFINITY) & !s.is_nan());
        let far = if outweighed { q } else { far };
        let close = if s == T::ZERO { T::ZERO } else { t * bend };
        let value = if near { close } else { far };
        let value = if x.abs() == T::INFINITY { s.abs() } else { value };
        if nothing { q } else { value }
    }

    /// t·(eˢ − 1) = eˣ − t.
    #[inline(always)]
    fn slope<const ANY: bool>(self) -> T {
        let Parts { t, s, .. } = self;
        let Powers { near, growth, q, .. } = self.powers::<ANY>();
        if !ANY {
            let factor = if near { growth } else { -T::ONE };
            return t.mul_add(factor, if near { T::ZERO } else { q });
        }
        let far = q - t;
        let both_overflow = (q == T::INFINITY) & (t == T::INFINITY);
        let far = if both_overflow { s * T::INFINITY } else { far };
        let close = if s == T::ZERO { T::ZERO } else { t * growth };
        if near { close } else { far }
    }
}

impl Term for GeneralizedProbability {
    const D_INPUT_IS_COSTLY: bool = true;
    const IN_TWO_LOOPS: bool = true;

    #[inline(always)]
    fn neutral<T: Real>() -> (T, T) {
        (T::ZERO, T::ONE)
    }

    #[inline(always)]
    fn strangeness<T: Real>(x: T, t: T) -> T::Bits {
        t.above(T::MIN_POSITIVE).max(beyond_exp(x))
    }

    #[inline(always)]
    fn usual<T: Real>() -> T::Bits {
        T::MAX.above(T::MIN_POSITIVE)
    }

    #[inline(always)]
    fn is_usual<T: Real>(x: T, t: T) -> bool {
        let normal = (t >= T::MIN_POSITIVE) & (t <= T::MAX) & (x >= T::LOWEST);
        // The logarithm of 0 is then a number a little below `LOWEST`: far from x, and times 0.
        let nothing = (t == T::ZERO) & (x >= T::LOWEST + T::from_f64(4.0));
        (normal | nothing) & (x <= -T::LOWEST)
    }

    /// x − ln t, whose every rounding counts twice in φ: of the pair there are fewest.
    #[inline(always)]
    fn prepare<T: Real, const ANY: bool>(x: T, t: T) -> T {
        let (hi, lo) = if ANY { ln_of_any(t) } else { ln_of_normal(t) };
        (x - hi) - lo
    }

    #[inline(always)]
    fn term_of<T: Real, const ANY: bool>(x: T, t: T, s: T) -> T {
        Parts { x, t, s, nothing: t == T::ZERO }.term::<ANY>()
    }

    #[inline(always)]
    fn d_input_of<T: Real, const ANY: bool>(x: T, t: T, s: T) -> T {
        Parts { x, t, s, nothing: t == T::ZERO }.slope::<ANY>()
    }

    #[inline(always)]
    fn d_target<T: Real, const ANY: bool>(x: T, t: T) -> T {
        // ln t − x, of the pair; a zero is a positive one.
        let slope = T::ZERO - Self::prepare::<T, true>(x, t);
        if (t == T::ZERO) & (x == -T::INFINITY) { T::INFINITY } else { slope }
    }
}

impl Term for GeneralizedLogProbability {
    const D_INPUT_IS_COSTLY: bool = true;
    const IN_TWO_LOOPS: bool = true;

    #[inline(always)]
    fn neutral<T: Real>() -> (T, T) {
        (T::ZERO, T::ZERO)
    }

    #[inline(always)]
    fn strangeness<T: Real>(x: T, y: T) -> T::Bits {
        y.abs().above(T::ZERO).max(x.abs().above(T::ZERO))
    }

    #[inline(always)]
    fn usual<T: Real>() -> T::Bits {
        T::LOWEST.abs().above(T::ZERO)
    }

    #[inline(always)]
    fn is_usual<T: Real>(x: T, y: T) -> bool {
        let usual = |number: T| (number >= T::LOWEST) & (number <= -T::LOWEST);
        usual(x) & usual(y)
    }

    /// eʸ.
    #[inline(always)]
    fn prepare<T: Real, const ANY: bool>(x: T, y: T) -> T {
        LogProbability::prepare::<T, ANY>(x, y)
    }

    #[inline(always)]
    fn term_of<T: Real, const ANY: bool>(x: T, y: T, t: T) -> T {
        Parts { x, t, s: x - y, nothing: y == -T::INFINITY }.term::<ANY>()
    }

    #[inline(always)]
    fn d_input_of<T: Real, const ANY: bool>(x: T, y: T, t: T) -> T {
        Parts { x, t, s: x - y, nothing: y == -T::INFINITY }.slope::<ANY>()
    }

    #[inline(always)]
    fn d_target<T: Real, const ANY: bool>(x: T, y: T) -> T {
        weighted::<T, ANY>(x, y, Self::prepare::<T, ANY>(x, y), y - x)
    }
}

/// How far |x| is below −[`Exp::LOWEST`], and more than of any number where it is not.
#[inline(always)]
fn beyond_exp<T: Exp>(x: T) -> T::Bits {
    T::LOWEST.abs().above(x.abs())
}
