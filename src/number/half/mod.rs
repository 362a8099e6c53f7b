//! 16-bit numbers, by their bits: binary16 and bfloat16, to `f32` exactly and from `f64` rounded once, to
//! nearest, ties to even.
//!
//! The conversions have no branches, so loops over them are vectorized. They make no subnormal `f32`, with which some machines are
//! slow: small probabilities, which are subnormal in binary16, cost no more than others.

mod machine;
mod number;

pub use machine::{round_f16s, widen_f16s};

use crate::number::Float;

/// Converts from bfloat16, the upper half of an `f32`.
#[inline(always)]
pub fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Converts from binary16, through 2¹¹²·|x|: there infinity and NaN have the exponent that they have in `f32`.
#[inline(always)]
pub fn widen_f16(bits: u16) -> f32 {
    const HIDDEN_BIT: f32 = f32::from_bits(225 << 23);
    const SCALE: f32 = f32::from_bits((127 - 112) << 23);
    let signed = i32::from(bits as i16) as u32;
    let large = f32::from_bits(((signed << 13) & 0x0fff_e000) + (224 << 23));
    // A subnormal number has been given a hidden bit: m for 2m − 2⁹⁸ is the smaller only there.
    let without = large.mul_add(2.0, -HIDDEN_BIT);
    let large = if large < without { large } else { without };
    f32::from_bits((large * SCALE).to_bits() | (signed & 0x8000_0000))
}

/// Converts to bfloat16: rounds to its number of digits, then takes the upper half of the `f32`.
#[inline(always)]
pub fn narrow_bf16(value: f64) -> u16 {
    let value = rounded(value, power(53 - 8), [power(-126), power(200)]);
    ((value as f32).to_bits() >> 16) as u16
}

/// Converts an `f32` to bfloat16.
#[inline(always)]
pub fn round_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if value.is_nan() { ((bits >> 16) | 0x40) as u16 } else { rounded }
}

/// Converts to binary16, through an `f32` that is [rounded to odd](rounded_to_odd).
#[inline(always)]
pub fn narrow_f16(value: f64) -> u16 {
    round_f16(rounded_to_odd(value))
}

/// Rounds to odd: the last bit of the `f32` is 1 if bits were cut off, so that a second rounding takes them into account. This
/// does not hold if the `f32` is subnormal.
#[inline(always)]
pub fn rounded_to_odd(value: f64) -> f32 {
    const CUT_OFF: u64 = (1 << 29) - 1;
    let bits = value.to_bits();
    let odd = (bits | ((bits & CUT_OFF) + CUT_OFF)) & !CUT_OFF;
    f64::from_bits(odd) as f32
}

/// Converts an `f32` to binary16.
#[inline(always)]
pub fn round_f16(value: f32) -> u16 {
    const LEAST: f32 = power(-14) as f32;
    let value = rounded(value, power(24 - 11) as f32, [LEAST, power(17) as f32]);
    let normal = value.abs().to_bits() as i32 - (112 << 23);
    // The digits of a subnormal number, which are more than the above makes of it, and less of others.
    let subnormal = (value.abs() + LEAST).to_bits() as i32 - (113 << 23);
    let code = (if normal > subnormal { normal } else { subnormal } >> 13) as u32;
    let code = if code < 0x7c00 { code } else { 0x7c00 };
    let code = if value.is_nan() { 0x7e00 } else { code };
    (code | ((value.to_bits() >> 16) & 0x8000)) as u16
}

/// Rounds to fewer significant bits. `anchor` is 2 to the number of bits that are dropped; below `least`, the smallest normal
/// number, more are dropped. A value beyond `most`, which is too large for the result, is not rounded.
///
/// With 2ᵉ the power of two of the value, the last place of `anchor`·2ᵉ is that of the result: adding it rounds once, and it is
/// subtracted exactly.
#[inline(always)]
fn rounded<T: Bits>(value: T, anchor: T, [least, most]: [T; 2]) -> T {
    let leading = value.leading();
    let leading = if leading > least { leading } else { least };
    let leading = if leading < most { leading } else { most };
    let anchor = leading * anchor;
    ((value.abs() + anchor) - anchor).with_sign_of(value)
}

trait Bits: Float {
    /// The power of two of the magnitude. It is 0 for a subnormal number, and infinite for ∞ and NaN.
    fn leading(self) -> Self;
    /// The magnitude of this number with the sign of the other.
    fn with_sign_of(self, other: Self) -> Self;
}

impl Bits for f32 {
    #[inline(always)]
    fn leading(self) -> f32 {
        f32::from_bits(self.to_bits() & 0x7f80_0000)
    }
    #[inline(always)]
    fn with_sign_of(self, other: f32) -> f32 {
        self.copysign(other)
    }
}

impl Bits for f64 {
    #[inline(always)]
    fn leading(self) -> f64 {
        f64::from_bits(self.to_bits() & 0x7ff0_0000_0000_0000)
    }
    #[inline(always)]
    fn with_sign_of(self, other: f64) -> f64 {
        self.copysign(other)
    }
}

/// The number 2ᵏ.
#[inline(always)]
const fn power(k: i64) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}
