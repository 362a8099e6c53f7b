//! Sums over the classes of each lane, in the order in which divergences are summed.

use std::ops::Range;

use super::summary::Merge;
use crate::elementwise::{CHUNK, FEW, ManySum, PART, Running, sum_each};
use crate::exact::ExactSum;
use crate::layout::{Rect, Scratch, join, steps};
use crate::number::{Float, Level, Number};

/// Lanes whose sums run beside each other.
const LANES: usize = 16;
/// The classes of a tile of [`LANES`] lanes.
const CLASSES: usize = CHUNK / LANES;

/// Scratch buffers for a tile of both operands.
pub type Buffers<A> = [Scratch<A>; 2];

/// The values of lanes, which are computed tile by tile and summed over the classes.
pub struct LaneValues<F> {
    /// The instruction set.
    pub level: Level,
    /// The number of classes.
    pub classes: usize,
    /// Whether the classes of a lane lie apart. Several lanes are then copied at once.
    pub strided: bool,
    /// Writes the values of a rectangle row by row, and returns what it finds in them.
    pub fill: F,
}

impl<F> LaneValues<F> {
    /// Gives the sums of the lanes to `emit`, some lanes at a time, with what was found in their values.
    pub fn sums<A: Number, N: Merge>(
        &self,
        lanes: Range<usize>,
        mut emit: impl FnMut(Range<usize>, &[f64], N),
    ) where
        F: Fn(&Rect, &mut Buffers<A>, &mut [A::Real]) -> N + Sync,
    {
        let mut buffers = [Scratch::EMPTY; 2];
        let mut values = [A::Real::ZERO; CHUNK];
        if self.classes <= FEW {
            let mut sums = [0.0; CHUNK];
            for lanes in steps(lanes, CHUNK / self.classes) {
                let rect = (lanes, 0..self.classes);
                let values = &mut values[..rect.0.len() * self.classes];
                let found = (self.fill)(&rect, &mut buffers, values);
                let sums = &mut sums[..rect.0.len()];
                sum_each(self.level, values, self.classes, sums);
                emit(rect.0, sums, found);
            }
            return;
        }
        let tall = match self.strided {
            true => LANES,
            false => (CHUNK / self.classes).clamp(1, LANES),
        };
        for lanes in steps(lanes, tall) {
            let rect = (lanes, 0..self.classes);
            let mut sums = [0.0; LANES];
            let found = if self.classes <= PART {
                self.part(&rect, &mut buffers, &mut values, &mut sums)
            } else {
                let (exact, found) = self.parts(&rect);
                sums.iter_mut().zip(&exact).for_each(|(sum, exact)| *sum = exact.value());
                found
            };
            let count = rect.0.len();
            emit(rect.0, &sums[..count], found);
        }
    }

    /// The exact sums of the sums of parts of [`PART`] classes, computed in parallel.
    fn parts<A: Number, N: Merge>(&self, (lanes, classes): &Rect) -> ([ExactSum; LANES], N)
    where
        F: Fn(&Rect, &mut Buffers<A>, &mut [A::Real]) -> N + Sync,
    {
        if classes.len() > PART {
            let middle = classes.start + classes.len().div_ceil(PART) / 2 * PART;
            let ((mut a, found), (b, more)) = join(
                || self.parts(&(lanes.clone(), classes.start..middle)),
                || self.parts(&(lanes.clone(), middle..classes.end)),
            );
            a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
            return (a, found.merged(more));
        }
        let (mut exact, mut sums) = ([(); LANES].map(|()| ExactSum::default()), [0.0; LANES]);
        let rect = (lanes.clone(), classes.clone());
        let values = &mut [A::Real::ZERO; CHUNK];
        let found = self.part(&rect, &mut [Scratch::EMPTY; 2], values, &mut sums);
        exact.iter_mut().zip(sums).for_each(|(exact, sum)| exact.add(sum));
        (exact, found)
    }

    /// The sums of at most [`LANES`] lanes over at most [`PART`] classes.
    fn part<A: Number, N: Merge>(
        &self,
        (lanes, classes): &Rect,
        buffers: &mut Buffers<A>,
        values: &mut [A::Real; CHUNK],
        sums: &mut [f64; LANES],
    ) -> N
    where
        F: Fn(&Rect, &mut Buffers<A>, &mut [A::Real]) -> N + Sync,
    {
        let mut found = N::default();
        let mut running = [ManySum::default(); LANES];
        let fits = lanes.len() * classes.len() <= CHUNK;
        let wide = match (fits, lanes.len()) {
            (true, _) => classes.len(),
            (false, 1) => CHUNK,
            _ => CLASSES,
        };
        for classes in steps(classes.clone(), wide) {
            let wide = classes.len();
            let values = &mut values[..lanes.len() * wide];
            found.merge((self.fill)(&(lanes.clone(), classes), buffers, values));
            for (sum, row) in running.iter_mut().zip(values.chunks_exact(wide)) {
                sum.add(self.level, row, wide);
            }
        }
        sums.iter_mut().zip(running).for_each(|(sum, running)| *sum = running.value());
        found
    }
}
