//! Conversions of binary16: by instructions if the machine has them (F16C, AVX-512F), otherwise by the formulas of [`super`].
//!
//! Both follow IEEE 754, so the numbers are the same. The bits of a NaN may differ.

use half::f16;

use super::{round_f16, widen_f16};
use crate::number::{Level, WIDTH};

/// Converts from binary16.
#[inline(always)]
pub fn widen_f16s<const N: usize>(level: Level, bits: [u16; N]) -> [f32; N] {
    let mut wide = [0.0; N];
    let ((bits, tail), (groups, rest)) = (bits.as_chunks::<WIDTH>(), wide.as_chunks_mut());
    for (bits, wide) in bits.iter().zip(groups) {
        *wide = widen(level, *bits);
    }
    for (bits, wide) in tail.iter().zip(rest) {
        *wide = widen_f16(*bits);
    }
    wide
}

/// Applies `of` to each value and rounds the result to binary16, to nearest, ties to even.
#[inline(always)]
pub fn round_f16s(level: Level, values: &[f32], out: &mut [f16], of: impl Fn(f32) -> f32) {
    let ((values, tail), (groups, rest)) = (values.as_chunks::<WIDTH>(), out.as_chunks_mut());
    for (values, out) in values.iter().zip(groups) {
        let mut values = *values;
        values.iter_mut().for_each(|value| *value = of(*value));
        *out = round(level, values).map(f16::from_bits);
    }
    for (value, out) in tail.iter().zip(rest) {
        *out = f16::from_bits(round_f16(of(*value)));
    }
}

#[inline(always)]
fn widen(level: Level, bits: [u16; WIDTH]) -> [f32; WIDTH] {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(token) = level.avx512() {
            return x86_64::widen_16(token, bits);
        }
        if let Some(token) = level.avx2() {
            let mut wide = [0.0; WIDTH];
            let halves = wide.as_chunks_mut().0.iter_mut().zip(bits.as_chunks().0);
            halves.for_each(|(wide, bits)| *wide = x86_64::widen_8(token, *bits));
            return wide;
        }
    }
    let _ = level;
    let mut wide = [0.0; WIDTH];
    for i in 0..WIDTH {
        wide[i] = widen_f16(bits[i]);
    }
    wide
}

#[inline(always)]
fn round(level: Level, values: [f32; WIDTH]) -> [u16; WIDTH] {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(token) = level.avx512() {
            return x86_64::round_16(token, values);
        }
        if let Some(token) = level.avx2() {
            let mut bits = [0; WIDTH];
            let halves = bits.as_chunks_mut().0.iter_mut().zip(values.as_chunks().0);
            halves.for_each(|(bits, values)| *bits = x86_64::round_8(token, *values));
            return bits;
        }
    }
    let _ = level;
    let mut bits = [0; WIDTH];
    for i in 0..WIDTH {
        bits[i] = round_f16(values[i]);
    }
    bits
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::*;

    use fearless_simd::{f32x8, f32x16, kernel, prelude::*, u16x8, u16x16};

    kernel!(
        #[inline(always)]
        pub fn widen_16(avx512: Avx512, bits: [u16; 16]) -> [f32; 16] {
            let bits: u16x16<_> = bits.simd_into(avx512);
            let wide: f32x16<_> = _mm512_cvtph_ps(bits.into()).simd_into(avx512);
            wide.into()
        }
    );

    kernel!(
        #[inline(always)]
        pub fn round_16(avx512: Avx512, values: [f32; 16]) -> [u16; 16] {
            let values: f32x16<_> = values.simd_into(avx512);
            let bits = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(values.into());
            let bits: u16x16<_> = bits.simd_into(avx512);
            bits.into()
        }
    );

    kernel!(
        #[inline(always)]
        pub fn widen_8(avx2: Avx2, bits: [u16; 8]) -> [f32; 8] {
            let bits: u16x8<_> = bits.simd_into(avx2);
            let wide: f32x8<_> = _mm256_cvtph_ps(bits.into()).simd_into(avx2);
            wide.into()
        }
    );

    kernel!(
        #[inline(always)]
        pub fn round_8(avx2: Avx2, values: [f32; 8]) -> [u16; 8] {
            let values: f32x8<_> = values.simd_into(avx2);
            let bits = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(values.into());
            let bits: u16x8<_> = bits.simd_into(avx2);
            bits.into()
        }
    );
}
