//! The calls of a batch, whatever its target is.

use kldiv::ndarray::{ArrayD, ArrayRef, IxDyn};
use kldiv::{Batch, ClassIndex, Element, Error, Reduction, SparseBatch};

/// The calls of a batch of arrays of any rank.
pub trait Calls<'a, R: Reduction, A: Element> {
    fn weights(self, weights: &'a ArrayRef<A::Loss, IxDyn>) -> Result<Self, Error>
    where
        Self: Sized;

    fn forward(&self) -> Result<R::Output<A, IxDyn>, Error>;

    #[allow(clippy::type_complexity)]
    fn value_and_grad(&self) -> Result<(R::Output<A, IxDyn>, ArrayD<A>), Error>;

    /// Writes the gradients that are wanted. A sparse target has none.
    fn backward_into(
        &self,
        upstream: &R::Buffer<A, IxDyn>,
        d_input: Option<&mut ArrayRef<A, IxDyn>>,
        d_target: Option<&mut ArrayRef<A, IxDyn>>,
    ) -> Result<(), Error>;
}

impl<'a, R: Reduction, A: Element> Calls<'a, R, A> for Batch<'a, R, A, IxDyn> {
    fn weights(self, weights: &'a ArrayRef<A::Loss, IxDyn>) -> Result<Self, Error> {
        self.weights(weights)
    }

    fn forward(&self) -> Result<R::Output<A, IxDyn>, Error> {
        self.forward()
    }

    fn value_and_grad(&self) -> Result<(R::Output<A, IxDyn>, ArrayD<A>), Error> {
        self.value_and_grad()
    }

    fn backward_into(
        &self,
        upstream: &R::Buffer<A, IxDyn>,
        d_input: Option<&mut ArrayRef<A, IxDyn>>,
        d_target: Option<&mut ArrayRef<A, IxDyn>>,
    ) -> Result<(), Error> {
        self.backward_into(upstream, d_input, d_target)
    }
}

impl<'a, R: Reduction, A: Element, I: ClassIndex> Calls<'a, R, A>
    for SparseBatch<'a, R, A, IxDyn, I>
{
    fn weights(self, weights: &'a ArrayRef<A::Loss, IxDyn>) -> Result<Self, Error> {
        self.weights(weights)
    }

    fn forward(&self) -> Result<R::Output<A, IxDyn>, Error> {
        self.forward()
    }

    fn value_and_grad(&self) -> Result<(R::Output<A, IxDyn>, ArrayD<A>), Error> {
        self.value_and_grad()
    }

    fn backward_into(
        &self,
        upstream: &R::Buffer<A, IxDyn>,
        d_input: Option<&mut ArrayRef<A, IxDyn>>,
        _: Option<&mut ArrayRef<A, IxDyn>>,
    ) -> Result<(), Error> {
        d_input.map_or(Ok(()), |d_input| self.backward_into(upstream, d_input))
    }
}
