//! The generalized term t·φ(d), d = ln t − x, φ(d) = e^(−d) − 1 + d, which is never negative.
//!
//! **Near**, |d| ≤ 2: φ(d) = d²·P(d) with P(0) = ½ exactly and P > 0, and e^(−d) − 1 = −d·(1 − d·P(d)).
//! - f32: deg P = 9, relative error 9.6e−9 = 2⁻²⁶·⁶ (at −0.43).
//! - f64: deg P = 17, relative error 2.6e−18 = 2⁻⁵⁸·⁴ (at 0.23).
//!
//! **Far**: eˣ + t·(d − 1), of which at d = −2 three sevenths cancel, and less beyond. t·expm1(−d) would
//! overflow.
//!
//! **Error.** The worst of `tests/fixtures/generalized.py`, `exp` and `ln` included, in ulp of itself: log
//! target, term 2.9 (f32) and 2.0 (f64), slope 2.7 and 1.9; probability target, beside 2η/|d| of the term
//! and η/|d| of the slope, 3.2 and 1.9, 1.6 and 2.0, with η = 1.4e−8 and 2.8e−17 the error of ln t.

use super::exp::{Exp, exp, exp_of_normal};
use super::float::Float;
use super::term::{Real, Term, log_ratio, weighted};

/// What φ of one precision is made of.
pub trait Phi: Float {
    /// φ(d)/d² for |d| ≤ 2.
    fn phi_over_square(d: Self) -> Self;
}

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
    /// t, and ln t − x.
    t: T,
    d: T,
    /// Whether t is 0: underflow is not.
    nothing: bool,
}

impl<T: Real> Parts<T> {
    #[inline(always)]
    fn of_probability<const ANY: bool>(x: T, t: T) -> Self {
        Parts { x, t, d: log_ratio::<T, ANY>(x, t), nothing: t == T::ZERO }
    }

    #[inline(always)]
    fn of_log_probability<const ANY: bool>(x: T, y: T) -> Self {
        let t = if ANY { exp(y) } else { exp_of_normal(y) };
        Parts { x, t, d: y - x, nothing: y == -T::INFINITY }
    }

    #[inline(always)]
    fn is_near(self) -> bool {
        self.d.abs() <= T::from_f64(2.0)
    }

    #[inline(always)]
    fn exp_x<const ANY: bool>(self) -> T {
        if ANY { exp(self.x) } else { exp_of_normal(self.x) }
    }

    /// t·φ(d).
    #[inline(always)]
    fn term<const ANY: bool>(self) -> T {
        let Parts { x, t, d, nothing } = self;
        let near = t * (d * (d * T::phi_over_square(d)));
        let q = self.exp_x::<ANY>();
        let far = t.mul_add(d - T::ONE, q);
        if !ANY {
            return if self.is_near() { near } else { far };
        }
        let near = if d == T::ZERO { T::ZERO } else { near };
        // d and the smaller summand may overflow, and eʸ underflow.
        let outweighed = (t == T::ZERO) | ((q == T::INFINITY) & !d.is_nan());
        let far = if outweighed { q } else { far };
        let value = if self.is_near() { near } else { far };
        let value = if x.abs() == T::INFINITY { d.abs() } else { value };
        if nothing { q } else { value }
    }

    /// t·(e^(−d) − 1) = eˣ − t.
    #[inline(always)]
    fn slope<const ANY: bool>(self) -> T {
        let Parts { t, d, .. } = self;
        // Adding +0 makes a zero positive, as it is with special care.
        let near = (-t).mul_add(d * (-d).mul_add(T::phi_over_square(d), T::ONE), T::ZERO);
        let q = self.exp_x::<ANY>();
        let far = q - t;
        if !ANY {
            return if self.is_near() { near } else { far };
        }
        let near = if d == T::ZERO { T::ZERO } else { near };
        let both_overflow = (q == T::INFINITY) & (t == T::INFINITY);
        let far = if both_overflow { -(d * T::INFINITY) } else { far };
        if self.is_near() { near } else { far }
    }
}

impl Term for GeneralizedProbability {
    const D_INPUT_IS_COSTLY: bool = true;

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

    #[inline(always)]
    fn term<T: Real, const ANY: bool>(x: T, t: T) -> T {
        Parts::of_probability::<ANY>(x, t).term::<ANY>()
    }

    #[inline(always)]
    fn d_input<T: Real, const ANY: bool>(x: T, t: T) -> T {
        Parts::of_probability::<ANY>(x, t).slope::<ANY>()
    }

    #[inline(always)]
    fn d_target<T: Real, const ANY: bool>(x: T, t: T) -> T {
        // As without φ, less its 1.
        let slope = log_ratio::<T, true>(x, t);
        if (t == T::ZERO) & (x == -T::INFINITY) { T::INFINITY } else { slope }
    }
}

impl Term for GeneralizedLogProbability {
    const D_INPUT_IS_COSTLY: bool = true;

    #[inline(always)]
    fn neutral<T: Real>() -> (T, T) {
        (T::ZERO, T::ZERO)
    }

    #[inline(always)]
    fn strangeness<T: Real>(x: T, y: T) -> T::Bits {
        beyond_exp(y).max(beyond_exp(x))
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

    #[inline(always)]
    fn term<T: Real, const ANY: bool>(x: T, y: T) -> T {
        Parts::of_log_probability::<ANY>(x, y).term::<ANY>()
    }

    #[inline(always)]
    fn d_input<T: Real, const ANY: bool>(x: T, y: T) -> T {
        Parts::of_log_probability::<ANY>(x, y).slope::<ANY>()
    }

    #[inline(always)]
    fn d_target<T: Real, const ANY: bool>(x: T, y: T) -> T {
        weighted::<T, ANY>(x, y, y - x)
    }
}

/// How far |x| is below −[`Exp::LOWEST`], and more than of any number where it is not.
#[inline(always)]
fn beyond_exp<T: Exp>(x: T) -> T::Bits {
    T::LOWEST.abs().above(x.abs())
}

impl Phi for f32 {
    #[inline(always)]
    fn phi_over_square(d: f32) -> f32 {
        const P: [f32; 10] = [
            0.5,
            -0.166_666_66,
            0.041_666_634,
            -0.008_333_365,
            0.001_388_973_9,
            -0.000_198_387_02,
            2.473_433e-5,
            -2.761_581_8e-6,
            2.960_906_6e-7,
            -2.537_922e-8,
        ];
        let d2 = d * d;
        let mut p = d.mul_add(P[9], P[8]);
        for i in [6, 4, 2, 0] {
            p = p.mul_add(d2, d.mul_add(P[i + 1], P[i]));
        }
        p
    }
}

impl Phi for f64 {
    #[inline(always)]
    fn phi_over_square(d: f64) -> f64 {
        const P: [f64; 18] = [
            0.5,
            -0.166_666_666_666_666_66,
            0.041_666_666_666_666_664,
            -0.008_333_333_333_333_423,
            0.001_388_888_888_888_952_3,
            -0.000_198_412_698_412_420_26,
            2.480_158_730_131_968e-5,
            -2.755_731_922_800_295_5e-6,
            2.755_731_926_913_955e-7,
            -2.505_210_807_368_178_8e-8,
            2.087_675_310_724_482_4e-9,
            -1.605_905_743_333_171e-10,
            1.147_093_145_251_198_3e-11,
            -7.646_840_832_847_9e-13,
            4.774_456_803_180_543e-14,
            -2.814_913_835_491_809_7e-15,
            1.633_315_887_959_499e-16,
            -8.217_133_154_223_675e-18,
        ];
        let d2 = d * d;
        let mut p = d.mul_add(P[17], P[16]);
        // In one loop of eight the compiler would leave it a loop.
        for i in [14, 12, 10, 8] {
            p = p.mul_add(d2, d.mul_add(P[i + 1], P[i]));
        }
        for i in [6, 4, 2, 0] {
            p = p.mul_add(d2, d.mul_add(P[i + 1], P[i]));
        }
        p
    }
}
