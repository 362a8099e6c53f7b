//! The sums over the classes of a lane, and the contributions that terms and gradients need.

use super::contribution::{careful_contribution, fast_contribution, steep, weight_in_q};
use super::shift::{Shift, is_exacting, padded};
use super::solver::{Overlap, Settings};
use super::{Arrangement, Row, WIDTH};
use crate::elementwise::{Operands, Prefetch};
use crate::number::{Aligned, Number, Real, tree};

/// So many rows are added in the computing type before their sums are added in `f64`.
const EARLY_ROWS: usize = 8;

/// The sums Σe, Σe·φ(ε), Σeε and Σe·expm1(−ε) at each position.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))] // as `Aligned`
pub struct Sums {
    pub weight: Row<f64>,
    pub curvature: Row<f64>,
    pub mean: Row<f64>,
    /// Of what is kept the careful way, or for an exacting gradient.
    pub excess: Row<f64>,
    /// The weights in q, where contributions are kept with care.
    pub other: Row<f64>,
    /// Σe over the classes that q does not exclude, where contributions are kept with care.
    pub included: Row<f64>,
}

impl Sums {
    fn rows(&mut self) -> [&mut Row<f64>; 6] {
        let Sums { weight, curvature, mean, excess, other, included } = self;
        [weight, curvature, mean, excess, other, included]
    }

    /// Adds those of the next part of the lanes.
    pub fn join(&mut self, mut next: Sums) {
        for (sums, next) in self.rows().into_iter().zip(next.rows()) {
            (0..WIDTH).for_each(|i| sums[i] += next[i]);
        }
    }

    /// Those of the lane at each position.
    #[inline(always)]
    pub fn of_lanes(mut self, arrangement: Arrangement) -> Self {
        if arrangement == Arrangement::OneLane {
            for sums in self.rows() {
                *sums = [tree(*sums); WIDTH];
            }
        }
        self
    }

    /// Takes those of `other` where `takes` is not 0.
    #[inline(always)]
    pub fn take_some<T: Real>(&mut self, mut other: Sums, takes: &Row<T>) {
        for (sums, other) in self.rows().into_iter().zip(other.rows()) {
            for i in 0..WIDTH {
                sums[i] = if takes[i] == T::ZERO { sums[i] } else { other[i] };
            }
        }
    }
}

/// The contributions of a block of classes, row by row.
#[derive(Clone, Debug)]
pub struct Contributions<T> {
    pub weight: Vec<Aligned<Row<T>>>,
    pub log_ratio: Vec<Aligned<Row<T>>>,
    /// The weight in q less the weight in p. Where gradients have a factor for each class it is the weight in q: of the
    /// difference it could not be told where it is much the smaller.
    pub excess: Vec<Aligned<Row<T>>>,
}

impl<T: Real> Contributions<T> {
    /// Room for so many rows.
    pub fn new(rows: usize) -> Self {
        let zeros = || vec![Aligned([T::ZERO; WIDTH]); rows];
        Contributions { weight: zeros(), log_ratio: zeros(), excess: zeros() }
    }
}

/// The contributions of a row.
#[derive(Clone, Copy)]
#[repr(align(64))] // as `Aligned`
struct ContributionRow<T> {
    weight: Row<T>,
    log_ratio: Row<T>,
    curvature: Row<T>,
    excess: Row<T>,
    /// Only the careful way.
    other: Row<T>,
}

impl<T: Real> ContributionRow<T> {
    #[inline(always)]
    fn zeros() -> Self {
        let zeros = [T::ZERO; WIDTH];
        ContributionRow {
            weight: zeros,
            log_ratio: zeros,
            curvature: zeros,
            excess: zeros,
            other: zeros,
        }
    }
}

/// Sums in the computing type.
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
            self.mean[i] = row.weight[i].mul_add(row.log_ratio[i], self.mean[i]);
            if with_excess {
                self.excess[i] += row.excess[i];
            }
        }
    }

    /// Adds them to the sums, and starts anew.
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

impl Sums {
    /// Adds the contributions of a row. In a loop of its own, which does not halve the vectors of `f32` before.
    #[inline(always)]
    fn add<T: Real>(&mut self, row: &ContributionRow<T>, with_excess: bool) {
        for i in 0..WIDTH {
            let e = row.weight[i].to_f64();
            self.weight[i] += e;
            self.curvature[i] += row.curvature[i].to_f64();
            self.mean[i] = e.mul_add(row.log_ratio[i].to_f64(), self.mean[i]);
            if with_excess {
                self.excess[i] += row.excess[i].to_f64();
            }
        }
    }
}

impl Sums {
    /// Adds the weights in q, and those in p of the classes that q does not exclude.
    #[inline(always)]
    fn add_in_q<T: Real>(&mut self, row: &ContributionRow<T>) {
        for i in 0..WIDTH {
            self.other[i] += row.other[i].to_f64();
            let is_excluded = row.log_ratio[i] == T::INFINITY;
            self.included[i] += if is_excluded { 0.0 } else { row.weight[i].to_f64() };
        }
    }
}

impl<T: Real> ContributionRow<T> {
    /// The first `len` contributions, and zeros.
    #[inline(always)]
    fn first(&self, len: usize) -> Self {
        let mut row = Self::zeros();
        row.weight[..len].copy_from_slice(&self.weight[..len]);
        row.log_ratio[..len].copy_from_slice(&self.log_ratio[..len]);
        row.curvature[..len].copy_from_slice(&self.curvature[..len]);
        row.excess[..len].copy_from_slice(&self.excess[..len]);
        row.other[..len].copy_from_slice(&self.other[..len]);
        row
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

/// Adds a block of both sides' logits to the sums, at most one tile. Where outputs will be asked for, the contributions then hold all
/// that they need.
pub fn add<N: Number, M: Overlap>(
    way: Way,
    operands: Operands<'_, N>,
    shift: &Shift<N::Real>,
    sums: &mut Sums,
    contributions: &mut Contributions<N::Real>,
    overlap: &mut M,
) {
    let level = shift.settings.level;
    match (way, shift.settings.outputs) {
        (Way::Fast, false) => level.run(
            #[inline(always)]
            || match shift.settings.arrangement {
                Arrangement::OneLane => add_rows::<N, M, false, false, false>(
                    operands,
                    shift,
                    sums,
                    contributions,
                    overlap,
                ),
                Arrangement::Sixteen => add_rows::<N, M, false, false, true>(
                    operands,
                    shift,
                    sums,
                    contributions,
                    overlap,
                ),
            },
        ),
        (Way::Fast, true) => level.run(
            #[inline(always)]
            || match shift.settings.arrangement {
                Arrangement::OneLane => add_rows::<N, M, false, true, false>(
                    operands,
                    shift,
                    sums,
                    contributions,
                    overlap,
                ),
                Arrangement::Sixteen => add_rows::<N, M, false, true, true>(
                    operands,
                    shift,
                    sums,
                    contributions,
                    overlap,
                ),
            },
        ),
        (Way::Careful, _) => {
            (0..operands.input.len()).step_by(WIDTH).for_each(|row| overlap.step(level, row));
            add_carefully(operands, shift, sums, contributions);
        }
    }
}

/// The careful way, which is compiled once whatever it overlaps with.
fn add_carefully<N: Number>(
    operands: Operands<'_, N>,
    shift: &Shift<N::Real>,
    sums: &mut Sums,
    contributions: &mut Contributions<N::Real>,
) {
    let nothing = &mut Prefetch::<N>::NOTHING.clone();
    let Settings { level, arrangement, outputs, .. } = shift.settings;
    level.run(
        #[inline(always)]
        || match (arrangement, outputs) {
            (Arrangement::OneLane, false) => {
                add_rows::<N, _, true, false, false>(operands, shift, sums, contributions, nothing)
            }
            (Arrangement::OneLane, true) => {
                add_rows::<N, _, true, true, false>(operands, shift, sums, contributions, nothing)
            }
            (Arrangement::Sixteen, false) => {
                add_rows::<N, _, true, false, true>(operands, shift, sums, contributions, nothing)
            }
            (Arrangement::Sixteen, true) => {
                add_rows::<N, _, true, true, true>(operands, shift, sums, contributions, nothing)
            }
        },
    );
}

#[inline(always)]
fn add_rows<N: Number, M: Overlap, const CAREFUL: bool, const KEEP: bool, const SIXTEEN: bool>(
    operands: Operands<'_, N>,
    shift: &Shift<N::Real>,
    sums: &mut Sums,
    contributions: &mut Contributions<N::Real>,
    overlap: &mut M,
) {
    let Settings { level, each, .. } = shift.settings;
    let ((rows_p, tail_p), (rows_q, tail_q)) =
        (operands.target.as_chunks(), operands.input.as_chunks());
    let with_excess = KEEP && (CAREFUL || is_exacting::<N::Real>());
    let mut early = Early::zeros();
    let mut all = *sums;
    for (index, (z_p, z_q)) in rows_p.iter().zip(rows_q).enumerate() {
        let start = index * WIDTH;
        overlap.step(level, start);
        let (z_p, z_q) = (N::widen_all(level, z_p), N::widen_all(level, z_q));
        let row = ContributionRow::of::<CAREFUL, KEEP>(&z_p, &z_q, shift);
        if KEEP {
            contributions.put::<CAREFUL>(index, &row, &shift.careful);
            if each {
                contributions.put_weights_in_q::<CAREFUL>(index, &row, &z_q, shift);
            }
        }
        if CAREFUL && KEEP {
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
        let [z_p, z_q] = [tail_p, tail_q].map(|tail| N::widen_all(level, &padded(tail)));
        let row = ContributionRow::of::<CAREFUL, KEEP>(&z_p, &z_q, shift);
        if KEEP {
            contributions.put::<CAREFUL>(rows_p.len(), &row, &shift.careful);
            if each {
                contributions.put_weights_in_q::<CAREFUL>(rows_p.len(), &row, &z_q, shift);
            }
        }
        let row = row.first(tail_p.len());
        if CAREFUL && KEEP {
            all.add_in_q(&row);
        }
        early.add(&row, with_excess);
    }
    if !SIXTEEN {
        early.add_to(&mut all, with_excess);
    }
    *sums = all;
}

impl<T: Real> ContributionRow<T> {
    #[inline(always)]
    fn of<const CAREFUL: bool, const KEEP: bool>(
        z_p: &Row<T>,
        z_q: &Row<T>,
        shift: &Shift<T>,
    ) -> Self {
        let mut row = Self::zeros();
        for i in 0..WIDTH {
            let contribution = match CAREFUL {
                true => careful_contribution(z_p[i], z_q[i], shift, i),
                false => fast_contribution(z_p[i], z_q[i], shift, i),
            };
            row.weight[i] = contribution.weight;
            row.log_ratio[i] = contribution.log_ratio;
            row.curvature[i] = contribution.curvature;
            row.excess[i] = contribution.excess;
            row.other[i] = contribution.other;
        }
        if !CAREFUL && KEEP && is_exacting::<T>() {
            row.replace_steep(z_q, shift);
        }
        row
    }

    /// Takes the excess of steep classes from their own logits.
    #[inline(always)]
    fn replace_steep(&mut self, z_q: &Row<T>, shift: &Shift<T>) {
        let mut any = false;
        for i in 0..WIDTH {
            any |= self.log_ratio[i] < -steep::<T>();
        }
        if any {
            for i in 0..WIDTH {
                let is_steep = self.log_ratio[i] < -steep::<T>();
                let excess = weight_in_q(z_q[i], shift, i) - self.weight[i];
                self.excess[i] = if is_steep { excess } else { self.excess[i] };
            }
        }
    }
}

impl<T: Real> Contributions<T> {
    /// Keeps the contributions of a row; computed the careful way, only where a lane asks for it.
    #[inline(always)]
    fn put<const CAREFUL: bool>(
        &mut self,
        index: usize,
        row: &ContributionRow<T>,
        careful: &Row<T>,
    ) {
        let kept = [&mut self.weight, &mut self.log_ratio, &mut self.excess];
        for (kept, found) in kept.into_iter().zip([&row.weight, &row.log_ratio, &row.excess]) {
            let Some(Aligned(kept)) = kept.get_mut(index) else { return };
            if !CAREFUL {
                *kept = *found;
                continue;
            }
            for i in 0..WIDTH {
                kept[i] = if careful[i] != T::ZERO { found[i] } else { kept[i] };
            }
        }
    }

    /// Replaces the excesses of a row by the weights in q.
    #[inline(always)]
    fn put_weights_in_q<const CAREFUL: bool>(
        &mut self,
        index: usize,
        row: &ContributionRow<T>,
        z_q: &Row<T>,
        shift: &Shift<T>,
    ) {
        let Some(Aligned(kept)) = self.excess.get_mut(index) else { return };
        for i in 0..WIDTH {
            if CAREFUL {
                kept[i] = if shift.careful[i] != T::ZERO { row.other[i] } else { kept[i] };
            } else {
                kept[i] = weight_in_q(z_q[i], shift, i);
            }
        }
    }
}
