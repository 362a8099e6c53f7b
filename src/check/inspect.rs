//! One pass over the distributions of a matrix: masses, unusual numbers, negative terms and divergences.

use std::ops::Range;

use ndarray::ArrayView2;

use super::summary::{Merge, NumberCounts, OperandSummary, Summary, distance};
use super::sums::{Buffers, LaneValues};
use crate::elementwise::{Irregular, copies, exps, negative};
use crate::layout::{Rect, Unit, read, steps};
use crate::number::{Float, Level, Number};
use crate::target::Target;

/// How many numbers of each operand are inspected before their terms are computed, while they are in the second-level
/// cache.
const BLOCK: usize = 1 << 15;

/// Computes the terms of numbers of the input and of the target.
pub type Terms<'t, A> = &'t (dyn Fn(&[A], &[A], &mut [<A as Number>::Real]) + Sync);

/// The settings of an inspection.
#[derive(Clone, Copy)]
pub struct Inspection<'t, A: Number> {
    /// The instruction set.
    pub level: Level,
    /// What input and target should hold. An operand without is not inspected.
    pub holds: [Option<Target>; 2],
    /// How far a mass may be from 1.
    pub tolerance: f64,
    /// What computes terms, where they are inspected.
    pub terms: Option<Terms<'t, A>>,
}

impl<A: Number> Inspection<'_, A> {
    /// What is found in the distributions whose weight is not 0.
    pub fn of(&self, unit: &Unit<'_, A>) -> Summary {
        let mut summary = Summary::default();
        let at_most = BLOCK.div_ceil(unit.input.ncols());
        for lanes in weighted(unit.weights, 0..unit.input.nrows(), at_most) {
            summary.lanes += lanes.len();
            let operands = [&unit.input, &unit.target].into_iter().zip(self.holds);
            for ((view, holds), found) in operands.zip(&mut summary.operands) {
                if let Some(holds) = holds {
                    self.masses(view, holds, lanes.clone(), found);
                }
            }
            if let Some(terms) = self.terms {
                self.terms(terms, unit, lanes, &mut summary);
            }
        }
        summary
    }

    fn masses(
        &self,
        view: &ArrayView2<'_, A>,
        holds: Target,
        lanes: Range<usize>,
        summary: &mut OperandSummary,
    ) {
        let (level, classes) = (self.level, view.ncols());
        // Rounded to the computing type, the limit must not grow.
        let limit = A::Real::from_f64(self.tolerance * (1.0 - 1e-6));
        let fill = |rect: &Rect, [buffer, _]: &mut Buffers<A>, out: &mut [A::Real]| {
            let numbers = read(view, rect, buffer);
            match holds {
                Target::LogProbabilities => exps(level, numbers, limit, out),
                Target::Probabilities | Target::Logits => copies(level, numbers, out),
            }
        };
        let values = LaneValues { level, classes, strided: is_strided(view), fill };
        values.sums(lanes, |lanes, masses, irregular: Irregular| {
            for (lane, &mass) in lanes.zip(masses) {
                match holds {
                    Target::Logits => self.logits(view, lane, mass, irregular, summary),
                    _ => {
                        let numbers = match irregular.not_finite | irregular.out_of_range {
                            true => NumberCounts::of(view.row(lane), holds, self.tolerance),
                            false => NumberCounts::default(),
                        };
                        summary.add(mass, numbers, classes, self.tolerance);
                    }
                }
            }
        });
    }

    /// Adds a distribution of logits, which is proper if it has a softmax. `mass` is the sum of the logits.
    fn logits(
        &self,
        view: &ArrayView2<'_, A>,
        lane: usize,
        mass: f64,
        irregular: Irregular,
        summary: &mut OperandSummary,
    ) {
        let (row, classes) = (view.row(lane), view.ncols());
        if classes > 1 && distance(mass) <= self.tolerance {
            let is_negative = |number: &A| number.widen() < A::Real::ZERO;
            summary.probabilities += usize::from(!row.iter().any(is_negative));
        }
        if !irregular.not_finite {
            summary.proper += 1;
            return;
        }
        let numbers = NumberCounts::of(row, Target::Logits, self.tolerance);
        let mass = if numbers.has_softmax(classes) { 1.0 } else { f64::NAN };
        summary.add(mass, numbers, classes, self.tolerance);
    }

    fn terms(
        &self,
        terms: Terms<'_, A>,
        unit: &Unit<'_, A>,
        lanes: Range<usize>,
        summary: &mut Summary,
    ) {
        let (level, classes) = (self.level, unit.input.ncols());
        let strided = is_strided(&unit.input) || is_strided(&unit.target);
        let fill = |rect: &Rect, [input, target]: &mut Buffers<A>, out: &mut [A::Real]| {
            terms(read(&unit.input, rect, input), read(&unit.target, rect, target), out);
            let (count, least) = negative(level, out);
            NegativeTerms { count, least: least.to_f64() }
        };
        let values = LaneValues { level, classes, strided, fill };
        values.sums(lanes, |_, sums, found: NegativeTerms| {
            summary.negative_terms += found.count;
            summary.least_term = summary.least_term.min(found.least);
            for divergence in sums.iter().map(|&sum| A::Real::from_f64(sum).to_f64()) {
                summary.negative_divergences += usize::from(divergence < 0.0);
                summary.least_divergence = summary.least_divergence.min(divergence);
            }
        });
    }
}

/// The terms below 0 among some.
#[derive(Default)]
struct NegativeTerms {
    count: usize,
    least: f64,
}

impl Merge for NegativeTerms {
    fn merge(&mut self, other: NegativeTerms) {
        self.count += other.count;
        self.least = self.least.min(other.least);
    }
}

impl Merge for Irregular {
    fn merge(&mut self, other: Irregular) {
        self.not_finite |= other.not_finite;
        self.out_of_range |= other.out_of_range;
    }
}

/// Whether the classes of a lane lie apart.
fn is_strided<A>(view: &ArrayView2<'_, A>) -> bool {
    view.ncols() > 1 && view.strides()[1] != 1
}

/// Runs of lanes whose weight is not 0, so many lanes at most.
fn weighted<L: Float>(
    weights: Option<ArrayView2<'_, L>>,
    lanes: Range<usize>,
    at_most: usize,
) -> impl Iterator<Item = Range<usize>> {
    steps(lanes, at_most).flat_map(move |lanes| {
        let mut next = lanes.start;
        std::iter::from_fn(move || {
            let Some(weights) = &weights else {
                return Some(std::mem::replace(&mut next, lanes.end)..lanes.end)
                    .filter(|lanes| !lanes.is_empty());
            };
            let counts = |&lane: &usize| weights[[lane, 0]] != L::ZERO;
            let start = (next..lanes.end).find(counts)?;
            next = (start..lanes.end).find(|lane| !counts(lane)).unwrap_or(lanes.end);
            Some(start..next)
        })
    })
}
