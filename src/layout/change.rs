//! Changes of axes, which all arrays of a call undergo alike.

use ndarray::{ArrayBase, RawData};

/// A change of the axes of an array, whatever it holds.
pub trait AxisChange<D, E> {
    /// The same array with other axes.
    fn apply<S: RawData>(&self, array: ArrayBase<S, D>) -> ArrayBase<S, E>;
}
