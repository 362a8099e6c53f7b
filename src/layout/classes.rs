//! The classes that a sparse target names: indices of any of four types.

use ndarray::{ArrayView, ArrayView2, Axis, Dimension, Ix2, IxDyn};

use super::change::AxisChange;

/// Indices of classes, whatever their type, so that what reads them is compiled once.
#[derive(Clone)]
pub enum Classes<'a, D> {
    I32(ArrayView<'a, i32, D>),
    I64(ArrayView<'a, i64, D>),
    U32(ArrayView<'a, u32, D>),
    Usize(ArrayView<'a, usize, D>),
}

/// The same for indices of every type.
macro_rules! of_any {
    ($classes:expr, $view:ident => $result:expr) => {
        match $classes {
            Classes::I32($view) => $result,
            Classes::I64($view) => $result,
            Classes::U32($view) => $result,
            Classes::Usize($view) => $result,
        }
    };
}

/// The same for indices of every type, whose type is kept.
macro_rules! of_same {
    ($classes:expr, $view:ident => $result:expr) => {
        match $classes {
            Classes::I32($view) => Classes::I32($result),
            Classes::I64($view) => Classes::I64($result),
            Classes::U32($view) => Classes::U32($result),
            Classes::Usize($view) => Classes::Usize($result),
        }
    };
}

impl<'a, D: Dimension> Classes<'a, D> {
    /// The strides of the axes.
    pub fn strides(&self) -> &[isize] {
        of_any!(self, view => view.strides())
    }

    /// The same with an axis of length 1 at this place.
    pub fn insert_axis(self, axis: Axis) -> Classes<'a, D::Larger> {
        of_same!(self, view => view.insert_axis(axis))
    }

    /// The same with the axes changed.
    pub fn with_axes<E>(self, change: &impl AxisChange<D, E>) -> Classes<'a, E> {
        of_same!(self, view => change.apply(view))
    }

    /// The parts before `index` and from it on.
    pub fn split_at(self, axis: Axis, index: usize) -> (Self, Self) {
        let after = of_same!(&self, view => view.clone().split_at(axis, index).1);
        (of_same!(self, view => view.split_at(axis, index).0), after)
    }
}

impl<'a> Classes<'a, IxDyn> {
    /// The matrix of an array in standard layout.
    pub fn matrix(&self, lanes: usize) -> Option<Classes<'_, Ix2>> {
        Some(of_same!(self, view => {
            let slice = view.as_slice()?;
            ArrayView2::from_shape((lanes, slice.len() / lanes), slice).ok()?
        }))
    }

    /// The class at an index.
    pub fn at(&self, index: &[usize]) -> Option<i128> {
        of_any!(self, view => view.get(IxDyn(index)).map(|&class| class as i128))
    }
}

impl Classes<'_, Ix2> {
    /// Calls `take` with each class of a lane, in order. A class below 0 becomes one beyond the end of every array.
    #[inline]
    pub fn each_of(&self, lane: usize, mut take: impl FnMut(u64)) {
        of_any!(self, view => view.row(lane).iter().for_each(|&class| take(class as u64)));
    }
}
