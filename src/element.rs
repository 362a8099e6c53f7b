//! The numbers that losses take, and the entry that is compiled for each.

use crate::elementwise::Operands;
use crate::engine::Request;
use crate::exact::ExactSum;
use crate::layout::Matrices;
use crate::number::{Number, Real};
use crate::partial::BufferedMoments;
use crate::sparse::SparseRequest;

/// A type of numbers that operands may hold: `f32` or `f64`. With the feature `half` also
/// [`f16`](https://docs.rs/half/2/half/struct.f16.html) and [`bf16`](https://docs.rs/half/2/half/struct.bf16.html).
///
/// 16-bit numbers are read in place and computed in `f32`. The loss has the bits of the loss of the same
/// numbers as `f32`. Gradients are rounded to 16 bits at the end.
///
/// The trait is sealed: the promises of this crate hold for these types.
///
/// ```compile_fail,E0277
/// use kldiv::{KLDivLoss, Sum};
/// use ndarray::array;
///
/// let loss = KLDivLoss::new(Sum).forward(&array![0, -1], &array![1, 0]); // of integers
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number that this loss takes",
    label = "use `f32` or `f64`, or with the feature `half` also `f16` or `bf16`",
    note = "convert integers first, for example by `array.mapv(|n| n as f64)`; pass labels to `labels_batch`",
    note = "`kldiv::half::f16` and `kldiv::half::bf16` need the feature `half` of `kldiv`"
)]
pub trait Element: Sealed + Number<Real = <Self as Element>::Loss> {
    /// The type of the loss, in which everything is computed: `f64` for `f64`, and `f32` for the others.
    type Loss: Element<Loss = <Self as Element>::Loss> + Real;

    /// Computes matrices of such numbers, and returns their total.
    #[doc(hidden)]
    fn compute(
        request: &Request,
        matrices: Matrices<'_, Self>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum
    where
        Self: Sized;

    /// Computes matrices with a sparse target, and returns their total.
    #[doc(hidden)]
    fn compute_sparse(
        request: &SparseRequest,
        matrices: Matrices<'_, Self>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum
    where
        Self: Sized;

    /// The total of a small contiguous batch. `None` if the rule has no short way.
    #[doc(hidden)]
    fn total(request: &Request, operands: Operands<'_, Self>) -> Option<f64>
    where
        Self: Sized;
}

impl Element for f32 {
    type Loss = f32;

    fn compute(
        request: &Request,
        matrices: Matrices<'_, f32>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn compute_sparse(
        request: &SparseRequest,
        matrices: Matrices<'_, f32>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn total(request: &Request, operands: Operands<'_, f32>) -> Option<f64> {
        request.total_of(operands)
    }
}

impl Element for f64 {
    type Loss = f64;

    fn compute(
        request: &Request,
        matrices: Matrices<'_, f64>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn compute_sparse(
        request: &SparseRequest,
        matrices: Matrices<'_, f64>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn total(request: &Request, operands: Operands<'_, f64>) -> Option<f64> {
        request.total_of(operands)
    }
}

#[cfg(feature = "half")]
impl Element for ::half::f16 {
    type Loss = f32;

    fn compute(
        request: &Request,
        matrices: Matrices<'_, ::half::f16>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn compute_sparse(
        request: &SparseRequest,
        matrices: Matrices<'_, ::half::f16>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn total(request: &Request, operands: Operands<'_, ::half::f16>) -> Option<f64> {
        request.total_of(operands)
    }
}

#[cfg(feature = "half")]
impl Element for ::half::bf16 {
    type Loss = f32;

    fn compute(
        request: &Request,
        matrices: Matrices<'_, ::half::bf16>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn compute_sparse(
        request: &SparseRequest,
        matrices: Matrices<'_, ::half::bf16>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        request.compute(matrices, moments)
    }

    fn total(request: &Request, operands: Operands<'_, ::half::bf16>) -> Option<f64> {
        request.total_of(operands)
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
