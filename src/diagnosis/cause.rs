//! Known mistakes, and what they look like.

use super::Side;
use crate::error::Operand;

/// A mistake that the figures look like. Where half of the distributions or more are proper, the
/// setting is taken to be right, and none is named.
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
    [input, target]: [&Side; 2],
    log_target: bool,
    (distributions, tolerance): (usize, f64),
    proper_along: impl Fn(Operand) -> Option<usize>,
) -> Vec<LikelyCause> {
    let case = Case { distributions, tolerance };
    let sides = [(Operand::Input, input, true), (Operand::Target, target, log_target)];
    let is_other = |side: &Side, log| case.is_other(side, log);
    if is_other(input, true) && !log_target && is_other(target, false) {
        return vec![LikelyCause::Swapped];
    }
    let cause = |(operand, side, log): (Operand, &Side, bool)| {
        if case.most(side.readings(log)[0].proper) {
            return None;
        }
        if is_other(side, log) {
            return Some(match (operand, log) {
                (Operand::Input, _) => LikelyCause::ProbabilitiesAsInput,
                (Operand::Target, false) => LikelyCause::LogProbabilitiesAsTarget,
                (Operand::Target, true) => LikelyCause::ProbabilitiesAsLogTarget,
            });
        }
        if let Some(axis) = proper_along(operand) {
            return Some(LikelyCause::ClassAxis { operand, axis });
        }
        case.scaled(operand, side, log).or_else(|| case.logits(operand, side, log))
    };
    sides.into_iter().filter_map(cause).collect()
}

#[derive(Clone, Copy)]
struct Case {
    distributions: usize,
    tolerance: f64,
}

impl Case {
    fn most(self, count: usize) -> bool {
        2 * count >= self.distributions
    }

    /// Whether the side is not what it should be but the other.
    fn is_other(self, side: &Side, log: bool) -> bool {
        let [claimed, other] = side.readings(log);
        !self.most(claimed.proper) && self.most(other.proper)
    }

    fn scaled(self, operand: Operand, side: &Side, log: bool) -> Option<LikelyCause> {
        let [claimed, _] = side.readings(log);
        let range = claimed.heaviest - claimed.lightest;
        let same = range <= self.tolerance * claimed.heaviest && claimed.heaviest < f64::INFINITY;
        let positive = claimed.lightest > 0.0 && (log || claimed.out_of_range == 0);
        let mass = claimed.heaviest;
        let is_scaled = self.distributions > 1 && same && positive && side.nan == 0;
        is_scaled.then_some(LikelyCause::Scaled { operand, mass })
    }

    fn logits(self, operand: Operand, side: &Side, log: bool) -> Option<LikelyCause> {
        let [claimed, _] = side.readings(log);
        let scores = self.most(claimed.lanes_out_of_range) && side.nan + side.plus_infinity == 0;
        scores.then_some(LikelyCause::Logits(operand))
    }
}
