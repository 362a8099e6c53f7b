//! Whether the operands are distributions; where not, the first that is none.

use ndarray::{ArrayView1, Axis, Dimension};

use super::Batch;
use super::survey::{Numbers, Summands, Survey, weighted};
use super::visit::FEW;
use crate::diagnosis::Holds;
use crate::element::Element;
use crate::error::{Error, Operand};
use crate::kernel::{
    Chunk, Float, LaneSum, Level, OfLogProbabilities, OfProbabilities, add_copies, add_exps,
    copies, exps, rough_mass,
};
use crate::lanes::{Patch, Rect, dense, for_each_patch, without};
use crate::reduction::Reduction;

/// A distribution that is none. The first has the lowest index; of one index the input comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Offence {
    index: Vec<usize>,
    operand: Operand,
    /// The bits of its mass.
    mass: u64,
}

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// Whether both operands are distributions, if that was asked for.
    ///
    /// # Errors
    /// [`Error::NotADistribution`]
    pub(super) fn validate(&self) -> Result<(), Error> {
        let Some(tolerance) = self.tolerance.filter(|_| self.distributions() > 0) else {
            return Ok(());
        };
        let check = Check { level: self.level, holds: self.rule.holds(), tolerance };
        let Some(operand) = check.first() else { return Ok(()) };
        let found = if self.input.is_empty() {
            let offends = self.first_weighted().filter(|_| tolerance < 1.0);
            offends.map(|index| Offence { index, operand, mass: 0 })
        } else {
            let lengths = without(self.input.shape(), self.axis);
            for_each_patch(
                self.arrays(None, None, None),
                Axis(self.axis),
                &|patch| check.patch(&patch, &lengths),
                &|a, b| a.into_iter().chain(b).min(),
            )
        };
        found.map_or(Ok(()), |Offence { index, operand, mass }| {
            Err(Error::NotADistribution { operand, index, mass: f64::from_bits(mass) })
        })
    }

    /// The first distribution whose weight is not 0.
    pub(super) fn first_weighted(&self) -> Option<Vec<usize>> {
        let Some(weights) = self.weights else {
            return Some(vec![0; self.input.ndim() - 1]);
        };
        let weights = weights.view().into_dyn();
        let mut counting = weights.indexed_iter().filter(|(_, weight)| **weight != A::Loss::ZERO);
        counting.next().map(|(index, _)| index.slice().to_vec())
    }
}

/// What is asked of a distribution.
#[derive(Clone, Copy)]
struct Check {
    level: Level,
    holds: [Holds; 2],
    tolerance: f64,
}

impl Check {
    /// The first operand that is checked.
    fn first(self) -> Option<Operand> {
        let both = self.holds.into_iter().zip([Operand::Input, Operand::Target]);
        both.into_iter().find(|&(holds, _)| holds != Holds::Logits).map(|(_, operand)| operand)
    }

    /// The first offence in a patch.
    fn patch<A: Element>(self, patch: &Patch<'_, A>, lengths: &[usize]) -> Option<Offence> {
        let mut survey = Survey::<A, 2>::new(self.level, patch);
        for lanes in weighted(patch) {
            if lanes.clone().all(|lane| self.surely_holds(patch, lane)) {
                continue;
            }
            let mut masses = Masses { check: self, out_of_range: false };
            let sums = survey.lanes(lanes.clone(), &mut masses);
            let is_one = |mass: &f64| (mass - 1.0).abs() <= self.tolerance;
            let all = |sums: &[f64]| sums.iter().fold(true, |all, mass| all & is_one(mass));
            let looked_at = self.holds.map(|holds| holds != Holds::Logits);
            let mut fine = sums.iter().zip(looked_at).filter(|(_, looked_at)| *looked_at);
            if !masses.out_of_range && fine.all(|(sums, _)| all(&sums[..lanes.len()])) {
                continue;
            }
            for (place, lane) in lanes.enumerate() {
                let offends = |i: usize| {
                    let operand = [&patch.unit.input, &patch.unit.target][i];
                    let in_range =
                        || !masses.out_of_range || self.is_in_range(i, operand.row(lane));
                    looked_at[i] && !(is_one(&sums[i][place]) && in_range())
                };
                if let Some(i) = [0, 1].into_iter().find(|&i| offends(i)) {
                    let index = patch.index(lane, lengths);
                    let operand = [Operand::Input, Operand::Target][i];
                    return Some(Offence { index, operand, mass: sums[i][place].to_bits() });
                }
            }
        }
        None
    }

    /// Whether a lane of both operands is certain to be in order: no, where that would take long to tell.
    fn surely_holds<A: Element>(self, patch: &Patch<'_, A>, lane: usize) -> bool {
        let views = [&patch.unit.input, &patch.unit.target];
        views.into_iter().zip(self.holds).all(|(view, holds)| {
            let (lanes, classes) = view.dim();
            let row = |lane: usize| dense(view, &(lane..lanes.min(lane + 1), 0..classes));
            let Some(numbers) = row(lane).filter(|_| classes > FEW) else { return false };
            let next = if lane + 1 < lanes { row(lane + 1).unwrap_or(&[]) } else { &[] };
            let mass = match holds {
                Holds::Probabilities => rough_mass(self.level, numbers, next, &OfProbabilities),
                Holds::LogProbabilities => {
                    rough_mass(self.level, numbers, next, &OfLogProbabilities(self.limit()))
                }
                Holds::Logits => return true,
            };
            let error = 64.0 * 0.5_f64.powi(A::Loss::DIGITS);
            mass.is_some_and(|mass| (mass - 1.0).abs() + mass * error <= self.tolerance)
        })
    }

    /// No number above it is in range: rounded, it must not grow.
    fn limit<T: Float>(self) -> T {
        T::from_f64(self.tolerance * (1.0 - 1e-6))
    }

    /// Whether all numbers of a lane are what they may be.
    fn is_in_range<A: Element>(self, i: usize, lane: ArrayView1<'_, A>) -> bool {
        match self.holds[i] {
            Holds::Probabilities => lane.iter().all(|t| t.widen() >= A::Loss::ZERO),
            Holds::LogProbabilities => lane.iter().all(|x| x.widen().to_f64() <= self.tolerance),
            Holds::Logits => true,
        }
    }
}

/// The masses of both operands.
struct Masses {
    check: Check,
    /// Whether a number may be out of its range.
    out_of_range: bool,
}

impl<A: Element> Summands<A, 2> for Masses {
    fn fill(&mut self, chunk: Chunk<'_, A>, _: &Rect, numbers: &mut Numbers<A::Loss, 2>) {
        let Check { level, holds, .. } = self.check;
        for ((operand, holds), out) in [chunk.input, chunk.target].iter().zip(holds).zip(numbers) {
            self.out_of_range |= match holds {
                Holds::Probabilities => copies(level, operand, out),
                Holds::LogProbabilities => exps(level, operand, self.check.limit(), out),
                Holds::Logits => false,
            };
        }
    }

    fn add(
        &mut self,
        level: Level,
        chunk: Chunk<'_, A>,
        _: &Rect,
        _: &mut Numbers<A::Loss, 2>,
        sums: &mut [LaneSum; 2],
    ) {
        let holds = self.check.holds;
        for ((operand, holds), sum) in [chunk.input, chunk.target].iter().zip(holds).zip(sums) {
            self.out_of_range |= match holds {
                Holds::Probabilities => add_copies(level, operand, sum),
                Holds::LogProbabilities => add_exps(level, operand, self.check.limit(), sum),
                Holds::Logits => false,
            };
        }
    }
}
