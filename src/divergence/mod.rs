//! Divergences: what one class contributes, and its derivatives. One file implements one [`Formula`](formula::Formula).
//!
//! Every loss here is a sum Σ F(p, D) over the classes, with p the target's probability, q the model's, and
//! D = ln p − ln q. A [`Source`](source::Source) makes p, q and D of the numbers of the operands.
//!
//! One principle decides every special value: 0 · ±∞ = 0, derivatives at 0 are one-sided limits, there is no epsilon, and
//! NaN comes through.

mod equal_weights;
mod formula;
mod forward;
mod jensen_shannon;
mod reversed;
mod setting;
mod skew;
mod source;
mod symmetric;
#[cfg(test)]
pub(crate) mod tests;
mod total_variation;

pub(crate) use formula::{Forms, Formula, Pair};
pub use setting::Divergence;
pub(crate) use setting::Work;
pub(crate) use source::{Between, Kernel, LogProbabilities, Probabilities};
