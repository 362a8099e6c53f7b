//! Which numbers are taken.

use std::fmt::{Debug, Display};

#[cfg(feature = "half")]
use half::{bf16, f16};

use crate::batch::{Visit, Waiting};
use crate::exact::ExactSum;
use crate::kernel::Float;
use crate::kernel::softmax::Logit;
#[cfg(feature = "half")]
use crate::kernel::{narrow_bf16, narrow_f16, round_f16, widen_bf16, widen_f16};
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

    /// To the computing type, exactly.
    #[doc(hidden)]
    fn widen(self) -> Self::Loss;

    /// From `f64`, rounded to nearest.
    #[doc(hidden)]
    fn narrow(value: f64) -> Self;

    /// Whether a product of a number and a factor, rounded to the computing type, can be rounded once more
    /// without harm.
    #[doc(hidden)]
    fn may_multiply(factor: f64) -> bool;

    /// From the computing type, rounded to nearest.
    #[doc(hidden)]
    fn round(value: Self::Loss) -> Self;
}

impl Element for f32 {
    type Loss = f32;

    fn visit(visit: &Visit, unit: Unit<'_, f32>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> f32 {
        f32::from_f64(value)
    }

    /// The product of two short numbers is exact in `f64`: rounding it once is the same.
    #[inline(always)]
    fn may_multiply(factor: f64) -> bool {
        f64::from(factor as f32) == factor
    }

    #[inline(always)]
    fn round(value: f32) -> f32 {
        value
    }
}

impl Element for f64 {
    type Loss = f64;

    fn visit(visit: &Visit, unit: Unit<'_, f64>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
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
    fn may_multiply(_: f64) -> bool {
        true
    }

    #[inline(always)]
    fn round(value: f64) -> f64 {
        value
    }
}

#[cfg(feature = "half")]
impl Element for f16 {
    type Loss = f32;

    fn visit(visit: &Visit, unit: Unit<'_, f16>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        widen_f16(self.to_bits())
    }

    #[inline(always)]
    fn narrow(value: f64) -> f16 {
        f16::from_bits(narrow_f16(value))
    }

    /// Powers of two, whose products are exact, or so small that they are 0 here.
    #[inline(always)]
    fn may_multiply(factor: f64) -> bool {
        f64::from(factor as f32) == factor && factor.to_bits() << 12 == 0
    }

    #[inline(always)]
    fn round(value: f32) -> f16 {
        f16::from_bits(round_f16(value))
    }
}

#[cfg(feature = "half")]
impl Element for bf16 {
    type Loss = f32;

    fn visit(visit: &Visit, unit: Unit<'_, bf16>, moments: Option<&mut Waiting>) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        widen_bf16(self.to_bits())
    }

    #[inline(always)]
    fn narrow(value: f64) -> bf16 {
        bf16::from_bits(narrow_bf16(value))
    }

    /// Not where products may be subnormal, in `f32` as here.
    #[inline(always)]
    fn may_multiply(_: f64) -> bool {
        false
    }

    #[inline(always)]
    fn round(value: f32) -> bf16 {
        bf16::from_bits(narrow_bf16(value.into()))
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
