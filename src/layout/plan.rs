//! From arrays of any rank and strides to matrices [lane, class].

use std::cmp::Reverse;

use ndarray::{ArrayBase, Axis, Dimension, Ix2, IxDyn, RawData};

use super::arrays::Arrays;
use super::change::AxisChange;
use super::pool::{TASK, TOTAL_TASK_BYTES, join, task};
use super::tiles::LINE_NUMBERS;
use super::views::{Matrices, Views};
use crate::number::Number;

/// Where the classes of a lane are not contiguous, matrices are cut at multiples of this number of lanes. Each thread then uses
/// all of every cache line that it touches.
const UNCUT_LANES: usize = 128;

/// Calls `map` with matrices that hold all elements of the arrays, in parallel where that pays, and merges the results with
/// `reduce`.
///
/// Without a class axis every element is a lane of its own. With `only_totals` the work takes so little time that fewer threads pay.
pub fn map_reduce<A: Number, D: Dimension, R: Send>(
    mut arrays: Arrays<'_, A, D>,
    class_axis: Option<usize>,
    only_totals: bool,
    map: &(impl Fn(Matrices<'_, A>) -> R + Sync),
    reduce: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let alone = if only_totals { TOTAL_TASK_BYTES / size_of::<A::Real>() } else { TASK };
    let task = task(arrays.input.len(), alone);
    if let Some(matrices) = arrays.dense(class_axis) {
        return cut_lanes(matrices, task, map, reduce);
    }
    let views = arrays.views(class_axis.map(Axis));
    let plan = Plan::of(views.input.shape(), class_axis, &views.strides());
    let views =
        ensure_class_axis(pair_contiguous_axes(views.with_axes(&plan)), class_axis.is_some());
    cut_outer_axes(lengthen_lane_axis(views), task, map, reduce)
}

/// The axis, other than the last, along which the target is contiguous, if the input is contiguous along the last.
fn contiguous_axis_of_target<A: Number>(views: &Views<'_, A, IxDyn>) -> Option<usize> {
    let (_, others) = views.target.strides().split_last()?;
    let close = |axis: usize| others[axis] == 1 && views.input.len_of(Axis(axis)) > 1;
    let input = views.input.strides().last()?.unsigned_abs();
    (0..others.len()).find(|&axis| close(axis)).filter(|_| input == 1)
}

/// Moves that axis before the last, so that all numbers of a cache line of either operand lie in the same matrices.
fn pair_contiguous_axes<A: Number>(views: Views<'_, A, IxDyn>) -> Views<'_, A, IxDyn> {
    match contiguous_axis_of_target(&views) {
        Some(axis) => {
            let swap = Swap(axis, views.input.ndim() - 2);
            views.with_axes(&swap)
        }
        None => views,
    }
}

/// Chooses the last axis of calls without a class axis. It is the last one; or the one before it, if the last is too long for
/// one task; or a new axis of length 1, if both are too long or there is no other.
fn ensure_class_axis<A: Number>(
    views: Views<'_, A, IxDyn>,
    there_are_classes: bool,
) -> Views<'_, A, IxDyn> {
    let (&last, others) = views.input.shape().split_last().unwrap_or((&1, &[]));
    if there_are_classes || last <= TASK && !others.is_empty() {
        return views;
    }
    let len = others.len();
    match others.last() {
        Some(&before) if before <= TASK && contiguous_axis_of_target(&views).is_some() => {
            views.with_axes(&Swap(len - 1, len))
        }
        _ => views.with_axes(&AppendAxis),
    }
}

/// Swaps the lane axis with the longest outer axis, if the lanes do not fill a cache line.
fn lengthen_lane_axis<A: Number>(views: Views<'_, A, IxDyn>) -> Views<'_, A, IxDyn> {
    if contiguous_axis_of_target(&views).is_some() {
        return views;
    }
    let Some((&lanes, outer)) = views.input.shape().split_last().and_then(|s| s.1.split_last())
    else {
        return views;
    };
    let longest = (0..outer.len()).max_by_key(|&axis| outer[axis]);
    match longest.filter(|&axis| lanes < LINE_NUMBERS && outer[axis] > lanes) {
        Some(axis) => {
            let swap = Swap(axis, outer.len());
            views.with_axes(&swap)
        }
        None => views,
    }
}

/// Cuts the outer axes until matrices are left.
fn cut_outer_axes<A: Number, R: Send>(
    views: Views<'_, A, IxDyn>,
    task: usize,
    map: &(impl Fn(Matrices<'_, A>) -> R + Sync),
    reduce: &(impl Fn(R, R) -> R + Sync),
) -> R {
    if views.input.ndim() == 2 {
        return cut_lanes(views.with_axes(&ToMatrix), task, map, reduce);
    }
    let outer = views.input.len_of(Axis(0));
    if outer == 1 {
        return cut_outer_axes(views.with_axes(&RemoveFirst), task, map, reduce);
    }
    let large = views.input.len() > task;
    let (a, b) = views.split_at(Axis(0), outer / 2);
    let (a, b) = both(
        large,
        || cut_outer_axes(a, task, map, reduce),
        || cut_outer_axes(b, task, map, reduce),
    );
    reduce(a, b)
}

/// Cuts matrices between lanes until each part is one task.
fn cut_lanes<A: Number, R: Send>(
    matrices: Matrices<'_, A>,
    task: usize,
    map: &(impl Fn(Matrices<'_, A>) -> R + Sync),
    reduce: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let (lanes, classes) = matrices.input.dim();
    let together = classes == 1 || matrices.input.strides()[1] == 1 || classes > TASK;
    let step = match lanes {
        _ if together => 1,
        ..UNCUT_LANES => LINE_NUMBERS,
        _ => UNCUT_LANES,
    };
    let middle = lanes / 2 / step * step;
    if matrices.input.len() <= task || middle == 0 {
        return map(matrices);
    }
    let (a, b) = matrices.split_at(Axis(0), middle);
    let (a, b) = join(|| cut_lanes(a, task, map, reduce), || cut_lanes(b, task, map, reduce));
    reduce(a, b)
}

/// Runs both, in parallel if asked for.
fn both<R: Send>(
    parallel: bool,
    a: impl FnOnce() -> R + Send,
    b: impl FnOnce() -> R + Send,
) -> (R, R) {
    if parallel { join(a, b) } else { (a(), b()) }
}

/// Removes axis 0, whose length is 1.
struct RemoveFirst;

impl AxisChange<IxDyn, IxDyn> for RemoveFirst {
    fn apply<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        array.index_axis_move(Axis(0), 0)
    }
}

/// Swaps two axes.
struct Swap(usize, usize);

impl AxisChange<IxDyn, IxDyn> for Swap {
    fn apply<S: RawData>(&self, mut array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        array.swap_axes(self.0, self.1);
        array
    }
}

/// Appends an axis of length 1.
struct AppendAxis;

impl AxisChange<IxDyn, IxDyn> for AppendAxis {
    fn apply<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        let axis = Axis(array.ndim());
        array.insert_axis(axis)
    }
}

/// Tells the compiler that there are two axes.
struct ToMatrix;

impl AxisChange<IxDyn, Ix2> for ToMatrix {
    fn apply<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, Ix2> {
        array.into_dimensionality().unwrap_or_else(|_| unreachable!("two axes are left"))
    }
}

/// The change of axes that brings the lanes into the order of memory, merges axes that are contiguous in every array, and puts
/// the class axis last.
#[derive(Debug)]
struct Plan {
    class_axis: Option<usize>,
    /// The axes whose direction is inverted.
    inverted: Vec<usize>,
    /// The axes, outermost first, without the class axis.
    order: Vec<usize>,
    /// Pairs (take, into) of positions in `order`: the axis `take` is merged into the axis `into`.
    merged: Vec<(usize, usize)>,
}

impl Plan {
    /// The plan for arrays of this shape. `strides` has a row for each array; the rows of the input and the target come first.
    fn of(shape: &[usize], class_axis: Option<usize>, strides: &[Vec<isize>]) -> Plan {
        let stride_of = |axis: usize| match strides[0][axis] {
            0 => strides[1][axis],
            stride => stride,
        };
        let mut order: Vec<usize> =
            (0..shape.len()).filter(|&axis| Some(axis) != class_axis).collect();
        order.sort_by_key(|&axis| Reverse(stride_of(axis).unsigned_abs()));
        let inverted: Vec<usize> =
            order.iter().copied().filter(|&axis| stride_of(axis) < 0).collect();
        let upright = |row: &Vec<isize>| -> Vec<isize> {
            let stride = |&axis: &usize| {
                if stride_of(axis) < 0 { -row[axis] } else { row[axis] }
            };
            order.iter().map(stride).collect()
        };
        let lengths: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
        let merged = merges(&lengths, &strides.iter().map(upright).collect::<Vec<_>>());
        Plan { class_axis, inverted, order, merged }
    }
}

impl AxisChange<IxDyn, IxDyn> for Plan {
    fn apply<S: RawData>(&self, mut array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        for &axis in &self.inverted {
            array.invert_axis(Axis(axis));
        }
        let mut order = self.order.clone();
        order.extend(self.class_axis);
        array = array.permuted_axes(IxDyn(&order));
        for &(take, into) in &self.merged {
            let done = array.merge_axes(Axis(take), Axis(into));
            debug_assert!(done, "every array was asked");
        }
        for &(take, _) in &self.merged {
            array = array.index_axis_move(Axis(take), 0);
        }
        let only_classes = self.class_axis.is_some() && array.ndim() == 1;
        if only_classes { array.insert_axis(Axis(0)) } else { array }
    }
}

/// The axes that can be merged with a later one in every array, from the innermost outward. `strides` has a row for each array.
fn merges(lengths: &[usize], strides: &[Vec<isize>]) -> Vec<(usize, usize)> {
    let mut merged = Vec::new();
    let Some(mut into) = lengths.len().checked_sub(1) else {
        return merged;
    };
    let column = |axis: usize| -> Vec<isize> { strides.iter().map(|row| row[axis]).collect() };
    let (mut len, mut inner) = (lengths[into], column(into));
    for take in (0..into).rev() {
        let outer = column(take);
        let follows =
            outer.iter().zip(&inner).all(|(&outer, &inner)| outer == inner * len as isize);
        if lengths[take] == 1 || len == 1 || follows {
            merged.push((take, into));
            inner = if len == 1 { outer } else { inner };
            len *= lengths[take];
        } else {
            (into, len, inner) = (take, lengths[take], outer);
        }
    }
    merged
}
