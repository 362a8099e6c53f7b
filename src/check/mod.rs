//! What a batch is made of: whether its operands are distributions, and if not, where and why.

mod cause;
mod look;
mod masses;
mod side;
mod survey;
mod text;

pub use cause::LikelyCause;
pub(crate) use cause::{Evidence, likely_causes};
pub(crate) use look::{Look, Tally};
pub(crate) use masses::{COLUMNS, Masses};
pub(crate) use side::{Numbers, Side};
pub(crate) use survey::{LANES, Survey, lanes_of_a_block, weighted};

use crate::target::Target;

/// What [`Batch::diagnose`](crate::Batch::diagnose) found. `Display` says it in a few sentences.
///
/// An index of a distribution is its position with the class axis left out. Distributions of weight 0
/// are skipped and counted nowhere but in [`skipped`](Self::skipped); weights change nothing else.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// How many distributions were looked at.
    pub distributions: usize,
    /// How many were not, since their weight is 0.
    pub skipped: usize,
    /// The number of classes.
    pub classes: usize,
    /// How far a mass may be from 1.
    pub tolerance: f64,
    /// How many terms are negative. That is nothing bad. From logits terms and divergences are not
    /// looked at.
    pub negative_terms: usize,
    /// The most negative term and its index, the class axis included; of several the lowest index.
    pub most_negative_term: Option<(Vec<usize>, f64)>,
    /// How many divergences are negative, as [`PerDistribution`](crate::PerDistribution) returns them.
    pub negative_divergences: usize,
    /// The first of them and its index.
    pub first_negative_divergence: Option<(Vec<usize>, f64)>,
    /// Of the input: log-probabilities, or logits (see [`OperandReport::holds`]).
    pub input: OperandReport,
    /// Of the target.
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

/// What an operand holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// Probabilities: t ≥ 0 with |Σt − 1| ≤ tolerance.
    Probabilities,
    /// Log-probabilities: x ≤ tolerance with |Σeˣ − 1| ≤ tolerance.
    LogProbabilities,
    /// Logits: none is NaN or +∞, and not all are −∞, so that the softmax is not NaN.
    Logits,
}

impl From<Target> for Holds {
    fn from(target: Target) -> Holds {
        match target {
            Target::Logits => Holds::Logits,
            Target::Probabilities => Holds::Probabilities,
            Target::LogProbabilities => Holds::LogProbabilities,
        }
    }
}

/// Whether an operand holds what it should.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OperandReport {
    /// What it should hold.
    pub holds: Holds,
    /// How many of its distributions are none.
    pub improper: usize,
    /// The first of them.
    pub first: Option<Offender>,
    /// The one whose mass is farthest from 1, NaN being farther than anything; of several the first.
    pub worst: Option<Offender>,
    /// How many of its numbers no such distribution has: t < 0, or x > tolerance.
    pub out_of_range: usize,
    /// NaN.
    pub nan: usize,
    /// +∞.
    pub plus_infinity: usize,
    /// −∞, which is what a log-probability or a logit may be.
    pub minus_infinity: usize,
    /// Distributions of nothing but −∞, whose loss from logits is NaN.
    pub only_minus_infinity: usize,
}

/// A distribution that is none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Offender {
    /// Which.
    pub index: Vec<usize>,
    /// The sum of its probabilities; of logits that have no softmax, NaN.
    pub mass: f64,
}

impl Offender {
    /// How far its mass is from 1: NaN farther than ∞, as `total_cmp` has it.
    fn distance(&self) -> f64 {
        (self.mass - 1.0).abs()
    }
}
