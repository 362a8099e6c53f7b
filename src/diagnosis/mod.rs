//! What a batch is made of: whether its operands are distributions, and if not, where and why.

mod cause;
mod text;

pub use cause::LikelyCause;
pub(crate) use cause::likely_causes;

use crate::logits::Target;

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
    /// Of the input, which should hold log-probabilities.
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
    /// Logits, of which nothing is asked.
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
    /// −∞, which is what a log-probability may be.
    pub minus_infinity: usize,
}

/// A distribution that is none.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Offender {
    /// Which.
    pub index: Vec<usize>,
    /// The sum of its probabilities.
    pub mass: f64,
}

impl Offender {
    /// How far its mass is from 1: NaN farther than ∞, as `total_cmp` has it.
    fn distance(&self) -> f64 {
        (self.mass - 1.0).abs()
    }
}

/// An operand, read as log-probabilities or as probabilities.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Distributions that are proper.
    pub proper: usize,
    /// Numbers out of range, and distributions that have some.
    pub out_of_range: usize,
    pub lanes_out_of_range: usize,
    /// The smallest mass and the largest, NaN left out.
    pub lightest: f64,
    pub heaviest: f64,
    pub first: Option<Offender>,
    pub worst: Option<Offender>,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            proper: 0,
            out_of_range: 0,
            lanes_out_of_range: 0,
            lightest: f64::INFINITY,
            heaviest: f64::NEG_INFINITY,
            first: None,
            worst: None,
        }
    }
}

impl Reading {
    /// Notes a distribution.
    pub fn note(
        &mut self,
        mass: f64,
        out_of_range: usize,
        tolerance: f64,
        index: impl Fn() -> Vec<usize>,
    ) {
        self.out_of_range += out_of_range;
        self.lanes_out_of_range += usize::from(out_of_range > 0);
        self.lightest = self.lightest.min(mass);
        self.heaviest = self.heaviest.max(mass);
        if (mass - 1.0).abs() <= tolerance && out_of_range == 0 {
            self.proper += 1;
            return;
        }
        let offender = Offender { index: vec![], mass };
        let is_first = self.first.is_none();
        let is_worst = self
            .worst
            .as_ref()
            .is_none_or(|worst| offender.distance().total_cmp(&worst.distance()).is_gt());
        if is_first || is_worst {
            let offender = Offender { index: index(), mass };
            if is_first {
                self.first = Some(offender.clone());
            }
            if is_worst {
                self.worst = Some(offender);
            }
        }
    }

    /// Adds what was noted of other distributions.
    pub fn merge(&mut self, other: Reading) {
        self.proper += other.proper;
        self.out_of_range += other.out_of_range;
        self.lanes_out_of_range += other.lanes_out_of_range;
        self.lightest = self.lightest.min(other.lightest);
        self.heaviest = self.heaviest.max(other.heaviest);
        let both = self.first.take().into_iter().chain(other.first);
        self.first = both.min_by(|a, b| a.index.cmp(&b.index));
        let both = self.worst.take().into_iter().chain(other.worst);
        self.worst = both.max_by(|a, b| {
            a.distance().total_cmp(&b.distance()).then_with(|| b.index.cmp(&a.index))
        });
    }
}

/// What was found of an operand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    pub nan: usize,
    pub plus_infinity: usize,
    pub minus_infinity: usize,
    pub as_logs: Reading,
    pub as_probabilities: Reading,
}

impl Side {
    /// Adds what was found elsewhere.
    pub fn merge(&mut self, other: Side) {
        self.nan += other.nan;
        self.plus_infinity += other.plus_infinity;
        self.minus_infinity += other.minus_infinity;
        self.as_logs.merge(other.as_logs);
        self.as_probabilities.merge(other.as_probabilities);
    }

    /// As it should be read, and the other way; nothing of logits.
    pub fn readings(&self, holds: Holds) -> Option<[&Reading; 2]> {
        match holds {
            Holds::LogProbabilities => Some([&self.as_logs, &self.as_probabilities]),
            Holds::Probabilities => Some([&self.as_probabilities, &self.as_logs]),
            Holds::Logits => None,
        }
    }

    /// What is said of it.
    pub fn report(&self, holds: Holds, distributions: usize) -> OperandReport {
        let nothing = Reading { proper: distributions, ..Reading::default() };
        let claimed = self.readings(holds).map_or(&nothing, |[claimed, _]| claimed);
        OperandReport {
            holds,
            improper: distributions - claimed.proper,
            first: claimed.first.clone(),
            worst: claimed.worst.clone(),
            out_of_range: claimed.out_of_range,
            nan: self.nan,
            plus_infinity: self.plus_infinity,
            minus_infinity: self.minus_infinity,
        }
    }
}
