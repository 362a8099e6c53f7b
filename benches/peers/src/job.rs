//! What is computed.

use crate::common::Target;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Job {
    Probability,
    LogTarget,
    Pointwise,
    Logits,
    LogitsGradient,
}

impl Job {
    pub const ALL: [Job; 5] =
        [Job::Probability, Job::LogTarget, Job::Pointwise, Job::Logits, Job::LogitsGradient];

    /// Those that are done in a precision: `f64` is spared the longest.
    pub fn done_in(precision: &str) -> &'static [Job] {
        if precision == "f32" { &Job::ALL } else { &Job::ALL[..4] }
    }

    pub fn is_batch_mean(self) -> bool {
        matches!(self, Job::Probability | Job::LogTarget)
    }

    /// The name in files, and in those of Python.
    pub fn id(self) -> &'static str {
        match self {
            Job::Probability => "batchmean",
            Job::LogTarget => "batchmean-log",
            Job::Pointwise => "pointwise",
            Job::Logits => "logits",
            Job::LogitsGradient => "logits-gradient",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Job::Probability => "batchmean, probability target",
            Job::LogTarget => "batchmean, log target",
            Job::Pointwise => "pointwise into a new array, probability target",
            Job::Logits => "batchmean from logits, T = 2",
            Job::LogitsGradient => "batchmean and its gradient from logits, T = 2",
        }
    }

    /// Which of the targets it reads; log-probabilities are as good logits as any.
    pub fn target(self) -> Target {
        match self {
            Job::Probability | Job::Pointwise => Target::Probability,
            Job::LogTarget | Job::Logits | Job::LogitsGradient => Target::LogProbability,
        }
    }

    /// Whether as much is written as an operand holds.
    pub fn writes(self) -> bool {
        matches!(self, Job::Pointwise | Job::LogitsGradient)
    }
}
