//! The sums over a lane whose classes lie behind each other.

use super::cell::far;
use super::cell::{cell, finite_part, masked_cell, moderate_cell};
use super::lane::Part;
use super::shift::Shift;
use crate::elementwise::{Operands, Prefetch, TILE};
use crate::number::Number;
use crate::number::tree;
use crate::number::{Level, Real};

/// Sums of a pair of lanes that run beside each other: one vector, since the constants of [`moderate_cell`] fill the
/// registers.
pub const PAIR_STRIPES: usize = 16;
/// So many classes are summed in the computing type, a few a stripe, before their sums are added in `f64`.
pub const EARLY: usize = 8 * PAIR_STRIPES;

/// Those sums.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
struct Early<T> {
    weight: [T; PAIR_STRIPES],
    mean: [T; PAIR_STRIPES],
    curvature: [T; PAIR_STRIPES],
}

impl<T: Real> Early<T> {
    #[inline(always)]
    fn new() -> Self {
        let zeros = [T::ZERO; PAIR_STRIPES];
        Early { weight: zeros, mean: zeros, curvature: zeros }
    }

    #[inline(always)]
    fn add(&mut self, stripe: usize, weight: T, ratio: T, curvature: T) {
        self.weight[stripe] += weight;
        self.mean[stripe] = weight.mul_add(ratio, self.mean[stripe]);
        self.curvature[stripe] += curvature;
    }
}

/// Σe, Σeε and Σe·φ(ε) over the classes of a lane of many.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))] // as `Aligned`
pub struct Sums {
    weight: [f64; PAIR_STRIPES],
    mean: [f64; PAIR_STRIPES],
    curvature: [f64; PAIR_STRIPES],
    far: f64,
}

impl Sums {
    /// Adds the next classes, at most [`TILE`], of which a multiple of [`EARLY`] came before. With `keep`
    /// the cells then hold all that terms and gradients need.
    pub fn add<A: Number>(
        &mut self,
        level: Level,
        chunk: Operands<'_, A>,
        ahead: Prefetch<'_, A>,
        shift: &Shift<A::Real>,
        cells: &mut Cells<A::Real>,
        keep: bool,
    ) {
        let Operands { input: z_q, target: z_p } = chunk;
        if !shift.moderate {
            // All at once, since no single loop below goes through it all.
            ahead.fetch_rest(0);
            let care = cells.fill(level, z_p, z_q, shift, keep);
            return level.run(
                #[inline(always)]
                || self.add_cells(cells, z_p.len(), care),
            );
        }
        level.run(
            #[inline(always)]
            || match (keep, shift.masked) {
                (true, true) => {
                    self.add_moderate::<A, true, true>(level, chunk, shift, ahead, cells)
                }
                (true, false) => {
                    self.add_moderate::<A, true, false>(level, chunk, shift, ahead, cells)
                }
                (false, true) => {
                    self.add_moderate::<A, false, true>(level, chunk, shift, ahead, cells)
                }
                (false, false) => {
                    self.add_moderate::<A, false, false>(level, chunk, shift, ahead, cells)
                }
            },
        );
    }

    #[inline(always)]
    fn add_early<T: Real>(&mut self, early: &Early<T>) {
        for i in 0..PAIR_STRIPES {
            self.weight[i] += early.weight[i].to_f64();
            self.mean[i] += early.mean[i].to_f64();
            self.curvature[i] += early.curvature[i].to_f64();
        }
    }

    #[inline(always)]
    fn add_cells<T: Real>(&mut self, cells: &Cells<T>, len: usize, care: bool) {
        let mut finite = [T::ZERO; TILE];
        if care {
            self.add_far(cells, len, &mut finite);
        }
        let ratios = if care { &finite } else { &cells.log_ratio };
        for block in (0..len).step_by(EARLY) {
            let mut early = Early::new();
            for start in (block..len.min(block + EARLY)).step_by(PAIR_STRIPES) {
                let left = len - start;
                let (weight, ratio) = (
                    sixteen_or_zeros(&cells.weight, start, left),
                    sixteen_or_zeros(ratios, start, left),
                );
                let curvature = sixteen_or_zeros(&cells.curvature, start, left);
                for i in 0..PAIR_STRIPES {
                    early.add(i, weight[i], ratio[i], curvature[i]);
                }
            }
            self.add_early(&early);
        }
    }

    /// Adds classes far apart, one after the other; of the others ε is left for the mean.
    #[inline(always)]
    fn add_far<T: Real>(&mut self, cells: &Cells<T>, len: usize, finite: &mut [T; TILE]) {
        for start in (0..len).step_by(PAIR_STRIPES) {
            let (weight, ratio) = (sixteen(&cells.weight, start), sixteen(&cells.log_ratio, start));
            for i in 0..PAIR_STRIPES {
                finite[start + i] = finite_part(weight[i], ratio[i]).0;
            }
            if ratio.iter().fold(false, |any, ratio| any | (ratio.abs() > far::<T>())) {
                let classes = weight.iter().zip(ratio).take(len - start);
                for (&e, &ratio) in classes.filter(|(_, ratio)| ratio.abs() > far::<T>()) {
                    self.far += finite_part(e, ratio).1;
                }
            }
        }
    }

    #[inline(always)]
    fn add_moderate<A: Number, const KEEP: bool, const MASKED: bool>(
        &mut self,
        level: Level,
        Operands { input: z_q, target: z_p }: Operands<'_, A>,
        shift: &Shift<A::Real>,
        ahead: Prefetch<'_, A>,
        cells: &mut Cells<A::Real>,
    ) {
        let shift = *shift;
        for (block, (z_p, z_q)) in z_p.chunks(EARLY).zip(z_q.chunks(EARLY)).enumerate() {
            let mut early = Early::new();
            let ((whole_p, tail_p), (whole_q, tail_q)) = (z_p.as_chunks(), z_q.as_chunks());
            let mut start = block * EARLY;
            for (z_p, z_q) in whole_p.iter().zip(whole_q) {
                ahead.fetch::<PAIR_STRIPES>(start);
                early.add_group::<A, KEEP, MASKED>(level, z_p, z_q, &shift, cells, start);
                start += PAIR_STRIPES;
            }
            if !tail_p.is_empty() {
                ahead.fetch_rest(start);
                let left = tail_p.len();
                // Whatever is added for them must change nothing: summed apart, and left out.
                let mut last = Early::new();
                let (tail_p, tail_q) = (padded(tail_p), padded(tail_q));
                last.add_group::<A, true, MASKED>(level, &tail_p, &tail_q, &shift, cells, start);
                for i in 0..left {
                    let ratio = cells.log_ratio[start + i];
                    early.add(i, cells.weight[start + i], ratio, last.curvature[i]);
                }
            }
            self.add_early(&early);
        }
    }

    /// The sums of this part of a lane.
    pub fn part(&self) -> Part {
        Part {
            weight: tree(self.weight),
            mean: tree(self.mean),
            curvature: tree(self.curvature),
            far: self.far,
        }
    }
}

impl<T: Real> Early<T> {
    /// Adds a class of a moderate lane to each stripe.
    #[inline(always)]
    fn add_group<A: Number<Real = T>, const KEEP: bool, const MASKED: bool>(
        &mut self,
        level: Level,
        z_p: &[A; PAIR_STRIPES],
        z_q: &[A; PAIR_STRIPES],
        shift: &Shift<T>,
        cells: &mut Cells<T>,
        start: usize,
    ) {
        let Some([weight, log_ratio, excess]) = cells.group(start) else { return };
        let (z_p, z_q) = (A::widen_all(level, z_p), A::widen_all(level, z_q));
        for i in 0..PAIR_STRIPES {
            let cell = match MASKED {
                true => masked_cell(z_p[i], z_q[i], shift),
                false => moderate_cell(z_p[i], z_q[i], shift),
            };
            self.add(i, cell.weight, cell.log_ratio, cell.curvature);
            if KEEP {
                weight[i] = cell.weight;
                log_ratio[i] = cell.log_ratio;
                excess[i] = cell.excess;
            }
        }
    }
}

/// Room for the cells of a chunk of classes, or of one class of lanes beside each other.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Cells<T, const N: usize = TILE> {
    pub weight: [T; N],
    pub log_ratio: [T; N],
    pub curvature: [T; N],
    pub excess: [T; N],
}

impl<T: Real, const N: usize> Default for Cells<T, N> {
    fn default() -> Self {
        let zeros = [T::ZERO; N];
        Cells { weight: zeros, log_ratio: zeros, curvature: zeros, excess: zeros }
    }
}

impl<T: Real> Cells<T> {
    /// Weights, ε and excesses of the classes from `start` on.
    #[inline(always)]
    fn group(&mut self, start: usize) -> Option<[&mut [T; PAIR_STRIPES]; 3]> {
        let [weight, ratio, excess] = [&mut self.weight, &mut self.log_ratio, &mut self.excess]
            .map(|cells| cells.get_mut(start..)?.first_chunk_mut());
        Some([weight?, ratio?, excess?])
    }

    /// All that gradients need of a block whose sums are known.
    pub fn refill<A: Number<Real = T>>(
        &mut self,
        level: Level,
        chunk: Operands<'_, A>,
        shift: &Shift<T>,
    ) {
        Sums::default().add(level, chunk, Prefetch::NOTHING, shift, self, true);
    }

    /// The cells of the next classes, at most [`TILE`], of a lane that is not moderate; whether some needed
    /// care. The excess is left out where no gradient is wanted.
    pub fn fill<A: Number<Real = T>>(
        &mut self,
        level: Level,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
        excess: bool,
    ) -> bool {
        level.run(
            #[inline(always)]
            || match excess {
                true => self.fill_here::<A, true>(z_p, z_q, shift),
                false => self.fill_here::<A, false>(z_p, z_q, shift),
            },
        )
    }

    #[inline(always)]
    fn fill_here<A: Number<Real = T>, const EXCESS: bool>(
        &mut self,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
    ) -> bool {
        let whole = z_p.len() / PAIR_STRIPES * PAIR_STRIPES;
        self.span::<A, false, EXCESS>(0, &z_p[..whole], &z_q[..whole], shift);
        let tail = (whole < z_p.len()).then(|| (padded(&z_p[whole..]), padded(&z_q[whole..])));
        if let Some((z_p, z_q)) = &tail {
            self.span::<A, false, EXCESS>(whole, z_p, z_q, shift);
        }
        let groups = z_p.as_chunks().0.iter().zip(z_q.as_chunks().0);
        let groups = groups.chain(tail.iter().map(|(z_p, z_q)| (z_p, z_q)));
        let mut care = false;
        for (i, (z_p, z_q)) in groups.enumerate() {
            let start = i * PAIR_STRIPES;
            let curvature = sixteen(&self.curvature, start);
            if curvature.iter().fold(false, |any, value| any | value.is_nan()) {
                self.span::<A, true, true>(start, z_p, z_q, shift);
                care = true;
            }
        }
        care
    }

    #[inline(always)]
    fn span<A: Number<Real = T>, const ANY: bool, const EXCESS: bool>(
        &mut self,
        start: usize,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
    ) {
        let len = z_p.len();
        let z_q = &z_q[..len];
        let weight = &mut self.weight[start..][..len];
        let log_ratio = &mut self.log_ratio[start..][..len];
        let curvature = &mut self.curvature[start..][..len];
        let excess = &mut self.excess[start..][..len];
        for i in 0..len {
            let cell = cell::<T, ANY>(z_p[i].widen(), z_q[i].widen(), shift);
            weight[i] = cell.weight;
            log_ratio[i] = cell.log_ratio;
            curvature[i] = cell.curvature;
            if EXCESS {
                excess[i] = cell.excess;
            }
        }
    }
}

/// The cells of the classes from `start` on, a multiple of [`PAIR_STRIPES`].
#[inline(always)]
fn sixteen<T>(cells: &[T; TILE], start: usize) -> &[T; PAIR_STRIPES] {
    &cells.as_chunks().0[start / PAIR_STRIPES]
}

/// The same, with zeros behind the `left` that there are.
#[inline(always)]
fn sixteen_or_zeros<T: Real>(cells: &[T; TILE], start: usize, left: usize) -> [T; PAIR_STRIPES] {
    let mut found = *sixteen(cells, start);
    if left < PAIR_STRIPES {
        for i in 0..PAIR_STRIPES {
            found[i] = if i < left { found[i] } else { T::ZERO };
        }
    }
    found
}

/// A tail, filled up with its first number.
#[inline(always)]
fn padded<A: Number>(tail: &[A]) -> [A; PAIR_STRIPES] {
    let mut last = [tail[0]; PAIR_STRIPES];
    last[..tail.len()].copy_from_slice(tail);
    last
}
