//! The reductions: what is returned, and what is divided by.

use std::fmt::{self, Debug};
use std::str::FromStr;

use ndarray::{
    Array, ArrayD, ArrayRef, ArrayViewD, ArrayViewMut, ArrayViewMutD, Axis, Dimension, IxDyn,
    aview0,
};

use crate::element::Element;
use crate::error::Error;
use crate::lanes::{without, zeros};
use crate::partial::Partial;

/// What becomes of the terms.
///
/// A reduction is a type, so that the compiler knows what [`forward`](crate::KLDivLoss::forward)
/// returns: an array of terms, an array of divergences, or a number. Sealed.
pub trait Reduction: sealed::Sealed + Copy + Debug + Send + Sync + 'static {
    /// What `forward` returns.
    type Output<A: Element, D: Dimension>: Clone + Debug + Send + Sync;
    /// What `forward_into` writes to and `backward` takes as upstream: `A::Loss`, or an
    /// [`ArrayRef`] of it.
    type Buffer<A: Element, D: Dimension>: ?Sized;

    #[doc(hidden)]
    fn kind(self) -> AnyReduction;
    /// Zeros in the shape of the output, laid out in memory as the input is.
    #[doc(hidden)]
    fn allocate<A: Element, D: Dimension>(
        self,
        input: &ArrayRef<A, D>,
        axis: usize,
    ) -> Result<Self::Output<A, D>, Error>;
    #[doc(hidden)]
    fn buffer<A: Element, D: Dimension>(output: &mut Self::Output<A, D>)
    -> &mut Self::Buffer<A, D>;
    #[doc(hidden)]
    fn view<A: Element, D: Dimension>(buffer: &Self::Buffer<A, D>) -> ArrayViewD<'_, A::Loss>;
    #[doc(hidden)]
    fn view_mut<A: Element, D: Dimension>(
        buffer: &mut Self::Buffer<A, D>,
    ) -> ArrayViewMutD<'_, A::Loss>;
}

/// A reduction to one number: `Sum`, `Mean`, `BatchMean`, `DistributionMean`, `SumOver`.
///
/// Generic code can say that the loss is a number:
///
/// ```
/// use kldiv::{Element, KLDivLoss, Mean, ScalarReduction, Sum};
/// use ndarray::{Array, Dimension, array};
///
/// fn loss<R: ScalarReduction, A: Element, D: Dimension>(
///     criterion: KLDivLoss<R>,
///     log_q: &Array<A, D>,
///     p: &Array<A, D>,
/// ) -> Result<A::Loss, kldiv::Error> {
///     criterion.forward(log_q, p).map(R::scalar::<A, D>)
/// }
///
/// let (log_q, p) = (array![0.5_f64, 0.5].ln(), array![0.25, 0.75]);
/// let sum = loss(KLDivLoss::new(Sum), &log_q, &p)?;
/// assert_eq!(loss(KLDivLoss::new(Mean), &log_q, &p)?, sum / 2.0);
/// # Ok::<(), kldiv::Error>(())
/// ```
pub trait ScalarReduction: Reduction {
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

/// Σ / a denominator of the caller's, finite and above 0: a global token count, say.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SumOver(pub f64);

/// Any of the seven, chosen at run time; the output is a dynamic array, of rank 0 for a number.
///
/// `Display` and `FromStr` use PyTorch's names where PyTorch has one:
///
/// ```
/// use kldiv::{AnyReduction, BatchMean, SumOver};
///
/// let reduction: AnyReduction = "batchmean".parse()?;
/// assert_eq!(reduction, BatchMean.into());
/// assert_eq!(AnyReduction::from(SumOver(64.0)).to_string(), "sum_over(64)");
/// assert!("average".parse::<AnyReduction>().is_err());
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AnyReduction {
    /// `"none"`: [`Pointwise`].
    Pointwise,
    /// `"per_distribution"`: [`PerDistribution`].
    PerDistribution,
    /// `"sum"`: [`Sum`].
    Sum,
    /// `"mean"`: [`Mean`].
    Mean,
    /// `"batchmean"`: [`BatchMean`].
    BatchMean,
    /// `"distribution_mean"`: [`DistributionMean`].
    DistributionMean,
    /// `"sum_over(n)"`: [`SumOver`].
    SumOver(f64),
}

impl AnyReduction {
    /// What the sum is divided by, rounded once. 0 where all weights are 0.
    pub(crate) fn divisor(self, counts: &Partial) -> Result<f64, Error> {
        let counted = |count: u64| {
            if count == 0 { Err(Error::EmptyMean) } else { Ok(count) }
        };
        match self {
            AnyReduction::Pointwise | AnyReduction::PerDistribution | AnyReduction::Sum => Ok(1.0),
            AnyReduction::Mean => {
                counted(counts.elements)?;
                Ok(counts.weight.times(counts.classes()).value())
            }
            AnyReduction::BatchMean => counted(counts.rows).map(|rows| rows as f64),
            AnyReduction::DistributionMean => {
                counted(counts.distributions)?;
                Ok(counts.weight.value())
            }
            AnyReduction::SumOver(denominator)
                if denominator > 0.0 && denominator < f64::INFINITY =>
            {
                Ok(denominator)
            }
            AnyReduction::SumOver(denominator) => Err(Error::InvalidDenominator { denominator }),
        }
    }

    /// Sum / divisor; 0 where all weights are 0.
    pub(crate) fn finish(self, partial: &Partial) -> Result<f64, Error> {
        let divisor = self.divisor(partial)?;
        let sum = partial.loss.value();
        Ok(if divisor == 0.0 { 0.0 } else { sum / divisor })
    }

    /// Whether the divisor is made of the weights.
    pub(crate) fn divides_by_weight(self) -> bool {
        matches!(self, AnyReduction::Mean | AnyReduction::DistributionMean)
    }
}

impl fmt::Display for AnyReduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnyReduction::Pointwise => "none",
            AnyReduction::PerDistribution => "per_distribution",
            AnyReduction::Sum => "sum",
            AnyReduction::Mean => "mean",
            AnyReduction::BatchMean => "batchmean",
            AnyReduction::DistributionMean => "distribution_mean",
            AnyReduction::SumOver(denominator) => return write!(f, "sum_over({denominator})"),
        })
    }
}

impl FromStr for AnyReduction {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let denominator = || name.strip_prefix("sum_over(")?.strip_suffix(')')?.parse().ok();
        Ok(match name {
            "none" => AnyReduction::Pointwise,
            "per_distribution" => AnyReduction::PerDistribution,
            "sum" => AnyReduction::Sum,
            "mean" => AnyReduction::Mean,
            "batchmean" => AnyReduction::BatchMean,
            "distribution_mean" => AnyReduction::DistributionMean,
            _ => AnyReduction::SumOver(
                denominator().ok_or_else(|| Error::UnknownReduction { name: name.to_owned() })?,
            ),
        })
    }
}

/// A reduction to one number. Local, so that one implementation of [`Reduction`] serves all five.
pub trait Scalar: Copy + Debug + Send + Sync + 'static {
    /// The reduction as a value.
    fn any(self) -> AnyReduction;
}

impl<S: Scalar> Reduction for S {
    type Output<A: Element, D: Dimension> = A::Loss;
    type Buffer<A: Element, D: Dimension> = A::Loss;

    fn kind(self) -> AnyReduction {
        self.any()
    }
    fn allocate<A: Element, D: Dimension>(
        self,
        _: &ArrayRef<A, D>,
        _: usize,
    ) -> Result<A::Loss, Error> {
        Ok(A::Loss::default())
    }
    fn buffer<A: Element, D: Dimension>(output: &mut A::Loss) -> &mut A::Loss {
        output
    }
    fn view<A: Element, D: Dimension>(buffer: &A::Loss) -> ArrayViewD<'_, A::Loss> {
        aview0(buffer).into_dyn()
    }
    fn view_mut<A: Element, D: Dimension>(buffer: &mut A::Loss) -> ArrayViewMutD<'_, A::Loss> {
        let one = ArrayViewMut::from(std::slice::from_mut(buffer));
        one.index_axis_move(Axis(0), 0).into_dyn()
    }
}

impl<S: Scalar> ScalarReduction for S {
    fn scalar<A: Element, D: Dimension>(output: A::Loss) -> A::Loss {
        output
    }
}

impl Reduction for Pointwise {
    type Output<A: Element, D: Dimension> = Array<A::Loss, D>;
    type Buffer<A: Element, D: Dimension> = ArrayRef<A::Loss, D>;

    fn kind(self) -> AnyReduction {
        AnyReduction::Pointwise
    }
    fn allocate<A: Element, D: Dimension>(
        self,
        input: &ArrayRef<A, D>,
        _: usize,
    ) -> Result<Array<A::Loss, D>, Error> {
        zeros(input.raw_dim(), input.strides())
    }
    fn buffer<A: Element, D: Dimension>(
        output: &mut Array<A::Loss, D>,
    ) -> &mut ArrayRef<A::Loss, D> {
        output
    }
    fn view<A: Element, D: Dimension>(buffer: &ArrayRef<A::Loss, D>) -> ArrayViewD<'_, A::Loss> {
        buffer.view().into_dyn()
    }
    fn view_mut<A: Element, D: Dimension>(
        buffer: &mut ArrayRef<A::Loss, D>,
    ) -> ArrayViewMutD<'_, A::Loss> {
        buffer.view_mut().into_dyn()
    }
}

impl Reduction for PerDistribution {
    type Output<A: Element, D: Dimension> = Array<A::Loss, D::Smaller>;
    type Buffer<A: Element, D: Dimension> = ArrayRef<A::Loss, D::Smaller>;

    fn kind(self) -> AnyReduction {
        AnyReduction::PerDistribution
    }
    fn allocate<A: Element, D: Dimension>(
        self,
        input: &ArrayRef<A, D>,
        axis: usize,
    ) -> Result<Array<A::Loss, D::Smaller>, Error> {
        let mut dim = D::Smaller::zeros(input.ndim() - 1);
        dim.slice_mut().copy_from_slice(&without(input.shape(), axis));
        zeros(dim, &without(input.strides(), axis))
    }
    fn buffer<A: Element, D: Dimension>(
        output: &mut Array<A::Loss, D::Smaller>,
    ) -> &mut ArrayRef<A::Loss, D::Smaller> {
        output
    }
    fn view<A: Element, D: Dimension>(
        buffer: &ArrayRef<A::Loss, D::Smaller>,
    ) -> ArrayViewD<'_, A::Loss> {
        buffer.view().into_dyn()
    }
    fn view_mut<A: Element, D: Dimension>(
        buffer: &mut ArrayRef<A::Loss, D::Smaller>,
    ) -> ArrayViewMutD<'_, A::Loss> {
        buffer.view_mut().into_dyn()
    }
}

impl Reduction for AnyReduction {
    type Output<A: Element, D: Dimension> = ArrayD<A::Loss>;
    type Buffer<A: Element, D: Dimension> = ArrayRef<A::Loss, IxDyn>;

    fn kind(self) -> AnyReduction {
        self
    }
    fn allocate<A: Element, D: Dimension>(
        self,
        input: &ArrayRef<A, D>,
        axis: usize,
    ) -> Result<ArrayD<A::Loss>, Error> {
        match self {
            AnyReduction::Pointwise => Pointwise.allocate(input, axis).map(Array::into_dyn),
            AnyReduction::PerDistribution => {
                PerDistribution.allocate(input, axis).map(Array::into_dyn)
            }
            _ => Ok(ArrayD::from_elem(IxDyn(&[]), A::Loss::default())),
        }
    }
    fn buffer<A: Element, D: Dimension>(
        output: &mut ArrayD<A::Loss>,
    ) -> &mut ArrayRef<A::Loss, IxDyn> {
        output
    }
    fn view<A: Element, D: Dimension>(
        buffer: &ArrayRef<A::Loss, IxDyn>,
    ) -> ArrayViewD<'_, A::Loss> {
        buffer.view()
    }
    fn view_mut<A: Element, D: Dimension>(
        buffer: &mut ArrayRef<A::Loss, IxDyn>,
    ) -> ArrayViewMutD<'_, A::Loss> {
        buffer.view_mut()
    }
}

impl Scalar for Sum {
    fn any(self) -> AnyReduction {
        self.into()
    }
}

impl Scalar for Mean {
    fn any(self) -> AnyReduction {
        self.into()
    }
}

impl Scalar for BatchMean {
    fn any(self) -> AnyReduction {
        self.into()
    }
}

impl Scalar for DistributionMean {
    fn any(self) -> AnyReduction {
        self.into()
    }
}

impl Scalar for SumOver {
    fn any(self) -> AnyReduction {
        self.into()
    }
}

impl From<Pointwise> for AnyReduction {
    fn from(_: Pointwise) -> Self {
        AnyReduction::Pointwise
    }
}

impl From<PerDistribution> for AnyReduction {
    fn from(_: PerDistribution) -> Self {
        AnyReduction::PerDistribution
    }
}

impl From<Sum> for AnyReduction {
    fn from(_: Sum) -> Self {
        AnyReduction::Sum
    }
}

impl From<Mean> for AnyReduction {
    fn from(_: Mean) -> Self {
        AnyReduction::Mean
    }
}

impl From<BatchMean> for AnyReduction {
    fn from(_: BatchMean) -> Self {
        AnyReduction::BatchMean
    }
}

impl From<DistributionMean> for AnyReduction {
    fn from(_: DistributionMean) -> Self {
        AnyReduction::DistributionMean
    }
}

impl From<SumOver> for AnyReduction {
    fn from(SumOver(denominator): SumOver) -> Self {
        AnyReduction::SumOver(denominator)
    }
}

mod sealed {
    pub trait Sealed {}
    impl<S: super::Scalar> Sealed for S {}
    impl Sealed for super::Pointwise {}
    impl Sealed for super::PerDistribution {}
    impl Sealed for super::AnyReduction {}
}
