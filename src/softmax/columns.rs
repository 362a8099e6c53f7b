//! Lanes beside each other, class after class; and short lanes turned to lie so.

use super::FEW;
use super::cell::finite_part;
use super::few::{GROUP, Group, group_mut};
use super::lane::{Lanes, Part};
use super::shifts::Shifts;
use super::solver::Next;
use super::sums::{Cells, EARLY, PAIR_STRIPES};
use crate::number::Number;
use crate::number::tree;
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
    stripes: usize,
    /// Sums over [`EARLY`] classes at most, one row a stripe; none where there are few classes.
    early: [Vec<Row<T, N>>; 3],
    /// Σe, Σeε and Σe·φ(ε), one row a stripe; none before they are [cleared](Self::clear), which few classes of moderate
    /// lanes never ask for.
    weight: Vec<Row<f64, N>>,
    mean: Vec<Row<f64, N>>,
    curvature: Vec<Row<f64, N>>,
    far: Row<f64, N>,
    /// The same over the parts that have ended; of few classes of moderate lanes, so far.
    parts: [Row<f64, N>; 4],
}

impl<T: Real, const N: usize> Columns<T, N> {
    /// Room for lanes of so many classes, at the rate 1/τ.
    #[inline(always)]
    pub fn new(classes: usize, rate: T) -> Self {
        Columns {
            shifts: Shifts::new(rate),
            stripes: if classes <= FEW { 1 } else { PAIR_STRIPES },
            early: Default::default(),
            weight: Vec::new(),
            mean: Vec::new(),
            curvature: Vec::new(),
            far: [0.0; N],
            parts: [[0.0; N]; 4],
        }
    }

    /// Other lanes from here on; their sums begin with [`shift`](Self::shift), or with class 0.
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
        if !self.is_simple() {
            self.clear();
        }
    }

    /// Takes better shifts for lanes that need them; whether there is one.
    pub fn improve(&mut self, level: Level, lanes: &Lanes<N>) -> bool {
        self.shifts.improve(level, lanes)
    }

    /// Forgets the sums.
    pub fn clear(&mut self) {
        self.clear_part();
        self.parts = [[0.0; N]; 4];
    }

    fn clear_part(&mut self) {
        for rows in [&mut self.weight, &mut self.mean, &mut self.curvature] {
            rows.clear();
            rows.resize(self.stripes, [0.0; N]);
        }
        if self.stripes > 1 {
            for rows in &mut self.early {
                rows.clear();
                rows.resize(self.stripes, [T::ZERO; N]);
            }
        }
        self.far = [0.0; N];
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
                self.shifts.cells::<true>(z_p, z_q, cells);
            },
        );
        cells
    }

    /// Adds classes to the sums, the first of them number `first` of its part.
    pub fn add<A: Number<Real = T>>(
        &mut self,
        level: Level,
        first: usize,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        cells: &mut Cells<T, N>,
        next: &mut Next<'_, A>,
    ) {
        level.run(
            #[inline(always)]
            || {
                if self.is_simple() {
                    return match next.coming.is_some() {
                        true => {
                            self.add_few::<A, false, true>(level, first, z_p, z_q, &mut [], next)
                        }
                        false => {
                            self.add_few::<A, false, false>(level, first, z_p, z_q, &mut [], next)
                        }
                    };
                }
                for (class, (z_p, z_q)) in (first..).zip(z_p.iter().zip(z_q)) {
                    self.add_class::<false>(class, z_p, z_q, cells);
                }
            },
        );
    }

    /// The same, with all that gradients need left in the cells, one for each class.
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
            || {
                if self.is_simple() {
                    return match next.coming.is_some() {
                        true => self.add_few::<A, true, true>(level, 0, z_p, z_q, cells, next),
                        false => self.add_few::<A, true, false>(level, 0, z_p, z_q, cells, next),
                    };
                }
                let rows = z_p.iter().zip(z_q).zip(cells).enumerate();
                for (class, ((z_p, z_q), cells)) in rows {
                    self.add_class::<true>(class, z_p, z_q, cells);
                }
            },
        );
    }

    /// Whether lanes are moderate, without masks, and of few classes.
    fn is_simple(&self) -> bool {
        self.stripes == 1 && self.shifts.all_simple()
    }

    #[inline(always)]
    fn add_few<A: Number<Real = T>, const KEEP: bool, const COPY: bool>(
        &mut self,
        level: Level,
        first: usize,
        z_p: &[Row<T, N>],
        z_q: &[Row<T, N>],
        cells: &mut [Cells<T, N>],
        next: &mut Next<'_, A>,
    ) {
        let [weights, means, curvatures, far] = &mut self.parts;
        for start in (0..N).step_by(GROUP) {
            let (Some(weight), Some(mean)) = (group_mut(weights, start), group_mut(means, start))
            else {
                return;
            };
            let Some(curvature) = group_mut(curvatures, start) else { return };
            let so_far = match first {
                0 => Group::NOTHING,
                _ => Group { weight: *weight, mean: *mean, curvature: *curvature },
            };
            let sums = so_far.add::<T, A, N, KEEP, COPY>(
                level,
                start,
                [z_p, z_q],
                &self.shifts,
                cells,
                next,
            );
            (*weight, *mean, *curvature) = (sums.weight, sums.mean, sums.curvature);
        }
        *far = [0.0; N];
    }

    #[inline(always)]
    fn add_class<const EXCESS: bool>(
        &mut self,
        class: usize,
        z_p: &Row<T, N>,
        z_q: &Row<T, N>,
        cells: &mut Cells<T, N>,
    ) {
        if !self.shifts.cells::<EXCESS>(z_p, z_q, cells) {
            return self.add_row(class, cells, &cells.log_ratio);
        }
        let mut ratios = cells.log_ratio;
        for i in 0..N {
            let (ratio, far) = finite_part(cells.weight[i], ratios[i]);
            let (ratio, far) =
                if self.shifts.is_moderate(i) { (ratios[i], 0.0) } else { (ratio, far) };
            ratios[i] = ratio;
            self.far[i] += far;
        }
        self.add_row(class, cells, &ratios);
    }

    #[inline(always)]
    fn add_row(&mut self, class: usize, cells: &Cells<T, N>, ratios: &Row<T, N>) {
        let [weights, means, curvatures] = &mut self.early;
        let stripe = class % PAIR_STRIPES;
        let rows =
            weights.get_mut(stripe).zip(means.get_mut(stripe)).zip(curvatures.get_mut(stripe));
        if let Some(((weight, mean), curvature)) = rows {
            for i in 0..N {
                weight[i] += cells.weight[i];
                mean[i] = cells.weight[i].mul_add(ratios[i], mean[i]);
                curvature[i] += cells.curvature[i];
            }
            if (class + 1).is_multiple_of(EARLY) {
                self.add_early();
            }
            return;
        }
        let (weight, mean) = (&mut self.weight[0], &mut self.mean[0]);
        let curvature = &mut self.curvature[0];
        for i in 0..N {
            let e = cells.weight[i].to_f64();
            weight[i] += e;
            mean[i] = e.mul_add(ratios[i].to_f64(), mean[i]);
            curvature[i] += cells.curvature[i].to_f64();
        }
    }

    #[inline(always)]
    fn add_early(&mut self) {
        let sums = [&mut self.weight, &mut self.mean, &mut self.curvature];
        for (sums, early) in sums.into_iter().zip(&mut self.early) {
            for (sums, early) in sums.iter_mut().zip(early) {
                for i in 0..N {
                    sums[i] += early[i].to_f64();
                }
                *early = [T::ZERO; N];
            }
        }
    }

    /// Ends a part of the lanes.
    pub fn end_part(&mut self, level: Level) {
        if self.is_simple() {
            return;
        }
        level.run(
            #[inline(always)]
            || {
                self.add_early();
                let [weight, mean, curvature, far] = &mut self.parts;
                add_folded::<PAIR_STRIPES, N>(weight, &self.weight);
                add_folded::<PAIR_STRIPES, N>(mean, &self.mean);
                add_folded::<PAIR_STRIPES, N>(curvature, &self.curvature);
                for i in 0..N {
                    far[i] += self.far[i];
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
                    let [peak_p, peak_q] = self.shifts.peaks(i);
                    lanes.set(i, part.lane(peak_p, peak_q));
                }
            },
        );
    }
}

/// Adds each lane's stripes; asked once how many there are, not for each lane, a loop over lanes is one of vectors.
#[inline(always)]
pub fn add_folded<const S: usize, const N: usize>(sums: &mut Row<f64, N>, stripes: &[Row<f64, N>]) {
    match stripes {
        [only] => {
            for i in 0..N {
                sums[i] += only[i];
            }
        }
        _ => {
            for i in 0..N {
                sums[i] += folded::<S, N>(stripes, i);
            }
        }
    }
}

/// A lane's stripes, added up.
#[inline(always)]
pub fn folded<const S: usize, const N: usize>(stripes: &[Row<f64, N>], i: usize) -> f64 {
    match stripes {
        [only] => only[i],
        _ => {
            debug_assert_eq!(stripes.len(), S);
            tree::<f64, S>(std::array::from_fn(|stripe| stripes[stripe][i]))
        }
    }
}
