//! Known mistakes, and how to recognize them.

use ndarray::ArrayView1;

use super::inspect::Inspection;
use super::region::Region;
use super::summary::{OperandSummary, Summary};
use crate::error::Operand;
use crate::number::{Float, Number, exp};
use crate::target::Target;

/// A known mistake that explains what a [diagnosis](crate::Batch::diagnose) found. If several could explain it, none is named.
///
/// The table is for operands that should hold probabilities or log-probabilities. The first row that fits at least half of an
/// operand's distributions decides:
///
/// | The operand | Cause |
/// |---|---|
/// | holds what it should | none |
/// | holds probabilities in place of log-probabilities, or the reverse | `ProbabilitiesAsInput`, `LogProbabilitiesAsTarget`, `ProbabilitiesAsLogTarget`; `Swapped` if both operands do |
/// | has mass 1 along another axis | `ClassAxis` |
/// | has the same mass everywhere, not 1, and its distributions are not alike | `Scaled` |
/// | holds the other of the two, times a constant | that and `Scaled` |
/// | is a target of probabilities, has no negative, infinite or NaN number, and its masses differ | `Unnormalized` |
/// | has numbers above 0 and numbers below 0, or has numbers above 0 where it should hold log-probabilities, and nowhere NaN or +∞ | `Logits` |
/// | is anything else, such as zeros, or negative scores, which may be logits or log-probabilities of any mass | none |
///
/// If an operand of logits holds probabilities in at least half of its distributions, the cause is `ProbabilitiesAsLogits`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LikelyCause {
    /// The input holds probabilities, not their logarithms.
    ProbabilitiesAsInput,
    /// The target holds log-probabilities, but [`log_target(true)`](crate::KLDivLoss::log_target) was not called.
    LogProbabilitiesAsTarget,
    /// The target holds probabilities, but `log_target(true)` was called.
    ProbabilitiesAsLogTarget,
    /// Input and target are swapped: the input holds probabilities, and the target log-probabilities.
    Swapped,
    /// An operand holds logits: raw scores, without softmax.
    Logits(Operand),
    /// An operand holds probabilities where logits are expected. If it is the target, call
    /// [`.target(Target::Probabilities)`](crate::KLDivWithLogitsLoss::target).
    ProbabilitiesAsLogits(Operand),
    /// The masses of an operand are 1 along another axis.
    ClassAxis {
        /// The operand.
        operand: Operand,
        /// The axis along which its masses are 1.
        axis: usize,
    },
    /// All masses of an operand are the same, but not 1: its probabilities were multiplied by a constant.
    Scaled {
        /// The operand.
        operand: Operand,
        /// The mass of every distribution.
        mass: f64,
    },
    /// An operand holds numbers that were not divided by their sum over the classes, such as counts.
    Unnormalized(Operand),
}

/// The likely causes of what was found.
pub fn likely_causes<A: Number>(
    all: &Summary,
    holds: [Target; 2],
    causes: &Causes<'_, '_, A>,
) -> Vec<LikelyCause> {
    let [input, target] = [0, 1].map(|i| causes.of(i, holds[i], &all.operands[i], all.lanes));
    if input == [LikelyCause::ProbabilitiesAsInput]
        && target == [LikelyCause::LogProbabilitiesAsTarget]
    {
        return vec![LikelyCause::Swapped];
    }
    [input, target].concat()
}

/// The largest relative difference of masses that count as the same.
const SAME: f64 = 1e-3;

/// The smallest difference between the shares of the likeliest classes of distributions that are not alike.
const NOT_ALIKE: f64 = 0.05;

/// The search for causes. Each question costs a pass over an operand.
pub struct Causes<'c, 'a, A: Number> {
    /// The batch.
    pub batch: &'c Region<'a, A>,
    /// How operands are inspected.
    pub inspection: Inspection<'c, A>,
}

impl<A: Number> Causes<'_, '_, A> {
    /// The likely causes for one operand with these findings.
    fn of(
        &self,
        i: usize,
        holds: Target,
        found: &OperandSummary,
        lanes: usize,
    ) -> Vec<LikelyCause> {
        let operand = [Operand::Input, Operand::Target][i];
        let most = |count: usize| 2 * count >= lanes;
        if holds == Target::Logits {
            let cause = LikelyCause::ProbabilitiesAsLogits(operand);
            return if most(found.probabilities) { vec![cause] } else { vec![] };
        }
        if most(found.proper) {
            return vec![];
        }
        let (cause, other) = other_kind(operand, holds);
        let as_other = self.inspected(i, other);
        if most(as_other.proper) {
            return vec![cause];
        }
        if let Some(axis) = self.axis_of_distributions(i, holds) {
            return vec![LikelyCause::ClassAxis { operand, axis }];
        }
        let is_scaled =
            |found, holds| is_scaled(found, holds, lanes) && self.distributions_differ(i, holds);
        if is_scaled(found, holds) {
            return vec![LikelyCause::Scaled { operand, mass: found.heaviest }];
        }
        if is_scaled(&as_other, other) {
            return vec![cause, LikelyCause::Scaled { operand, mass: as_other.heaviest }];
        }
        if holds == Target::Probabilities && is_unnormalized(found) {
            return vec![LikelyCause::Unnormalized(operand)];
        }
        let is_finite = found.numbers.nan + found.numbers.plus_infinity == 0;
        let above_0 = match holds {
            Target::LogProbabilities => most(found.numbers.out_of_range),
            _ => false,
        };
        let has_scores = is_finite && (above_0 || most(found.both_signs));
        if has_scores { vec![LikelyCause::Logits(operand)] } else { vec![] }
    }

    /// The findings in an operand, if it should hold this.
    fn inspected(&self, i: usize, holds: Target) -> OperandSummary {
        let inspection = Inspection { holds: [Some(holds), None], ..self.inspection };
        let [found, _] = self.batch.only(i).summary(&inspection).operands;
        found
    }

    /// The first other axis along which half of the masses or more are 1.
    fn axis_of_distributions(&self, i: usize, holds: Target) -> Option<usize> {
        let inspection = Inspection { holds: [Some(holds), None], ..self.inspection };
        let shape = self.batch.input.shape();
        let others = (0..shape.len()).filter(|&axis| axis != self.batch.axis && shape[axis] > 1);
        others.into_iter().find(|&axis| {
            let along_axis = Region { axis, weights: None, ..self.batch.only(i) };
            let summary = along_axis.summary(&inspection);
            2 * summary.operands[0].proper >= summary.lanes
        })
    }

    /// Whether there are distributions that are far from alike.
    fn distributions_differ(&self, i: usize, holds: Target) -> bool {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        self.batch.only(i).lanes().any(|lane| {
            let share = self.inspection.level.run(
                #[inline(always)]
                || share_of_the_likeliest(&lane, holds),
            );
            (least, most) = (least.min(share), most.max(share));
            most - least >= NOT_ALIKE
        })
    }
}

/// The mistake of an operand that holds log-probabilities in place of probabilities, or the reverse, and what it holds then.
fn other_kind(operand: Operand, holds: Target) -> (LikelyCause, Target) {
    match (operand, holds) {
        (Operand::Input, _) => (LikelyCause::ProbabilitiesAsInput, Target::Probabilities),
        (_, Target::LogProbabilities) => {
            (LikelyCause::ProbabilitiesAsLogTarget, Target::Probabilities)
        }
        _ => (LikelyCause::LogProbabilitiesAsTarget, Target::LogProbabilities),
    }
}

/// Whether all masses are the same and none is 1.
fn is_scaled(found: &OperandSummary, holds: Target, lanes: usize) -> bool {
    let &OperandSummary { lightest, heaviest, numbers, proper, .. } = found;
    let same = heaviest - lightest <= SAME * heaviest && heaviest < f64::INFINITY && lightest > 0.0;
    let in_range = holds == Target::LogProbabilities || numbers.out_of_range == 0;
    same && in_range && proper == 0 && numbers.nan == 0 && lanes > 1
}

/// Whether probabilities are numbers of any mass, and none is negative, infinite or NaN.
fn is_unnormalized(found: &OperandSummary) -> bool {
    let &OperandSummary { lightest, heaviest, numbers, .. } = found;
    let unusual = numbers.out_of_range + numbers.nan + numbers.plus_infinity;
    unusual == 0 && heaviest < f64::INFINITY && heaviest - lightest > SAME * heaviest
}

/// The share of the likeliest class in the mass of a distribution.
#[inline(always)]
fn share_of_the_likeliest<A: Number>(lane: &ArrayView1<'_, A>, holds: Target) -> f64 {
    let (mut sum, mut most) = (0.0, 0.0_f64);
    for &number in lane {
        let number = number.widen();
        let probability = if holds == Target::LogProbabilities { exp(number) } else { number };
        sum += probability.to_f64();
        most = most.max(probability.to_f64());
    }
    most / sum
}
