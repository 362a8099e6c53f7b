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

/// What [`Batch::diagnose`](crate::Batch::diagnose) found. `Display` says it in a few sentences.
///
/// An index of a distribution is its position with the class axis left out. Distributions of weight 0
/// are skipped and counted nowhere but in [`skipped`](Self::skipped); weights change nothing else.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// How many distributions were inspected.
    pub distributions: usize,
    /// How many distributions were skipped, since their weight is 0.
    pub skipped: usize,
    /// The number of classes.
    pub classes: usize,
    /// How far a mass may be from 1.
    pub tolerance: f64,
    /// How many terms are negative. That is nothing bad. From logits, terms and divergences are not inspected.
    pub negative_terms: usize,
    /// The most negative term and its index, the class axis included; of several the lowest index.
    pub most_negative_term: Option<(Vec<usize>, f64)>,
    /// How many divergences are negative, as [`PerDistribution`](crate::PerDistribution) returns them.
    pub negative_divergences: usize,
    /// The first negative divergence and its index.
    pub first_negative_divergence: Option<(Vec<usize>, f64)>,
    /// The report of the input.
    pub input: OperandReport,
    /// The report of the target.
    pub target: OperandReport,
    /// What the figures look like, if they look like a known mistake.
    pub likely_causes: Vec<LikelyCause>,
}

impl Diagnosis {
    /// Whether both operands are what they should be.
    #[must_use]
    pub fn is_proper(&self) -> bool {
        self.input.improper == 0 && self.target.improper == 0
    }

    /// Negative terms / all terms; 0 where there are none.
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
    /// What it should hold.
    pub holds: Target,
    /// How many of its distributions are improper.
    pub improper: usize,
    /// The first improper distribution.
    pub first: Option<Offender>,
    /// The improper distribution whose mass is farthest from 1; of several the first. NaN is farther than anything.
    pub worst: Option<Offender>,
    /// How many of its numbers no such distribution has: t < 0, or x > tolerance.
    pub out_of_range: usize,
    /// How many of its numbers are NaN.
    pub nan: usize,
    /// How many of its numbers are +∞.
    pub plus_infinity: usize,
    /// How many of its numbers are −∞, which a log-probability or a logit may be.
    pub minus_infinity: usize,
    /// How many of its distributions are −∞ alone. Their loss from logits is NaN.
    pub only_minus_infinity: usize,
}

/// An improper distribution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Offender {
    /// Its index, the class axis left out.
    pub index: Vec<usize>,
    /// The sum of its probabilities; of logits that have no softmax, NaN.
    pub mass: f64,
}
