//! Both operands, room for a block of each, and the next one, copied where that is worth it.

use ndarray::{ArrayView2, Axis};

use super::panel::{Panel, Room};
use crate::element::Element;
use crate::layout::Rect;
use crate::number::Level;
use crate::softmax::{Coming, FEW, Row};

/// Both operands of a panel.
pub struct Rooms<'v, A: Element, P: Panel<A>> {
    pub level: Level,
    /// Lanes of weight 0.
    pub skipped: Vec<usize>,
    pub each: [Room<'v, A, P::Item>; 2],
    next: Copied<'v, A, P::Item>,
}

impl<'v, A: Element, P: Panel<A>> Rooms<'v, A, P> {
    /// Nothing is loaded yet.
    #[inline(always)]
    pub fn new(level: Level, operands: [ArrayView2<'v, A>; 2]) -> Self {
        let next = Copied::new(&operands);
        let [input, target] = operands;
        Rooms { level, skipped: Vec::new(), each: [Room::new(input), Room::new(target)], next }
    }

    /// Other lanes from here on.
    pub fn clear(&mut self) {
        self.each.iter_mut().for_each(Room::clear);
    }

    /// Whether the next block may be copied.
    pub fn may_copy(&self) -> bool {
        self.next.classes.is_some()
    }

    /// A block of input and target.
    #[inline(always)]
    pub fn load(&mut self, rect: &Rect) -> [&[P::Item]; 2] {
        self.load_with_next(rect, None).0
    }

    /// The same, and what copies the next one meanwhile, where that is worth it.
    #[inline(always)]
    pub fn load_with_next(
        &mut self,
        rect: &Rect,
        after: Option<Rect>,
    ) -> ([&[P::Item]; 2], Option<Coming<'_, A>>) {
        self.next.hand_over(rect, &mut self.each);
        let (level, skipped) = (self.level, &self.skipped);
        let [input, target] = &mut self.each;
        let load = |room| P::load(level, rect, skipped, room);
        ([load(input), load(target)], after.and_then(|rect| P::copy(&mut self.next, rect)))
    }
}

/// The next block of both operands.
pub struct Copied<'v, A: Element, I> {
    /// Each of few classes, where neighbouring lanes of both operands lie together.
    classes: Option<[Vec<&'v [A]>; 2]>,
    items: [Vec<I>; 2],
    /// What is in `items` once it has been copied.
    rect: Option<Rect>,
}

impl<'v, A: Element, I> Copied<'v, A, I> {
    #[inline(always)]
    fn new([input, target]: &[ArrayView2<'v, A>; 2]) -> Self {
        let classes =
            by_classes(input).zip(by_classes(target)).map(|(input, target)| [input, target]);
        Copied { classes, items: [Vec::new(), Vec::new()], rect: None }
    }

    /// Gives the rooms the block, if it is the one that was copied.
    #[inline(always)]
    fn hand_over(&mut self, rect: &Rect, rooms: &mut [Room<'v, A, I>; 2]) {
        if self.rect.as_ref() == Some(rect) {
            self.rect = None;
            rooms.iter_mut().zip(&mut self.items).for_each(|(room, items)| room.take(rect, items));
        }
    }
}

impl<A: Element, const N: usize> Copied<'_, A, Row<A::Loss, N>> {
    /// Has a block of N lanes copied, one class behind the other, unless that was done in an earlier pass over the same lanes.
    pub fn begin(&mut self, rect: Rect) -> Option<Coming<'_, A>> {
        let (lanes, classes) = rect.clone();
        let [input, target] =
            self.classes.as_ref().filter(|_| self.rect.is_none() && lanes.len() == N)?;
        let from = [&input[classes.clone()], &target[classes.clone()]];
        self.rect = Some(rect);
        let to = self.items.each_mut().map(|rows| {
            rows.resize(classes.len(), [Default::default(); N]);
            rows.as_flattened_mut()
        });
        Some(Coming::new(from, lanes, to))
    }
}

/// Each of few classes, if neighbouring lanes lie together.
fn by_classes<'v, A>(matrix: &ArrayView2<'v, A>) -> Option<Vec<&'v [A]>> {
    if matrix.strides()[0] != 1 || matrix.ncols() > FEW {
        return None;
    }
    let class = |class| matrix.index_axis_move(Axis(1), class).to_slice();
    (0..matrix.ncols()).map(class).collect()
}
