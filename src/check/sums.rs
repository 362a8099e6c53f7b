//! Sums over the classes of each lane, in the order in which divergences are summed.

use std::ops::Range;

use ndarray::ArrayView2;

use super::summary::Merge;
use crate::elementwise::{FEW_CLASSES, ManySum, PART, TILE, sum_each, sum_each_of_many};
use crate::exact::ExactSum;
use crate::layout::{Reader, Rect, join, steps};
use crate::number::{Float, Level, Number};

/// The number of quantities that are summed for each class: the probability of the input, that of the target, and the term.
pub const QUANTITIES: usize = 3;

/// The most lanes whose sums are handed over together.
pub const SUMMED_LANES: usize = 128;

/// The lanes of many classes that are read together if their classes are not contiguous: those that share cache lines.
const READ_LANES: usize = 16;

/// Sums over the classes of each lane, one for each quantity.
pub type Sums = [[f64; SUMMED_LANES]; QUANTITIES];

/// A function that takes the index of a quantity and its values.
pub type Add<'f, T> = &'f mut dyn FnMut(usize, &[T]);

/// The readers of the operands, and scratch buffers for the values of a tile.
pub struct TileBuffers<'a, A: Number> {
    /// Reads the input and the target.
    pub readers: [Reader<'a, A>; 2],
    /// A scratch buffer for the values of a tile.
    pub values: [A::Real; TILE],
    /// A scratch buffer for the numbers of a tile in the computing type.
    pub wide: Vec<A::Real>,
    /// The running sums of lanes of many classes.
    running: Vec<ManySum>,
}

impl<'a, A: Number> TileBuffers<'a, A> {
    fn new(operands: [ArrayView2<'a, A>; 2]) -> Self {
        TileBuffers {
            readers: operands.map(Reader::new),
            values: [A::Real::ZERO; TILE],
            wide: Vec::new(),
            running: Vec::new(),
        }
    }
}

/// The lanes of two operands, and how the values of a tile are computed.
pub struct LaneSums<'a, A: Number, F> {
    /// The instruction set.
    pub level: Level,
    /// The input and the target.
    pub operands: [ArrayView2<'a, A>; 2],
    /// A function that computes the quantities of a rectangle, row by row, and returns what it finds in them.
    pub fill: F,
}

impl<'a, A: Number, F, N: Merge> LaneSums<'a, A, F>
where
    F: Fn(&Rect, &mut TileBuffers<'a, A>, Add<'_, A::Real>) -> N + Sync,
{
    /// Calls `emit` with the sums of some lanes at a time, and what was found in their values.
    pub fn each(
        &self,
        lanes: impl Iterator<Item = Range<usize>>,
        mut emit: impl FnMut(Range<usize>, &Sums, N),
    ) {
        let classes = self.operands[0].ncols();
        let not_contiguous = self.operands.iter().any(|operand| operand.strides()[1] != 1);
        let together = match classes {
            _ if not_contiguous && classes > FEW_CLASSES => READ_LANES,
            ..=TILE => (TILE / classes).min(SUMMED_LANES),
            _ => 1,
        };
        let (mut buffers, mut sums) =
            (TileBuffers::new(self.operands), [[0.0; SUMMED_LANES]; QUANTITIES]);
        for lanes in lanes.flat_map(|lanes| steps(lanes, together)) {
            let rect = (lanes, 0..classes);
            let found = match classes {
                ..=TILE if together * classes <= TILE => self.whole(&rect, &mut buffers, &mut sums),
                ..=PART => self.part(&rect, &mut buffers, &mut sums),
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

    /// Sums lanes that together are one tile.
    fn whole(&self, rect: &Rect, buffers: &mut TileBuffers<'a, A>, sums: &mut Sums) -> N {
        let (lanes, classes) = (rect.0.len(), rect.1.len());
        (self.fill)(rect, buffers, &mut |quantity, values| {
            let sums = &mut sums[quantity][..lanes];
            match classes {
                ..=FEW_CLASSES => sum_each(self.level, values, classes, sums),
                _ => sum_each_of_many(self.level, values, classes, sums),
            }
        })
    }

    /// Sums at most [`READ_LANES`] lanes over at most [`PART`] classes.
    fn part(
        &self,
        (lanes, classes): &Rect,
        buffers: &mut TileBuffers<'a, A>,
        sums: &mut Sums,
    ) -> N {
        let (mut found, count) = (N::default(), lanes.len());
        let mut running = std::mem::take(&mut buffers.running);
        running.clear();
        running.resize(QUANTITIES * count, ManySum::default());
        let wide = TILE / count.next_power_of_two();
        for classes in steps(classes.clone(), wide) {
            let width = classes.len();
            let more = (self.fill)(&(lanes.clone(), classes), buffers, &mut |quantity, values| {
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
        buffers.running = running;
        found
    }

    /// The exact sums of the sums of parts of [`PART`] classes, computed in parallel. The sums of all lanes for the first quantity come
    /// first, then those for the next.
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
        let mut sums = [[0.0; SUMMED_LANES]; QUANTITIES];
        let rect = (lanes.clone(), classes.clone());
        let found = self.part(&rect, &mut TileBuffers::new(self.operands), &mut sums);
        let exact = |&sum: &f64| {
            let mut exact = ExactSum::default();
            exact.add(sum);
            exact
        };
        (sums.iter().flat_map(|sums| sums[..lanes.len()].iter().map(exact)).collect(), found)
    }
}
