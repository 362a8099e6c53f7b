//! The work on one unit: in which order its chunks are visited, and how their terms are summed.

use std::ops::Range;

use super::chunk::Room;
use super::visit::Visit;
use crate::divergence::Term;
use crate::element::Element;
use crate::elementwise::PART;
use crate::elementwise::add_rows;
use crate::elementwise::{CHUNK, FEW_STRIPES, FOUR, ManySum, Running, add_to_each};
use crate::exact::{BLOCK, ExactSum};
use crate::layout::{Rect, Scratch, Unit, is_by_columns, steps, tile, tiles};

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

/// The sum over all classes: where there are very many, the exact sum of those over parts.
fn in_parts(classes: usize, mut part: impl FnMut(Range<usize>) -> f64) -> f64 {
    if classes <= PART {
        return part(0..classes);
    }
    let mut sum = ExactSum::default();
    steps(0..classes, PART).for_each(|classes| sum.add(part(classes)));
    sum.value()
}

/// Whether only the target lies lane by lane, and nothing is written that lies as the input does.
fn is_turned<A: Element>(unit: &Unit<'_, A>) -> bool {
    let writes = unit.d_input.is_some() || unit.d_target.is_some();
    let terms = unit.value.as_ref().is_some_and(|value| value.ncols() > 1);
    unit.target.strides()[1] == 1 && unit.input.strides()[1] != 1 && !writes && !terms
}

/// Each rectangle and the one after it, which is empty after the last.
fn with_next(rects: impl Iterator<Item = Rect>) -> impl Iterator<Item = (Rect, Rect)> {
    let mut rects = rects.peekable();
    std::iter::from_fn(move || {
        let rect = rects.next()?;
        Some((rect, rects.peek().cloned().unwrap_or((0..0, 0..0))))
    })
}
