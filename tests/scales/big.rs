//! Numbers of 104 bits whose exponent has no bounds that a test meets: the arithmetic of the reference.

use std::cmp::Ordering;
use std::iter::Sum;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// (hi + lo)·2^exponent, a double-double with 1 ≤ |hi| < 2; or 0.
#[derive(Clone, Copy, Debug)]
pub struct Big {
    hi: f64,
    lo: f64,
    exponent: i64,
}

pub const ZERO: Big = Big { hi: 0.0, lo: 0.0, exponent: 0 };
pub const ONE: Big = Big { hi: 1.0, lo: 0.0, exponent: 0 };
/// ln 2.
const LN_2: Big =
    Big { hi: 2.0 * std::f64::consts::LN_2, lo: 2.0 * 2.319_046_813_846_299_6e-17, exponent: -1 };

/// 2ᵏ for |k| ≤ 1022.
fn power(k: i64) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

/// a + b and its rounding error (TwoSum, Knuth 1969).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

impl Big {
    /// A finite number.
    pub fn of(number: f64) -> Big {
        assert!(number.is_finite(), "{number}");
        let shift = if number.abs() < power(-900) { 200 } else { 0 };
        Big::pair(number * power(shift), 0.0, -shift)
    }

    fn pair(hi: f64, lo: f64, exponent: i64) -> Big {
        let (hi, lo) = two_sum(hi, lo);
        if hi == 0.0 {
            return ZERO;
        }
        let k = (hi.to_bits() >> 52 & 0x7ff) as i64 - 1023;
        let down = |x: f64| x * power(-(k / 2)) * power(-(k - k / 2));
        Big { hi: down(hi), lo: down(lo), exponent: exponent + k }
    }

    pub fn is_zero(self) -> bool {
        self.hi == 0.0
    }

    pub fn signum(self) -> f64 {
        if self.is_zero() { 0.0 } else { self.hi.signum() }
    }

    pub fn abs(self) -> Big {
        if self.hi < 0.0 { -self } else { self }
    }

    pub fn max(self, other: Big) -> Big {
        if self < other { other } else { self }
    }

    pub fn min(self, other: Big) -> Big {
        if other < self { other } else { self }
    }

    /// Rounded; ±∞ and 0 beyond the range.
    pub fn to_f64(self) -> f64 {
        let hi = self.hi + self.lo;
        match self.exponent {
            -1022..=1022 => hi * power(self.exponent),
            1023..=2000 => hi * power(1000) * power(self.exponent - 1000),
            -2000..=-1023 => hi * power(-1000) * power(self.exponent + 1000),
            k if k > 0 => hi * f64::INFINITY,
            _ => 0.0 * hi,
        }
    }

    /// eˣ.
    pub fn exp(self) -> Big {
        let (growth, k) = self.reduced_growth();
        let power = growth + ONE;
        if power.is_zero() { ZERO } else { Big { exponent: power.exponent + k, ..power } }
    }

    /// eˣ − 1, as near to 0 as x may be.
    pub fn exp_m1(self) -> Big {
        match self.reduced_growth() {
            (growth, 0) => growth,
            _ => self.exp() - ONE,
        }
    }

    /// eʳ − 1 and k with x = k·ln 2 + r.
    fn reduced_growth(self) -> (Big, i64) {
        let rough = self.to_f64();
        if rough < -1e12 {
            return (-ONE, 0);
        }
        assert!(rough < 1e12, "{rough}");
        let k = (rough / std::f64::consts::LN_2).round();
        let r = self - Big::of(k) * LN_2;
        if r.is_zero() {
            return (ZERO, k as i64);
        }
        let r = Big { exponent: r.exponent - 8, ..r };
        let mut tail = ONE;
        for n in (2..12).rev() {
            tail = ONE + r * tail / Big::of(f64::from(n));
        }
        let mut growth = r * tail;
        for _ in 0..8 {
            growth = growth + growth + growth * growth;
        }
        (growth, k as i64)
    }

    /// ln x of x > 0, to about 2⁻¹⁰⁰.
    pub fn ln(self) -> Big {
        assert!(self.hi > 0.0);
        let rough = Big::of(self.hi.ln()) + Big::of(self.exponent as f64) * LN_2;
        rough + (self * (-rough).exp() - ONE)
    }

    /// ln(1 + x), as near to 0 as x may be.
    pub fn ln_1p(self) -> Big {
        if self.abs() > Big::of(1e-3) {
            return (ONE + self).ln();
        }
        let mut sum = ZERO;
        for n in (1..14).rev() {
            sum = ONE / Big::of(f64::from(n)) - self * sum;
        }
        self * sum
    }
}

impl Neg for Big {
    type Output = Big;
    fn neg(self) -> Big {
        Big { hi: -self.hi, lo: -self.lo, ..self }
    }
}

impl Add for Big {
    type Output = Big;
    fn add(self, other: Big) -> Big {
        let (a, b) = if self.exponent < other.exponent { (other, self) } else { (self, other) };
        if a.is_zero() || b.is_zero() {
            return if a.is_zero() { b } else { a };
        }
        let distance = a.exponent - b.exponent;
        if distance > 200 {
            return a;
        }
        let scale = power(-distance);
        let (hi, error) = two_sum(a.hi, b.hi * scale);
        let (lo, rest) = two_sum(a.lo, b.lo * scale);
        let (hi, error) = two_sum(hi, error + lo);
        Big::pair(hi, error + rest, a.exponent)
    }
}

impl Sub for Big {
    type Output = Big;
    fn sub(self, other: Big) -> Big {
        self + -other
    }
}

impl Mul for Big {
    type Output = Big;
    fn mul(self, other: Big) -> Big {
        let hi = self.hi * other.hi;
        let lo = self.hi.mul_add(other.hi, -hi) + (self.hi * other.lo + self.lo * other.hi);
        Big::pair(hi, lo, self.exponent + other.exponent)
    }
}

impl Div for Big {
    type Output = Big;
    fn div(self, other: Big) -> Big {
        assert!(!other.is_zero());
        let by = Big { exponent: 0, ..other };
        let mut rest = Big { exponent: 0, ..self };
        let mut sum = ZERO;
        for _ in 0..3 {
            let part = Big::of(rest.to_f64() / other.hi);
            sum = sum + part;
            rest = rest - part * by;
        }
        if sum.is_zero() {
            return ZERO;
        }
        Big { exponent: sum.exponent + self.exponent - other.exponent, ..sum }
    }
}

impl Sum for Big {
    fn sum<I: Iterator<Item = Big>>(all: I) -> Big {
        all.fold(ZERO, |sum, number| sum + number)
    }
}

impl PartialEq for Big {
    fn eq(&self, other: &Big) -> bool {
        (*self - *other).is_zero()
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Big) -> Option<Ordering> {
        (*self - *other).signum().partial_cmp(&0.0)
    }
}

#[test]
fn the_arithmetic_is_right() {
    let near = |a: Big, b: Big| (a - b).abs() <= Big::of(1e-29) * b.abs();
    assert_eq!(LN_2.to_f64(), std::f64::consts::LN_2);
    for x in [5e-324, -3e-310, 1e-300, -0.1, 1.0, 3.5e300] {
        assert_eq!(Big::of(x).to_f64(), x);
        assert!(near(Big::of(x) / Big::of(3.0) * Big::of(3.0), Big::of(x)), "{x}");
    }
    let product = Big::of(1e300) * Big::of(1e300) * Big::of(2e-300) * Big::of(1e-300);
    assert!((product.to_f64() - 2.0).abs() < 1e-15);
    for x in [-700.5, -30.25, -1.0, -0.3, 1e-3, 0.5, 2.0, 20.5] {
        let x = Big::of(x);
        assert!((x.exp().ln() - x).abs() < Big::of(1e-28), "{x:?}");
        assert!(near(x.exp() * (-x).exp(), ONE), "{x:?}");
        assert!((x.exp().to_f64() / x.to_f64().exp() - 1.0).abs() < 1e-15);
    }
    for x in [1e-200, -1e-60, 3e-4, -0.01, 0.3] {
        let x = Big::of(x);
        let back = x.exp_m1().ln_1p();
        assert!((back - x).abs() < Big::of(1e-27) * x.abs(), "{x:?} {back:?}");
    }
}
