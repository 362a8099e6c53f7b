//! One pass over the distributions of a matrix: masses, unusual numbers, negative terms and divergences.

use std::ops::Range;

use ndarray::ArrayView2;

use super::summary::{Merge, NumberCounts, OperandSummary, Summary, distance};
use super::sums::{Add, LaneSums, TileBuffers};
use crate::elementwise::{Irregular, exps, has_negative, negative};
use crate::layout::{Matrices, Rect};
use crate::number::{Float, Level, Number};
use crate::target::Target;

/// A function that computes the terms of numbers of the input and of the target.
pub type Terms<'t, A> = &'t (dyn Fn(&[A], &[A], &mut [<A as Number>::Real]) + Sync);

/// The settings of an inspection.
#[derive(Clone, Copy)]
pub struct Inspection<'t, A: Number> {
    /// The instruction set.
    pub level: Level,
    /// What the input and the target should hold. An operand with `None` is not inspected.
    pub holds: [Option<Target>; 2],
    /// How far a mass may be from 1.
    pub tolerance: f64,
    /// The function that computes terms, if terms are inspected.
    pub terms: Option<Terms<'t, A>>,
}

impl<A: Number> Inspection<'_, A> {
    /// Inspects the distributions whose weight is not 0.
    pub fn of(&self, matrices: &Matrices<'_, A>) -> Summary {
        let operands = [matrices.input, matrices.target];
        let mut summary = Summary::default();
        let fill = |rect: &Rect, buffers: &mut TileBuffers<'_, A>, add: Add<'_, A::Real>| {
            self.tile(rect, buffers, add)
        };
        let lanes = weighted(matrices.weights, 0..matrices.input.nrows());
        LaneSums { level: self.level, operands, fill }.each(lanes, |lanes, sums, found| {
            let [input, target, divergences] = sums.each_ref().map(|sums| &sums[..lanes.len()]);
            summary.lanes += lanes.len();
            for (i, masses) in [input, target].into_iter().enumerate() {
                if let Some(holds) = self.holds[i] {
                    let operand = OperandLanes { view: &operands[i], holds, lanes: lanes.clone() };
                    self.masses(&operand, masses, found.irregular[i], &mut summary.operands[i]);
                }
            }
            if self.terms.is_some() {
                summary.negative_terms += found.negative_terms;
                summary.least_term = summary.least_term.min(found.least_term);
                for divergence in divergences.iter().map(|&sum| A::Real::from_f64(sum).to_f64()) {
                    summary.negative_divergences += usize::from(divergence < 0.0);
                    summary.least_divergence = summary.least_divergence.min(divergence);
                }
            }
        });
        summary
    }

    /// Computes the probabilities and the terms of a tile, and examines them.
    fn tile(&self, rect: &Rect, buffers: &mut TileBuffers<'_, A>, add: Add<'_, A::Real>) -> Found {
        let level = self.level;
        let TileBuffers { readers: [input, target], values, wide, .. } = buffers;
        let values = &mut values[..rect.0.len() * rect.1.len()];
        let is_read = self.holds.map(|holds| holds.is_some() || self.terms.is_some());
        let input = if is_read[0] { input.read(rect) } else { &[] };
        let target = if is_read[1] { target.read(rect) } else { &[] };
        // Rounded to the computing type, the limit must not grow.
        let limit = A::Real::from_f64(self.tolerance * (1.0 - 1e-6));
        let mut found = Found::default();
        for (i, numbers) in [input, target].into_iter().enumerate() {
            match self.holds[i] {
                Some(Target::LogProbabilities) => {
                    found.irregular[i] = exps(level, numbers, limit, values);
                    add(i, values);
                }
                Some(holds) => {
                    let numbers = A::widened(level, numbers, wide);
                    found.irregular[i].out_of_range =
                        holds == Target::Probabilities && has_negative(level, numbers);
                    add(i, numbers);
                }
                None => {}
            }
        }
        if let Some(terms) = self.terms {
            terms(input, target, values);
            let (count, least) = negative(level, values);
            (found.negative_terms, found.least_term) = (count, least.to_f64());
            add(2, values);
        }
        found
    }

    /// Adds distributions to the summary. `masses` are the sums of their probabilities, or of their logits.
    fn masses(
        &self,
        operand: &OperandLanes<'_, '_, A>,
        masses: &[f64],
        irregular: Irregular,
        summary: &mut OperandSummary,
    ) {
        let OperandLanes { view, holds, lanes } = operand;
        let is_near = |&mass: &f64| distance(mass) <= self.tolerance;
        // A mass that is NaN is far from 1.
        let is_far = |mass: &f64| !is_near(mass);
        let is_usual = match holds {
            // A mass near 1 may be that of probabilities.
            Target::Logits => masses.iter().all(|mass| mass.is_finite() && is_far(mass)),
            _ => !masses.iter().any(is_far) && !irregular.not_finite && !irregular.out_of_range,
        };
        if is_usual {
            summary.proper += masses.len();
            return;
        }
        for (lane, &mass) in lanes.clone().zip(masses) {
            if *holds == Target::Logits {
                self.logits(view, lane, mass, summary);
                continue;
            }
            let is_unusual = irregular.not_finite | irregular.out_of_range | !mass.is_finite();
            let numbers = match is_unusual {
                true => NumberCounts::of(view.row(lane), *holds, self.tolerance),
                false => NumberCounts::default(),
            };
            summary.add(mass, numbers, view.ncols(), self.tolerance);
        }
    }

    /// Adds a distribution of logits, which is proper if it has a softmax. `sum` is the sum of the logits.
    fn logits(
        &self,
        view: &ArrayView2<'_, A>,
        lane: usize,
        sum: f64,
        summary: &mut OperandSummary,
    ) {
        let (row, classes) = (view.row(lane), view.ncols());
        if classes > 1 && distance(sum) <= self.tolerance {
            let is_negative = |number: &A| number.widen() < A::Real::ZERO;
            summary.probabilities += usize::from(!row.iter().any(is_negative));
        }
        if sum.is_finite() {
            summary.proper += 1;
            return;
        }
        let numbers = NumberCounts::of(row, Target::Logits, self.tolerance);
        let mass = if numbers.has_softmax(classes) { 1.0 } else { f64::NAN };
        summary.add(mass, numbers, classes, self.tolerance);
    }
}

/// Some lanes of an operand, and what it should hold.
struct OperandLanes<'v, 'a, A> {
    view: &'v ArrayView2<'a, A>,
    holds: Target,
    lanes: Range<usize>,
}

/// The findings of a tile.
#[derive(Default)]
struct Found {
    /// Whether the numbers of the input and of the target must be examined one by one. Infinite numbers and NaN are noted only for
    /// log-probabilities; those of other operands show in their sum.
    irregular: [Irregular; 2],
    negative_terms: usize,
    /// The least term, or 0 if none is negative.
    least_term: f64,
}

impl Merge for Found {
    fn merge(&mut self, other: Found) {
        for (irregular, other) in self.irregular.iter_mut().zip(other.irregular) {
            irregular.not_finite |= other.not_finite;
            irregular.out_of_range |= other.out_of_range;
        }
        self.negative_terms += other.negative_terms;
        self.least_term = self.least_term.min(other.least_term);
    }
}

/// The runs of lanes whose weight is not 0.
fn weighted<L: Float>(
    weights: Option<ArrayView2<'_, L>>,
    lanes: Range<usize>,
) -> impl Iterator<Item = Range<usize>> {
    let mut next = lanes.start;
    std::iter::from_fn(move || {
        let has_weight = |lane: usize| weights.is_none_or(|weights| weights[[lane, 0]] != L::ZERO);
        let start = (next..lanes.end).find(|&lane| has_weight(lane))?;
        let end = || (start..lanes.end).find(|&lane| !has_weight(lane));
        next = weights.and_then(|_| end()).unwrap_or(lanes.end);
        Some(start..next)
    })
}
