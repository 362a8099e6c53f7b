//! Sums of both directions, a·KL(p ‖ q) + b·KL(q ‖ p): the symmetric and the Jeffreys divergence; with a = 0 the generalized
//! form of the reverse divergence.
//!
//! | | F | ∂/∂(ln q) | ∂/∂p |
//! |---|---|---|---|
//! | plain, c = b − a | D·(ap − bq) | b·q·(1 − D) − a·p | a·(D + 1) − b·e^(−D) |
//! | generalized, c = 0 | a·p·φ(D) + b·q·φ(−D) | a·(q − p) − b·q·D | a·D − b·expm1(−D) |
//!
//! The plain form is the generalized one plus c·(q − p). Near p = q, where |D| ≤ 3/2, both are computed as
//! p·(D²·(a·R + b·(1 − R·(1 + D))) + c·expm1(−D)), R = φ(D)/D² the positive polynomial of
//! [`Phi::remainder`](crate::number::Phi::remainder), since q·φ(−D) = (p − q)·D − p·φ(D); elsewhere as
//! D·(ap − bq) + (a − b + c)·(q − p).

use super::formula::{Forms, Formula, Pair, times};
use crate::number::Real;

/// a·KL(p ‖ q) + b·KL(q ‖ p), b > 0.
#[derive(Clone, Copy, Debug)]
pub struct Symmetric {
    a: f64,
    b: f64,
    forms: Forms,
}

/// The three numbers in the computing type: c is 0 in the generalized form, b − a in the plain one.
struct Shares<T> {
    a: T,
    b: T,
    c: T,
}

/// e^(−D) − 1 and φ(D)/D² near p = q.
struct Near<T> {
    is_near: bool,
    growth: T,
    remainder: T,
}

impl<T: Real> Near<T> {
    #[inline(always)]
    fn of(d: T) -> Self {
        let is_near = d.abs() <= T::from_f64(1.5);
        let z = if is_near { -d } else { T::ZERO };
        let remainder = T::remainder(z);
        Near { is_near, growth: (z * z).mul_add(remainder, z), remainder }
    }
}

impl Symmetric {
    /// With the shares a and b.
    pub fn new([a, b]: [f64; 2], forms: Forms) -> Self {
        Symmetric { a, b, forms }
    }

    #[inline(always)]
    fn shares<T: Real>(self, generalized: bool) -> Shares<T> {
        let c = if generalized { 0.0 } else { self.b - self.a };
        Shares { a: T::from_f64(self.a), b: T::from_f64(self.b), c: T::from_f64(c) }
    }

    /// Whether the limit of D → +∞ is that of KL(p ‖ q): it has a share.
    #[inline(always)]
    fn has_forward(self) -> bool {
        self.a > 0.0
    }
}

impl Formula for Symmetric {
    const USES_Q: bool = true;
    const ALLOWS_ZERO_P: bool = false;

    fn has_one_form(self) -> bool {
        self.a == self.b
    }

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let generalized = self.forms.generalized_terms();
        let (Shares { a, b, c }, Pair { p, q, .. }) = (self.shares::<T>(generalized), pair);
        let (d, nan) = pair.ratio::<CAREFUL>();
        let near = Near::of(d);
        let r = near.remainder;
        let of_q = T::ONE - r.mul_add(d, r);
        let bracket = (d * d).mul_add(a.mul_add(r, b * of_q), c * near.growth);
        let close = p * bracket;
        let kappa = if generalized { self.a - self.b } else { 0.0 };
        let apart = T::from_f64(kappa) * (q - p);
        let far = a.mul_add(p, -(b * q)).mul_add(d, apart);
        // Adding 0 makes a zero positive.
        let term = if near.is_near { close } else { far } + T::ZERO;
        if !CAREFUL {
            return term;
        }
        let grows = if self.has_forward() { T::INFINITY } else { apart };
        let term = if d == T::INFINITY { grows } else { term };
        let term = if d == -T::INFINITY { T::INFINITY } else { term };
        // Rounded to subnormal numbers it may be less than nothing; of two equal numbers that overflow it is nothing.
        let vanishes = (generalized & (term < T::ZERO)) | (d == T::ZERO);
        (if vanishes { T::ZERO } else { term }) + nan
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let generalized = self.forms.generalized_slopes();
        let Shares { a, b, c } = self.shares::<T>(generalized);
        let (d, nan) = pair.ratio::<CAREFUL>();
        let (near, Pair { p, q, .. }) = (Near::of(d), pair);
        let close = a.mul_add(p * near.growth, q * b.mul_add(-d, c));
        let far = q.mul_add(
            b.mul_add(-d, T::from_f64(if generalized { self.a } else { self.b })),
            -(a * p),
        );
        let slope = if near.is_near { close } else { far };
        if !CAREFUL {
            return slope + T::ZERO;
        }
        let slope = if (d == T::INFINITY) & (q == T::ZERO) { -(a * p) } else { slope };
        let slope = if d == -T::INFINITY { T::INFINITY } else { slope };
        slope + nan + T::ZERO
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let pair = pair.without_q_first::<CAREFUL>();
        let generalized = self.forms.generalized_slopes();
        let Shares { a, b, c } = self.shares::<T>(generalized);
        let (d, nan) = pair.ratio::<CAREFUL>();
        let (near, rest) = (Near::of(d), T::from_f64(if generalized { self.b } else { self.a }));
        let close = -b.mul_add(near.growth, c);
        let far = b.mul_add(-pair.q_over_p::<CAREFUL>(), rest);
        let slope = times::<T, CAREFUL>(a, d) + if near.is_near { close } else { far };
        if !CAREFUL {
            return slope + T::ZERO;
        }
        let without_q = if self.has_forward() { T::INFINITY } else { rest };
        (if d == T::INFINITY { without_q } else { slope }) + nan + T::ZERO
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let generalized = self.forms.generalized_slopes();
        let Shares { a, b, c } = self.shares::<T>(generalized);
        let (d, nan) = pair.ratio::<CAREFUL>();
        let (near, rest) = (Near::of(d), T::from_f64(if generalized { self.b } else { self.a }));
        let Pair { p, q, .. } = pair;
        let close = p.mul_add(a.mul_add(d, -c), -(b * (p * near.growth)));
        let far = p.mul_add(a.mul_add(d, rest), -(b * q));
        let slope = if near.is_near { close } else { far };
        if !CAREFUL {
            return slope + T::ZERO;
        }
        let of_forward = if pair.is_absent_in_p() { T::ZERO } else { T::INFINITY };
        let without_q = if self.has_forward() { of_forward } else { p.mul_add(rest, -(b * q)) };
        let slope = if d == T::INFINITY { without_q } else { slope };
        let slope = if d == -T::INFINITY { -(b * q) } else { slope };
        slope + nan + T::ZERO
    }
}
