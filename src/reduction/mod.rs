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

/// How the terms of a loss are summed.
///
/// A reduction is a type, so the compiler knows what [`forward`](crate::KLDivLoss::forward)
/// returns: an array of terms, an array of divergences, or a number. The trait is sealed.
pub trait Reduction: Sealed + Copy + Debug + Send + Sync + 'static {
    /// The type that `forward` returns.
    type Output<A: Element, D: Dimension>: Clone + Debug + Send + Sync;
    /// The type that `forward_into` writes to, and that `backward` takes as upstream: `A::Loss`, or an
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
/// With this bound generic code knows that the loss is a number. For any rank and element it calls
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
    /// Returns the output as a number. It is one already: this tells the compiler so.
    fn scalar<A: Element, D: Dimension>(output: Self::Output<A, D>) -> A::Loss;
}

/// The terms, not summed. Terms may be negative. PyTorch's `"none"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pointwise;

/// The sum over the class axis: the divergence of each distribution. The output has the input's shape without the class axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PerDistribution;

/// The sum of all terms. PyTorch's `"sum"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sum;

/// The sum over the number of elements. PyTorch's `"mean"`, its default. This is **not** the divergence, but the
/// divergence divided by the number of classes C. With weights w, the sum over C·Σw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mean;

/// The sum over the length of axis 0, exactly as PyTorch's `"batchmean"`. It has the same traps. For a 1-d array it divides by
/// the number of classes. For a 3-d array (batch, time, classes) it sums over time.
/// [`DistributionMean`] is the mean divergence whatever the rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BatchMean;

/// The sum over the number of distributions: the mean divergence, whatever the rank. With weights w, the sum over Σw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DistributionMean;

/// The sum over the caller's denominator d, such as a global token count. d is finite and above 0, and 1/d is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SumOver(pub f64);
