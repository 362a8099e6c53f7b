//! Which numbers are taken, and the entry that is compiled for each.

use crate::batch::Visit;
use crate::elementwise::Operands;
use crate::exact::ExactSum;
use crate::layout::Unit;
use crate::number::{Number, Real};
use crate::partial::BufferedMoments;

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
pub trait Element: Sealed + Number<Real = <Self as Element>::Loss> {
    /// What it is computed in, and what the loss is: `f32` for all but `f64`.
    type Loss: Element<Loss = <Self as Element>::Loss> + Real;

    /// Visits a unit of such numbers.
    #[doc(hidden)]
    fn visit(
        visit: &Visit,
        unit: Unit<'_, Self>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum
    where
        Self: Sized;

    /// The total of a batch that one thread takes, where it lies, unless that is computed in another way.
    #[doc(hidden)]
    fn total(visit: &Visit, operands: Operands<'_, Self>) -> Option<f64>
    where
        Self: Sized;
}

impl Element for f32 {
    type Loss = f32;

    fn visit(
        visit: &Visit,
        unit: Unit<'_, f32>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, operands: Operands<'_, f32>) -> Option<f64> {
        visit.total_of(operands)
    }
}

impl Element for f64 {
    type Loss = f64;

    fn visit(
        visit: &Visit,
        unit: Unit<'_, f64>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, operands: Operands<'_, f64>) -> Option<f64> {
        visit.total_of(operands)
    }
}

#[cfg(feature = "half")]
impl Element for ::half::f16 {
    type Loss = f32;

    fn visit(
        visit: &Visit,
        unit: Unit<'_, ::half::f16>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, operands: Operands<'_, ::half::f16>) -> Option<f64> {
        visit.total_of(operands)
    }
}

#[cfg(feature = "half")]
impl Element for ::half::bf16 {
    type Loss = f32;

    fn visit(
        visit: &Visit,
        unit: Unit<'_, ::half::bf16>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        visit.unit_of(unit, moments)
    }

    fn total(visit: &Visit, operands: Operands<'_, ::half::bf16>) -> Option<f64> {
        visit.total_of(operands)
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
