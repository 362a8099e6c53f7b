//! Views of all arrays of a call, whose axes are changed and cut alike.

use ndarray::{ArrayView, ArrayView2, ArrayViewMut, Axis, Dimension, Ix2};

use super::change::AxisChange;
use super::classes::Classes;
use crate::number::Number;

/// Views of the arrays of a call, all with the same axes. An array with one number for each distribution has a class axis of
/// length 1.
pub struct Views<'a, A: Number, D> {
    /// The input x.
    pub input: ArrayView<'a, A, D>,
    /// The target: probabilities t, log-probabilities y, or logits.
    pub target: ArrayView<'a, A, D>,
    /// The classes that a sparse target names.
    pub classes: Option<Classes<'a, D>>,
    /// The weights, one for each distribution.
    pub weights: Option<ArrayView<'a, A::Real, D>>,
    /// The upstream, one number for each distribution or for each term.
    pub upstream: Option<ArrayView<'a, A::Real, D>>,
    /// The output of the divergences or the terms.
    pub value: Option<ArrayViewMut<'a, A::Real, D>>,
    /// The output of ∂/∂input.
    pub d_input: Option<ArrayViewMut<'a, A, D>>,
    /// The output of ∂/∂target.
    pub d_target: Option<ArrayViewMut<'a, A, D>>,
}

/// Views of two axes [lane, class]: what one thread works on.
pub type Matrices<'a, A> = Views<'a, A, Ix2>;

impl<'a, A: Number> Matrices<'a, A> {
    /// The classes before `index` and those from it on. Both parts have the weights, and an upstream of one number for each
    /// distribution. `value` must hold terms.
    pub fn split_classes(self, index: usize) -> (Self, Self) {
        let cut = |view: ArrayView2<'a, A::Real>| match view.ncols() {
            1 => (view, view),
            _ => view.split_at(Axis(1), index),
        };
        let (weights, upstream) = (self.weights, self.upstream);
        let (mut a, mut b) =
            Views { weights: None, upstream: None, ..self }.split_at(Axis(1), index);
        (a.weights, b.weights) = weights.map(cut).unzip();
        (a.upstream, b.upstream) = upstream.map(cut).unzip();
        (a, b)
    }

    /// The same with input and target, and their gradients, exchanged.
    pub fn swapped(self) -> Self {
        let (input, target) = (self.target, self.input);
        let (d_input, d_target) = (self.d_target, self.d_input);
        Views { input, target, d_input, d_target, ..self }
    }
}

impl<'a, A: Number, D: Dimension> Views<'a, A, D> {
    /// Changes the axes of every array.
    pub fn with_axes<E>(self, change: &impl AxisChange<D, E>) -> Views<'a, A, E> {
        Views {
            input: change.apply(self.input),
            target: change.apply(self.target),
            classes: self.classes.map(|classes| classes.with_axes(change)),
            weights: self.weights.map(|view| change.apply(view)),
            upstream: self.upstream.map(|view| change.apply(view)),
            value: self.value.map(|view| change.apply(view)),
            d_input: self.d_input.map(|view| change.apply(view)),
            d_target: self.d_target.map(|view| change.apply(view)),
        }
    }

    /// The parts before `index` and from it on, along an axis that has the same length in all arrays.
    pub fn split_at(self, axis: Axis, index: usize) -> (Self, Self) {
        let (input, input_b) = self.input.split_at(axis, index);
        let (target, target_b) = self.target.split_at(axis, index);
        let (classes, classes_b) =
            self.classes.map(|classes| classes.split_at(axis, index)).unzip();
        let (weights, weights_b) = self.weights.map(|view| view.split_at(axis, index)).unzip();
        let (upstream, upstream_b) = self.upstream.map(|view| view.split_at(axis, index)).unzip();
        let (value, value_b) = self.value.map(|view| view.split_at(axis, index)).unzip();
        let (d_input, d_input_b) = self.d_input.map(|view| view.split_at(axis, index)).unzip();
        let (d_target, d_target_b) = self.d_target.map(|view| view.split_at(axis, index)).unzip();
        (
            Views { input, target, classes, weights, upstream, value, d_input, d_target },
            Views {
                input: input_b,
                target: target_b,
                classes: classes_b,
                weights: weights_b,
                upstream: upstream_b,
                value: value_b,
                d_input: d_input_b,
                d_target: d_target_b,
            },
        )
    }

    /// The strides of every array that the call has. Those of the input come first, those of the target second.
    pub fn strides(&self) -> Vec<Vec<isize>> {
        let all = [
            Some(self.input.strides()),
            Some(self.target.strides()),
            self.classes.as_ref().map(Classes::strides),
            self.weights.as_ref().map(|view| view.strides()),
            self.upstream.as_ref().map(|view| view.strides()),
            self.value.as_ref().map(|view| view.strides()),
            self.d_input.as_ref().map(|view| view.strides()),
            self.d_target.as_ref().map(|view| view.strides()),
        ];
        all.into_iter().flatten().map(<[isize]>::to_vec).collect()
    }
}
