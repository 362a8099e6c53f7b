//! Which numbers are taken.

use std::fmt::{Debug, Display};

#[cfg(feature = "half")]
use half::{bf16, f16};

use crate::batch::{Visit, Waiting};
use crate::exact::ExactSum;
use crate::kernel::softmax::{CLASSES, LANES, Logit, turn, turn_back};
#[cfg(target_arch = "x86_64")]
use crate::kernel::softmax::{turn_back_f32, turn_f32};
use crate::kernel::{Chunk, Float, Level};
#[cfg(feature = "half")]
use crate::kernel::{
    narrow_bf16, narrow_f16, round_bf16, round_f16, round_f16s, rounded_to_odd, widen_bf16,
    widen_f16, widen_f16s,
};
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

    /// The total of a small batch, unless that is computed in another way.
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

/// The numbers widened to `room`.
#[cfg(feature = "half")]
fn widened<'a, A: Element>(
    level: Level,
    numbers: &[A],
    room: &'a mut Vec<A::Loss>,
) -> &'a [A::Loss] {
    room.resize(numbers.len(), A::Loss::ZERO);
    level.run(
        #[inline(always)]
        || {
            let ((numbers, tail), (wide, rest)) =
                (numbers.as_chunks::<LANES>(), room.as_chunks_mut());
            for (wide, numbers) in wide.iter_mut().zip(numbers) {
                *wide = A::widen_all(level, numbers);
            }
            rest.iter_mut().zip(tail).for_each(|(wide, number)| *wide = number.widen());
        },
    );
    room
}

/// The factor in `f32`, if it is a power of two there.
#[cfg(feature = "half")]
#[inline(always)]
fn power_of_two(factor: f64) -> Option<f32> {
    let single = factor as f32;
    (f64::from(single) == factor && factor.to_bits() << 12 == 0).then_some(single)
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

#[cfg(feature = "half")]
impl Element for f16 {
    type Loss = f32;

    fn visit(visit: &Visit, unit: Unit<'_, f16>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, chunk: Chunk<'_, f16>) -> Option<f64> {
        visit.total_of(chunk)
    }

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

    fn widened<'a>(level: Level, numbers: &'a [f16], room: &'a mut Vec<f32>) -> &'a [f32] {
        widened(level, numbers, room)
    }

    #[inline(always)]
    fn widen_all<const N: usize>(level: Level, numbers: &[f16; N]) -> [f32; N] {
        widen_f16s(level, numbers.map(f16::to_bits))
    }

    /// Written to memory for good: taken for sixteen numbers that are known one by one, they are not put
    /// together to vectors again.
    #[inline(always)]
    fn widen_to<'a, const N: usize>(
        level: Level,
        numbers: &'a [f16; N],
        room: &'a mut [f32; N],
    ) -> &'a [f32; N] {
        *room = Self::widen_all(level, numbers);
        std::hint::black_box(room)
    }

    /// Products with powers of two are exact in `f32`, or so small that they are 0 here.
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

#[cfg(feature = "half")]
impl Element for bf16 {
    type Loss = f32;

    fn visit(visit: &Visit, unit: Unit<'_, bf16>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, chunk: Chunk<'_, bf16>) -> Option<f64> {
        visit.total_of(chunk)
    }

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

    fn widened<'a>(level: Level, numbers: &'a [bf16], room: &'a mut Vec<f32>) -> &'a [f32] {
        widened(level, numbers, room)
    }

    /// Products with powers of two are exact in `f32` unless they are subnormal, there as here.
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

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    #[cfg(feature = "half")]
    impl Sealed for half::f16 {}
    #[cfg(feature = "half")]
    impl Sealed for half::bf16 {}
}
use sealed::Sealed;
