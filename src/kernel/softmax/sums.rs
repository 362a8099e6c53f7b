//! The sums over a lane whose classes lie behind each other.

use super::cell::{Logit, cell, finite_part, moderate_cell};
use super::lane::Part;
use super::shift::Shift;
use crate::element::Element;
use crate::kernel::sum::tree;
use crate::kernel::{Ahead, CHUNK, Chunk, Level};

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

impl<T: Logit> Early<T> {
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
    /// Adds the next classes, at most [`CHUNK`], of which a multiple of [`EARLY`] came before. With `keep`
    /// the cells then hold all that terms and gradients need.
    pub fn add<A: Element<Loss: Logit>>(
        &mut self,
        level: Level,
        chunk: Chunk<'_, A>,
        ahead: Ahead<'_, A>,
        shift: &Shift<A::Loss>,
        cells: &mut Cells<A::Loss>,
        keep: bool,
    ) {
        let Chunk { input: z_q, target: z_p } = chunk;
        if !shift.moderate {
            let care = cells.fill(level, z_p, z_q, shift, keep);
            return level.run(
                #[inline(always)]
                || self.add_cells(cells, z_p.len(), care),
            );
        }
        level.run(
            #[inline(always)]
            || match keep {
                true => self.add_moderate::<A, true>(level, z_p, z_q, shift, ahead, cells),
                false => self.add_moderate::<A, false>(level, z_p, z_q, shift, ahead, cells),
            },
        );
    }

    #[inline(always)]
    fn add_early<T: Logit>(&mut self, early: &Early<T>) {
        for i in 0..PAIR_STRIPES {
            self.weight[i] += early.weight[i].to_f64();
            self.mean[i] += early.mean[i].to_f64();
            self.curvature[i] += early.curvature[i].to_f64();
        }
    }

    #[inline(always)]
    fn add_cells<T: Logit>(&mut self, cells: &Cells<T>, len: usize, care: bool) {
        let (weight, ratio) = (&cells.weight[..len], &cells.log_ratio[..len]);
        let mut finite = [T::ZERO; CHUNK];
        if care {
            for ((finite, &e), &ratio) in finite.iter_mut().zip(weight).zip(ratio) {
                *finite = finite_part(e, ratio).0;
            }
            for (&e, &ratio) in weight.iter().zip(ratio) {
                if ratio.abs() > T::FAR {
                    self.far += finite_part(e, ratio).1;
                }
            }
        }
        let ratio = if care { &finite[..len] } else { ratio };
        let curvature = cells.curvature[..len].chunks(EARLY);
        for ((e, ratio), curvature) in weight.chunks(EARLY).zip(ratio.chunks(EARLY)).zip(curvature)
        {
            let mut early = Early::new();
            let [e, ratio, curvature] = [e, ratio, curvature].map(<[T]>::as_chunks::<PAIR_STRIPES>);
            for ((e, ratio), curvature) in e.0.iter().zip(ratio.0).zip(curvature.0) {
                for i in 0..PAIR_STRIPES {
                    early.add(i, e[i], ratio[i], curvature[i]);
                }
            }
            for (i, ((&e, &ratio), &curvature)) in
                e.1.iter().zip(ratio.1).zip(curvature.1).enumerate()
            {
                early.add(i, e, ratio, curvature);
            }
            self.add_early(&early);
        }
    }

    #[inline(always)]
    fn add_moderate<A: Element<Loss: Logit>, const KEEP: bool>(
        &mut self,
        level: Level,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<A::Loss>,
        ahead: Ahead<'_, A>,
        cells: &mut Cells<A::Loss>,
    ) {
        let shift = *shift;
        for (block, (z_p, z_q)) in z_p.chunks(EARLY).zip(z_q.chunks(EARLY)).enumerate() {
            let mut early = Early::new();
            let ((whole_p, tail_p), (whole_q, tail_q)) = (z_p.as_chunks(), z_q.as_chunks());
            let mut start = block * EARLY;
            for (z_p, z_q) in whole_p.iter().zip(whole_q) {
                ahead.fetch::<PAIR_STRIPES>(start);
                early.add_group::<A, KEEP>(level, z_p, z_q, &shift, cells, start);
                start += PAIR_STRIPES;
            }
            if !tail_p.is_empty() {
                ahead.fetch_rest(start);
                let left = tail_p.len();
                // Whatever is added for them must change nothing: summed apart, and left out.
                let mut last = Early::new();
                let (tail_p, tail_q) = (padded(tail_p), padded(tail_q));
                last.add_group::<A, true>(level, &tail_p, &tail_q, &shift, cells, start);
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

impl<T: Logit> Early<T> {
    /// Adds a class of a moderate lane to each stripe.
    #[inline(always)]
    fn add_group<A: Element<Loss = T>, const KEEP: bool>(
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
            let cell = moderate_cell(z_p[i], z_q[i], shift);
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
pub struct Cells<T, const N: usize = CHUNK> {
    pub weight: [T; N],
    pub log_ratio: [T; N],
    pub curvature: [T; N],
    pub excess: [T; N],
}

impl<T: Logit, const N: usize> Default for Cells<T, N> {
    fn default() -> Self {
        let zeros = [T::ZERO; N];
        Cells { weight: zeros, log_ratio: zeros, curvature: zeros, excess: zeros }
    }
}

impl<T: Logit> Cells<T> {
    /// Weights, ε and excesses of the classes from `start` on.
    #[inline(always)]
    fn group(&mut self, start: usize) -> Option<[&mut [T; PAIR_STRIPES]; 3]> {
        let [weight, ratio, excess] = [&mut self.weight, &mut self.log_ratio, &mut self.excess]
            .map(|cells| cells.get_mut(start..)?.first_chunk_mut());
        Some([weight?, ratio?, excess?])
    }

    /// All that gradients need of a block whose sums are known.
    pub fn refill<A: Element<Loss = T>>(
        &mut self,
        level: Level,
        chunk: Chunk<'_, A>,
        shift: &Shift<T>,
    ) {
        Sums::default().add(level, chunk, Ahead::NOTHING, shift, self, true);
    }

    /// The cells of the next classes, at most [`CHUNK`], of a lane that is not moderate; whether some needed
    /// care. The excess is left out where no gradient is wanted.
    pub fn fill<A: Element<Loss = T>>(
        &mut self,
        level: Level,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
        excess: bool,
    ) -> bool {
        level.run(
            #[inline(always)]
            || {
                let clean = if excess {
                    self.fill_here::<A, false, true>(z_p, z_q, shift)
                } else {
                    self.fill_here::<A, false, false>(z_p, z_q, shift)
                };
                if clean {
                    return false;
                }
                self.fill_here::<A, true, true>(z_p, z_q, shift);
                true
            },
        )
    }

    /// Whether no class needed care that it was not given.
    #[inline(always)]
    fn fill_here<A: Element<Loss = T>, const ANY: bool, const EXCESS: bool>(
        &mut self,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
    ) -> bool {
        let whole = z_p.len() / PAIR_STRIPES * PAIR_STRIPES;
        self.span::<A, ANY, EXCESS>(0, &z_p[..whole], &z_q[..whole], shift);
        if whole < z_p.len() {
            let (tail_p, tail_q) = (padded(&z_p[whole..]), padded(&z_q[whole..]));
            self.span::<A, ANY, EXCESS>(whole, &tail_p, &tail_q, shift);
        }
        !self.curvature[..z_p.len()].iter().fold(false, |any, value| any | value.is_nan())
    }

    #[inline(always)]
    fn span<A: Element<Loss = T>, const ANY: bool, const EXCESS: bool>(
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

/// A tail, filled up with its first number.
#[inline(always)]
fn padded<A: Element>(tail: &[A]) -> [A; PAIR_STRIPES] {
    let mut last = [tail[0]; PAIR_STRIPES];
    last[..tail.len()].copy_from_slice(tail);
    last
}
