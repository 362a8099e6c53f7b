//! Tiles of a matrix, in the order in which they are visited.

use std::ops::Range;

use ndarray::ArrayView2;

use super::Rect;
use crate::elementwise::CHUNK;

/// Whether the classes of a lane lie apart but those of neighbouring lanes together.
pub fn is_by_columns<A>(input: &ArrayView2<'_, A>, target: &ArrayView2<'_, A>) -> bool {
    let steps = |view: &ArrayView2<'_, A>| (view.strides()[0], view.strides()[1]);
    let apart = |(lane, class): (isize, isize)| lane == 1 && class != 1;
    input.nrows() >= 16
        && input.ncols() > 1
        && (apart(steps(input)) || apart(steps(target)) && steps(input).1 != 1)
}

/// Lanes and classes of a chunk of whole lanes, or of a part of one.
pub fn tile(classes: usize) -> (usize, usize) {
    if classes <= CHUNK { (CHUNK / classes, classes) } else { (1, CHUNK) }
}

/// All rectangles of at most tall × wide, row by row.
pub fn tiles(lanes: usize, classes: usize, tall: usize, wide: usize) -> impl Iterator<Item = Rect> {
    let across = classes.div_ceil(wide);
    (0..lanes.div_ceil(tall) * across).map(move |tile| {
        let (lane, class) = (tile / across * tall, tile % across * wide);
        (lane..lanes.min(lane + tall), class..classes.min(class + wide))
    })
}

/// The range in steps.
pub fn steps(range: Range<usize>, step: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(step).map(move |start| start..end.min(start + step))
}
