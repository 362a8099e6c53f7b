//! Lanes beside each other, class after class; and short lanes turned to lie so.

use super::FEW;
use super::cell::{Logit, Shift, cell, finite_part};
use super::lane::{Cells, Lane, Part, greater};
use crate::kernel::sum::tree;
use crate::kernel::{Level, STRIPES};

/// Lanes beside each other, where nothing else is said. Where there are fewer, the rest must hold finite
/// logits.
pub const COLUMNS: usize = 128;

/// One class of every lane.
pub type Row<T, const N: usize = COLUMNS> = [T; N];

/// Each lane's maxima, shift and sums.
#[derive(Clone, Debug)]
pub struct Columns<T, const N: usize = COLUMNS> {
    peaks_p: Row<T, N>,
    peaks_q: Row<T, N>,
    rate: T,
    quarters: Row<T, N>,
    hi: Row<T, N>,
    lo: Row<T, N>,
    /// Σe, Σeε and Σe·φ(ε), one row a stripe.
    weight: Vec<Row<f64, N>>,
    mean: Vec<Row<f64, N>>,
    curvature: Vec<Row<f64, N>>,
    far: Row<f64, N>,
    /// The same over the parts that have ended.
    parts: [Row<f64, N>; 4],
}

impl<T: Logit, const N: usize> Columns<T, N> {
    /// Room for lanes of so many classes, at the rate 1/τ.
    pub fn new(classes: usize, rate: T) -> Self {
        let stripes = if classes <= FEW { 1 } else { STRIPES };
        let zeros = vec![[0.0; N]; stripes];
        Columns {
            peaks_p: [-T::INFINITY; N],
            peaks_q: [-T::INFINITY; N],
            rate,
            quarters: [T::ZERO; N],
            hi: [T::ZERO; N],
            lo: [T::ZERO; N],
            weight: zeros.clone(),
            mean: zeros.clone(),
            curvature: zeros,
            far: [0.0; N],
            parts: [[0.0; N]; 4],
        }
    }

    /// Other lanes from here on.
    pub fn restart(&mut self) {
        self.peaks_p = [-T::INFINITY; N];
        self.peaks_q = self.peaks_p;
        self.clear();
    }

    /// Forgets the sums.
    pub fn clear(&mut self) {
        self.clear_part();
        self.parts = [[0.0; N]; 4];
    }

    fn clear_part(&mut self) {
        for rows in [&mut self.weight, &mut self.mean, &mut self.curvature] {
            rows.fill([0.0; N]);
        }
        self.far = [0.0; N];
    }

    /// Adds classes to the maxima.
    pub fn add_peaks(&mut self, level: Level, z_p: &[Row<T, N>], z_q: &[Row<T, N>]) {
        level.run(
            #[inline(always)]
            || {
                for (peaks, rows) in [(&mut self.peaks_p, z_p), (&mut self.peaks_q, z_q)] {
                    for row in rows {
                        for i in 0..N {
                            peaks[i] = greater(peaks[i], row[i]);
                        }
                    }
                }
            },
        );
    }

    /// Takes the shifts by the maxima.
    pub fn shift(&mut self, level: Level) {
        level.run(
            #[inline(always)]
            || {
                for i in 0..N {
                    let shift = Shift::between(self.peaks_p[i], self.peaks_q[i], self.rate);
                    (self.quarters[i], self.hi[i], self.lo[i]) = (shift.peak, shift.hi, shift.lo);
                }
            },
        );
    }

    /// Takes better shifts for lanes that are off centre; whether there is one.
    pub fn recentre(&mut self, level: Level, lanes: &Lanes<N>) -> bool {
        if !lanes.any_off_centre(level) {
            return false;
        }
        for i in (0..N).filter(|&i| lanes.lane(i).is_off_centre()) {
            let shift = self.shift_of(i).less(lanes.log_total[i]);
            (self.hi[i], self.lo[i]) = (shift.hi, shift.lo);
        }
        true
    }

    #[inline(always)]
    fn shift_of(&self, i: usize) -> Shift<T> {
        Shift { peak: self.quarters[i], rate: self.rate, hi: self.hi[i], lo: self.lo[i] }
    }

    /// The cells of one class, all that gradients and terms need.
    pub fn filled<'c>(
        &self,
        level: Level,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &'c mut Cells<T, N>,
    ) -> &'c Cells<T, N> {
        level.run(
            #[inline(always)]
            || {
                self.cells::<true>(z_p, z_q, cells);
            },
        );
        cells
    }

    /// The cells of one class; whether some needed care.
    #[inline(always)]
    fn cells<const EXCESS: bool>(
        &self,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) -> bool {
        self.cells_here::<false, EXCESS>(z_p, z_q, cells);
        let care = cells.curvature.iter().fold(false, |any, value| any | value.is_nan());
        if care {
            self.cells_here::<true, true>(z_p, z_q, cells);
        }
        care
    }

    #[inline(always)]
    fn cells_here<const ANY: bool, const EXCESS: bool>(
        &self,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) {
        for i in 0..N {
            let cell = cell::<T, ANY>(z_p[i], z_q[i], &self.shift_of(i));
            cells.weight[i] = cell.weight;
            cells.log_ratio[i] = cell.log_ratio;
            cells.curvature[i] = cell.curvature;
            if EXCESS {
                cells.excess[i] = cell.excess;
            }
        }
    }

    /// Adds classes to the sums, the first of them number `first` of its part.
    pub fn add(
        &mut self,
        level: Level,
        first: usize,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        cells: &mut Cells<T, N>,
    ) {
        level.run(
            #[inline(always)]
            || {
                for (class, (z_p, z_q)) in (first..).zip(z_p.iter().zip(z_q)) {
                    self.add_class::<false>(class, z_p, z_q, cells);
                }
            },
        );
    }

    /// The same, with all that gradients need left in the cells, one for each class.
    pub fn add_and_keep(
        &mut self,
        level: Level,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        cells: &mut [Cells<T, N>],
    ) {
        level.run(
            #[inline(always)]
            || {
                let rows = z_p.iter().zip(z_q).zip(cells).enumerate();
                for (class, ((z_p, z_q), cells)) in rows {
                    self.add_class::<true>(class, z_p, z_q, cells);
                }
            },
        );
    }

    #[inline(always)]
    fn add_class<const EXCESS: bool>(
        &mut self,
        class: usize,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) {
        let stripe = class % self.weight.len();
        if !self.cells::<EXCESS>(z_p, z_q, cells) {
            return self.add_row(stripe, cells, &cells.log_ratio);
        }
        let mut ratios = cells.log_ratio;
        for i in 0..N {
            let (ratio, far) = finite_part(cells.weight[i], ratios[i]);
            ratios[i] = ratio;
            self.far[i] += far;
        }
        self.add_row(stripe, cells, &ratios);
    }

    #[inline(always)]
    fn add_row(&mut self, stripe: usize, cells: &Cells<T, N>, ratios: &Row<T, N>) {
        let weight = &mut self.weight[stripe];
        let mean = &mut self.mean[stripe];
        let curvature = &mut self.curvature[stripe];
        for i in 0..N {
            let e = cells.weight[i].to_f64();
            weight[i] += e;
            mean[i] = e.mul_add(ratios[i].to_f64(), mean[i]);
            curvature[i] += cells.curvature[i].to_f64();
        }
    }

    /// Ends a part of the lanes.
    pub fn end_part(&mut self, level: Level) {
        level.run(
            #[inline(always)]
            || {
                for i in 0..N {
                    self.parts[0][i] += folded(&self.weight, i);
                    self.parts[1][i] += folded(&self.mean, i);
                    self.parts[2][i] += folded(&self.curvature, i);
                    self.parts[3][i] += self.far[i];
                }
                self.clear_part();
            },
        );
    }

    /// What the lanes' sums come to, all parts ended.
    pub fn lanes(&self, level: Level, lanes: &mut Lanes<N>) {
        level.run(
            #[inline(always)]
            || {
                let [weight, mean, curvature, far] = &self.parts;
                for i in 0..N {
                    let part = Part {
                        weight: weight[i],
                        mean: mean[i],
                        curvature: curvature[i],
                        far: far[i],
                    };
                    lanes.set(i, part.lane(self.peaks_p[i], self.peaks_q[i]));
                }
            },
        );
    }
}

/// A lane's stripes, added up.
#[inline(always)]
pub fn folded<const N: usize>(stripes: &[Row<f64, N>], i: usize) -> f64 {
    match stripes {
        [only] => only[i],
        _ => tree::<STRIPES>(std::array::from_fn(|stripe| stripes[stripe][i])),
    }
}

/// What is known of lanes beside each other.
#[derive(Clone, Debug)]
pub struct Lanes<const N: usize = COLUMNS> {
    pub weight: Row<f64, N>,
    pub mean: Row<f64, N>,
    pub curvature: Row<f64, N>,
    pub surplus: Row<f64, N>,
    pub total: Row<f64, N>,
    pub log_total: Row<f64, N>,
    pub divergence: Row<f64, N>,
}

impl<const N: usize> Default for Lanes<N> {
    fn default() -> Self {
        let row = [0.0; N];
        Lanes {
            weight: row,
            mean: row,
            curvature: row,
            surplus: row,
            total: row,
            log_total: row,
            divergence: row,
        }
    }
}

impl<const N: usize> Lanes<N> {
    #[inline(always)]
    fn set(&mut self, i: usize, lane: Lane) {
        self.weight[i] = lane.weight;
        self.mean[i] = lane.mean;
        self.curvature[i] = lane.curvature;
        self.surplus[i] = lane.surplus;
        self.total[i] = lane.total;
        self.log_total[i] = lane.log_total;
        self.divergence[i] = lane.divergence;
    }

    /// One of them.
    #[inline(always)]
    pub fn lane(&self, i: usize) -> Lane {
        Lane {
            weight: self.weight[i],
            mean: self.mean[i],
            curvature: self.curvature[i],
            surplus: self.surplus[i],
            total: self.total[i],
            log_total: self.log_total[i],
            divergence: self.divergence[i],
        }
    }

    fn any_off_centre(&self, level: Level) -> bool {
        level.run(
            #[inline(always)]
            || (0..N).fold(false, |any, i| any | self.lane(i).is_off_centre()),
        )
    }
}
