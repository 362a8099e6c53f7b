//! Known mistakes, and what they look like.

use super::{Holds, Side};
use crate::error::Operand;

/// A mistake that the figures look like. Where they may come from several, none is named.
///
/// | an operand of log-probabilities or probabilities, in half of its distributions or more | |
/// |---|---|
/// | is what it should be | no cause |
/// | is the other of the two | `ProbabilitiesAsInput`, `LogProbabilitiesAsTarget`, `ProbabilitiesAsLogTarget`; `Swapped` if both are |
/// | has mass 1 along another axis | `ClassAxis` |
/// | (in all) has one mass that is not 1, though the distributions are not alike | `Scaled` |
/// | (in all) is the other of the two, times a constant | that and `Scaled` |
/// | has numbers above 0 and below 0, and nowhere NaN or +∞ | `Logits` |
/// | anything else: zeros, say, or negative scores, which may be logits or log-probabilities of any mass | no cause |
///
/// An operand of logits that is probabilities in half of its distributions or more: `ProbabilitiesAsLogits`.
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
    /// An operand holds probabilities, taken for logits; a target may be either, if
    /// [said](crate::KLDivWithLogitsLoss::target).
    ProbabilitiesAsLogits(Operand),
    /// The masses of an operand are 1 along another axis.
    ClassAxis {
        /// Whose.
        operand: Operand,
        /// Along this one.
        axis: usize,
    },
    /// All masses of an operand are the same, but not 1: its probabilities were multiplied by a constant.
    Scaled {
        /// Whose.
        operand: Operand,
        /// The mass.
        mass: f64,
    },
}

/// What a closer look at an operand shows. Each costs a pass over it, or more.
pub(crate) trait Evidence {
    /// What is found if it is taken for this.
    fn read_as(&self, operand: Operand, holds: Holds) -> Side;
    /// The first other axis along which half of its masses or more are 1.
    fn proper_along(&self, operand: Operand, holds: Holds) -> Option<usize>;
    /// Whether there are distributions that are far from alike.
    fn distributions_differ(&self, operand: Operand, holds: Holds) -> bool;
}

/// What may have gone wrong.
pub(crate) fn likely_causes(
    sides: [&Side; 2],
    holds: [Holds; 2],
    distributions: usize,
    evidence: &impl Evidence,
) -> Vec<LikelyCause> {
    let case = |i: usize| {
        let (operand, holds) = ([Operand::Input, Operand::Target][i], holds[i]);
        Case { operand, side: sides[i], holds, distributions, evidence }
    };
    let [input, target] = [case(0).causes(), case(1).causes()];
    if input == [LikelyCause::ProbabilitiesAsInput]
        && target == [LikelyCause::LogProbabilitiesAsTarget]
    {
        return vec![LikelyCause::Swapped];
    }
    [input, target].concat()
}

/// An operand.
struct Case<'s, E> {
    operand: Operand,
    side: &'s Side,
    holds: Holds,
    distributions: usize,
    evidence: &'s E,
}

impl<E: Evidence> Case<'_, E> {
    fn causes(&self) -> Vec<LikelyCause> {
        let &Case { operand, side, holds, .. } = self;
        if holds == Holds::Logits {
            let taken = self.most(side.probabilities);
            return taken
                .then_some(LikelyCause::ProbabilitiesAsLogits(operand))
                .into_iter()
                .collect();
        }
        if self.most(side.reading.proper) {
            return vec![];
        }
        let (kind, other) = self.other_kind();
        let found = self.evidence.read_as(operand, other);
        if self.most(found.reading.proper) {
            return vec![kind];
        }
        if let Some(axis) = self.evidence.proper_along(operand, holds) {
            return vec![LikelyCause::ClassAxis { operand, axis }];
        }
        if let Some(scaled) = self.scaled(side, holds) {
            return vec![scaled];
        }
        if let Some(scaled) = self.scaled(&found, other) {
            return vec![kind, scaled];
        }
        let finite = side.numbers.nan + side.numbers.plus_infinity == 0;
        let scores = finite && self.most(side.reading.both_signs);
        scores.then_some(LikelyCause::Logits(operand)).into_iter().collect()
    }

    fn most(&self, count: usize) -> bool {
        2 * count >= self.distributions
    }

    /// What the operand may hold instead, and the mistake that it would be.
    fn other_kind(&self) -> (LikelyCause, Holds) {
        match (self.operand, self.holds) {
            (Operand::Input, _) => (LikelyCause::ProbabilitiesAsInput, Holds::Probabilities),
            (_, Holds::LogProbabilities) => {
                (LikelyCause::ProbabilitiesAsLogTarget, Holds::Probabilities)
            }
            _ => (LikelyCause::LogProbabilitiesAsTarget, Holds::LogProbabilities),
        }
    }

    /// Whether all masses are the same. Of distributions that are alike that says nothing.
    fn scaled(&self, side: &Side, holds: Holds) -> Option<LikelyCause> {
        let &Case { operand, distributions, .. } = self;
        let (lightest, mass) = (side.reading.lightest, side.reading.heaviest);
        let same = mass - lightest <= SAME * mass && mass < f64::INFINITY && lightest > 0.0;
        let in_range = holds == Holds::LogProbabilities || side.numbers.out_of_range == 0;
        let all = side.reading.proper == 0 && side.numbers.nan == 0 && distributions > 1;
        let is_scaled =
            same && in_range && all && self.evidence.distributions_differ(operand, holds);
        is_scaled.then_some(LikelyCause::Scaled { operand, mass })
    }
}

/// Masses that are the same differ by no more than this share.
const SAME: f64 = 1e-3;
