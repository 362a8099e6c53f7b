//! Lanes of few classes beside each other, class after class.

use super::cell::{finite_part, weight_in_q};
use super::few::{GROUP, Group, group_mut};
use super::lane::{Lanes, Part};
use super::shifts::Shifts;
use super::solver::Next;
use super::sums::Cells;
use crate::number::Number;
use crate::number::{Level, Real};

/// Lanes beside each other, where nothing else is said. Where there are fewer, the rest must hold finite
/// logits.
pub const COLUMNS: usize = 128;

/// One class of every lane.
pub type Row<T, const N: usize = COLUMNS> = [T; N];

/// Each lane's maxima, shift and sums.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Columns<T, const N: usize = COLUMNS> {
    shifts: Shifts<T, N>,
    sums: Sums<N>,
}

/// The sums of lanes beside each other, class after class in `f64`.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
struct Sums<const N: usize> {
    /// Σe.
    weight: Row<f64, N>,
    /// Σeε, but for classes far apart.
    mean: Row<f64, N>,
    /// Σe·φ(ε), but Σe·expm1(−ε) for classes far apart.
    curvature: Row<f64, N>,
    /// Σeε over classes far apart.
    far: Row<f64, N>,
    /// Σe·e^(−ε), where cells are kept.
    other: Row<f64, N>,
}

impl<const N: usize> Sums<N> {
    const ZEROS: Self = Sums {
        weight: [0.0; N],
        mean: [0.0; N],
        curvature: [0.0; N],
        far: [0.0; N],
        other: [0.0; N],
    };
}

impl<T: Real, const N: usize> Columns<T, N> {
    /// For the rate 1/τ; of no lanes before [`restart`](Self::restart).
    #[inline(always)]
    pub fn new(rate: T) -> Self {
        Columns { shifts: Shifts::new(rate), sums: Sums::ZEROS }
    }

    /// Other lanes from here on.
    pub fn restart(&mut self) {
        self.shifts.clear();
    }

    /// Adds classes to the maxima; without `MASKS` what may be one is left out.
    pub fn add_peaks<const MASKS: bool>(
        &mut self,
        level: Level,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
    ) {
        self.shifts.add::<MASKS>(level, z_p, z_q);
    }

    /// Finds masked lanes; where there is one, another pass is to find the least logits that are no masks.
    pub fn find_masked(&mut self, level: Level) -> bool {
        self.shifts.find_masked(level)
    }

    /// Takes the shifts by the maxima.
    pub fn shift(&mut self, level: Level) {
        self.shifts.take(level);
    }

    /// Takes better shifts for lanes that need them; whether there is one.
    pub fn improve(&mut self, level: Level, lanes: &Lanes<N>) -> bool {
        self.shifts.improve(level, lanes)
    }

    /// Sums all classes.
    pub fn add<A: Number<Real = T>>(
        &mut self,
        level: Level,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        next: &mut Next<'_, A>,
    ) {
        level.run(
            #[inline(always)]
            || match (self.shifts.all_simple(), next.coming.is_some()) {
                (true, true) => self.add_few::<A, false, true>(level, z_p, z_q, &mut [], next),
                (true, false) => self.add_few::<A, false, false>(level, z_p, z_q, &mut [], next),
                (false, _) => {
                    let mut cells = Cells::default();
                    self.sums = Sums::ZEROS;
                    for (z_p, z_q) in z_p.iter().zip(z_q) {
                        self.add_class::<false>(z_p, z_q, &mut cells);
                    }
                }
            },
        );
    }

    /// Sums all classes, and leaves all that gradients need in the cells, one for each class.
    pub fn add_and_keep<A: Number<Real = T>>(
        &mut self,
        level: Level,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        cells: &mut [Cells<T, N>],
        next: &mut Next<'_, A>,
    ) {
        level.run(
            #[inline(always)]
            || match (self.shifts.all_simple(), next.coming.is_some()) {
                (true, true) => self.add_few::<A, true, true>(level, z_p, z_q, cells, next),
                (true, false) => self.add_few::<A, true, false>(level, z_p, z_q, cells, next),
                (false, _) => {
                    self.sums = Sums::ZEROS;
                    for ((z_p, z_q), cells) in z_p.iter().zip(z_q).zip(cells) {
                        self.add_class::<true>(z_p, z_q, cells);
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn add_few<A: Number<Real = T>, const KEEP: bool, const COPY: bool>(
        &mut self,
        level: Level,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        cells: &mut [Cells<T, N>],
        next: &mut Next<'_, A>,
    ) {
        let Sums { weight, mean, curvature, far, other } = &mut self.sums;
        for start in (0..N).step_by(GROUP) {
            let places = [&mut *weight, mean, curvature, other].map(|row| group_mut(row, start));
            let [Some(weight), Some(mean), Some(curvature), Some(other)] = places else { return };
            let shifts = &self.shifts;
            let sums =
                Group::of::<T, A, N, KEEP, COPY>(level, start, [z_p, z_q], shifts, cells, next);
            (*weight, *mean, *curvature) = (sums.weight, sums.mean, sums.curvature);
            *other = sums.other;
        }
        *far = [0.0; N];
    }

    #[inline(always)]
    fn add_class<const KEEP: bool>(
        &mut self,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) {
        let care = self.shifts.cells::<KEEP>(z_p, z_q, cells);
        let mut ratios = cells.log_ratio;
        if care {
            for i in 0..N {
                let (ratio, far) = finite_part(cells.weight[i], ratios[i]);
                let moderate = self.shifts.is_moderate(i);
                let (ratio, far) = if moderate { (ratios[i], 0.0) } else { (ratio, far) };
                ratios[i] = ratio;
                self.sums.far[i] += far;
            }
        }
        let Sums { weight, mean, curvature, other, .. } = &mut self.sums;
        for i in 0..N {
            let e = cells.weight[i].to_f64();
            weight[i] += e;
            mean[i] = e.mul_add(ratios[i].to_f64(), mean[i]);
            curvature[i] += cells.curvature[i].to_f64();
        }
        if KEEP {
            for i in 0..N {
                let y = weight_in_q(cells.weight[i], cells.log_ratio[i], cells.excess[i]);
                other[i] += y.to_f64();
            }
        }
    }

    /// What the lanes' sums come to.
    pub fn lanes(&self, level: Level, lanes: &mut Lanes<N>) {
        level.run(
            #[inline(always)]
            || {
                let Sums { weight, mean, curvature, far, other } = &self.sums;
                for i in 0..N {
                    let part = Part {
                        weight: weight[i],
                        mean: mean[i],
                        curvature: curvature[i],
                        far: far[i],
                        other: other[i],
                    };
                    let [peak_p, peak_q] = self.shifts.peaks(i);
                    lanes.set(i, part.lane(peak_p, peak_q));
                }
            },
        );
    }
}
