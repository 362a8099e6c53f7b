//! How lanes are laid before a solver: one alone, its classes behind each other, or many beside each other.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::element::Element;
use crate::kernel::softmax::{Coming, FEW, Row, transpose, transpose_back};
use crate::kernel::{CHUNK, Level, fetch_rest};
use crate::lanes::{Reader, Rect, Scratch, dense, write};

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

    /// A block of both, and what copies the next one meanwhile, where that is worth it.
    fn load_both<'a>(
        level: Level,
        rect: &Rect,
        skipped: &[usize],
        rooms: &'a mut [Room<'_, A, Self::Item>; 2],
        _next: Rect,
    ) -> ([&'a [Self::Item]; 2], Option<Coming<'a, A>>) {
        let [input, target] = rooms;
        let load = |room| Self::load(level, rect, skipped, room);
        ([load(input), load(target)], None)
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
    /// Each of few classes, where neighbouring lanes lie together.
    classes: Vec<&'v [A]>,
    coming: Vec<I>,
    /// What is in `coming` once it has been copied.
    next: Option<Rect>,
}

impl<'v, A: Element, I> Room<'v, A, I> {
    /// Nothing is loaded yet.
    pub fn new(matrix: ArrayView2<'v, A>) -> Self {
        let class = |class| matrix.index_axis_move(Axis(1), class).to_slice();
        let by_classes = matrix.strides()[0] == 1 && matrix.ncols() <= FEW;
        let classes = if by_classes { 0..matrix.ncols() } else { 0..0 };
        Room {
            operand: Reader::new(matrix),
            skipped: Scratch::EMPTY,
            wide: Vec::new(),
            items: Vec::new(),
            loaded: None,
            classes: classes.map(class).collect::<Option<_>>().unwrap_or_default(),
            coming: Vec::new(),
            next: None,
        }
    }

    /// Whether there are few classes, and of each neighbouring lanes lie together.
    pub fn lies_by_classes(&self) -> bool {
        !self.classes.is_empty()
    }

    /// Other lanes from here on.
    pub fn clear(&mut self) {
        self.loaded = None;
    }
}

impl<A: Element, const N: usize> Room<'_, A, Row<A::Loss, N>> {
    /// The block that was loaded, without the logits of lanes that are skipped.
    fn without(&mut self, rect: &Rect, skipped: &[usize]) -> &[Row<A::Loss, N>] {
        for row in &mut self.items {
            skipped.iter().for_each(|&lane| row[lane] = Default::default());
        }
        self.loaded = Some(rect.clone());
        &self.items
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
        if room.next.take().as_ref() == Some(rect) {
            std::mem::swap(&mut room.items, &mut room.coming);
            return room.without(rect, skipped);
        }
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
        room.without(rect, skipped)
    }

    fn load_both<'a>(
        level: Level,
        rect: &Rect,
        skipped: &[usize],
        rooms: &'a mut [Room<'_, A, Self::Item>; 2],
        next: Rect,
    ) -> ([&'a [Self::Item]; 2], Option<Coming<'a, A>>) {
        for room in rooms.iter_mut() {
            Self::load(level, rect, skipped, room);
        }
        let [input, target] = rooms;
        // Copied already where this is another pass over the same lanes.
        let copied = input.next.is_some();
        let by_classes = input.lies_by_classes() && target.lies_by_classes();
        if copied || !by_classes || next.0.len() < N {
            return ([&input.items, &target.items], None);
        }
        let (lanes, classes) = next.clone();
        for room in [&mut *input, &mut *target] {
            room.coming.resize(classes.len(), [Default::default(); N]);
            room.next = Some(next.clone());
        }
        let from = [&input.classes[classes.clone()], &target.classes[classes]];
        let to = [&mut input.coming, &mut target.coming].map(|rows| rows.as_flattened_mut());
        ([&input.items, &target.items], Some(Coming::new(from, lanes, to)))
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
