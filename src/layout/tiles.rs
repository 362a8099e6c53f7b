//! Tiles of a matrix [lane, class], in the order in which they are visited.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::elementwise::TILE;

/// The numbers of a cache line, if a number has 4 bytes.
pub const LINE_NUMBERS: usize = 16;

/// A rectangle of a matrix: its lanes and its classes.
pub type Rect = (Range<usize>, Range<usize>);

/// A rectangle of a matrix that one pass of the loops works on: whole lanes, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// The lanes, and the classes of each.
    pub rect: Rect,
    /// The positions of its numbers in a contiguous matrix. `None` if they do not lie together there.
    pub place: Option<Range<usize>>,
}

impl Tile {
    /// Some classes of one lane of a matrix that has `all` classes.
    pub fn part(lane: usize, classes: Range<usize>, all: usize) -> Tile {
        let place = lane * all + classes.start..lane * all + classes.end;
        Tile { rect: (lane..lane + 1, classes), place: Some(place) }
    }

    /// One class of neighbouring lanes.
    pub fn column(lanes: Range<usize>, class: usize) -> Tile {
        Tile { rect: (lanes, class..class + 1), place: None }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.rect.0.len() * self.rect.1.len()
    }
}

/// All tiles of a matrix: as many whole lanes as fit each, or lanes in parts.
pub fn all_tiles(lanes: usize, classes: usize) -> impl Iterator<Item = Tile> {
    let (tall, wide) = if classes <= TILE { (TILE / classes, classes) } else { (1, TILE) };
    let across = classes.div_ceil(wide);
    (0..lanes.div_ceil(tall) * across).map(move |tile| {
        let (lane, class) = (tile / across * tall, tile % across * wide);
        let (lanes, ends) = (lane..lanes.min(lane + tall), classes.min(class + wide));
        let start = lane * classes + class;
        let place = start..start + lanes.len() * (ends - class);
        Tile { rect: (lanes, class..ends), place: Some(place) }
    })
}

/// Each tile and the one after it.
pub fn with_next(tiles: impl Iterator<Item = Tile>) -> impl Iterator<Item = (Tile, Option<Tile>)> {
    let mut tiles = tiles.peekable();
    std::iter::from_fn(move || {
        let tile = tiles.next()?;
        Some((tile, tiles.peek().cloned()))
    })
}

/// Cuts a range into steps of this length; the last may be shorter.
pub fn steps(range: Range<usize>, step: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(step).map(move |start| start..end.min(start + step))
}

/// Whether an operand is contiguous along the lanes and not along the classes. The loops then take one class of many lanes at a
/// time.
pub fn is_by_columns<A>(input: &ArrayView2<'_, A>, target: &ArrayView2<'_, A>) -> bool {
    let steps = |view: &ArrayView2<'_, A>| (view.strides()[0], view.strides()[1]);
    let apart = |(lane, class): (isize, isize)| lane == 1 && class != 1;
    input.nrows() >= 16
        && input.ncols() > 1
        && (apart(steps(input)) || apart(steps(target)) && steps(input).1 != 1)
}
