//! What the two criteria have in common, and what becomes of the output of each reduction.

use candle_core::WithDType;
use kldiv::ndarray::{ArrayD, ArrayRef, ArrayViewD, IxDyn, arr0};
use kldiv::{
    AnyReduction, Batch, BatchMean, ClassIndex, DistributionMean, Element, Error, KLDivLoss,
    KLDivWithLogitsLoss, Mean, PerDistribution, Pointwise, Reduction, SparseBatch, Sum, SumOver,
};

/// A number that tensors and losses share: `f32`, `f64`, `f16` or `bf16`.
pub trait Number: Element<Loss: WithDType> + WithDType {}

impl<A: Element<Loss: WithDType> + WithDType> Number for A {}

/// A criterion of `kldiv`.
pub trait Criterion: Copy + Send + Sync + 'static {
    type Reduction: TensorReduction;

    /// The checked pair.
    fn batch<'a, A: Element>(
        &self,
        input: &'a ArrayRef<A, IxDyn>,
        target: &'a ArrayRef<A, IxDyn>,
    ) -> Result<Batch<'a, Self::Reduction, A, IxDyn>, Error>;

    /// The checked input with a target that names some classes.
    fn sparse_batch<'a, A: Element, I: ClassIndex>(
        &self,
        input: &'a ArrayRef<A, IxDyn>,
        classes: &'a ArrayRef<I, IxDyn>,
        values: &'a ArrayRef<A, IxDyn>,
    ) -> Result<SparseBatch<'a, Self::Reduction, A, IxDyn, I>, Error>;

    /// The checked input with a label for each distribution.
    fn labels_batch<'a, A: Element, I: ClassIndex>(
        &self,
        input: &'a ArrayRef<A, IxDyn>,
        labels: &'a ArrayRef<I, IxDyn>,
    ) -> Result<SparseBatch<'a, Self::Reduction, A, IxDyn, I>, Error>;
}

macro_rules! criteria {
    ($($criterion:ident),*) => {$(
        impl<R: TensorReduction> Criterion for $criterion<R> {
            type Reduction = R;

            fn batch<'a, A: Element>(
                &self,
                input: &'a ArrayRef<A, IxDyn>,
                target: &'a ArrayRef<A, IxDyn>,
            ) -> Result<Batch<'a, R, A, IxDyn>, Error> {
                self.batch(input, target)
            }

            fn sparse_batch<'a, A: Element, I: ClassIndex>(
                &self,
                input: &'a ArrayRef<A, IxDyn>,
                classes: &'a ArrayRef<I, IxDyn>,
                values: &'a ArrayRef<A, IxDyn>,
            ) -> Result<SparseBatch<'a, R, A, IxDyn, I>, Error> {
                self.sparse_batch(input, classes, values)
            }

            fn labels_batch<'a, A: Element, I: ClassIndex>(
                &self,
                input: &'a ArrayRef<A, IxDyn>,
                labels: &'a ArrayRef<I, IxDyn>,
            ) -> Result<SparseBatch<'a, R, A, IxDyn, I>, Error> {
                self.labels_batch(input, labels)
            }
        }
    )*};
}

criteria!(KLDivLoss, KLDivWithLogitsLoss);

/// A reduction whose output becomes a tensor: each of the eight.
pub trait TensorReduction: Reduction {
    /// Whether the output is known to be a number.
    const IS_SCALAR: bool;

    /// The output as an array, of rank 0 for a number.
    fn array<A: Element>(output: Self::Output<A, IxDyn>) -> ArrayD<A::Loss>;

    /// An upstream of the output's shape, as `backward` takes it.
    fn upstream<'a, A: Element>(
        upstream: &'a ArrayViewD<'_, A::Loss>,
    ) -> &'a Self::Buffer<A, IxDyn>;
}

macro_rules! to_a_number {
    ($($reduction:ty),*) => {$(
        impl TensorReduction for $reduction {
            const IS_SCALAR: bool = true;

            fn array<A: Element>(output: A::Loss) -> ArrayD<A::Loss> {
                arr0(output).into_dyn()
            }

            fn upstream<'a, A: Element>(upstream: &'a ArrayViewD<'_, A::Loss>) -> &'a A::Loss {
                &upstream[IxDyn(&[])]
            }
        }
    )*};
}

macro_rules! to_an_array {
    ($($reduction:ty),*) => {$(
        impl TensorReduction for $reduction {
            const IS_SCALAR: bool = false;

            fn array<A: Element>(output: ArrayD<A::Loss>) -> ArrayD<A::Loss> {
                output
            }

            fn upstream<'a, A: Element>(
                upstream: &'a ArrayViewD<'_, A::Loss>,
            ) -> &'a ArrayRef<A::Loss, IxDyn> {
                upstream
            }
        }
    )*};
}

to_a_number!(Sum, Mean, BatchMean, DistributionMean, SumOver);
to_an_array!(Pointwise, PerDistribution, AnyReduction);
