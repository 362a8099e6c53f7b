//! How lanes are laid before a solver: one alone, its classes behind each other, or many beside each other.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::rooms::Copied;
use crate::element::Element;
use crate::elementwise::{TILE, fetch_rest};
use crate::elementwise::{transpose, transpose_back};
use crate::layout::{Reader, Rect, Scratch, dense, write};
use crate::number::Level;
use crate::softmax::{Coming, FEW, Row};

/// Classes of lanes beside each other that are loaded at a time.
const ROWS: usize = 64;
/// Classes whose places are on their way while those before them are written: memory takes as long as some of them.
const AHEAD: usize = 4;
// Few classes come in one block.
const _: () = assert!(FEW <= ROWS);

/// Lanes that a solver visits together, as blocks of items.
pub trait Panel<A: Element> {
    /// What a block is a slice of.
    type Item: Copy;
    /// Lanes of a panel,
    const LANES: usize;
    /// and classes of a block.
    const CLASSES: usize;

    /// A block of an operand; the lanes `skipped` are given other logits, finite ones.
    fn load<'a>(
        level: Level,
        rect: &Rect,
        skipped: &[usize],
        room: &'a mut Room<'_, A, Self::Item>,
    ) -> &'a [Self::Item];

    /// What copies a block of both operands, where that is worth it.
    fn copy<'a>(_: &'a mut Copied<'_, A, Self::Item>, _: Rect) -> Option<Coming<'a, A>> {
        None
    }

    /// Puts what was computed of a block, a number for each class of each lane, where it belongs.
    fn place<T: Element>(
        level: Level,
        matrix: &mut ArrayViewMut2<'_, T>,
        rect: &Rect,
        numbers: &[T],
        scratch: &mut Scratch<T>,
    );

    /// Where the number of a lane and a class of the block stands among those.
    fn place_of(lane: usize, class: usize) -> usize;
}

/// An operand, and room for a block of it.
pub struct Room<'v, A: Element, I> {
    pub operand: Reader<'v, A>,
    skipped: Scratch<A>,
    wide: Vec<A::Loss>,
    items: Vec<I>,
    /// What is in `items`.
    loaded: Option<Rect>,
}

impl<'v, A: Element, I> Room<'v, A, I> {
    /// Nothing is loaded yet.
    pub fn new(matrix: ArrayView2<'v, A>) -> Self {
        Room {
            operand: Reader::new(matrix),
            skipped: Scratch::EMPTY,
            wide: Vec::new(),
            items: Vec::new(),
            loaded: None,
        }
    }

    /// Other lanes from here on.
    pub fn clear(&mut self) {
        self.loaded = None;
    }

    /// Takes a block that was copied.
    pub fn take(&mut self, rect: &Rect, items: &mut Vec<I>) {
        std::mem::swap(&mut self.items, items);
        self.loaded = Some(rect.clone());
    }
}

impl<A: Element, const N: usize> Room<'_, A, Row<A::Loss, N>> {
    /// Reads a block, class by class.
    fn read(&mut self, level: Level, rect: &Rect) {
        let (lanes, classes) = rect;
        self.items.resize(classes.len(), [Default::default(); N]);
        if !self.operand.lanes_lie_together()
            && let Some(lanes) = self.operand.dense(rect)
        {
            let lanes = A::widened(level, lanes, &mut self.wide);
            return transpose(level, lanes, &mut self.items);
        }
        for (row, class) in self.items.iter_mut().zip(classes.clone()) {
            let column = self.operand.read(&(lanes.clone(), class..class + 1));
            row.iter_mut().zip(column).for_each(|(logit, from)| *logit = from.widen());
            row[column.len()..].fill(Default::default());
        }
    }
}

/// One lane.
pub struct Alone;

impl<A: Element> Panel<A> for Alone {
    type Item = A;
    const LANES: usize = 1;
    const CLASSES: usize = TILE;

    fn load<'a>(_: Level, rect: &Rect, skipped: &[usize], room: &'a mut Room<'_, A, A>) -> &'a [A] {
        if skipped.is_empty() {
            return room.operand.read(rect);
        }
        let zeros = room.skipped.get(rect.1.len());
        zeros.fill(A::default());
        zeros
    }

    fn place<T: Element>(
        _: Level,
        matrix: &mut ArrayViewMut2<'_, T>,
        rect: &Rect,
        numbers: &[T],
        scratch: &mut Scratch<T>,
    ) {
        write(matrix, rect, scratch, |out| out.copy_from_slice(numbers));
    }

    fn place_of(_: usize, class: usize) -> usize {
        class
    }
}

/// N lanes.
pub struct Beside<const N: usize>;

impl<A: Element, const N: usize> Panel<A> for Beside<N> {
    type Item = Row<A::Loss, N>;
    const LANES: usize = N;
    const CLASSES: usize = ROWS;

    fn load<'a>(
        level: Level,
        rect: &Rect,
        skipped: &[usize],
        room: &'a mut Room<'_, A, Self::Item>,
    ) -> &'a [Self::Item] {
        if room.loaded.as_ref() != Some(rect) {
            room.read(level, rect);
            room.loaded = Some(rect.clone());
        }
        if !skipped.is_empty() {
            for row in &mut room.items {
                skipped.iter().for_each(|&lane| row[lane] = Default::default());
            }
        }
        &room.items
    }

    fn copy<'a>(next: &'a mut Copied<'_, A, Self::Item>, rect: Rect) -> Option<Coming<'a, A>> {
        next.begin(rect)
    }

    fn place<T: Element>(
        level: Level,
        matrix: &mut ArrayViewMut2<'_, T>,
        rect: &Rect,
        numbers: &[T],
        scratch: &mut Scratch<T>,
    ) {
        let (lanes, classes) = rect;
        let rows = numbers.as_chunks::<N>().0;
        if matrix.strides()[0] != 1 {
            return write(matrix, rect, scratch, |out| transpose_back(level, rows, out));
        }
        let column = |class| (lanes.clone(), class..class + 1);
        for (row, class) in rows.iter().zip(classes.clone()) {
            if class + AHEAD < classes.end {
                fetch_rest(dense(matrix, &column(class + AHEAD)).unwrap_or(&[]), 0);
            }
            write(matrix, &column(class), scratch, |out| out.copy_from_slice(&row[..out.len()]));
        }
    }

    fn place_of(lane: usize, class: usize) -> usize {
        class * N + lane
    }
}
