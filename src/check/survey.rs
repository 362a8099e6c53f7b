//! Sums over the classes of each lane, several at once, in the order in which divergences are summed.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::elementwise::{
    FEW, FEW_STRIPES, FOUR, PART, Running, TILE, add_rows, add_to_each, sum_each,
};
use crate::exact::ExactSum;
use crate::layout::{Rect, Scratch, Unit, is_by_columns, join, steps};
use crate::number::Number;
use crate::number::{Float, Level};

/// So many numbers of each operand are checked before they are visited, while they are in the second-level
/// cache.
const BLOCK: usize = 1 << 15;

/// So many lanes are surveyed at a time.
pub const LANES: usize = 128;

/// What there is to sum, a chunk at a time.
pub trait Summands<T: Float>: Send + Sized {
    /// How the numbers of many classes are summed.
    type Sum: Running;

    /// Puts the numbers of a rectangle of the unit, row by row.
    fn fill(&mut self, rect: &Rect, out: &mut [T]);

    /// Adds the numbers of a rectangle of one lane to its sum. There is room for them.
    fn add(&mut self, level: Level, rect: &Rect, room: &mut [T], sum: &mut Self::Sum);

    /// The same for another thread, nothing seen yet.
    fn fork(&self) -> Self;

    /// Joins what was seen.
    fn merge(&mut self, other: Self);
}

/// Room for surveys of a unit.
pub struct Survey<T: Float> {
    level: Level,
    classes: usize,
    numbers: [T; TILE],
    stripes: Scratch<f64>,
    sums: [f64; LANES],
}

impl<T: Float> Survey<T> {
    /// Of lanes of so many classes.
    pub fn new(level: Level, classes: usize) -> Self {
        let (numbers, sums) = ([T::ZERO; TILE], [0.0; LANES]);
        Survey { level, classes, numbers, stripes: Scratch::EMPTY, sums }
    }

    /// The sums of at most [`LANES`] lanes, class after class or lane after lane.
    pub fn lanes(
        &mut self,
        lanes: Range<usize>,
        by_columns: bool,
        summands: &mut impl Summands<T>,
    ) -> &[f64] {
        let len = lanes.len();
        if by_columns {
            self.columns(lanes, summands);
        } else if self.classes <= FEW {
            self.short(lanes, summands);
        } else {
            for (place, lane) in lanes.enumerate() {
                self.sums[place] = self.long(lane, summands);
            }
        }
        &self.sums[..len]
    }

    /// Lanes of few classes, several at once.
    fn short(&mut self, lanes: Range<usize>, summands: &mut impl Summands<T>) {
        let (classes, start) = (self.classes, lanes.start);
        for lanes in steps(lanes, TILE / classes) {
            let numbers = &mut self.numbers[..lanes.len() * classes];
            summands.fill(&(lanes.clone(), 0..classes), numbers);
            let sums = &mut self.sums[lanes.start - start..lanes.end - start];
            sum_each(self.level, numbers, classes, sums);
        }
    }

    /// One lane of many classes; of very many, in parallel.
    fn long(&mut self, lane: usize, summands: &mut impl Summands<T>) -> f64 {
        match self.classes {
            ..=PART => part(self.level, (lane, 0..self.classes), &mut self.numbers, summands),
            _ => parts(self.level, (lane, 0..self.classes), summands).value(),
        }
    }

    /// Neighbouring lanes beside each other, class after class.
    fn columns(&mut self, lanes: Range<usize>, summands: &mut impl Summands<T>) {
        if self.classes <= PART {
            return self.striped(&lanes, 0..self.classes, summands);
        }
        let mut exact = vec![ExactSum::default(); lanes.len()];
        for part in steps(0..self.classes, PART) {
            self.striped(&lanes, part, summands);
            exact.iter_mut().zip(&self.sums).for_each(|(exact, &sum)| exact.add(sum));
        }
        self.sums.iter_mut().zip(&exact).for_each(|(sum, exact)| *sum = exact.value());
    }

    /// The sums over some classes: of stripes, then of those as a tree.
    fn striped<S: Summands<T>>(
        &mut self,
        lanes: &Range<usize>,
        classes: Range<usize>,
        summands: &mut S,
    ) {
        let (mut width, together) = match self.classes {
            ..=FEW => (FEW_STRIPES, 1),
            _ => (S::Sum::STRIPES, S::Sum::TOGETHER),
        };
        let (level, stripes) = (self.level, self.stripes.get(width * LANES));
        stripes.fill(0.0);
        let rows = &mut self.numbers[..together * lanes.len()];
        for (stripe, sums) in stripes.chunks_exact_mut(LANES).enumerate() {
            let classes = (classes.start + stripe..classes.end).step_by(width);
            let fill = |class, row: &mut [T]| {
                summands.fill(&(lanes.clone(), class..class + 1), row);
            };
            add_rows(level, classes, fill, rows, &mut sums[..lanes.len()]);
        }
        while width > 1 {
            width /= 2;
            let (before, after) = stripes.split_at_mut(width * LANES);
            add_to_each(level, before, &after[..width * LANES]);
        }
        self.sums.copy_from_slice(&stripes[..LANES]);
    }
}

// The rows that are added together.
const _: () = assert!(FOUR * LANES <= TILE);

/// The exact sum of the sums of parts of [`PART`] classes.
fn parts<T: Float>(
    level: Level,
    (lane, classes): (usize, Range<usize>),
    summands: &mut impl Summands<T>,
) -> ExactSum {
    let mut sum = ExactSum::default();
    if classes.len() <= PART {
        sum.add(part(level, (lane, classes), &mut [T::ZERO; TILE], summands));
        return sum;
    }
    let middle = classes.start + classes.len().div_ceil(PART) / 2 * PART;
    let mut others = summands.fork();
    let (mut a, b) = join(
        || parts(level, (lane, classes.start..middle), summands),
        || parts(level, (lane, middle..classes.end), &mut others),
    );
    summands.merge(others);
    a.merge(&b);
    a
}

fn part<T: Float, S: Summands<T>>(
    level: Level,
    (lane, classes): (usize, Range<usize>),
    numbers: &mut [T; TILE],
    summands: &mut S,
) -> f64 {
    let mut sum = S::Sum::default();
    for classes in steps(classes, TILE) {
        let room = &mut numbers[..classes.len()];
        summands.add(level, &(lane..lane + 1, classes), room, &mut sum);
    }
    sum.value()
}

/// Runs of lanes whose weight is not 0, so many at most.
pub fn weighted<L: Float>(
    weights: Option<ArrayView2<'_, L>>,
    lanes: Range<usize>,
    at_most: usize,
) -> impl Iterator<Item = Range<usize>> {
    let mut next = lanes.start;
    std::iter::from_fn(move || {
        let counts =
            |&lane: &usize| weights.as_ref().is_none_or(|weights| weights[[lane, 0]] != L::ZERO);
        let start = (next..lanes.end).find(counts)?;
        let end = lanes.end.min(start + at_most);
        next = match weights {
            None => end,
            Some(_) => (start..end).take_while(counts).last()? + 1,
        };
        Some(start..next)
    })
}

/// No fewer than there is use for side by side.
pub fn lanes_of_a_block<A: Number>(unit: &Unit<'_, A>) -> usize {
    let lanes = BLOCK.div_ceil(unit.input.ncols());
    let together = if is_by_columns(&unit.input, &unit.target) { 2 * LANES } else { 1 };
    lanes.next_multiple_of(together)
}
