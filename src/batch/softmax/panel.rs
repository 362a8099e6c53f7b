//! How lanes are laid before a solver: one alone, its classes behind each other, or many beside each other.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::element::Element;
use crate::kernel::softmax::{FEW, Row, transpose, transpose_back};
use crate::kernel::{CHUNK, Level};
use crate::lanes::{Reader, Rect, Scratch, write};

/// Classes of lanes beside each other that are loaded at a time.
const ROWS: usize = 64;
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
        let operand = Reader::new(matrix);
        let (wide, items) = (Vec::new(), Vec::new());
        Room { operand, skipped: Scratch::EMPTY, wide, items, loaded: None }
    }

    /// Other lanes from here on.
    pub fn clear(&mut self) {
        self.loaded = None;
    }
}

/// One lane.
pub struct Alone;

impl<A: Element> Panel<A> for Alone {
    type Item = A;
    const LANES: usize = 1;
    const CLASSES: usize = CHUNK;

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
        if room.loaded.as_ref() == Some(rect) {
            return &room.items;
        }
        let (lanes, classes) = rect;
        room.items.resize(classes.len(), [Default::default(); N]);
        if !room.operand.lanes_lie_together()
            && let Some(lanes) = room.operand.dense(rect)
        {
            let lanes = A::widened(level, lanes, &mut room.wide);
            transpose(level, lanes, &mut room.items);
        } else {
            for (row, class) in room.items.iter_mut().zip(classes.clone()) {
                let column = room.operand.read(&(lanes.clone(), class..class + 1));
                row.iter_mut().zip(column).for_each(|(logit, from)| *logit = from.widen());
                row[column.len()..].fill(Default::default());
            }
        }
        for row in &mut room.items {
            skipped.iter().for_each(|&lane| row[lane] = Default::default());
        }
        room.loaded = Some(rect.clone());
        &room.items
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
        for (row, class) in rows.iter().zip(classes.clone()) {
            let column = (lanes.clone(), class..class + 1);
            write(matrix, &column, scratch, |out| out.copy_from_slice(&row[..out.len()]));
        }
    }

    fn place_of(lane: usize, class: usize) -> usize {
        class * N + lane
    }
}
