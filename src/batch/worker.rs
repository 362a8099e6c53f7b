//! The work on one unit: in which order its chunks are visited, and how their terms are summed.

use std::ops::Range;

use ndarray::ArrayView2;

use super::chunk::Room;
use super::visit::{PART, Visit};
use crate::element::Element;
use crate::exact::{BLOCK, ExactSum};
use crate::kernel::{
    CHUNK, FEW_STRIPES, FOUR, Float, Level, ManySum, Running, Term, add_four_to_each, add_to_each,
};
use crate::lanes::{Rect, Scratch, Unit};

// What is summed or handed on at once.
const _: () = assert!(CHUNK <= BLOCK && COLUMNS <= BLOCK);

/// Neighbouring lanes that are summed beside each other.
const COLUMNS: usize = 1024;

/// One thread's room.
pub struct Worker<'v, A: Element> {
    visit: &'v Visit,
    pub room: Room<'v, A>,
    /// Terms of neighbouring distributions that are added together.
    rows: Scratch<A::Loss>,
}

impl<'v, A: Element> Worker<'v, A> {
    #[inline(always)]
    pub fn new(room: Room<'v, A>) -> Self {
        Worker { visit: room.tally.visit, room, rows: Scratch::EMPTY }
    }

    /// Visits a unit.
    pub fn unit<K: Term>(&mut self, mut unit: Unit<'_, A>) {
        let columns = is_by_columns(&unit.input, &unit.target) && !is_turned(&unit);
        if !self.visit.sums_lanes() {
            let (lanes, classes) = unit.input.dim();
            let (tall, wide) = if columns { (CHUNK, 1) } else { tile(classes) };
            for (rect, next) in with_next(tiles(lanes, classes, tall, wide)) {
                self.room.chunk::<K>(&mut unit, &rect, &next, |_| ());
            }
        } else if columns {
            self.columns::<K>(&mut unit);
        } else if unit.input.ncols() <= CHUNK {
            self.short_lanes::<K>(&mut unit);
        } else {
            self.long_lanes::<K>(&mut unit);
        }
    }

    /// As many lanes at a time as a chunk holds.
    fn short_lanes<K: Term>(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let visit = self.visit;
        let mut sums = Scratch::EMPTY;
        for (rect, next) in with_next(tiles(lanes, classes, tile(classes).0, classes)) {
            let sums = sums.get(rect.0.len());
            self.room.chunk::<K>(unit, &rect, &next, |terms| visit.sum_each(terms, sums));
            self.room.tally.emit(&unit.weights, &mut unit.value, rect.0, sums);
        }
    }

    /// One lane at a time, a part of it after the other.
    fn long_lanes<K: Term>(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        for lane in 0..lanes {
            let sum = in_parts(classes, |part| self.part::<K>(unit, lane, part));
            self.room.tally.emit(&unit.weights, &mut unit.value, lane..lane + 1, &mut [sum]);
        }
    }

    /// The sum over at most [`PART`] classes of a lane.
    pub fn part<K: Term>(
        &mut self,
        unit: &mut Unit<'_, A>,
        lane: usize,
        classes: Range<usize>,
    ) -> f64 {
        let level = self.visit.level;
        let mut sum = ManySum::default();
        let after = (lane + 1..unit.input.nrows().min(lane + 2), 0..tile(unit.input.ncols()).1);
        let chunks = steps(classes.clone(), CHUNK).map(|classes| (lane..lane + 1, classes));
        for (rect, next) in with_next(chunks) {
            let next = if rect.1.end == unit.input.ncols() { &after } else { &next };
            let classes = rect.1.len();
            self.room.chunk::<K>(unit, &rect, next, |terms| sum.add(level, terms, classes));
        }
        sum.value()
    }

    /// Neighbouring lanes beside each other, class after class.
    fn columns<K: Term>(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let stripes = if self.visit.few() { FEW_STRIPES } else { ManySum::STRIPES };
        let mut parts = vec![];
        for lanes in steps(0..lanes, COLUMNS) {
            let mut sums = [0.0; COLUMNS];
            let sums = &mut sums[..lanes.len()];
            if classes > PART {
                parts.clear();
                parts.resize(lanes.len(), ExactSum::default());
                for part in steps(0..classes, PART) {
                    self.striped::<K>(unit, &lanes, part, 1, stripes, sums);
                    parts.iter_mut().zip(&*sums).for_each(|(part, &sum)| part.add(sum));
                }
                sums.iter_mut().zip(&parts).for_each(|(sum, part)| *sum = part.value());
            } else {
                self.striped::<K>(unit, &lanes, 0..classes, 1, stripes, sums);
            }
            self.room.tally.emit(&unit.weights, &mut unit.value, lanes, sums);
        }
    }

    /// The sums over every `step`th class: of the stripes that those hold, as a tree.
    fn striped<K: Term>(
        &mut self,
        unit: &mut Unit<'_, A>,
        lanes: &Range<usize>,
        classes: Range<usize>,
        step: usize,
        stripes: usize,
        sums: &mut [f64],
    ) {
        let level = self.visit.level;
        if step < stripes {
            self.striped::<K>(unit, lanes, classes.clone(), 2 * step, stripes, sums);
            let mut more = [0.0; COLUMNS];
            let more = &mut more[..sums.len()];
            let rest = (classes.start + step).min(classes.end)..classes.end;
            self.striped::<K>(unit, lanes, rest, 2 * step, stripes, more);
            add_to_each(level, sums, more);
            return;
        }
        sums.fill(0.0);
        let column = |class| (lanes.clone(), class..class + 1);
        let columns = with_next(classes.step_by(step).map(column));
        if self.visit.few() {
            for (rect, next) in columns {
                self.room.chunk::<K>(unit, &rect, &next, |terms| add_to_each(level, sums, terms));
            }
            return;
        }
        let (room, rows) = (&mut self.room, self.rows.get(FOUR * sums.len()));
        let fill = |(rect, next): (Rect, Rect), row: &mut [A::Loss]| {
            room.chunk::<K>(unit, &rect, &next, |terms| row.copy_from_slice(&terms[..row.len()]));
        };
        add_rows(level, columns, fill, rows, sums);
    }
}

/// Adds the rows of classes of neighbouring lanes to their sums, as many at a time as there is room for: 1 or [`FOUR`].
pub fn add_rows<T: Float, C>(
    level: Level,
    classes: impl Iterator<Item = C>,
    mut fill: impl FnMut(C, &mut [T]),
    rows: &mut [T],
    sums: &mut [f64],
) {
    let mut classes = classes.peekable();
    while classes.peek().is_some() {
        for row in rows.chunks_exact_mut(sums.len()) {
            match classes.next() {
                Some(class) => fill(class, row),
                None => row.fill(T::ZERO),
            }
        }
        match rows.len() == sums.len() {
            true => add_to_each(level, sums, rows),
            false => add_four_to_each(level, sums, rows),
        }
    }
}

/// The sum over all classes: where there are very many, the exact sum of those over parts.
fn in_parts(classes: usize, mut part: impl FnMut(Range<usize>) -> f64) -> f64 {
    if classes <= PART {
        return part(0..classes);
    }
    let mut sum = ExactSum::default();
    steps(0..classes, PART).for_each(|classes| sum.add(part(classes)));
    sum.value()
}

/// Whether the classes of a lane lie apart but those of neighbouring lanes together.
pub fn is_by_columns<A>(input: &ArrayView2<'_, A>, target: &ArrayView2<'_, A>) -> bool {
    let steps = |view: &ArrayView2<'_, A>| (view.strides()[0], view.strides()[1]);
    let apart = |(lane, class): (isize, isize)| lane == 1 && class != 1;
    input.nrows() >= 16
        && input.ncols() > 1
        && (apart(steps(input)) || apart(steps(target)) && steps(input).1 != 1)
}

/// Whether only the target lies lane by lane, and nothing is written that lies as the input does.
fn is_turned<A: Element>(unit: &Unit<'_, A>) -> bool {
    let writes = unit.d_input.is_some() || unit.d_target.is_some();
    let terms = unit.value.as_ref().is_some_and(|value| value.ncols() > 1);
    unit.target.strides()[1] == 1 && unit.input.strides()[1] != 1 && !writes && !terms
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

/// Each rectangle and the one after it, which is empty after the last.
fn with_next(rects: impl Iterator<Item = Rect>) -> impl Iterator<Item = (Rect, Rect)> {
    let mut rects = rects.peekable();
    std::iter::from_fn(move || {
        let rect = rects.next()?;
        Some((rect, rects.peek().cloned().unwrap_or((0..0, 0..0))))
    })
}
