//! Which numbers are taken.

#[cfg(feature = "half")]
mod half;

use std::fmt::{Debug, Display};

use crate::batch::{Visit, Waiting};
use crate::exact::ExactSum;
use crate::kernel::softmax::{CLASSES, LANES, Logit, turn, turn_back};
#[cfg(target_arch = "x86_64")]
use crate::kernel::softmax::{turn_back_f32, turn_f32};
use crate::kernel::{Chunk, Float, Level};
use crate::lanes::Unit;

/// A number that losses are computed of: `f32` or `f64`; with the feature `half` also
/// [`f16`](https://docs.rs/half/2/half/struct.f16.html) or [`bf16`](https://docs.rs/half/2/half/struct.bf16.html).
///
/// 16-bit numbers are read as they are and computed in `f32`: the loss has the bits of the loss of the same
/// numbers as `f32`, and gradients are rounded to 16 bits once.
///
/// Sealed: what is promised is promised of these.
///
/// ```compile_fail,E0277
/// use kldiv::{KLDivLoss, Sum};
/// use ndarray::array;
///
/// let loss = KLDivLoss::new(Sum).forward(&array![0, -1], &array![1, 0]); // of integers
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number that losses are computed of",
    label = "`f32` and `f64` are, and with the feature `half` `f16` and `bf16`",
    note = "integers must be converted first, by `array.mapv(f64::from)` for example",
    note = "`kldiv::half::f16` and `kldiv::half::bf16` are taken with the feature `half` of `kldiv`"
)]
pub trait Element:
    Sealed + Copy + Debug + Display + Default + PartialOrd + Send + Sync + 'static
{
    /// What it is computed in, and what the loss is: `f32` for all but `f64`.
    type Loss: Element<Loss = Self::Loss> + Logit;

    /// Visits a unit of such numbers.
    #[doc(hidden)]
    fn visit(visit: &Visit, unit: Unit<'_, Self>, moments: Option<&mut Waiting>) -> ExactSum
    where
        Self: Sized;

    /// The total of a batch that one thread takes, where it lies, unless that is computed in another way.
    #[doc(hidden)]
    fn total(visit: &Visit, chunk: Chunk<'_, Self>) -> Option<f64>
    where
        Self: Sized;

    /// To the computing type, exactly.
    #[doc(hidden)]
    fn widen(self) -> Self::Loss;

    /// From `f64`, rounded to nearest.
    #[doc(hidden)]
    fn narrow(value: f64) -> Self;

    /// From the computing type, rounded to nearest.
    #[doc(hidden)]
    fn round(value: Self::Loss) -> Self;

    /// Numbers to the computing type.
    #[doc(hidden)]
    #[inline(always)]
    fn widen_all<const N: usize>(_: Level, numbers: &[Self; N]) -> [Self::Loss; N] {
        let mut wide = [Self::Loss::ZERO; N];
        for i in 0..N {
            wide[i] = numbers[i].widen();
        }
        wide
    }

    /// The same, in `room`.
    #[doc(hidden)]
    #[inline(always)]
    fn widen_to<'a, const N: usize>(
        level: Level,
        numbers: &'a [Self; N],
        room: &'a mut [Self::Loss; N],
    ) -> &'a [Self::Loss; N] {
        *room = Self::widen_all(level, numbers);
        room
    }

    /// Numbers in the computing type: themselves, or converted to `room`.
    #[doc(hidden)]
    fn widened<'a>(
        level: Level,
        numbers: &'a [Self],
        room: &'a mut Vec<Self::Loss>,
    ) -> &'a [Self::Loss];

    /// The first [`CLASSES`] of [`LANES`] lanes that lie `stride` apart, turned to rows,
    #[doc(hidden)]
    #[inline(always)]
    fn turn(_: Level, lanes: &[Self], stride: usize) -> [[Self; LANES]; CLASSES] {
        turn(lanes, stride)
    }

    /// and back.
    #[doc(hidden)]
    #[inline(always)]
    fn turn_back(_: Level, rows: [&[Self]; CLASSES], lanes: &mut [Self], stride: usize) {
        turn_back(rows, lanes, stride);
    }

    /// Numbers of the computing type times a factor, each product rounded once.
    #[doc(hidden)]
    fn multiply(level: Level, values: &[Self::Loss], factor: f64, out: &mut [Self]);
}

/// values · factor, rounded once.
#[inline(always)]
fn multiply<A: Element>(values: &[A::Loss], factor: f64, out: &mut [A]) {
    out.iter_mut().zip(values).for_each(|(out, &value)| *out = A::narrow(value.to_f64() * factor));
}

impl Element for f32 {
    type Loss = f32;

    fn visit(visit: &Visit, unit: Unit<'_, f32>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, chunk: Chunk<'_, f32>) -> Option<f64> {
        visit.total_of(chunk)
    }

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
    fn turn(level: Level, lanes: &[f32], stride: usize) -> [[f32; LANES]; CLASSES] {
        turn_f32(level, lanes, stride)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn turn_back(level: Level, rows: [&[f32]; CLASSES], lanes: &mut [f32], stride: usize) {
        turn_back_f32(level, rows, lanes, stride);
    }

    /// The product of two short numbers is exact in `f64`: rounding it once is the same.
    #[inline(always)]
    fn multiply(_: Level, values: &[f32], factor: f64, out: &mut [f32]) {
        let single = factor as f32;
        if f64::from(single) != factor {
            return multiply(values, factor, out);
        }
        out.iter_mut().zip(values).for_each(|(out, &value)| *out = value * single);
    }
}

impl Element for f64 {
    type Loss = f64;

    fn visit(visit: &Visit, unit: Unit<'_, f64>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, chunk: Chunk<'_, f64>) -> Option<f64> {
        visit.total_of(chunk)
    }

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

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    #[cfg(feature = "half")]
    impl Sealed for ::half::f16 {}
    #[cfg(feature = "half")]
    impl Sealed for ::half::bf16 {}
}
use sealed::Sealed;
