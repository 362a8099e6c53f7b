//! The numbers that arrays hold: 16, 32 or 64 bits.

use std::fmt::{Debug, Display};

use super::transpose::{TRANSPOSED_CLASSES, TRANSPOSED_LANES, transpose, transpose_back};
#[cfg(target_arch = "x86_64")]
use super::transpose::{transpose_back_f32, transpose_f32};
use super::{Float, Level, Real};

/// A number as arrays hold it, with its conversions to and from the type that losses are computed in.
pub trait Number: Copy + Debug + Display + Default + PartialOrd + Send + Sync + 'static {
    /// The computing type: `f32` for all but `f64`.
    type Real: Real + Number<Real = Self::Real>;

    /// Converts to the computing type, exactly.
    fn widen(self) -> Self::Real;

    /// Converts from `f64`, rounded to nearest.
    fn narrow(value: f64) -> Self;

    /// Converts from the computing type, rounded to nearest.
    fn round(value: Self::Real) -> Self;

    /// Converts numbers to the computing type.
    #[inline(always)]
    fn widen_all<const N: usize>(_: Level, numbers: &[Self; N]) -> [Self::Real; N] {
        let mut wide = [Self::Real::ZERO; N];
        for i in 0..N {
            wide[i] = numbers[i].widen();
        }
        wide
    }

    /// Converts numbers to the computing type, in `scratch`.
    #[inline(always)]
    fn widen_to<'a, const N: usize>(
        level: Level,
        numbers: &'a [Self; N],
        scratch: &'a mut [Self::Real; N],
    ) -> &'a [Self::Real; N] {
        *scratch = Self::widen_all(level, numbers);
        scratch
    }

    /// The numbers in the computing type: borrowed if they have that type, otherwise converted to `scratch`.
    fn widened<'a>(
        level: Level,
        numbers: &'a [Self],
        scratch: &'a mut Vec<Self::Real>,
    ) -> &'a [Self::Real];

    /// The first [`TRANSPOSED_CLASSES`] classes of [`TRANSPOSED_LANES`] lanes that lie `stride` apart, one row for each class.
    #[inline(always)]
    fn transpose_block(
        _: Level,
        lanes: &[Self],
        stride: usize,
    ) -> [[Self; TRANSPOSED_LANES]; TRANSPOSED_CLASSES] {
        transpose(lanes, stride)
    }

    /// Writes rows back to the first [`TRANSPOSED_CLASSES`] classes of [`TRANSPOSED_LANES`] lanes that lie `stride` apart.
    #[inline(always)]
    fn transpose_block_back(
        _: Level,
        rows: [&[Self]; TRANSPOSED_CLASSES],
        lanes: &mut [Self],
        stride: usize,
    ) {
        transpose_back(rows, lanes, stride);
    }

    /// Multiplies numbers of the computing type by a factor. Each product is rounded once.
    fn multiply(level: Level, values: &[Self::Real], factor: f64, out: &mut [Self]);
}

/// Multiplies values by a factor in `f64`. Each product is rounded once.
#[inline(always)]
pub(super) fn multiply<A: Number>(values: &[A::Real], factor: f64, out: &mut [A]) {
    out.iter_mut().zip(values).for_each(|(out, &value)| *out = A::narrow(value.to_f64() * factor));
}

impl Number for f32 {
    type Real = f32;

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> f32 {
        f32::from_f64(value)
    }

    #[inline(always)]
    fn round(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn widened<'a>(_: Level, numbers: &'a [f32], _: &'a mut Vec<f32>) -> &'a [f32] {
        numbers
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn transpose_block(
        level: Level,
        lanes: &[f32],
        stride: usize,
    ) -> [[f32; TRANSPOSED_LANES]; TRANSPOSED_CLASSES] {
        transpose_f32(level, lanes, stride)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn transpose_block_back(
        level: Level,
        rows: [&[f32]; TRANSPOSED_CLASSES],
        lanes: &mut [f32],
        stride: usize,
    ) {
        transpose_back_f32(level, rows, lanes, stride);
    }

    /// The product of two `f32` is exact in `f64`, so a multiplication in `f32` gives the same bits if the factor is an `f32`.
    #[inline(always)]
    fn multiply(_: Level, values: &[f32], factor: f64, out: &mut [f32]) {
        let single = factor as f32;
        if f64::from(single) != factor {
            return multiply(values, factor, out);
        }
        out.iter_mut().zip(values).for_each(|(out, &value)| *out = value * single);
    }
}

impl Number for f64 {
    type Real = f64;

    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn round(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn widened<'a>(_: Level, numbers: &'a [f64], _: &'a mut Vec<f64>) -> &'a [f64] {
        numbers
    }

    #[inline(always)]
    fn multiply(_: Level, values: &[f64], factor: f64, out: &mut [f64]) {
        multiply(values, factor, out);
    }
}
