//! All arrays of a call, cut and turned alike.

use ndarray::{ArrayBase, ArrayView, ArrayView2, ArrayViewMut, Axis, Dimension, Ix2, RawData};

use crate::number::Number;

/// The arrays of a call, in one shape. Those that have one number a distribution have a class axis
/// of length 1.
pub struct Bundle<'a, A: Number, D> {
    /// x.
    pub input: ArrayView<'a, A, D>,
    /// t or y.
    pub target: ArrayView<'a, A, D>,
    /// w, one a distribution.
    pub weights: Option<ArrayView<'a, A::Real, D>>,
    /// u, one a distribution or one a term.
    pub upstream: Option<ArrayView<'a, A::Real, D>>,
    /// Where the divergences or the terms go.
    pub value: Option<ArrayViewMut<'a, A::Real, D>>,
    /// Where ∂/∂input goes.
    pub d_input: Option<ArrayViewMut<'a, A, D>>,
    /// Where ∂/∂target goes.
    pub d_target: Option<ArrayViewMut<'a, A, D>>,
}

/// A bundle of matrices [lane, class].
pub type Unit<'a, A> = Bundle<'a, A, Ix2>;

impl<'a, A: Number> Unit<'a, A> {
    /// The parts before and from class `index` on. What there is one of for each distribution both
    /// parts have, but for `value`, which must hold terms.
    pub fn split_classes(self, index: usize) -> (Self, Self) {
        let cut = |view: ArrayView2<'a, A::Real>| match view.ncols() {
            1 => (view, view),
            _ => view.split_at(Axis(1), index),
        };
        let (weights, upstream) = (self.weights, self.upstream);
        let (mut a, mut b) =
            Bundle { weights: None, upstream: None, ..self }.split_at(Axis(1), index);
        (a.weights, b.weights) = weights.map(cut).unzip();
        (a.upstream, b.upstream) = upstream.map(cut).unzip();
        (a, b)
    }
}

/// What becomes of an array's axes, whatever it holds.
pub trait Turn<D, E> {
    fn turn<S: RawData>(&self, array: ArrayBase<S, D>) -> ArrayBase<S, E>;
}

impl<'a, A: Number, D: Dimension> Bundle<'a, A, D> {
    /// Every array turned.
    pub fn turn<E>(self, to: &impl Turn<D, E>) -> Bundle<'a, A, E> {
        Bundle {
            input: to.turn(self.input),
            target: to.turn(self.target),
            weights: self.weights.map(|view| to.turn(view)),
            upstream: self.upstream.map(|view| to.turn(view)),
            value: self.value.map(|view| to.turn(view)),
            d_input: self.d_input.map(|view| to.turn(view)),
            d_target: self.d_target.map(|view| to.turn(view)),
        }
    }

    /// The parts before and from `index` on, along an axis that all arrays have in full.
    pub fn split_at(self, axis: Axis, index: usize) -> (Self, Self) {
        let (input, input_b) = self.input.split_at(axis, index);
        let (target, target_b) = self.target.split_at(axis, index);
        let (weights, weights_b) = self.weights.map(|view| view.split_at(axis, index)).unzip();
        let (upstream, upstream_b) = self.upstream.map(|view| view.split_at(axis, index)).unzip();
        let (value, value_b) = self.value.map(|view| view.split_at(axis, index)).unzip();
        let (d_input, d_input_b) = self.d_input.map(|view| view.split_at(axis, index)).unzip();
        let (d_target, d_target_b) = self.d_target.map(|view| view.split_at(axis, index)).unzip();
        (
            Bundle { input, target, weights, upstream, value, d_input, d_target },
            Bundle {
                input: input_b,
                target: target_b,
                weights: weights_b,
                upstream: upstream_b,
                value: value_b,
                d_input: d_input_b,
                d_target: d_target_b,
            },
        )
    }

    /// The strides of every array there is, the input's first and the target's second.
    pub fn strides(&self) -> Vec<Vec<isize>> {
        let all = [
            Some(self.input.strides()),
            Some(self.target.strides()),
            self.weights.as_ref().map(|view| view.strides()),
            self.upstream.as_ref().map(|view| view.strides()),
            self.value.as_ref().map(|view| view.strides()),
            self.d_input.as_ref().map(|view| view.strides()),
            self.d_target.as_ref().map(|view| view.strides()),
        ];
        all.into_iter().flatten().map(<[isize]>::to_vec).collect()
    }
}
