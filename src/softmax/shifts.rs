//! The maxima and shifts of lanes beside each other, and their cells.

use super::cell::{Cell, cell, masked_cell, moderate_cell};
use super::columns::Row;
use super::few::{GROUP, group, group_mut};
use super::lane::{Lanes, greater, lesser, nan_if_mask};
use super::shift::{Shift, input_offset};
use super::sums::Cells;
use crate::number::{Level, Real};

/// Those of each lane.
#[derive(Clone, Debug)]
pub struct Shifts<T, const N: usize> {
    peaks_p: Row<T, N>,
    peaks_q: Row<T, N>,
    least_p: Row<T, N>,
    least_q: Row<T, N>,
    rate: T,
    /// Their [shifts](Shift).
    units: Row<T, N>,
    unit_peaks: Row<T, N>,
    hi: Row<T, N>,
    lo: Row<T, N>,
    wholes: Row<T, N>,
    offsets: Row<T, N>,
    moderate: Row<bool, N>,
    centred: Row<bool, N>,
    masked: Row<bool, N>,
    all_moderate: bool,
    any_masked: bool,
}

impl<T: Real, const N: usize> Shifts<T, N> {
    /// For the rate 1/τ; of no lanes before [`clear`](Self::clear).
    #[inline(always)]
    pub fn new(rate: T) -> Self {
        let none = [T::ZERO; N];
        Shifts {
            peaks_p: none,
            peaks_q: none,
            least_p: none,
            least_q: none,
            rate,
            units: none,
            unit_peaks: none,
            hi: none,
            lo: none,
            wholes: none,
            offsets: none,
            moderate: [false; N],
            centred: [false; N],
            masked: [false; N],
            all_moderate: false,
            any_masked: false,
        }
    }

    /// Other lanes from here on.
    pub fn clear(&mut self) {
        self.peaks_p = [-T::INFINITY; N];
        self.peaks_q = self.peaks_p;
        self.least_p = [T::INFINITY; N];
        self.least_q = self.least_p;
        self.masked = [false; N];
        self.any_masked = false;
    }

    /// The greatest logits of a lane.
    #[inline(always)]
    pub fn peaks(&self, lane: usize) -> [T; 2] {
        [self.peaks_p[lane], self.peaks_q[lane]]
    }

    /// Whether a lane is moderate.
    #[inline(always)]
    pub fn is_moderate(&self, lane: usize) -> bool {
        self.moderate[lane]
    }

    /// Adds classes to the maxima; without `MASKS` what may be one is left out.
    pub fn add<const MASKS: bool>(&mut self, level: Level, z_p: &[Row<T, N>], z_q: &[Row<T, N>]) {
        level.run(
            #[inline(always)]
            || {
                for start in (0..N).step_by(GROUP) {
                    span::<_, MASKS, N>(start, &mut self.peaks_p, &mut self.least_p, z_p);
                    span::<_, MASKS, N>(start, &mut self.peaks_q, &mut self.least_q, z_q);
                }
            },
        );
    }

    /// Finds masked lanes, and forgets their least logits, for another pass over those that are no masks; whether there is
    /// one.
    pub fn find_masked(&mut self, level: Level) -> bool {
        level.run(
            #[inline(always)]
            || {
                for i in 0..N {
                    let [p, q] = self.spans(i);
                    let masked = Shift::is_masked(p, q, self.rate);
                    self.masked[i] = masked;
                    self.least_p[i] = if masked { T::INFINITY } else { p[0] };
                    self.least_q[i] = if masked { T::INFINITY } else { q[0] };
                    self.any_masked |= masked;
                }
            },
        );
        self.any_masked
    }

    /// The least and the greatest logits of a lane.
    #[inline(always)]
    fn spans(&self, i: usize) -> [[T; 2]; 2] {
        [[self.least_p[i], self.peaks_p[i]], [self.least_q[i], self.peaks_q[i]]]
    }

    /// Takes the shifts by the maxima.
    pub fn take(&mut self, level: Level) {
        level.run(
            #[inline(always)]
            || {
                for i in 0..N {
                    let [p, q] = self.spans(i);
                    self.set(i, Shift::between(p, q, self.rate, self.masked[i]));
                }
            },
        );
        self.look();
    }

    fn look(&mut self) {
        self.all_moderate = self.moderate.iter().fold(true, |all, moderate| all & moderate);
    }

    /// Takes better shifts for lanes that need them; whether there is one.
    pub fn improve(&mut self, level: Level, lanes: &Lanes<N>) -> bool {
        let poor = level.run(
            #[inline(always)]
            || (0..N).fold(false, |any, i| any | self.shift(i).is_poor(&lanes.lane(i))),
        );
        if poor {
            level.run(
                #[inline(always)]
                || {
                    for i in 0..N {
                        self.set(i, self.shift(i).improved(&lanes.lane(i)));
                    }
                },
            );
            self.look();
        }
        poor
    }

    #[inline(always)]
    fn set(&mut self, i: usize, shift: Shift<T>) {
        (self.units[i], self.unit_peaks[i]) = (shift.unit, shift.peak);
        (self.hi[i], self.lo[i]) = (shift.hi, shift.lo);
        (self.wholes[i], self.offsets[i]) = (shift.whole, shift.offset);
        (self.moderate[i], self.centred[i]) = (shift.moderate, shift.centred);
    }

    #[inline(always)]
    fn shift(&self, i: usize) -> Shift<T> {
        Shift {
            unit: self.units[i],
            peak: self.unit_peaks[i],
            rate: self.rate,
            hi: self.hi[i],
            lo: self.lo[i],
            centred: self.centred[i],
            moderate: self.moderate[i],
            masked: self.masked[i],
            whole: self.wholes[i],
            offset: self.offsets[i],
            input_offset: input_offset(self.wholes[i], self.offsets[i]),
        }
    }

    /// Whether all lanes are moderate, and without masks.
    pub fn all_simple(&self) -> bool {
        self.all_moderate && !self.any_masked
    }

    /// The rate, and s and the offsets of the lanes from `start` on.
    #[inline(always)]
    pub fn group(&self, start: usize) -> (T, [T; GROUP], [T; GROUP]) {
        let mut numbers = [[T::ZERO; GROUP]; 2];
        numbers[0].copy_from_slice(&self.wholes[start..start + GROUP]);
        numbers[1].copy_from_slice(&self.offsets[start..start + GROUP]);
        (self.rate, numbers[0], numbers[1])
    }

    /// The cells of one class; whether some needed care.
    #[inline(always)]
    pub fn cells<const EXCESS: bool>(
        &self,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) -> bool {
        match (self.all_moderate, self.any_masked) {
            (true, false) => self.put::<EXCESS, MODERATE>(z_p, z_q, cells),
            (true, true) => self.put::<EXCESS, MASKED>(z_p, z_q, cells),
            (false, _) => {
                self.put::<EXCESS, USUAL>(z_p, z_q, cells);
                let care = cells.curvature.iter().fold(false, |any, value| any | value.is_nan());
                if care {
                    self.put::<true, ANY>(z_p, z_q, cells);
                }
                return care;
            }
        }
        false
    }

    /// The cells, of one of the kinds below. (A function of the cell as a parameter would be called, and compiled for
    /// the least of machines: twenty times as long.)
    #[inline(always)]
    fn put<const EXCESS: bool, const KIND: u8>(
        &self,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) {
        for i in 0..N {
            let shift = self.shift(i);
            let cell = match KIND {
                MODERATE => moderate_cell(z_p[i], z_q[i], &shift),
                MASKED => masked_cell(z_p[i], z_q[i], &shift),
                USUAL => either_cell::<T, false>(z_p[i], z_q[i], &shift),
                _ => either_cell::<T, true>(z_p[i], z_q[i], &shift),
            };
            cells.weight[i] = cell.weight;
            cells.log_ratio[i] = cell.log_ratio;
            cells.curvature[i] = cell.curvature;
            if EXCESS {
                cells.excess[i] = cell.excess;
            }
        }
    }
}

/// All lanes are moderate,
const MODERATE: u8 = 0;
/// some of them masked,
const MASKED: u8 = 1;
/// or some are not; a class that needs care has no curvature but NaN,
const USUAL: u8 = 2;
/// or is given it.
const ANY: u8 = 3;

/// The cell of a class of a lane that may be moderate.
#[inline(always)]
fn either_cell<T: Real, const ANY: bool>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    let (moderate, other) = (masked_cell(z_p, z_q, shift), cell::<T, ANY>(z_p, z_q, shift));
    if shift.moderate { moderate } else { other }
}

/// Adds classes to the greatest and the least logits of the lanes from `start` on.
#[inline(always)]
fn span<T: Real, const MASKS: bool, const N: usize>(
    start: usize,
    peaks: &mut Row<T, N>,
    least: &mut Row<T, N>,
    rows: &[Row<T, N>],
) {
    let (Some(peaks), Some(least)) = (group_mut(peaks, start), group_mut(least, start)) else {
        return;
    };
    let (mut high, mut low) = (*peaks, *least);
    for row in rows {
        let Some(row) = group(row, start) else { return };
        for i in 0..GROUP {
            let logit = if MASKS { row[i] } else { nan_if_mask(row[i]) };
            high[i] = greater(high[i], logit);
            low[i] = lesser(low[i], logit);
        }
    }
    (*peaks, *least) = (high, low);
}
