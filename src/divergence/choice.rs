//! The divergence as a setting, and the one place where it becomes a static kernel.

use super::{
    Between, Divergence, Forward, GeneralizedForward, Kernel, LogProbabilities, Probabilities,
};
#[cfg(test)]
use super::{jensen_shannon::JensenShannon, reverse::Reverse};

/// A divergence, chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// KL(p ‖ q).
    Forward,
    /// The generalized form of KL(p ‖ q).
    GeneralizedForward,
    /// KL(q ‖ p).
    #[cfg(test)]
    Reverse,
    /// The Jensen–Shannon divergence with the target's weight β.
    #[cfg(test)]
    JensenShannon(f64),
}

/// What is done with a kernel, whichever it is.
pub trait Work {
    /// What it returns.
    type Output;

    /// Does it.
    fn run<K: Kernel>(self, kernel: K) -> Self::Output;
}

impl Choice {
    /// Does `work` with the kernel of this divergence, for a target of log-probabilities or of probabilities.
    #[inline]
    pub fn with_kernel<W: Work>(self, log_target: bool, work: W) -> W::Output {
        match self {
            Choice::Forward => with_source(log_target, Forward, work),
            Choice::GeneralizedForward => with_source(log_target, GeneralizedForward, work),
            #[cfg(test)]
            Choice::Reverse => with_source(log_target, Reverse, work),
            #[cfg(test)]
            Choice::JensenShannon(beta) => with_source(log_target, JensenShannon(beta), work),
        }
    }
}

#[inline]
fn with_source<D: Divergence, W: Work>(log_target: bool, divergence: D, work: W) -> W::Output {
    match log_target {
        true => work.run(Between::<LogProbabilities, D>::new(divergence)),
        false => work.run(Between::<Probabilities, D>::new(divergence)),
    }
}
