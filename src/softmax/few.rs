//! Few classes of moderate lanes without masks, beside each other: some lanes at a time, whose sums stay in registers.

use super::cell::{moderate_cell, weight_in_q};
use super::columns::Row;
use super::shift::{Shift, input_offset};
use super::shifts::Shifts;
use super::solver::Next;
use super::sums::Cells;
use crate::elementwise::fetch;
use crate::number::Number;
use crate::number::{Level, Real};

/// Lanes at a time.
pub const GROUP: usize = 16;

/// No sums.
const ZEROS: [f64; GROUP] = [0.0; GROUP];

/// Σe, Σeε and Σe·φ(ε) of each.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Group {
    pub weight: [f64; GROUP],
    pub mean: [f64; GROUP],
    pub curvature: [f64; GROUP],
    /// Σe·e^(−ε), where cells are kept.
    pub other: [f64; GROUP],
}

impl Group {
    /// Of no class.
    const NOTHING: Self = Group { weight: ZEROS, mean: ZEROS, curvature: ZEROS, other: ZEROS };

    /// The sums of the lanes from `start` on, one class after the other. With `KEEP` the cells, one for each class, then
    /// hold all that gradients need; with `COPY` what comes is copied, and without fetched. (A loop that might do either took
    /// 2 to 4 % longer.)
    #[inline(always)]
    pub fn of<T: Real, A: Number<Real = T>, const N: usize, const KEEP: bool, const COPY: bool>(
        level: Level,
        start: usize,
        rows: [&[Row<T, N>]; 2],
        shifts: &Shifts<T, N>,
        cells: &mut [Cells<T, N>],
        next: &mut Next<'_, A>,
    ) -> Self {
        let [z_p, z_q] = rows;
        let mut sums = Self::NOTHING;
        let (rate, wholes, offsets) = shifts.group(start);
        let (mut highs, mut lows) = ([T::ZERO; GROUP], [T::ZERO; GROUP]);
        for i in 0..GROUP {
            [highs[i], lows[i]] = input_offset(wholes[i], offsets[i]);
        }
        for (class, (z_p, z_q)) in z_p.iter().zip(z_q).enumerate() {
            let (Some(z_p), Some(z_q)) = (group(z_p, start), group(z_q, start)) else { break };
            if COPY {
                if let Some(coming) = &mut next.coming {
                    coming.advance(level);
                }
            } else {
                for row in next.rows.get(class).into_iter().flatten() {
                    fetch::<_, GROUP>(row, start);
                }
            }
            let mut found = Cells::<T, GROUP>::default();
            for i in 0..GROUP {
                let shift = Shift {
                    rate,
                    whole: wholes[i],
                    offset: offsets[i],
                    input_offset: [highs[i], lows[i]],
                    ..Shift::default()
                };
                let cell = moderate_cell(z_p[i], z_q[i], &shift);
                found.weight[i] = cell.weight;
                found.log_ratio[i] = cell.log_ratio;
                found.curvature[i] = cell.curvature;
                found.excess[i] = cell.excess;
            }
            sums.add_class(&found);
            if KEEP {
                for i in 0..GROUP {
                    let y = weight_in_q(found.weight[i], found.log_ratio[i], found.excess[i]);
                    sums.other[i] += y.to_f64();
                }
            }
            if KEEP && let Some(cells) = cells.get_mut(class) {
                cells.weight[start..start + GROUP].copy_from_slice(&found.weight);
                cells.log_ratio[start..start + GROUP].copy_from_slice(&found.log_ratio);
                cells.excess[start..start + GROUP].copy_from_slice(&found.excess);
            }
        }
        sums
    }

    /// In a loop of its own, which does not halve the vectors of `f32` before.
    #[inline(always)]
    fn add_class<T: Real>(&mut self, cells: &Cells<T, GROUP>) {
        for i in 0..GROUP {
            let e = cells.weight[i].to_f64();
            self.weight[i] += e;
            self.mean[i] = e.mul_add(cells.log_ratio[i].to_f64(), self.mean[i]);
            self.curvature[i] += cells.curvature[i].to_f64();
        }
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
