//! The sums of the contributions over the classes of a lane.

use super::contribution::{ContributionRow, EXCESS, KeptRow, NOTHING, PAIRS, contributions};
use super::shift::{Shift, is_exacting};
use super::{Arrangement, Row, WIDTH, padded};
use super::{Overlap, Settings};
use crate::elementwise::{Operands, Prefetch};
use crate::number::{Number, Real, tree};

/// So many rows are added in the computing type before their sums are added in `f64`.
const EARLY_ROWS: usize = 8;

/// The sums at each position.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))] // as `Aligned`
pub struct Sums {
    /// Σe.
    pub weight: Row<f64>,
    /// Σe·φ(ε).
    pub curvature: Row<f64>,
    /// Σeε.
    pub mean: Row<f64>,
    /// Σe·expm1(−ε): of contributions that are kept, if the careful way or for an exacting gradient; otherwise 0.
    pub excess: Row<f64>,
    /// The sum of the weights in q, of contributions that are kept the careful way; otherwise 0.
    pub other: Row<f64>,
    /// How many classes neither side excludes, of contributions that are kept the careful way; otherwise 0.
    pub included: Row<f64>,
}

impl Sums {
    fn rows(&mut self) -> [&mut Row<f64>; 6] {
        let Sums { weight, curvature, mean, excess, other, included } = self;
        [weight, curvature, mean, excess, other, included]
    }

    /// Adds the sums of the next part of the lanes.
    pub fn join(&mut self, mut next: Sums) {
        for (sums, next) in self.rows().into_iter().zip(next.rows()) {
            (0..WIDTH).for_each(|i| sums[i] += next[i]);
        }
    }

    /// The sums of the lane at each position.
    #[inline(always)]
    pub fn of_lanes(mut self, arrangement: Arrangement) -> Self {
        if arrangement == Arrangement::OneLane {
            for sums in self.rows() {
                *sums = [tree(*sums); WIDTH];
            }
        }
        self
    }

    /// Takes the sums of `other` where `takes` is not 0.
    #[inline(always)]
    pub fn take_some<T: Real>(&mut self, mut other: Sums, takes: &Row<T>) {
        for (sums, other) in self.rows().into_iter().zip(other.rows()) {
            for i in 0..WIDTH {
                sums[i] = if takes[i] == T::ZERO { sums[i] } else { other[i] };
            }
        }
    }

    /// Adds the contributions of a row. The loop stands alone, so that its `f64` do not halve the vectors of `f32` before it.
    #[inline(always)]
    fn add<T: Real>(&mut self, row: &ContributionRow<T>, with_excess: bool) {
        for i in 0..WIDTH {
            let e = row.weight[i].to_f64();
            self.weight[i] += e;
            self.curvature[i] += row.curvature[i].to_f64();
            self.mean[i] = e.mul_add(row.summand[i].to_f64(), self.mean[i]);
            if with_excess {
                self.excess[i] += row.excess[i].to_f64();
            }
        }
    }

    /// Adds the weights in q, and counts the classes that neither side excludes.
    #[inline(always)]
    fn add_in_q<T: Real>(&mut self, row: &ContributionRow<T>) {
        for i in 0..WIDTH {
            self.other[i] += row.other[i].to_f64();
            let is_shared = row.log_ratio[i].abs() < T::INFINITY;
            self.included[i] += if is_shared { 1.0 } else { 0.0 };
        }
    }
}

/// The first four sums over a few rows, in the computing type.
#[derive(Clone, Copy)]
struct Early<T> {
    weight: Row<T>,
    curvature: Row<T>,
    mean: Row<T>,
    excess: Row<T>,
}

impl<T: Real> Early<T> {
    #[inline(always)]
    fn zeros() -> Self {
        let zeros = [T::ZERO; WIDTH];
        Early { weight: zeros, curvature: zeros, mean: zeros, excess: zeros }
    }

    /// Adds the contributions of a row.
    #[inline(always)]
    fn add(&mut self, row: &ContributionRow<T>, with_excess: bool) {
        for i in 0..WIDTH {
            self.weight[i] += row.weight[i];
            self.curvature[i] += row.curvature[i];
            self.mean[i] = row.weight[i].mul_add(row.summand[i], self.mean[i]);
            if with_excess {
                self.excess[i] += row.excess[i];
            }
        }
    }

    /// Adds these sums to those in `f64`, and starts anew.
    #[inline(always)]
    fn add_to(&mut self, sums: &mut Sums, with_excess: bool) {
        for i in 0..WIDTH {
            sums.weight[i] += self.weight[i].to_f64();
            sums.curvature[i] += self.curvature[i].to_f64();
            sums.mean[i] += self.mean[i].to_f64();
            if with_excess {
                sums.excess[i] += self.excess[i].to_f64();
            }
        }
        *self = Self::zeros();
    }
}

/// Which loop computes the contributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Only good where no lane is computed the careful way.
    Fast,
    /// Good for any lane. Contributions are only kept of lanes that are computed this way.
    Careful,
}

/// Adds a block of both sides' logits to the sums, at most one tile. Where outputs will be asked for, as many rows as there is
/// place for are kept.
pub fn add<N: Number, M: Overlap>(
    way: Way,
    operands: Operands<'_, N>,
    shift: &Shift<N::Real>,
    sums: &mut Sums,
    kept: &mut [KeptRow<N::Real>],
    overlap: &mut M,
) {
    match way {
        Way::Fast => add_block::<N, M, false>(operands, shift, sums, kept, overlap),
        Way::Careful => {
            // Compiled once, whatever it overlaps with.
            let level = shift.settings.level;
            (0..operands.input.len()).step_by(WIDTH).for_each(|row| overlap.step(level, row));
            let nothing = &mut Prefetch::<N>::NOTHING.clone();
            add_block::<N, _, true>(operands, shift, sums, kept, nothing);
        }
    }
}

/// Compiles the loop for each arrangement, with and without outputs.
fn add_block<N: Number, M: Overlap, const CAREFUL: bool>(
    operands: Operands<'_, N>,
    shift: &Shift<N::Real>,
    sums: &mut Sums,
    kept: &mut [KeptRow<N::Real>],
    overlap: &mut M,
) {
    let Settings { level, arrangement, outputs, pairs, .. } = shift.settings;
    let all = (operands, shift, sums, kept, overlap);
    level.run(
        #[inline(always)]
        || match (arrangement, outputs, pairs) {
            (Arrangement::OneLane, false, _) => add_rows::<N, M, CAREFUL, NOTHING, false>(all),
            (Arrangement::OneLane, true, false) => add_rows::<N, M, CAREFUL, EXCESS, false>(all),
            (Arrangement::OneLane, true, true) => add_rows::<N, M, CAREFUL, PAIRS, false>(all),
            (Arrangement::Sixteen, false, _) => add_rows::<N, M, CAREFUL, NOTHING, true>(all),
            (Arrangement::Sixteen, true, false) => add_rows::<N, M, CAREFUL, EXCESS, true>(all),
            (Arrangement::Sixteen, true, true) => add_rows::<N, M, CAREFUL, PAIRS, true>(all),
        },
    );
}

/// A block, from where it is counted, its sums, its contributions and what is done besides.
type Whole<'a, N, M> = (
    Operands<'a, N>,
    &'a Shift<<N as Number>::Real>,
    &'a mut Sums,
    &'a mut [KeptRow<<N as Number>::Real>],
    &'a mut M,
);

#[inline(always)]
fn add_rows<N: Number, M: Overlap, const CAREFUL: bool, const KEEP: u8, const SIXTEEN: bool>(
    (operands, shift, sums, kept, overlap): Whole<'_, N, M>,
) {
    let level = shift.settings.level;
    let ((rows_p, tail_p), (rows_q, tail_q)) =
        (operands.target.as_chunks(), operands.input.as_chunks());
    let with_excess = KEEP != NOTHING && (CAREFUL || is_exacting::<N::Real>());
    let mut early = Early::zeros();
    let mut all = *sums;
    for (index, (z_p, z_q)) in rows_p.iter().zip(rows_q).enumerate() {
        overlap.step(level, index * WIDTH);
        let logits = [z_p, z_q].map(|z| N::widen_all(level, z));
        let row = contributions::<_, CAREFUL, KEEP>(logits, shift, kept.get_mut(index));
        if CAREFUL && KEEP != NOTHING {
            all.add_in_q(&row);
        }
        if SIXTEEN {
            all.add(&row, with_excess);
            continue;
        }
        early.add(&row, with_excess);
        if index % EARLY_ROWS == EARLY_ROWS - 1 {
            early.add_to(&mut all, with_excess);
        }
    }
    if !SIXTEEN && !tail_p.is_empty() {
        let logits = [tail_p, tail_q].map(|tail| N::widen_all(level, &padded(tail)));
        let place = kept.get_mut(rows_p.len());
        let row = contributions::<_, CAREFUL, KEEP>(logits, shift, place);
        let row = row.first(tail_p.len());
        if CAREFUL && KEEP != NOTHING {
            all.add_in_q(&row);
        }
        early.add(&row, with_excess);
    }
    if !SIXTEEN {
        early.add_to(&mut all, with_excess);
    }
    *sums = all;
}
