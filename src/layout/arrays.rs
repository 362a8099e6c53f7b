//! The arrays of a call, as the caller passed them.

use ndarray::{
    ArrayBase, ArrayRef, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Dimension,
    IxDyn, RawData,
};

use super::classes::Classes;
use super::views::{Matrices, Views};
use crate::number::Number;

/// The arrays of a call, in the shapes and with the strides that the caller gave.
pub struct Arrays<'a, A: Number, D: Dimension> {
    /// The input x.
    pub input: &'a ArrayRef<A, D>,
    /// The target: probabilities t, log-probabilities y, or logits. With `classes` its class axis has their length.
    pub target: &'a ArrayRef<A, D>,
    /// The classes that a sparse target names.
    pub classes: Option<Classes<'a, IxDyn>>,
    /// The weights, one for each distribution.
    pub weights: Option<&'a ArrayRef<A::Real, D::Smaller>>,
    /// The upstream, one number for each distribution or for each term.
    pub upstream: Option<ArrayViewD<'a, A::Real>>,
    /// The output of the divergences or the terms.
    pub value: Option<ArrayViewMutD<'a, A::Real>>,
    /// The output of ∂/∂input.
    pub d_input: Option<&'a mut ArrayRef<A, D>>,
    /// The output of ∂/∂target.
    pub d_target: Option<&'a mut ArrayRef<A, D>>,
}

impl<'a, A: Number, D: Dimension> Arrays<'a, A, D> {
    /// All arrays as matrices, if every array is in standard layout and the class axis is the last.
    pub fn dense(&mut self, class_axis: Option<usize>) -> Option<Matrices<'_, A>> {
        let len = self.input.len();
        let lanes = match class_axis {
            None => len,
            Some(axis) if axis + 1 == self.input.ndim() => len / self.input.len_of(Axis(axis)),
            Some(_) => return None,
        };
        Some(Views {
            input: matrix(lanes, self.input.as_slice()?)?,
            target: matrix(lanes, self.target.as_slice()?)?,
            classes: optional(&self.classes, |classes| classes.matrix(lanes))?,
            weights: optional(&self.weights, |array| matrix(lanes, array.as_slice()?))?,
            upstream: optional(&self.upstream, |array| matrix(lanes, array.as_slice()?))?,
            value: optional(&mut self.value, |array| matrix_mut(lanes, array.as_slice_mut()?))?,
            d_input: optional(&mut self.d_input, |array| matrix_mut(lanes, array.as_slice_mut()?))?,
            d_target: optional(&mut self.d_target, |array| {
                matrix_mut(lanes, array.as_slice_mut()?)
            })?,
        })
    }

    /// Views of all arrays with the axes of the input. An array with one number for each distribution gets a class axis of
    /// length 1.
    pub fn views(self, class_axis: Option<Axis>) -> Views<'a, A, IxDyn> {
        let missing = |ndim: usize| class_axis.filter(|_| ndim < self.input.ndim());
        Views {
            input: self.input.view().into_dyn(),
            target: self.target.view().into_dyn(),
            classes: self.classes,
            weights: self.weights.map(|array| widened(array.view().into_dyn(), missing)),
            upstream: self.upstream.map(|view| widened(view, missing)),
            value: self.value.map(|view| widened(view, missing)),
            d_input: self.d_input.map(|array| array.view_mut().into_dyn()),
            d_target: self.d_target.map(|array| array.view_mut().into_dyn()),
        }
    }
}

/// The array, with a class axis of length 1 if the class axis is missing.
fn widened<S: RawData>(
    array: ArrayBase<S, IxDyn>,
    missing: impl Fn(usize) -> Option<Axis>,
) -> ArrayBase<S, IxDyn> {
    match missing(array.ndim()) {
        Some(axis) => array.insert_axis(axis),
        None => array,
    }
}

/// The matrix of an array that a call may lack. `None` if the call has the array and it is no matrix.
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
