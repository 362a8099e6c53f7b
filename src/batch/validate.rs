//! Whether the operands are distributions; where not, the first that is none.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, Dimension};

use super::Batch;
use crate::check::{COLUMNS, Holds, LANES, Masses, Survey, lanes_of_a_block, weighted};
use crate::element::Element;
use crate::error::{Error, Operand};
use crate::layout::{Patch, Unit, for_each_patch, steps, without};
use crate::number::{Float, Level};
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
    /// What is to be checked, if anything is.
    fn check(&self) -> Option<Check> {
        let tolerance = self.tolerance.filter(|_| self.distributions() > 0)?;
        let check = Check { level: self.level, holds: self.rule.holds(), tolerance };
        check.first().map(|_| check)
    }

    /// The check that a visit can make on its way, where nothing is lost if it fails.
    pub(super) fn check_on_the_way(&self) -> Option<Check> {
        self.check().filter(|check| !self.input.is_empty() && !check.holds.contains(&Holds::Logits))
    }

    /// Whether both operands are distributions, if that was asked for.
    ///
    /// # Errors
    /// [`Error::NotADistribution`]
    pub(super) fn validate(&self) -> Result<(), Error> {
        let Some(check) = self.check() else { return Ok(()) };
        let found = if self.input.is_empty() {
            let index = self.first_weighted().filter(|_| check.tolerance < 1.0);
            let offence = |operand| Some(Offence { index: index?, operand, mass: 0 });
            check.first().and_then(offence)
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

/// What is asked of the distributions.
#[derive(Clone, Copy)]
pub struct Check {
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

    /// The operands that are checked.
    fn operands<'u, 'a, A: Element>(
        self,
        [input, target]: [&'u ArrayView2<'a, A>; 2],
    ) -> impl Iterator<Item = (Operand, Masses<'u, 'a, A>)> {
        let Check { level, holds, tolerance } = self;
        let both = [(Operand::Input, input), (Operand::Target, target)];
        let both = both.into_iter().zip(holds).filter(|(_, holds)| *holds != Holds::Logits);
        both.map(move |((operand, view), holds)| {
            (operand, Masses { level, holds, tolerance, view })
        })
    }

    /// The first offence in a patch.
    fn patch<A: Element>(self, patch: &Patch<'_, A>, lengths: &[usize]) -> Option<Offence> {
        let Unit { input, target, weights, .. } = &patch.unit;
        let mut survey = Survey::new(self.level, input.ncols());
        weighted(*weights, 0..input.nrows(), COLUMNS).find_map(|lanes| {
            let firsts = self.operands([input, target]).filter_map(|(operand, masses)| {
                let (lane, mass) = first_offence(&masses, lanes.clone(), &mut survey)?;
                Some((lane, operand, mass))
            });
            let (lane, operand, mass) = firsts.min_by_key(|&(lane, operand, _)| (lane, operand))?;
            Some(Offence { index: patch.index(lane, lengths), operand, mass: mass.to_bits() })
        })
    }

    /// Checks and visits a unit, block by block; false as soon as a distribution is none.
    pub fn each_block<'a, A: Element>(
        self,
        unit: Unit<'a, A>,
        mut visit: impl FnMut(Unit<'a, A>),
    ) -> bool {
        let (input, target, weights) = (unit.input, unit.target, unit.weights);
        let tall = lanes_of_a_block(&unit);
        let mut survey = Survey::new(self.level, input.ncols());
        let mut rest = Some(unit);
        for block in steps(0..input.nrows(), tall) {
            let mut offends = |lanes: Range<usize>| {
                let mut both = self.operands([&input, &target]);
                both.any(|(_, masses)| first_offence(&masses, lanes.clone(), &mut survey).is_some())
            };
            if weighted(weights, block.clone(), COLUMNS).any(&mut offends) {
                return false;
            }
            let Some(unit) = rest.take() else { return true };
            if block.end == input.nrows() {
                visit(unit);
            } else {
                let (block, after) = unit.split_at(Axis(0), block.len());
                visit(block);
                rest = Some(after);
            }
        }
        true
    }
}

fn first_offence<A: Element>(
    masses: &Masses<'_, '_, A>,
    lanes: Range<usize>,
    survey: &mut Survey<A::Loss>,
) -> Option<(usize, f64)> {
    if masses.surely_hold(lanes.clone()) {
        return None;
    }
    steps(lanes, LANES).find_map(|lanes| masses.first_offence(lanes, survey))
}
