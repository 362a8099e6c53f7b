//! Numbers of two `f64`: sums within about 2⁻¹⁰⁰ of the larger operand, products within as much of themselves,
//! exponentials and logarithms within about 2⁻⁶².

use std::f64::consts::{LN_2, LOG2_E};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number and what its rounding lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Double(pub f64, pub f64);

impl From<f64> for Double {
    #[inline(always)]
    fn from(value: f64) -> Double {
        Double(value, 0.0)
    }
}

impl Double {
    /// Dekker's fast two-sum: the first is the larger.
    #[inline(always)]
    fn normal(high: f64, low: f64) -> Double {
        let sum = high + low;
        Double(sum, low - (sum - high))
    }

    /// Times a power of two.
    #[inline(always)]
    fn scaled(self, power: f64) -> Double {
        Double(power * self.0, power * self.1)
    }

    /// e^y = 2^k·(1 + s)⁴, s = e^r − 1, |r| < 0.087: what `f64` rounds in the terms from r³/6 on comes to about 2⁻⁶²
    /// of the result, the first term left out, r¹²/12!, to less.
    #[inline(always)]
    pub fn exp(self) -> Double {
        const LOW: f64 = 2.319_046_813_846_299_6e-17;
        let k = (self.0 * LOG2_E).round_ties_even();
        let r = (self - Double(LN_2, LOW) * k.into()).scaled(0.25);
        let tail =
            (3..12).rev().fold(0.0, |sum: f64, n: u32| (sum * r.0 + 1.0) * f64::from(n).recip());
        let square = (r * r).scaled(0.5);
        let mut s = r + square + (square.0 * r.0 * tail).into();
        for _ in 0..2 {
            s = s.scaled(2.0) + s * s;
        }
        // In two steps, for 2^k may be no normal number where the product is one.
        let half = (0.5 * k).trunc();
        (s + 1.0.into()).scaled(half.exp2()).scaled((k - half).exp2())
    }

    /// A step of Newton's from the logarithm in `f64`.
    #[inline(always)]
    pub fn ln(self) -> Double {
        let first = Double::from(self.0.ln());
        first + (self * (-first).exp() - 1.0.into())
    }
}

impl Add for Double {
    type Output = Double;
    /// Knuth's two-sum of the first parts.
    #[inline(always)]
    fn add(self, other: Double) -> Double {
        let sum = self.0 + other.0;
        let part = sum - self.0;
        let lost = (self.0 - (sum - part)) + (other.0 - part);
        Double::normal(sum, lost + (self.1 + other.1))
    }
}

impl Sub for Double {
    type Output = Double;
    #[inline(always)]
    fn sub(self, other: Double) -> Double {
        self + -other
    }
}

impl Neg for Double {
    type Output = Double;
    #[inline(always)]
    fn neg(self) -> Double {
        Double(-self.0, -self.1)
    }
}

impl Mul for Double {
    type Output = Double;
    #[inline(always)]
    fn mul(self, other: Double) -> Double {
        let product = self.0 * other.0;
        let lost = self.0.mul_add(other.0, -product);
        Double::normal(product, lost + (self.0 * other.1 + self.1 * other.0))
    }
}

impl Div for Double {
    type Output = Double;
    #[inline(always)]
    fn div(self, divisor: Double) -> Double {
        let first = self.0 / divisor.0;
        let rest = self - divisor * first.into();
        Double::normal(first, rest.0 / divisor.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: f64 = 1e-18;

    #[test]
    fn constants() {
        let close = |found: Double, right| (found - right).0.abs() < DIGITS * right.0.abs();
        let e = Double(std::f64::consts::E, 1.445_646_891_729_250_2e-16);
        assert!(close(Double::from(1.0).exp(), e));
        assert!(close(Double::from(-1.0).exp(), Double::from(1.0) / e));
        let ln_10 = Double(std::f64::consts::LN_10, -2.170_756_223_382_249_4e-16);
        assert!(close(Double::from(10.0).ln(), ln_10));
    }

    #[test]
    fn logarithms_of_exponentials() {
        for i in -600..=600 {
            let y = Double::from(1.1 * f64::from(i));
            assert!((y.exp().ln() - y).0.abs() < 4.0 * DIGITS * f64::from(i).abs().max(1.0));
        }
    }
}
