//! Known mistakes, and what they look like.

use super::{Holds, Reading, Side};
use crate::error::Operand;

/// A mistake that the figures look like. Where half of an operand's distributions or more are proper,
/// none is named.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LikelyCause {
    /// The input holds probabilities, not their logarithms.
    ProbabilitiesAsInput,
    /// The target holds log-probabilities, without [`log_target(true)`](crate::KLDivLoss::log_target).
    LogProbabilitiesAsTarget,
    /// The target holds probabilities, with `log_target(true)`.
    ProbabilitiesAsLogTarget,
    /// The operands are in each other's place: the input holds probabilities, the target
    /// log-probabilities.
    Swapped,
    /// An operand holds raw scores, without softmax.
    Logits(Operand),
    /// The masses of an operand are 1 along another axis.
    ClassAxis {
        /// Whose.
        operand: Operand,
        /// Along this one.
        axis: usize,
    },
    /// All masses of an operand are the same, but not 1: all was multiplied by a constant.
    Scaled {
        /// Whose.
        operand: Operand,
        /// The mass.
        mass: f64,
    },
}

/// What may have gone wrong. `proper_along` tells along which axis most masses of an operand are 1.
pub(crate) fn likely_causes(
    sides: [&Side; 2],
    holds: [Holds; 2],
    (distributions, tolerance): (usize, f64),
    proper_along: impl Fn(Operand) -> Option<usize>,
) -> Vec<LikelyCause> {
    let case = |i: usize| {
        let [claimed, other] = sides[i].readings(holds[i])?;
        let operand = [Operand::Input, Operand::Target][i];
        let case = Case { operand, side: sides[i], claimed, other, distributions, tolerance };
        (!case.most(claimed.proper)).then_some(case)
    };
    let cases = [case(0), case(1)];
    let swapped = |case: &Option<Case<'_>>| case.is_some_and(Case::is_other);
    if holds[0] != holds[1] && cases.iter().all(swapped) {
        return vec![LikelyCause::Swapped];
    }
    let cause = |(case, holds): (Case<'_>, Holds)| {
        if case.is_other() {
            return Some(match (case.operand, holds) {
                (Operand::Input, _) => LikelyCause::ProbabilitiesAsInput,
                (_, Holds::LogProbabilities) => LikelyCause::ProbabilitiesAsLogTarget,
                _ => LikelyCause::LogProbabilitiesAsTarget,
            });
        }
        let operand = case.operand;
        let along = proper_along(operand).map(|axis| LikelyCause::ClassAxis { operand, axis });
        along.or_else(|| case.scaled(holds)).or_else(|| case.logits())
    };
    let cases = cases.into_iter().zip(holds).filter_map(|(case, holds)| Some((case?, holds)));
    cases.filter_map(cause).collect()
}

/// An operand most of whose distributions are none.
#[derive(Clone, Copy)]
struct Case<'s> {
    operand: Operand,
    side: &'s Side,
    claimed: &'s Reading,
    other: &'s Reading,
    distributions: usize,
    tolerance: f64,
}

impl Case<'_> {
    fn most(&self, count: usize) -> bool {
        2 * count >= self.distributions
    }

    /// Whether it is not what it should be, but the other.
    fn is_other(self) -> bool {
        self.most(self.other.proper)
    }

    fn scaled(&self, holds: Holds) -> Option<LikelyCause> {
        let Reading { lightest, heaviest: mass, out_of_range, .. } = *self.claimed;
        let same = mass - lightest <= self.tolerance * mass && mass < f64::INFINITY;
        let positive = lightest > 0.0 && (holds == Holds::LogProbabilities || out_of_range == 0);
        let is_scaled = self.distributions > 1 && same && positive && self.side.nan == 0;
        is_scaled.then_some(LikelyCause::Scaled { operand: self.operand, mass })
    }

    fn logits(&self) -> Option<LikelyCause> {
        let finite = self.side.nan + self.side.plus_infinity == 0;
        let scores = self.most(self.claimed.lanes_out_of_range) && finite;
        scores.then_some(LikelyCause::Logits(self.operand))
    }
}
