//! The reductions: what a call returns, and by what it divides the sum.

mod any;
mod output;
mod scalar;

use std::fmt::Debug;

use ndarray::{ArrayRef, ArrayViewD, ArrayViewMutD, Dimension};

use crate::element::Element;
use crate::error::Error;
pub use any::AnyReduction;
use output::sealed::Sealed;
pub use scalar::{ScalarOver, ScalarOverHalves};

/// What becomes of the terms.
///
/// A reduction is a type, so that the compiler knows what [`forward`](crate::KLDivLoss::forward)
/// returns: an array of terms, an array of divergences, or a number. Sealed.
pub trait Reduction: Sealed + Copy + Debug + Send + Sync + 'static {
    /// What `forward` returns.
    type Output<A: Element, D: Dimension>: Clone + Debug + Send + Sync;
    /// What `forward_into` writes to and `backward` takes as upstream: `A::Loss`, or an
    /// [`ArrayRef`] of it.
    type Buffer<A: Element, D: Dimension>: ?Sized;

    /// The reduction as a value.
    #[doc(hidden)]
    fn kind(self) -> AnyReduction;
    /// Zeros in the shape of the output, laid out in memory as the input is.
    #[doc(hidden)]
    fn allocate<A: Element, D: Dimension>(
        self,
        input: &ArrayRef<A, D>,
        axis: usize,
    ) -> Result<Self::Output<A, D>, Error>;
    /// The buffer of an output.
    #[doc(hidden)]
    fn buffer<A: Element, D: Dimension>(output: &mut Self::Output<A, D>)
    -> &mut Self::Buffer<A, D>;
    /// A view of a buffer, of rank 0 for a number.
    #[doc(hidden)]
    fn view<A: Element, D: Dimension>(buffer: &Self::Buffer<A, D>) -> ArrayViewD<'_, A::Loss>;
    /// A mutable view of a buffer, of rank 0 for a number.
    #[doc(hidden)]
    fn view_mut<A: Element, D: Dimension>(
        buffer: &mut Self::Buffer<A, D>,
    ) -> ArrayViewMutD<'_, A::Loss>;
}

/// A reduction to one number: `Sum`, `Mean`, `BatchMean`, `DistributionMean`, `SumOver`.
///
/// Generic code can say that the loss is a number; over any rank and element, through
/// [`scalar`](Self::scalar):
///
/// ```
/// use kldiv::{Element, KLDivLoss, Mean, ScalarReduction, Sum};
/// use ndarray::{Array, Array2, Dimension, array};
///
/// fn loss<R: ScalarReduction>(
///     criterion: KLDivLoss<R>,
///     log_q: &Array2<f32>,
///     p: &Array2<f32>,
/// ) -> Result<f32, kldiv::Error> {
///     criterion.forward(log_q, p)
/// }
///
/// fn any_loss<R: ScalarReduction, A: Element, D: Dimension>(
///     criterion: KLDivLoss<R>,
///     log_q: &Array<A, D>,
///     p: &Array<A, D>,
/// ) -> Result<A::Loss, kldiv::Error> {
///     criterion.forward(log_q, p).map(R::scalar::<A, D>)
/// }
///
/// let (log_q, p) = (array![[0.5_f32, 0.5]].ln(), array![[0.25_f32, 0.75]]);
/// let sum = loss(KLDivLoss::new(Sum), &log_q, &p)?;
/// assert_eq!(any_loss(KLDivLoss::new(Mean), &log_q, &p)?, sum / 2.0);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub trait ScalarReduction: ScalarOver<f32> + ScalarOver<f64> + ScalarOverHalves {
    /// The output is a number; this says so to the compiler.
    fn scalar<A: Element, D: Dimension>(output: Self::Output<A, D>) -> A::Loss;
}

/// The terms, not summed; may be negative. PyTorch's `"none"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pointwise;

/// Σ over the class axis: the divergence of each distribution, in the input's shape without that axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PerDistribution;

/// Σ of everything. PyTorch's `"sum"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sum;

/// Σ / number of elements. PyTorch's `"mean"`, and its default: **not** the divergence, but the
/// divergence divided by the number of classes. With weights, Σ / (C·Σw).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mean;

/// Σ / length of axis 0. PyTorch's `"batchmean"`, its traps included: of a 1-d array it divides by
/// the number of classes, of a 3-d one (batch, time, classes) it sums over time.
/// [`DistributionMean`] is the mean divergence whatever the rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BatchMean;

/// Σ / number of distributions: the mean divergence, whatever the rank. With weights, Σ / Σw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DistributionMean;

/// Σ / a denominator d of the caller's, a global token count for example. d is finite and above 0, and 1/d is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SumOver(pub f64);
