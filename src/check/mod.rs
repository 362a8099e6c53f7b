//! Checks: whether the operands of a batch are distributions, and if not, where and why.

mod cause;
mod diagnose;
mod inspect;
mod region;
mod summary;
mod sums;
mod text;
mod validate;

pub use cause::LikelyCause;
pub(crate) use diagnose::diagnose;
pub(crate) use inspect::{Inspection, Terms};
pub(crate) use region::Region;
pub(crate) use validate::Check;

use crate::target::Target;

/// What [`Batch::diagnose`](crate::Batch::diagnose) found. `Display` prints it in a few sentences.
///
/// The index of a distribution is its position, without the class axis. Distributions of weight 0
/// are counted in [`skipped`](Self::skipped) only. Other weights change nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The number of distributions that were inspected.
    pub distributions: usize,
    /// The number of distributions that were skipped because their weight is 0.
    pub skipped: usize,
    /// The number of classes.
    pub classes: usize,
    /// The tolerance: a mass may differ from 1 by this much.
    pub tolerance: f64,
    /// The number of negative terms. Negative terms are no mistake. From logits, it is 0: terms are not inspected.
    pub negative_terms: usize,
    /// The most negative term and its index, with the class axis. Of equal terms it is the one with the lowest index.
    pub most_negative_term: Option<(Vec<usize>, f64)>,
    /// The number of negative divergences, as [`PerDistribution`](crate::PerDistribution) returns them. From logits, it is 0.
    pub negative_divergences: usize,
    /// The first negative divergence and its index.
    pub first_negative_divergence: Option<(Vec<usize>, f64)>,
    /// The report of the input.
    pub input: OperandReport,
    /// The report of the target.
    pub target: OperandReport,
    /// The known mistakes that explain the findings.
    pub likely_causes: Vec<LikelyCause>,
}

impl Diagnosis {
    /// Whether both operands hold what they should.
    #[must_use]
    pub fn is_proper(&self) -> bool {
        self.input.improper == 0 && self.target.improper == 0
    }

    /// The number of negative terms over the number of terms. It is 0 if there are no terms.
    #[must_use]
    pub fn share_of_negative_terms(&self) -> f64 {
        match self.distributions * self.classes {
            0 => 0.0,
            all => self.negative_terms as f64 / all as f64,
        }
    }
}

/// Whether an operand holds what it should.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OperandReport {
    /// What the operand should hold.
    pub holds: Target,
    /// The number of improper distributions.
    pub improper: usize,
    /// The first improper distribution.
    pub first: Option<Offender>,
    /// The improper distribution whose mass is farthest from 1, the first of equal ones. NaN is farther than any number.
    pub worst: Option<Offender>,
    /// The number of numbers out of range: t < 0, or x > tolerance.
    pub out_of_range: usize,
    /// The number of NaN.
    pub nan: usize,
    /// The number of +∞.
    pub plus_infinity: usize,
    /// The number of −∞. A log-probability or a logit may be −∞.
    pub minus_infinity: usize,
    /// The number of distributions that hold −∞ only. Their loss from logits is NaN.
    pub only_minus_infinity: usize,
}

/// An improper distribution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Offender {
    /// The index of the distribution, without the class axis.
    pub index: Vec<usize>,
    /// The sum of its probabilities. It is NaN for logits, which have no softmax then.
    pub mass: f64,
}
