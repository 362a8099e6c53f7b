//! Few classes of moderate lanes beside each other: some lanes at a time, whose sums stay in registers.

use super::cell::{Cell, Logit, moderate_cell};
use super::columns::Row;
use super::shift::Shift;
use super::shifts::Shifts;
use super::solver::Next;
use super::sums::{Cells, EARLY_EACH};
use crate::element::Element;
use crate::kernel::ahead::fetch;
use crate::kernel::{Float, Level};

/// Lanes at a time.
pub const GROUP: usize = 16;

/// Σe, Σeε and Σe·φ(ε) of each.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Group<T> {
    pub weight: [T; GROUP],
    pub mean: [T; GROUP],
    pub curvature: [T; GROUP],
}

impl<T: Float> Group<T> {
    /// Of no class.
    #[inline(always)]
    pub fn nothing() -> Self {
        let zeros = [T::ZERO; GROUP];
        Group { weight: zeros, mean: zeros, curvature: zeros }
    }
}

impl Group<f64> {
    /// Adds classes of the lanes from `start` on, [`EARLY_EACH`] at a time. With `KEEP` the cells, one for each class, then
    /// hold all that gradients need; with `COPY` what comes is copied, and without fetched. (A loop that might do either
    /// took a twentieth longer.)
    #[inline(always)]
    pub fn add_classes<
        T: Logit,
        A: Element<Loss = T>,
        const N: usize,
        const KEEP: bool,
        const COPY: bool,
    >(
        mut self,
        level: Level,
        start: usize,
        rows: [&[Row<T, N>]; 2],
        shifts: &Shifts<T, N>,
        cells: &mut [Cells<T, N>],
        next: &mut Next<'_, A>,
    ) -> Self {
        let (rate, wholes, offsets) = shifts.group(start);
        let [z_p, z_q] = rows.map(|rows| rows.chunks(EARLY_EACH));
        for (first, (z_p, z_q)) in (0..).step_by(EARLY_EACH).zip(z_p.zip(z_q)) {
            let mut early = Group::nothing();
            for (class, (z_p, z_q)) in (first..).zip(z_p.iter().zip(z_q)) {
                if COPY {
                    next.coming.advance(level);
                } else {
                    for row in next.rows.get(class).into_iter().flatten() {
                        fetch::<_, GROUP>(row, start);
                    }
                }
                let (Some(z_p), Some(z_q)) = (group(z_p, start), group(z_q, start)) else { break };
                let mut found = Cells::<T, GROUP>::default();
                for i in 0..GROUP {
                    let shift =
                        Shift { rate, whole: wholes[i], offset: offsets[i], ..Shift::default() };
                    let cell = moderate_cell(z_p[i], z_q[i], &shift);
                    early.add(i, &cell);
                    found.weight[i] = cell.weight;
                    found.log_ratio[i] = cell.log_ratio;
                    found.excess[i] = cell.excess;
                }
                if KEEP && let Some(cells) = cells.get_mut(class) {
                    cells.weight[start..start + GROUP].copy_from_slice(&found.weight);
                    cells.log_ratio[start..start + GROUP].copy_from_slice(&found.log_ratio);
                    cells.excess[start..start + GROUP].copy_from_slice(&found.excess);
                }
            }
            self.add_early(&early);
        }
        self
    }

    #[inline(always)]
    fn add_early<T: Float>(&mut self, early: &Group<T>) {
        for i in 0..GROUP {
            self.weight[i] += early.weight[i].to_f64();
            self.mean[i] += early.mean[i].to_f64();
            self.curvature[i] += early.curvature[i].to_f64();
        }
    }
}

impl<T: Logit> Group<T> {
    #[inline(always)]
    fn add(&mut self, i: usize, cell: &Cell<T>) {
        self.weight[i] += cell.weight;
        self.mean[i] = cell.weight.mul_add(cell.log_ratio, self.mean[i]);
        self.curvature[i] += cell.curvature;
    }
}

/// That part of a row.
#[inline(always)]
pub fn group<T, const N: usize>(row: &Row<T, N>, start: usize) -> Option<&[T; GROUP]> {
    row.get(start..)?.first_chunk()
}

/// The same to write to.
#[inline(always)]
pub fn group_mut<T, const N: usize>(row: &mut Row<T, N>, start: usize) -> Option<&mut [T; GROUP]> {
    row.get_mut(start..)?.first_chunk_mut()
}
