//! Sums over the classes of each lane, in the order in which divergences are summed.

use std::ops::Range;

use ndarray::ArrayView2;

use super::summary::Merge;
use crate::elementwise::{CHUNK, FEW, ManySum, PART, Running, sum_each, sum_each_of_many};
use crate::exact::ExactSum;
use crate::layout::{Reader, Rect, join, steps};
use crate::number::{Float, Level, Number};

/// The quantities of a class that are summed: the probability of the input, that of the target, and the term.
pub const QUANTITIES: usize = 3;

/// The sums of so many lanes are known at a time.
pub const LANES: usize = 128;

/// Lanes that are read together where their classes lie apart and are many: those that share cache lines.
const NEIGHBOURS: usize = 16;

/// Sums over the classes of each lane, one for each quantity.
pub type Sums = [[f64; LANES]; QUANTITIES];

/// Where the values of a quantity go.
pub type Add<'f, T> = &'f mut dyn FnMut(usize, &[T]);

/// What reads the operands, and scratch for the values of a tile.
pub struct Tiles<'a, A: Number> {
    /// Reads the input and the target.
    pub readers: [Reader<'a, A>; 2],
    /// Room for the values of a tile.
    pub values: [A::Real; CHUNK],
    /// Room for numbers of a tile in the computing type.
    pub wide: Vec<A::Real>,
}

impl<'a, A: Number> Tiles<'a, A> {
    fn new(operands: [ArrayView2<'a, A>; 2]) -> Self {
        Tiles {
            readers: operands.map(Reader::new),
            values: [A::Real::ZERO; CHUNK],
            wide: Vec::new(),
        }
    }
}

/// The lanes of two operands, and how the values of a tile are computed.
pub struct LaneSums<'a, A: Number, F> {
    /// The instruction set.
    pub level: Level,
    /// The input and the target.
    pub operands: [ArrayView2<'a, A>; 2],
    /// Computes the quantities of a rectangle, row by row, and returns what it finds in them.
    pub fill: F,
}

impl<'a, A: Number, F, N: Merge> LaneSums<'a, A, F>
where
    F: Fn(&Rect, &mut Tiles<'a, A>, Add<'_, A::Real>) -> N + Sync,
{
    /// Gives the sums of some lanes at a time to `emit`, with what was found in their values.
    pub fn each(
        &self,
        lanes: impl Iterator<Item = Range<usize>>,
        mut emit: impl FnMut(Range<usize>, &Sums, N),
    ) {
        let classes = self.operands[0].ncols();
        let lie_apart = self.operands.iter().any(|operand| operand.strides()[1] != 1);
        let together = match classes {
            ..=CHUNK => (CHUNK / classes).min(LANES),
            _ if lie_apart => NEIGHBOURS,
            _ => 1,
        };
        let (mut tiles, mut sums) = (Tiles::new(self.operands), [[0.0; LANES]; QUANTITIES]);
        for lanes in lanes.flat_map(|lanes| steps(lanes, together)) {
            let rect = (lanes, 0..classes);
            let found = match classes {
                ..=CHUNK => self.whole(&rect, &mut tiles, &mut sums),
                ..=PART => self.part(&rect, &mut tiles, &mut sums),
                _ => {
                    let (exact, found) = self.parts(&rect);
                    for (sums, exact) in sums.iter_mut().zip(exact.chunks(rect.0.len())) {
                        sums.iter_mut().zip(exact).for_each(|(sum, exact)| *sum = exact.value());
                    }
                    found
                }
            };
            emit(rect.0, &sums, found);
        }
    }

    /// The sums of lanes that are one tile.
    fn whole(&self, rect: &Rect, tiles: &mut Tiles<'a, A>, sums: &mut Sums) -> N {
        let (lanes, classes) = (rect.0.len(), rect.1.len());
        (self.fill)(rect, tiles, &mut |quantity, values| {
            let sums = &mut sums[quantity][..lanes];
            match classes {
                ..=FEW => sum_each(self.level, values, classes, sums),
                _ => sum_each_of_many(self.level, values, classes, sums),
            }
        })
    }

    /// The sums of at most [`NEIGHBOURS`] lanes over at most [`PART`] classes.
    fn part(&self, (lanes, classes): &Rect, tiles: &mut Tiles<'a, A>, sums: &mut Sums) -> N {
        let (mut found, count) = (N::default(), lanes.len());
        let mut running = vec![ManySum::default(); QUANTITIES * count];
        let wide = CHUNK / count.next_power_of_two();
        for classes in steps(classes.clone(), wide) {
            let width = classes.len();
            let more = (self.fill)(&(lanes.clone(), classes), tiles, &mut |quantity, values| {
                let running = &mut running[quantity * count..][..count];
                for (sum, values) in running.iter_mut().zip(values.chunks_exact(width)) {
                    sum.add(self.level, values, width);
                }
            });
            found.merge(more);
        }
        for (sums, running) in sums.iter_mut().zip(running.chunks(count)) {
            sums.iter_mut().zip(running).for_each(|(sum, running)| *sum = running.value());
        }
        found
    }

    /// The exact sums of the sums of parts of [`PART`] classes, computed in parallel: of each quantity those of all lanes.
    fn parts(&self, (lanes, classes): &Rect) -> (Vec<ExactSum>, N) {
        if classes.len() > PART {
            let middle = classes.start + classes.len().div_ceil(PART) / 2 * PART;
            let ((mut a, found), (b, more)) = join(
                || self.parts(&(lanes.clone(), classes.start..middle)),
                || self.parts(&(lanes.clone(), middle..classes.end)),
            );
            a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
            return (a, found.merged(more));
        }
        let mut sums = [[0.0; LANES]; QUANTITIES];
        let rect = (lanes.clone(), classes.clone());
        let found = self.part(&rect, &mut Tiles::new(self.operands), &mut sums);
        let exact = |&sum: &f64| {
            let mut exact = ExactSum::default();
            exact.add(sum);
            exact
        };
        (sums.iter().flat_map(|sums| sums[..lanes.len()].iter().map(exact)).collect(), found)
    }
}
