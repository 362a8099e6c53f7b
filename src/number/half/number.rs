//! Arrays of 16-bit numbers.

use ::half::{bf16, f16};

use super::{
    narrow_bf16, narrow_f16, round_bf16, round_f16, round_f16s, rounded_to_odd, widen_bf16,
    widen_f16, widen_f16s,
};
use crate::number::storage::{Number, multiply};
use crate::number::{Float, Level};

/// Converts the numbers to the computing type, in `scratch`.
fn widened<'a, A: Number>(
    level: Level,
    numbers: &[A],
    scratch: &'a mut Vec<A::Real>,
) -> &'a [A::Real] {
    scratch.resize(numbers.len(), A::Real::ZERO);
    level.run(
        #[inline(always)]
        || {
            let ((numbers, tail), (wide, rest)) =
                (numbers.as_chunks::<16>(), scratch.as_chunks_mut());
            for (wide, numbers) in wide.iter_mut().zip(numbers) {
                *wide = A::widen_all(level, numbers);
            }
            rest.iter_mut().zip(tail).for_each(|(wide, number)| *wide = number.widen());
        },
    );
    scratch
}

/// The factor as an `f32`, if it is a power of two that `f32` can hold.
#[inline(always)]
fn power_of_two(factor: f64) -> Option<f32> {
    let single = factor as f32;
    (f64::from(single) == factor && factor.to_bits() << 12 == 0).then_some(single)
}

impl Number for f16 {
    type Real = f32;

    #[inline(always)]
    fn widen(self) -> f32 {
        widen_f16(self.to_bits())
    }

    #[inline(always)]
    fn narrow(value: f64) -> f16 {
        f16::from_bits(narrow_f16(value))
    }

    #[inline(always)]
    fn round(value: f32) -> f16 {
        f16::from_bits(round_f16(value))
    }

    fn widened<'a>(level: Level, numbers: &'a [f16], scratch: &'a mut Vec<f32>) -> &'a [f32] {
        widened(level, numbers, scratch)
    }

    #[inline(always)]
    fn widen_all<const N: usize>(level: Level, numbers: &[f16; N]) -> [f32; N] {
        widen_f16s(level, numbers.map(f16::to_bits))
    }

    /// Converts numbers to the computing type, in `scratch`. The compiler must store them to memory: if it keeps them as sixteen
    /// scalars, it does not vectorize the loop that uses them.
    #[inline(always)]
    fn widen_to<'a, const N: usize>(
        level: Level,
        numbers: &'a [f16; N],
        scratch: &'a mut [f32; N],
    ) -> &'a [f32; N] {
        *scratch = Self::widen_all(level, numbers);
        std::hint::black_box(scratch)
    }

    /// Multiplies by a factor. If it is a power of two, products in `f32` are exact, or so small that they are 0 in binary16.
    #[inline(always)]
    fn multiply(level: Level, values: &[f32], factor: f64, out: &mut [f16]) {
        match power_of_two(factor) {
            Some(power) => round_f16s(
                level,
                values,
                out,
                #[inline(always)]
                |value| value * power,
            ),
            None => round_f16s(
                level,
                values,
                out,
                #[inline(always)]
                |value| rounded_to_odd(f64::from(value) * factor),
            ),
        }
    }
}

impl Number for bf16 {
    type Real = f32;

    #[inline(always)]
    fn widen(self) -> f32 {
        widen_bf16(self.to_bits())
    }

    #[inline(always)]
    fn narrow(value: f64) -> bf16 {
        bf16::from_bits(narrow_bf16(value))
    }

    #[inline(always)]
    fn round(value: f32) -> bf16 {
        bf16::from_bits(round_bf16(value))
    }

    fn widened<'a>(level: Level, numbers: &'a [bf16], scratch: &'a mut Vec<f32>) -> &'a [f32] {
        widened(level, numbers, scratch)
    }

    /// Multiplies by a factor. If it is a power of two, products in `f32` are exact unless they are subnormal; `f32` and bfloat16
    /// have the same subnormal range.
    #[inline(always)]
    fn multiply(_: Level, values: &[f32], factor: f64, out: &mut [bf16]) {
        let Some(power) = power_of_two(factor) else { return multiply(values, factor, out) };
        let mut small = 0;
        for (out, &value) in out.iter_mut().zip(values) {
            let product = value * power;
            small |= u32::from((product.abs() < f32::MIN_POSITIVE) & (value != 0.0));
            *out = Self::round(product);
        }
        if small > 0 {
            multiply(values, factor, out);
        }
    }
}
