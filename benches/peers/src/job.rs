//! What is computed.

use kldiv::Divergence;

use kldiv_bench::{Given, Target, Task};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Job {
    Probability,
    Pointwise,
    LogTarget(Divergence),
    Logits(Divergence),
    LogitsGradient(Divergence),
}

/// The divergences that are measured beside the forward one.
pub const OTHERS: [Divergence; 3] =
    [Divergence::Reverse, Divergence::JensenShannon(0.5), Divergence::Skew(0.1)];

impl Job {
    /// Those of the forward divergence.
    pub const FORWARD: [Job; 5] = [
        Job::Probability,
        Job::LogTarget(Divergence::Forward),
        Job::Pointwise,
        Job::Logits(Divergence::Forward),
        Job::LogitsGradient(Divergence::Forward),
    ];

    /// Those of any divergence.
    pub fn of(divergence: Divergence) -> [Job; 3] {
        [Job::LogTarget(divergence), Job::Logits(divergence), Job::LogitsGradient(divergence)]
    }

    /// Those that are done in a precision: `f64` is spared the longest.
    pub fn done_in(precision: &str) -> Vec<Job> {
        match precision {
            "f32" => Job::FORWARD.into_iter().chain(OTHERS.into_iter().flat_map(Job::of)).collect(),
            _ => Job::FORWARD[..4].to_vec(),
        }
    }

    pub fn divergence(self) -> Divergence {
        match self {
            Job::Probability | Job::Pointwise => Divergence::Forward,
            Job::LogTarget(divergence)
            | Job::Logits(divergence)
            | Job::LogitsGradient(divergence) => divergence,
        }
    }

    /// The same in terms of the library; that of the terms has the sum of them.
    pub fn task(self) -> Task {
        let given = match self {
            Job::Logits(_) | Job::LogitsGradient(_) => Given::Logits,
            _ => Given::Pair(self.target()),
        };
        let gradient = matches!(self, Job::LogitsGradient(_));
        Task { divergence: self.divergence(), given, gradient }
    }

    pub fn is_forward(self) -> bool {
        self.divergence() == Divergence::Forward
    }

    pub fn is_batch_mean(self) -> bool {
        matches!(self, Job::Probability | Job::LogTarget(_))
    }

    /// The name in files, and in those of Python.
    pub fn id(self) -> String {
        let of_forward = match self {
            Job::Probability => "batchmean",
            Job::LogTarget(_) => "batchmean-log",
            Job::Pointwise => "pointwise",
            Job::Logits(_) => "logits",
            Job::LogitsGradient(_) => "logits-gradient",
        };
        match self.divergence() {
            Divergence::Forward => of_forward.to_owned(),
            other => format!("{other}-{of_forward}"),
        }
    }

    pub fn title(self) -> String {
        let of_forward = match self {
            Job::Probability => "batchmean, probability target",
            Job::LogTarget(_) => "batchmean, log target",
            Job::Pointwise => "pointwise into a new array, probability target",
            Job::Logits(_) => "batchmean from logits, T = 2",
            Job::LogitsGradient(_) => "batchmean and its gradient from logits, T = 2",
        };
        match self.divergence() {
            Divergence::Forward => of_forward.to_owned(),
            other => format!("{of_forward}, `{other}`"),
        }
    }

    /// What both sides are given as, and whether the gradient is asked for.
    pub fn operands(self) -> &'static str {
        match self {
            Job::Probability | Job::Pointwise => "probabilities",
            Job::LogTarget(_) => "log-probabilities",
            Job::Logits(_) => "logits",
            Job::LogitsGradient(_) => "logits, gradient",
        }
    }

    /// Which of the targets it reads; log-probabilities are as good logits as any.
    pub fn target(self) -> Target {
        match self {
            Job::Probability | Job::Pointwise => Target::Probability,
            Job::LogTarget(_) | Job::Logits(_) | Job::LogitsGradient(_) => Target::LogProbability,
        }
    }

    /// Whether as much is written as an operand holds.
    pub fn writes(self) -> bool {
        matches!(self, Job::Pointwise | Job::LogitsGradient(_))
    }
}
