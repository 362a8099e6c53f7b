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

use super::formula::{Formula, Pair};
use crate::number::{Real, exp};

/// a·KL(p ‖ q) + b·KL(q ‖ p), b > 0.
#[derive(Clone, Copy, Debug)]
pub struct Symmetric {
    a: f64,
    b: f64,
    c: f64,
}

/// The three numbers in the computing type.
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

    /// q − p.
    #[inline(always)]
    fn difference(&self, Pair { p, q, .. }: Pair<T>) -> T {
        if self.is_near { p * self.growth } else { q - p }
    }
}

impl Symmetric {
    /// The plain form.
    pub fn plain([a, b]: [f64; 2]) -> Self {
        Symmetric { a, b, c: b - a }
    }

    /// The form of which no term is negative.
    pub fn generalized([a, b]: [f64; 2]) -> Self {
        Symmetric { a, b, c: 0.0 }
    }

    #[inline(always)]
    fn shares<T: Real>(self) -> Shares<T> {
        Shares { a: T::from_f64(self.a), b: T::from_f64(self.b), c: T::from_f64(self.c) }
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

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (Shares { a, b, c }, Pair { p, q, .. }) = (self.shares::<T>(), pair);
        let (d, nan) = pair.ratio::<CAREFUL>();
        let near = Near::of(d);
        let r = near.remainder;
        let of_q = T::ONE - r.mul_add(d, r);
        let bracket = (d * d).mul_add(a.mul_add(r, b * of_q), c * near.growth);
        let close = p * bracket;
        let apart = T::from_f64(self.a - self.b + self.c) * (q - p);
        let far = a.mul_add(p, -(b * q)).mul_add(d, apart);
        // Adding 0 makes a zero positive.
        let term = if near.is_near { close } else { far } + T::ZERO;
        if !CAREFUL {
            return term;
        }
        let grows = if self.has_forward() { T::INFINITY } else { apart };
        let term = if d == T::INFINITY { grows } else { term };
        let term = if d == -T::INFINITY { T::INFINITY } else { term };
        term + nan
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (Shares { a, b, c }, (d, nan)) = (self.shares::<T>(), pair.ratio::<CAREFUL>());
        let apart = Near::of(d).difference(pair);
        let slope = a.mul_add(apart, pair.q * b.mul_add(-d, c));
        if !CAREFUL {
            return slope + T::ZERO;
        }
        let without_q = if pair.q == T::ZERO { a * apart } else { slope };
        let slope = if d == T::INFINITY { without_q } else { slope };
        let slope = if d == -T::INFINITY { T::INFINITY } else { slope };
        slope + nan + T::ZERO
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let pair = pair.without_q_first::<CAREFUL>();
        let (Shares { a, b, c }, (d, nan)) = (self.shares::<T>(), pair.ratio::<CAREFUL>());
        let near = Near::of(d);
        let growth = if near.is_near { near.growth } else { exp(-d) - T::ONE };
        let slope = a.mul_add(d, -b.mul_add(growth, c));
        if !CAREFUL {
            return slope + T::ZERO;
        }
        let without_q = if self.has_forward() { T::INFINITY } else { b - c };
        (if d == T::INFINITY { without_q } else { slope }) + nan + T::ZERO
    }

    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let (Shares { a, b, c }, (d, nan)) = (self.shares::<T>(), pair.ratio::<CAREFUL>());
        let apart = -(b * Near::of(d).difference(pair));
        let slope = pair.p.mul_add(a.mul_add(d, -c), apart);
        if !CAREFUL {
            return slope + T::ZERO;
        }
        let without_q = if self.has_forward() { T::INFINITY } else { slope };
        let without_q = if pair.is_absent_in_p() { T::ZERO } else { without_q };
        let of_reverse = pair.p.mul_add(-c, apart);
        let without_q = if self.has_forward() { without_q } else { of_reverse };
        let slope = if d == T::INFINITY { without_q } else { slope };
        let slope = if d == -T::INFINITY { apart } else { slope };
        slope + nan + T::ZERO
    }
}
