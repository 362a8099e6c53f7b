//! Factors of gradients, which may lie beyond the range of `f64`.

/// A factor: mantissa·2^exponent. A product of such factors neither overflows nor underflows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// The significand: 1 ≤ |mantissa| < 2, or 0, ±∞ or NaN.
    mantissa: f64,
    /// The binary exponent.
    exponent: i32,
}

impl Factor {
    /// 1.
    pub const ONE: Self = Factor { mantissa: 1.0, exponent: 0 };

    /// Multiplies by a number, rounded once.
    #[inline]
    pub fn times(self, number: f64) -> Self {
        let (mantissa, exponent) = split(number);
        let (mantissa, carry) = split(self.mantissa * mantissa);
        Factor { mantissa, exponent: self.exponent + exponent + carry }
    }

    /// Whether the factor is 0.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    /// The factor as an `f64`: ±∞ or 0 where it does not fit.
    #[inline]
    pub fn value(self) -> f64 {
        times_power(self.mantissa, self.exponent)
    }

    /// (v, k) with v·2ᵏ = self: k is 0 unless the factor is so large or small that a product with v might leave the range.
    #[inline]
    pub fn balanced(self) -> (f64, i32) {
        if self.exponent.abs() <= 256 { (self.value(), 0) } else { (self.mantissa, self.exponent) }
    }

    /// The largest factor that `number` makes of this one, as a power of two, or 0 where that is of ordinary size.
    pub fn power_with(self, number: f64) -> i32 {
        let exponent = self.exponent + split(number).1;
        if exponent.abs() <= 256 && self.exponent.abs() <= 256 { 0 } else { exponent }
    }

    /// The factor times 2ᵏ.
    pub fn shifted(self, k: i32) -> Self {
        Factor { exponent: self.exponent + k, ..self }
    }

    /// A slope times the factor, rounded once; 0 · ±∞ = 0, whichever of the two is 0.
    pub fn apply(self, slope: f64) -> f64 {
        if slope.is_nan() | self.mantissa.is_nan() {
            f64::NAN
        } else if (slope == 0.0) | self.is_zero() {
            0.0
        } else {
            let (mantissa, exponent) = split(slope);
            times_power(mantissa * self.mantissa, exponent + self.exponent)
        }
    }
}

/// (m, k) with number = m·2ᵏ and 1 ≤ |m| < 2; k = 0 of 0, ±∞ and NaN.
#[inline]
fn split(number: f64) -> (f64, i32) {
    const EXPONENT: u64 = 0x7ff << 52;
    if number == 0.0 || !number.is_finite() {
        return (number, 0);
    }
    let (number, less) = if number.is_normal() { (number, 0) } else { (number * power(64), 64) };
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    (f64::from_bits(bits & !EXPONENT | 1023 << 52), exponent - less)
}

/// x·2ᵏ, rounded once.
#[inline]
pub fn times_power(x: f64, k: i32) -> f64 {
    let (mantissa, exponent) = split(x);
    let k = exponent.saturating_add(k).clamp(-1200, 1200);
    mantissa * power(k / 2) * power(k - k / 2)
}

/// 2ᵏ, |k| ≤ 1022.
#[inline]
fn power(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_that_fit_are_right_whatever_their_factors_are() {
        let factor = Factor::ONE.times(1e300).times(3e200).times(-1e-310);
        assert!((factor.apply(1e-190) + 3.0).abs() < 1e-13, "{factor:?}");
        assert_eq!(Factor::ONE.times(0.1).times(0.3).value(), 0.1 * 0.3);
        assert_eq!(Factor::ONE.times(1e-300).times(1e-300).value(), 0.0);
        assert_eq!(Factor::ONE.times(1e300).times(1e300).value(), f64::INFINITY);
        assert_eq!(Factor::ONE.times(5e-324).value(), 5e-324);
    }

    #[test]
    fn zero_times_infinity_is_0_and_nan_stays() {
        assert_eq!(Factor::ONE.times(0.0).apply(f64::INFINITY), 0.0);
        assert_eq!(Factor::ONE.times(f64::NEG_INFINITY).apply(0.0), 0.0);
        assert_eq!(Factor::ONE.times(-2.0).apply(f64::INFINITY), f64::NEG_INFINITY);
        assert!(Factor::ONE.times(0.0).apply(f64::NAN).is_nan());
        assert!(Factor::ONE.times(f64::NAN).apply(0.0).is_nan());
    }
}
