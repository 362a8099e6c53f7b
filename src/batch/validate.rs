//! Whether the operands are distributions; where not, the first that is none.

use ndarray::{ArrayView1, Axis, Dimension};

use super::survey::{LANES, Numbers, Summands, Survey, weighted};
use super::{Batch, Rule};
use crate::element::Element;
use crate::error::{Error, Operand};
use crate::kernel::{Chunk, Float, Level, copies, exps};
use crate::lanes::{Patch, Rect, for_each_patch, without};
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
        let found = if self.input.is_empty() {
            self.first_weighted().filter(|_| tolerance < 1.0).map(|index| Offence {
                index,
                operand: Operand::Input,
                mass: 0,
            })
        } else {
            let check = Check { level: self.level, rule: self.rule, tolerance };
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
    rule: Rule,
    tolerance: f64,
}

impl Check {
    /// The first offence in a patch.
    fn patch<A: Element>(self, patch: &Patch<'_, A>, lengths: &[usize]) -> Option<Offence> {
        let mut survey = Survey::<A, 2>::new(self.level, patch);
        for lanes in weighted(patch) {
            let mut masses = Masses { check: self, out_of_range: false };
            let sums = survey.lanes(lanes.clone(), &mut masses);
            for (place, lane) in lanes.enumerate() {
                let in_range = |operand: Operand| {
                    !masses.out_of_range || self.is_in_range(patch, operand, lane)
                };
                let offends = |operand: Operand, mass: f64| {
                    !((mass - 1.0).abs() <= self.tolerance && in_range(operand))
                };
                let both = [(Operand::Input, sums[0][place]), (Operand::Target, sums[1][place])];
                if let Some((operand, mass)) = both.into_iter().find(|&(o, m)| offends(o, m)) {
                    let index = patch.index(lane, lengths);
                    return Some(Offence { index, operand, mass: mass.to_bits() });
                }
            }
        }
        None
    }

    /// Whether all numbers of a lane are what they may be.
    fn is_in_range<A: Element>(self, patch: &Patch<'_, A>, operand: Operand, lane: usize) -> bool {
        let logs =
            |lane: ArrayView1<'_, A>| lane.iter().all(|x| x.widen().to_f64() <= self.tolerance);
        match operand {
            Operand::Input => logs(patch.unit.input.row(lane)),
            Operand::Target if self.rule.is_log_target() => logs(patch.unit.target.row(lane)),
            Operand::Target => {
                patch.unit.target.row(lane).iter().all(|t| t.widen() >= A::Loss::ZERO)
            }
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
    fn fill(&mut self, chunk: Chunk<'_, A>, _: &Rect, [q, p]: &mut Numbers<A::Loss, 2>) {
        let Check { level, rule, tolerance } = self.check;
        // Rounded, the limit must not grow.
        let limit = A::Loss::from_f64(tolerance * (1.0 - 1e-6));
        self.out_of_range |= exps(level, chunk.input, limit, q);
        self.out_of_range |= match rule.is_log_target() {
            true => exps(level, chunk.target, limit, p),
            false => copies(level, chunk.target, p),
        };
    }
}

const _: () = assert!(LANES <= crate::kernel::CHUNK);
