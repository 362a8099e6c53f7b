//! The next panel, copied while the one before it is computed.
//!
//! One class of neighbouring lanes is a short run of memory. The run of the next class often lies a power of two away, so all runs
//! map to few sets of the cache, which hold few cache lines. Prefetching a whole panel at once would evict lines before use. So for
//! each row that is computed, one row of either operand is copied, and the class [`COPY_AHEAD`] classes later is prefetched.
//! benches/LIMITS.md has the figures.

use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use crate::elementwise::fetch;
use crate::number::{Level, Number, WIDTH};
use crate::softmax::Overlap;

/// The number of lanes of a panel. One class of them fills whole cache lines.
pub const PANEL: usize = 128;
/// The number of classes between the one that is copied and the one that is prefetched.
const COPY_AHEAD: usize = 2;

/// The classes of both operands, if neighbouring lanes are contiguous in both.
pub struct Columns<'a, A>([Vec<&'a [A]>; 2]);

impl<'a, A> Columns<'a, A> {
    /// The classes of two matrices, if neighbouring lanes are contiguous in both.
    pub fn of(operands: [ArrayView2<'a, A>; 2]) -> Option<Self> {
        let [input, target] = operands.map(|matrix| -> Option<Vec<&'a [A]>> {
            if matrix.strides()[0] != 1 {
                return None;
            }
            let class = |class| matrix.index_axis_move(Axis(1), class).to_slice();
            (0..matrix.ncols()).map(class).collect()
        });
        Some(Columns([input?, target?]))
    }
}

/// Copies a whole panel of both operands to rows, group by group of lanes.
pub struct Copier<'a, 'b, A: Number> {
    columns: &'b Columns<'a, A>,
    lanes: Range<usize>,
    to: [&'b mut [[A::Real; WIDTH]]; 2],
    /// The next class.
    class: usize,
    /// The position of the next row in the output.
    place: usize,
    /// The rest of the current class, which is to be copied.
    left: [&'a [A]; 2],
    /// The rest of the class [`COPY_AHEAD`] classes later, which is to be prefetched.
    ahead: [&'a [A]; 2],
}

impl<'a, 'b, A: Number> Copier<'a, 'b, A> {
    /// A copier of these lanes, a whole panel, to outputs of the same length.
    pub fn new(
        columns: &'b Columns<'a, A>,
        lanes: Range<usize>,
        to: [&'b mut [A::Real]; 2],
    ) -> Self {
        let to = to.map(|to| to.as_chunks_mut().0);
        Copier { columns, lanes, to, class: 0, place: 0, left: [&[]; 2], ahead: [&[]; 2] }
    }

    /// Copies the next row of both operands; returns false if there is none.
    #[inline(always)]
    fn copy_row(&mut self, level: Level) -> bool {
        if self.left[0].is_empty() && !self.next_class() {
            return false;
        }
        for i in 0..2 {
            if let Some((row, rest)) = self.ahead[i].split_first_chunk::<WIDTH>() {
                fetch::<_, WIDTH>(row, 0);
                self.ahead[i] = rest;
            }
            let row = self.left[i].split_first_chunk::<WIDTH>().zip(self.to[i].get_mut(self.place));
            let Some(((row, rest), to)) = row else { return false };
            *to = A::widen_all(level, row);
            self.left[i] = rest;
        }
        self.place += self.columns.0[0].len();
        true
    }

    /// Goes on to the next class; returns false if there is none.
    #[inline(always)]
    fn next_class(&mut self) -> bool {
        if self.class >= self.columns.0[0].len() {
            return false;
        }
        for i in 0..2 {
            let row = |class: usize| {
                let column = self.columns.0[i].get(class);
                column.and_then(|column| column.get(self.lanes.clone())).unwrap_or(&[])
            };
            (self.left[i], self.ahead[i]) = (row(self.class), row(self.class + COPY_AHEAD));
        }
        (self.place, self.class) = (self.class, self.class + 1);
        !self.left[0].is_empty()
    }

    /// Copies what is left.
    pub fn finish(&mut self, level: Level) {
        level.run(
            #[inline(always)]
            || while self.copy_row(level) {},
        );
    }
}

impl<A: Number> Overlap for Copier<'_, '_, A> {
    #[inline(always)]
    fn step(&mut self, level: Level, _: usize) {
        self.copy_row(level);
    }
}
