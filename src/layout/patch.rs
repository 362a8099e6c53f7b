//! Lanes that know their places, for what is said of a distribution by its index.

use std::cmp::Reverse;

use ndarray::{ArrayBase, Axis, Dimension, Ix2, IxDyn, RawData};

use super::arrays::Arrays;
use super::bundle::{Bundle, Turn, Unit};
use super::plan::{NEIGHBOURS, merges};
use super::pool::{LARGE_TASK, TASK, join, task};
use crate::number::Number;

/// No fewer lanes are taken side by side where there are more elsewhere: a patch has its price.
const SHORT: usize = 32;

/// Some neighbouring lanes, and the place of the first.
pub struct Patch<'a, A: Number> {
    /// The arrays as matrices [lane, class].
    pub unit: Unit<'a, A>,
    place: Place,
}

impl<A: Number> Patch<'_, A> {
    /// The index of a lane, the class axis left out; it grows with the lane. `lengths` is the shape
    /// without that axis.
    pub fn index(&self, lane: usize, lengths: &[usize]) -> Vec<usize> {
        let Place { mut index, follow } = self.place.clone();
        if let Some(axis) = follow {
            index[axis] += lane;
        }
        for axis in (1..index.len()).rev() {
            index[axis - 1] += index[axis] / lengths[axis];
            index[axis] %= lengths[axis];
        }
        index
    }
}

/// The position of the first lane along each axis, and the axis that the others follow. A position
/// may run on: past the end of its axis it goes into the one before.
#[derive(Clone)]
struct Place {
    index: Vec<usize>,
    follow: Option<usize>,
}

/// Visits all lanes of operands that are not empty, in parallel where that pays, and merges what the
/// visits return.
pub fn for_each_patch<A: Number, D: Dimension, R: Send>(
    arrays: Arrays<'_, A, D>,
    class_axis: Axis,
    visit: &(impl Fn(Patch<'_, A>) -> R + Sync),
    merge: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let task = task(arrays.input.len(), TASK);
    let bundle = arrays.bundle(Some(class_axis)).turn(&ClassesLast(class_axis));
    let lanes = bundle.input.ndim() - 1;
    let rows: Vec<_> = bundle.strides().iter().map(|row| row[..lanes].to_vec()).collect();
    let merged = Merged(merges(&bundle.input.shape()[..lanes], &rows));
    let place = Place { index: vec![0; lanes], follow: None };
    descend(bundle.turn(&merged), place, task, visit, merge)
}

/// Cuts the axis that is outermost in memory until tasks are left, then every axis but the one that the
/// lanes follow.
fn descend<A: Number, R: Send>(
    bundle: Bundle<'_, A, IxDyn>,
    mut place: Place,
    task: usize,
    visit: &(impl Fn(Patch<'_, A>) -> R + Sync),
    merge: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let long = from_the_outermost(&bundle);
    let large = bundle.input.len() > task;
    if place.follow.is_none() && (long.len() < 2 || bundle.input.len() <= task.min(LARGE_TASK)) {
        place.follow = followed(bundle.input.shape(), &long);
    }
    let axis = long.iter().copied().find(|&axis| large || Some(axis) != place.follow);
    let middle = axis.map_or(0, |axis| middle(&bundle, axis, long.len() == 1));
    match axis.filter(|&axis| middle > 0 && (large || Some(axis) != place.follow)) {
        Some(axis) => {
            let (a, b) = bundle.split_at(Axis(axis), middle);
            let mut after = place.clone();
            after.index[axis] += middle;
            let a = || descend(a, place, task, visit, merge);
            let b = || descend(b, after, task, visit, merge);
            let (a, b) = if large { join(a, b) } else { (a(), b()) };
            merge(a, b)
        }
        None => {
            let follow = place.follow;
            visit(Patch { unit: bundle.turn(&Lanes(follow)), place })
        }
    }
}

/// The axes of several lanes, the outermost in memory first.
fn from_the_outermost<A: Number>(bundle: &Bundle<'_, A, IxDyn>) -> Vec<usize> {
    let stride = |axis: usize| match bundle.input.strides()[axis] {
        0 => bundle.target.strides()[axis].unsigned_abs(),
        stride => stride.unsigned_abs(),
    };
    let shape = bundle.input.shape();
    let mut long: Vec<usize> = (0..shape.len() - 1).filter(|&axis| shape[axis] > 1).collect();
    long.sort_by_key(|&axis| Reverse(stride(axis)));
    long
}

/// The axis that lanes follow: the innermost, but where it is short the longest.
fn followed(shape: &[usize], long: &[usize]) -> Option<usize> {
    let innermost = long.last().copied();
    let short = innermost.is_some_and(|axis| shape[axis] < SHORT);
    if short { long.iter().copied().max_by_key(|&axis| shape[axis]) } else { innermost }
}

/// Where to cut an axis; 0 where that would part neighbours.
fn middle<A: Number>(bundle: &Bundle<'_, A, IxDyn>, axis: usize, last: bool) -> usize {
    let classes = bundle.input.ndim() - 1;
    let apart = bundle.input.len_of(Axis(classes)) > 1 && bundle.input.strides()[classes] != 1;
    let half = bundle.input.len_of(Axis(axis)) / 2;
    if apart && last { half / NEIGHBOURS * NEIGHBOURS } else { half }
}

/// The class axis in the last place.
struct ClassesLast(Axis);

impl<D: Dimension> Turn<D, IxDyn> for ClassesLast {
    fn turn<S: RawData>(&self, array: ArrayBase<S, D>) -> ArrayBase<S, IxDyn> {
        let mut order: Vec<usize> = (0..array.ndim()).filter(|&axis| axis != self.0.0).collect();
        order.push(self.0.0);
        array.into_dyn().permuted_axes(order)
    }
}

/// Some axes walked as one with others; length 1 is left of them.
struct Merged(Vec<(usize, usize)>);

impl Turn<IxDyn, IxDyn> for Merged {
    fn turn<S: RawData>(&self, mut array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        for &(take, into) in &self.0 {
            let done = array.merge_axes(Axis(take), Axis(into));
            debug_assert!(done, "every array was asked");
        }
        array
    }
}

/// The matrix of the one axis that is longer than 1, and the class axis.
struct Lanes(Option<usize>);

impl Turn<IxDyn, Ix2> for Lanes {
    fn turn<S: RawData>(&self, mut array: ArrayBase<S, IxDyn>) -> ArrayBase<S, Ix2> {
        for axis in (0..array.ndim() - 1).rev().filter(|&axis| Some(axis) != self.0) {
            array = array.index_axis_move(Axis(axis), 0);
        }
        let matrix = if self.0.is_none() { array.insert_axis(Axis(0)) } else { array };
        matrix.into_dimensionality().unwrap_or_else(|_| unreachable!("two axes are left"))
    }
}
