//! The two types in which everything is computed, and the few operations on their bits.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// The types that losses are computed in and returned as: `f32` and `f64`.
///
/// The operations are IEEE 754's own, so that a formula written over `Float` gives the same bits
/// on every machine. An integer is made by a float addition: adding
/// [`Float::ROUND`] leaves it in the low bits of the sum. [`Float::above`] orders numbers as
/// integers do, which loops can reduce in any order.
pub trait Float:
    Copy
    + Debug
    + Default
    + Display
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The unsigned integer of the same width.
    type Bits: Copy + Default + Ord;

    /// +0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The smallest positive number, subnormal.
    const TINY: Self;
    /// The smallest normal number.
    const MIN_POSITIVE: Self;
    /// The largest finite number.
    const MAX: Self;
    /// +∞.
    const INFINITY: Self;
    /// NaN.
    const NAN: Self;
    /// The number 1.5·2^(p−1). Adding it rounds to an integer, ties to even, and leaves it in the low bits.
    const ROUND: Self;
    /// The number p of bits of the significand, the hidden bit included.
    const DIGITS: i32;

    /// The sum self·a + b, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Whether the number is NaN.
    fn is_nan(self) -> bool;
    /// The magnitude.
    fn abs(self) -> Self;
    /// Converts to `f64`, exactly.
    fn to_f64(self) -> f64;
    /// Converts from `f64`, rounded to nearest.
    fn from_f64(value: f64) -> Self;
    /// The pair (m, k) with self = m·2ᵏ and m in [low, 2·low), for a positive normal number. For `f32`, k is multiplied by 2²³: that
    /// is its value in the bits, so no shift is needed.
    fn split(self, low: Self) -> (Self, Self);
    /// The number self·2ᵏ, which must be normal. `shifted` is `Float::ROUND + k`.
    fn scale(self, shifted: Self) -> Self;
    /// The number of floats between `base` and this number, both positive. The result is very large if this number is below `base`,
    /// negative or NaN.
    fn above(self, base: Self) -> Self::Bits;
    /// The float that is `steps` floats above this one.
    fn up(self, steps: Self::Bits) -> Self;
}

impl Float for f32 {
    type Bits = u32;
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const TINY: f32 = f32::from_bits(1);
    const MIN_POSITIVE: f32 = f32::MIN_POSITIVE;
    const MAX: f32 = f32::MAX;
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const ROUND: f32 = 12_582_912.0;
    const DIGITS: i32 = 24;

    #[inline(always)]
    fn mul_add(self, a: f32, b: f32) -> f32 {
        f32::mul_add(self, a, b)
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn split(self, low: f32) -> (f32, f32) {
        let exponent = self.to_bits().wrapping_sub(low.to_bits()) & 0xff80_0000;
        (f32::from_bits(self.to_bits().wrapping_sub(exponent)), exponent as i32 as f32)
    }
    #[inline(always)]
    fn scale(self, shifted: f32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_add(shifted.to_bits() << 23))
    }
    #[inline(always)]
    fn above(self, base: f32) -> u32 {
        self.to_bits().wrapping_sub(base.to_bits())
    }
    #[inline(always)]
    fn up(self, steps: u32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_add(steps))
    }
}

impl Float for f64 {
    type Bits = u64;
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const TINY: f64 = f64::from_bits(1);
    const MIN_POSITIVE: f64 = f64::MIN_POSITIVE;
    const MAX: f64 = f64::MAX;
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const DIGITS: i32 = 53;

    #[inline(always)]
    fn mul_add(self, a: f64, b: f64) -> f64 {
        f64::mul_add(self, a, b)
    }
    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn split(self, low: f64) -> (f64, f64) {
        let shifted = self.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - low.to_bits());
        let m = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + low.to_bits());
        let k = f64::from_bits((shifted >> 52) | 0x4330_0000_0000_0000)
            - (4_503_599_627_370_496.0 + 1023.0);
        (m, k)
    }
    #[inline(always)]
    fn scale(self, shifted: f64) -> f64 {
        f64::from_bits(self.to_bits().wrapping_add(shifted.to_bits() << 52))
    }
    #[inline(always)]
    fn above(self, base: f64) -> u64 {
        self.to_bits().wrapping_sub(base.to_bits())
    }
    #[inline(always)]
    fn up(self, steps: u64) -> f64 {
        f64::from_bits(self.to_bits().wrapping_add(steps))
    }
}
