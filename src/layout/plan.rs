//! From arrays of any rank and strides to matrices [lane, class].

use std::cmp::Reverse;

use ndarray::{ArrayBase, Axis, Dimension, Ix2, IxDyn, RawData};

use super::arrays::Arrays;
use super::bundle::{Bundle, Turn, Unit};
use super::pool::{TASK, TOTAL_TASK_BYTES, join, task};
use crate::number::Number;

/// Neighbouring lanes that are not parted where their classes are not neighbours: enough to use up
/// every cache line that is touched.
pub const NEIGHBOURS: usize = 128;

/// Numbers that come together; no fewer lanes are taken side by side where there are more elsewhere.
pub const CACHE_LINE: usize = 16;

/// Visits all units of a bundle, in parallel where that pays, and merges what the visits return.
///
/// Without a class axis every element is a lane of its own. With `only_totals` a unit takes so little time that fewer threads
/// pay.
pub fn for_each_unit<A: Number, D: Dimension, R: Send>(
    mut arrays: Arrays<'_, A, D>,
    class_axis: Option<usize>,
    only_totals: bool,
    visit: &(impl Fn(Unit<'_, A>) -> R + Sync),
    merge: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let alone = if only_totals { TOTAL_TASK_BYTES / size_of::<A::Real>() } else { TASK };
    let task = task(arrays.input.len(), alone);
    if let Some(unit) = arrays.dense(class_axis) {
        return halve(unit, task, visit, merge);
    }
    let bundle = arrays.bundle(class_axis.map(Axis));
    let plan = Plan::of(bundle.input.shape(), class_axis, &bundle.strides());
    let bundle = columns(across(bundle.turn(&plan)), class_axis.is_some());
    descend(long_units(bundle), task, visit, merge)
}

/// The axis, other than the last, along which the target's numbers are neighbours where the input's are
/// neighbours along the last.
fn other_close<A: Number>(bundle: &Bundle<'_, A, IxDyn>) -> Option<usize> {
    let (_, others) = bundle.target.strides().split_last()?;
    let close = |axis: usize| others[axis] == 1 && bundle.input.len_of(Axis(axis)) > 1;
    let input = bundle.input.strides().last()?.unsigned_abs();
    (0..others.len()).find(|&axis| close(axis)).filter(|_| input == 1)
}

/// That axis before the last, so that every unit holds all numbers of a cache line of either operand.
fn across<A: Number>(bundle: Bundle<'_, A, IxDyn>) -> Bundle<'_, A, IxDyn> {
    match other_close(&bundle) {
        Some(axis) => {
            let swapped = Swapped(axis, bundle.input.ndim() - 2);
            bundle.turn(&swapped)
        }
        None => bundle,
    }
}

/// An axis in the place of the classes: without them the last, the one before where that is too long to be
/// left in one piece, or one of length 1 where none is left or both are too long.
fn columns<A: Number>(
    bundle: Bundle<'_, A, IxDyn>,
    there_are_classes: bool,
) -> Bundle<'_, A, IxDyn> {
    let (&last, others) = bundle.input.shape().split_last().unwrap_or((&1, &[]));
    if there_are_classes || last <= TASK && !others.is_empty() {
        return bundle;
    }
    let len = others.len();
    match others.last() {
        Some(&before) if before <= TASK && other_close(&bundle).is_some() => {
            bundle.turn(&Swapped(len - 1, len))
        }
        _ => bundle.turn(&Single),
    }
}

/// Where few lanes lie side by side, the longest of the other axes takes their place.
fn long_units<A: Number>(bundle: Bundle<'_, A, IxDyn>) -> Bundle<'_, A, IxDyn> {
    if other_close(&bundle).is_some() {
        return bundle;
    }
    let Some((&lanes, outer)) = bundle.input.shape().split_last().and_then(|s| s.1.split_last())
    else {
        return bundle;
    };
    let longest = (0..outer.len()).max_by_key(|&axis| outer[axis]);
    match longest.filter(|&axis| lanes < CACHE_LINE && outer[axis] > lanes) {
        Some(axis) => {
            let swapped = Swapped(axis, outer.len());
            bundle.turn(&swapped)
        }
        None => bundle,
    }
}

/// Cuts outer axes until units are left.
fn descend<A: Number, R: Send>(
    bundle: Bundle<'_, A, IxDyn>,
    task: usize,
    visit: &(impl Fn(Unit<'_, A>) -> R + Sync),
    merge: &(impl Fn(R, R) -> R + Sync),
) -> R {
    if bundle.input.ndim() == 2 {
        return halve(bundle.turn(&Matrix), task, visit, merge);
    }
    let outer = bundle.input.len_of(Axis(0));
    if outer == 1 {
        return descend(bundle.turn(&Inner), task, visit, merge);
    }
    let large = bundle.input.len() > task;
    let (a, b) = bundle.split_at(Axis(0), outer / 2);
    let (a, b) = both(large, || descend(a, task, visit, merge), || descend(b, task, visit, merge));
    merge(a, b)
}

/// Cuts a unit between lanes until each part is a task.
fn halve<A: Number, R: Send>(
    unit: Unit<'_, A>,
    task: usize,
    visit: &(impl Fn(Unit<'_, A>) -> R + Sync),
    merge: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let (lanes, classes) = unit.input.dim();
    let together = classes == 1 || unit.input.strides()[1] == 1 || classes > TASK;
    let neighbours = match lanes {
        _ if together => 1,
        ..NEIGHBOURS => CACHE_LINE,
        _ => NEIGHBOURS,
    };
    let middle = lanes / 2 / neighbours * neighbours;
    if unit.input.len() <= task || middle == 0 {
        return visit(unit);
    }
    let (a, b) = unit.split_at(Axis(0), middle);
    let (a, b) = join(|| halve(a, task, visit, merge), || halve(b, task, visit, merge));
    merge(a, b)
}

fn both<R: Send>(
    parallel: bool,
    a: impl FnOnce() -> R + Send,
    b: impl FnOnce() -> R + Send,
) -> (R, R) {
    if parallel { join(a, b) } else { (a(), b()) }
}

/// The only matrix along axis 0.
struct Inner;

impl Turn<IxDyn, IxDyn> for Inner {
    fn turn<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        array.index_axis_move(Axis(0), 0)
    }
}

/// Two axes in each other's place.
struct Swapped(usize, usize);

impl Turn<IxDyn, IxDyn> for Swapped {
    fn turn<S: RawData>(&self, mut array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        array.swap_axes(self.0, self.1);
        array
    }
}

/// An axis of length 1 behind the others.
struct Single;

impl Turn<IxDyn, IxDyn> for Single {
    fn turn<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        let axis = Axis(array.ndim());
        array.insert_axis(axis)
    }
}

/// Two axes, known to the compiler.
struct Matrix;

impl Turn<IxDyn, Ix2> for Matrix {
    fn turn<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, Ix2> {
        array.into_dimensionality().unwrap_or_else(|_| unreachable!("two axes are left"))
    }
}

/// How to turn the axes of a call's arrays: the lanes in the order of memory, axes that can be
/// walked as one merged, the class axis last if there is one.
#[derive(Debug)]
struct Plan {
    class_axis: Option<usize>,
    inverted: Vec<usize>,
    order: Vec<usize>,
    /// (take, into), positions in `order`.
    merged: Vec<(usize, usize)>,
}

impl Plan {
    /// `strides` has a row for each array, the input's first and the target's second.
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

impl Turn<IxDyn, IxDyn> for Plan {
    fn turn<S: RawData>(&self, mut array: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
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

/// Which axes can be walked as one with the next in every array, from the innermost outward.
/// `strides` has a row for each array.
pub fn merges(lengths: &[usize], strides: &[Vec<isize>]) -> Vec<(usize, usize)> {
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
