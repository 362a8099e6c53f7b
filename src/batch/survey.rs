//! Sums over the classes of each lane, several at once, in the order in which divergences are summed.

use std::ops::Range;

use super::visit::{FEW, PART};
use super::worker::{is_by_columns, steps};
use crate::element::Element;
use crate::exact::ExactSum;
use crate::kernel::{
    CHUNK, Chunk, FEW_STRIPES, Float, LaneSum, Level, STRIPES, add_to_each, sum_each,
};
use crate::lanes::{Patch, Rect, Scratch, read};

/// So many lanes are surveyed at a time.
pub const LANES: usize = 128;

/// What is summed of a chunk: `N` numbers of each pair.
pub type Numbers<T, const N: usize> = [[T; CHUNK]; N];

/// What there is to sum, a chunk at a time.
pub trait Summands<A: Element, const N: usize> {
    /// Puts the numbers of a chunk into the first places. `rect` tells where it stands in the patch.
    fn fill(&mut self, chunk: Chunk<'_, A>, rect: &Rect, numbers: &mut Numbers<A::Loss, N>);

    /// Adds the numbers of a chunk of one lane to its sums.
    fn add(
        &mut self,
        level: Level,
        chunk: Chunk<'_, A>,
        rect: &Rect,
        numbers: &mut Numbers<A::Loss, N>,
        sums: &mut [LaneSum; N],
    ) {
        self.fill(chunk, rect, numbers);
        for (sum, numbers) in sums.iter_mut().zip(numbers) {
            sum.add(level, &numbers[..chunk.input.len()]);
        }
    }
}

/// Room for a survey of a patch.
pub struct Survey<'p, 'a, A: Element, const N: usize> {
    level: Level,
    patch: &'p Patch<'a, A>,
    operands: [Scratch<A>; 2],
    numbers: Numbers<A::Loss, N>,
    stripes: Scratch<f64>,
    sums: [[f64; LANES]; N],
}

impl<'p, 'a, A: Element, const N: usize> Survey<'p, 'a, A, N> {
    pub fn new(level: Level, patch: &'p Patch<'a, A>) -> Self {
        Survey {
            level,
            patch,
            operands: [Scratch::EMPTY; 2],
            numbers: [[A::Loss::default(); CHUNK]; N],
            stripes: Scratch::EMPTY,
            sums: [[0.0; LANES]; N],
        }
    }

    /// The sums of at most [`LANES`] lanes: `sums[n][lane − lanes.start]`.
    pub fn lanes(
        &mut self,
        lanes: Range<usize>,
        summands: &mut impl Summands<A, N>,
    ) -> &[[f64; LANES]; N] {
        let unit = &self.patch.unit;
        if is_by_columns(&unit.input, &unit.target) {
            self.columns(lanes, summands);
        } else if unit.input.ncols() <= FEW {
            self.short(lanes, summands);
        } else {
            for (place, lane) in lanes.enumerate() {
                let sums = self.long(lane, summands);
                self.sums.iter_mut().zip(sums).for_each(|(sums, sum)| sums[place] = sum);
            }
        }
        &self.sums
    }

    fn chunk(&mut self, rect: &Rect, summands: &mut impl Summands<A, N>) {
        let chunk = chunk(self.patch, rect, &mut self.operands);
        summands.fill(chunk, rect, &mut self.numbers);
    }

    /// Lanes of few classes, several at once.
    fn short(&mut self, lanes: Range<usize>, summands: &mut impl Summands<A, N>) {
        let classes = self.patch.unit.input.ncols();
        let start = lanes.start;
        for lanes in steps(lanes, CHUNK / classes) {
            self.chunk(&(lanes.clone(), 0..classes), summands);
            let places = lanes.start - start..lanes.end - start;
            for (sums, numbers) in self.sums.iter_mut().zip(&self.numbers) {
                let numbers = &numbers[..lanes.len() * classes];
                sum_each(self.level, numbers, classes, &mut sums[places.clone()]);
            }
        }
    }

    /// One lane of many classes.
    fn long(&mut self, lane: usize, summands: &mut impl Summands<A, N>) -> [f64; N] {
        let classes = self.patch.unit.input.ncols();
        if classes <= PART {
            return self.part(lane, 0..classes, summands);
        }
        let mut exact = [(); N].map(|()| ExactSum::default());
        for part in steps(0..classes, PART) {
            let sums = self.part(lane, part, summands);
            exact.iter_mut().zip(sums).for_each(|(exact, sum)| exact.add(sum));
        }
        exact.map(|exact| exact.value())
    }

    fn part(
        &mut self,
        lane: usize,
        classes: Range<usize>,
        summands: &mut impl Summands<A, N>,
    ) -> [f64; N] {
        let mut sums = [LaneSum::default(); N];
        for classes in steps(classes, CHUNK) {
            let rect = (lane..lane + 1, classes);
            let chunk = chunk(self.patch, &rect, &mut self.operands);
            summands.add(self.level, chunk, &rect, &mut self.numbers, &mut sums);
        }
        sums.map(LaneSum::value)
    }

    /// Neighbouring lanes beside each other, class after class.
    fn columns(&mut self, lanes: Range<usize>, summands: &mut impl Summands<A, N>) {
        let classes = self.patch.unit.input.ncols();
        if classes <= PART {
            return self.striped(&lanes, 0..classes, summands);
        }
        let mut exact = [(); N].map(|()| vec![ExactSum::default(); lanes.len()]);
        for part in steps(0..classes, PART) {
            self.striped(&lanes, part, summands);
            for (exact, sums) in exact.iter_mut().zip(&self.sums) {
                exact.iter_mut().zip(sums).for_each(|(exact, &sum)| exact.add(sum));
            }
        }
        for (exact, sums) in exact.iter().zip(&mut self.sums) {
            sums.iter_mut().zip(exact).for_each(|(sum, exact)| *sum = exact.value());
        }
    }

    /// The sums over some classes: of stripes, then of those as a tree.
    fn striped(
        &mut self,
        lanes: &Range<usize>,
        classes: Range<usize>,
        summands: &mut impl Summands<A, N>,
    ) {
        let few = self.patch.unit.input.ncols() <= FEW;
        let width = if few { FEW_STRIPES } else { STRIPES };
        let mut stripes = std::mem::replace(&mut self.stripes, Scratch::EMPTY);
        let all = stripes.get(N * width * LANES);
        all.fill(0.0);
        for (stripe, class) in (0..width).cycle().zip(classes) {
            self.chunk(&(lanes.clone(), class..class + 1), summands);
            for (stripes, numbers) in all.chunks_exact_mut(width * LANES).zip(&self.numbers) {
                let sums = &mut stripes[stripe * LANES..][..lanes.len()];
                add_to_each(self.level, sums, &numbers[..lanes.len()]);
            }
        }
        for (stripes, sums) in all.chunks_exact_mut(width * LANES).zip(&mut self.sums) {
            let mut width = width;
            while width > 1 {
                width /= 2;
                let (before, after) = stripes.split_at_mut(width * LANES);
                add_to_each(self.level, before, &after[..width * LANES]);
            }
            sums.copy_from_slice(&stripes[..LANES]);
        }
        self.stripes = stripes;
    }
}

fn chunk<'c, A: Element>(
    patch: &'c Patch<'_, A>,
    rect: &Rect,
    [input, target]: &'c mut [Scratch<A>; 2],
) -> Chunk<'c, A> {
    Chunk {
        input: read(&patch.unit.input, rect, input),
        target: read(&patch.unit.target, rect, target),
    }
}

/// Runs of lanes whose weight is not 0, at most [`LANES`] each.
pub fn weighted<A: Element>(patch: &Patch<'_, A>) -> impl Iterator<Item = Range<usize>> {
    let lanes = patch.unit.input.nrows();
    let counts = move |&lane: &usize| {
        patch.unit.weights.as_ref().is_none_or(|weights| weights[[lane, 0]] != A::Loss::ZERO)
    };
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = (next..lanes).find(counts)?;
        next = (start..lanes.min(start + LANES)).take_while(counts).last()? + 1;
        Some(start..next)
    })
}
