//! The output of each reduction.

use std::fmt::Debug;

use ndarray::{
    Array, ArrayD, ArrayRef, ArrayViewD, ArrayViewMut, ArrayViewMutD, Axis, Dimension, IxDyn,
    aview0,
};

use super::{
    AnyReduction, BatchMean, DistributionMean, Mean, PerDistribution, Pointwise, Reduction,
    ScalarReduction, Sum, SumOver,
};
use crate::element::Element;
use crate::error::Error;
use crate::layout::{without, zeros};

/// A reduction to one number. The trait is local, so that one implementation of [`Reduction`] serves all five.
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

pub mod sealed {
    pub trait Sealed {}
    impl<S: super::Scalar> Sealed for S {}
    impl Sealed for crate::reduction::Pointwise {}
    impl Sealed for crate::reduction::PerDistribution {}
    impl Sealed for crate::reduction::AnyReduction {}
}
