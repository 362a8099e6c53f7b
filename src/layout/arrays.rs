//! The arrays of a call as the caller gave them.

use ndarray::{
    ArrayBase, ArrayRef, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Dimension,
    IxDyn, RawData,
};

use super::bundle::{Bundle, Unit};
use crate::number::Number;

/// The arrays of a call.
pub struct Arrays<'a, A: Number, D: Dimension> {
    /// x.
    pub input: &'a ArrayRef<A, D>,
    /// t or y.
    pub target: &'a ArrayRef<A, D>,
    /// w, one a distribution.
    pub weights: Option<&'a ArrayRef<A::Real, D::Smaller>>,
    /// u, one a distribution or one a term.
    pub upstream: Option<ArrayViewD<'a, A::Real>>,
    /// Where the divergences or the terms go.
    pub value: Option<ArrayViewMutD<'a, A::Real>>,
    /// Where ∂/∂input goes.
    pub d_input: Option<&'a mut ArrayRef<A, D>>,
    /// Where ∂/∂target goes.
    pub d_target: Option<&'a mut ArrayRef<A, D>>,
}

impl<'a, A: Number, D: Dimension> Arrays<'a, A, D> {
    /// One unit of it all, where every array is in standard layout and classes are neighbours.
    pub fn dense(&mut self, class_axis: Option<usize>) -> Option<Unit<'_, A>> {
        let len = self.input.len();
        let lanes = match class_axis {
            None => len,
            Some(axis) if axis + 1 == self.input.ndim() => len / self.input.len_of(Axis(axis)),
            Some(_) => return None,
        };
        Some(Bundle {
            input: matrix(lanes, self.input.as_slice()?)?,
            target: matrix(lanes, self.target.as_slice()?)?,
            weights: optional(&self.weights, |array| matrix(lanes, array.as_slice()?))?,
            upstream: optional(&self.upstream, |array| matrix(lanes, array.as_slice()?))?,
            value: optional(&mut self.value, |array| matrix_mut(lanes, array.as_slice_mut()?))?,
            d_input: optional(&mut self.d_input, |array| matrix_mut(lanes, array.as_slice_mut()?))?,
            d_target: optional(&mut self.d_target, |array| {
                matrix_mut(lanes, array.as_slice_mut()?)
            })?,
        })
    }

    /// All of them in one shape, the input's; what there is one of for each distribution has a class
    /// axis of length 1.
    pub fn bundle(self, class_axis: Option<Axis>) -> Bundle<'a, A, IxDyn> {
        let missing = |ndim: usize| class_axis.filter(|_| ndim < self.input.ndim());
        Bundle {
            input: self.input.view().into_dyn(),
            target: self.target.view().into_dyn(),
            weights: self.weights.map(|array| widened(array.view().into_dyn(), missing)),
            upstream: self.upstream.map(|view| widened(view, missing)),
            value: self.value.map(|view| widened(view, missing)),
            d_input: self.d_input.map(|array| array.view_mut().into_dyn()),
            d_target: self.d_target.map(|array| array.view_mut().into_dyn()),
        }
    }
}

/// With a class axis of length 1 where it is missing.
fn widened<S: RawData>(
    array: ArrayBase<S, IxDyn>,
    missing: impl Fn(usize) -> Option<Axis>,
) -> ArrayBase<S, IxDyn> {
    match missing(array.ndim()) {
        Some(axis) => array.insert_axis(axis),
        None => array,
    }
}

/// None where there is an array of which there is no matrix.
fn optional<T, M>(
    array: impl IntoIterator<Item = T>,
    matrix: impl Fn(T) -> Option<M>,
) -> Option<Option<M>> {
    array.into_iter().next().map_or(Some(None), |array| matrix(array).map(Some))
}

fn matrix<T>(lanes: usize, slice: &[T]) -> Option<ArrayView2<'_, T>> {
    ArrayView2::from_shape((lanes, slice.len() / lanes), slice).ok()
}

fn matrix_mut<T>(lanes: usize, slice: &mut [T]) -> Option<ArrayViewMut2<'_, T>> {
    ArrayViewMut2::from_shape((lanes, slice.len() / lanes), slice).ok()
}
