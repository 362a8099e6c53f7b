//! Which numbers of a file make up a window.

use std::ops::Range;

/// What is read: a range along every axis.
pub type Window = [Range<usize>];

/// Calls `read` with each run of neighbouring numbers that a window is made of, in the order of the file.
pub fn for_each_run<E>(
    shape: &[usize],
    is_fortran: bool,
    window: &Window,
    mut read: impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    if window.iter().any(Range::is_empty) {
        return Ok(());
    }
    let mut axes: Vec<Axis> = shape.iter().copied().zip(window.iter().cloned()).collect();
    if is_fortran {
        axes.reverse();
    }
    visit(&axes, 0, &mut read)
}

/// The length of an axis, and the range along it. The outermost axis of the file comes first.
type Axis = (usize, Range<usize>);

/// `index`: the index of the axes before these, counted in their order.
fn visit<E>(
    axes: &[Axis],
    index: usize,
    read: &mut impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let Some(((len, range), inner)) = axes.split_first() else {
        return read(index..index + 1);
    };
    let at = |i| index * len + i;
    if inner.iter().all(|(len, range)| range.len() == *len) {
        let run: usize = inner.iter().map(|(len, _)| len).product();
        return read(at(range.start) * run..at(range.end) * run);
    }
    range.clone().try_for_each(|i| visit(inner, at(i), read))
}
