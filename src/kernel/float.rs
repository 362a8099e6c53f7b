//! The two types everything is computed in, and the few operations on their bits.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// `f32` or `f64`: what a loss is computed in and returned as.
///
/// The operations are IEEE 754's own, so that a formula written over `Float` gives the same bits
/// on every machine. Integers that live in the exponent field are handled as floats: adding
/// [`Float::ROUND`] leaves an integer in the low bits of a sum.
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
    type Bits: Copy + Default;

    /// +0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The smallest normal number.
    const MIN_POSITIVE: Self;
    /// The largest finite number.
    const MAX: Self;
    /// +∞.
    const INFINITY: Self;
    /// NaN.
    const NAN: Self;
    /// 1.5·2^(p−1): adding it rounds to an integer, ties to even, and leaves it in the low bits.
    const ROUND: Self;
    /// The significand's bits, the hidden one included: p.
    const DIGITS: i32;
    /// The exponent of the smallest normal number.
    const MIN_EXPONENT: i32;
    /// The exponent of the largest number.
    const MAX_EXPONENT: i32;

    /// self·a + b, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Whether this is NaN.
    fn is_nan(self) -> bool;
    /// The magnitude.
    fn abs(self) -> Self;
    /// To `f64`, exactly.
    fn to_f64(self) -> f64;
    /// From `f64`, rounded to nearest.
    fn from_f64(value: f64) -> Self;
    /// (m, k) with self = m·2ᵏ and m in [low, 2·low), for a positive normal number.
    fn split(self, low: Self) -> (Self, Self);
    /// self·2ᵏ, k given as `Float::ROUND + k`; self·2ᵏ must be normal.
    fn scale(self, shifted: Self) -> Self;
    /// ⌊log₂ |self|⌋, no less than `MIN_EXPONENT`.
    fn exponent(self) -> i32;
    /// 1.5·2^exponent.
    fn one_and_a_half(exponent: i32) -> Self;
    /// A sum of bits, modulo the width, plus the bits of `shifted`.
    fn add_bits(sum: Self::Bits, shifted: Self) -> Self::Bits;
    /// What is left of a sum of the bits of `count` numbers close to m: the signed sum of their
    /// distances in units of the last place.
    fn integer(sum: Self::Bits, m: Self, count: usize) -> i64;
}

impl Float for f32 {
    type Bits = u32;
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const MIN_POSITIVE: f32 = f32::MIN_POSITIVE;
    const MAX: f32 = f32::MAX;
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const ROUND: f32 = 12_582_912.0;
    const DIGITS: i32 = 24;
    const MIN_EXPONENT: i32 = -126;
    const MAX_EXPONENT: i32 = 127;

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
        let k = (self.to_bits().wrapping_sub(low.to_bits()) as i32) >> 23;
        (f32::from_bits(self.to_bits().wrapping_sub((k as u32) << 23)), k as f32)
    }
    #[inline(always)]
    fn scale(self, shifted: f32) -> f32 {
        f32::from_bits(self.to_bits().wrapping_add(shifted.to_bits() << 23))
    }
    #[inline(always)]
    fn exponent(self) -> i32 {
        ((self.to_bits() >> 23 & 0xff) as i32).max(1) - 127
    }
    #[inline(always)]
    fn one_and_a_half(exponent: i32) -> f32 {
        f32::from_bits(((exponent + 127) as u32) << 23 | 1 << 22)
    }
    #[inline(always)]
    fn add_bits(sum: u32, shifted: f32) -> u32 {
        sum.wrapping_add(shifted.to_bits())
    }
    #[inline(always)]
    fn integer(sum: u32, m: f32, count: usize) -> i64 {
        i64::from(sum.wrapping_sub(m.to_bits().wrapping_mul(count as u32)) as i32)
    }
}

impl Float for f64 {
    type Bits = u64;
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const MIN_POSITIVE: f64 = f64::MIN_POSITIVE;
    const MAX: f64 = f64::MAX;
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const DIGITS: i32 = 53;
    const MIN_EXPONENT: i32 = -1022;
    const MAX_EXPONENT: i32 = 1023;

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
    fn exponent(self) -> i32 {
        ((self.to_bits() >> 52 & 0x7ff) as i32).max(1) - 1023
    }
    #[inline(always)]
    fn one_and_a_half(exponent: i32) -> f64 {
        f64::from_bits(((exponent + 1023) as u64) << 52 | 1 << 51)
    }
    #[inline(always)]
    fn add_bits(sum: u64, shifted: f64) -> u64 {
        sum.wrapping_add(shifted.to_bits())
    }
    #[inline(always)]
    fn integer(sum: u64, m: f64, count: usize) -> i64 {
        sum.wrapping_sub(m.to_bits().wrapping_mul(count as u64)) as i64
    }
}
