//! Divergences: the term of one class and its derivatives.

mod generalized;
mod term;
#[cfg(test)]
mod tests;

pub(crate) use generalized::{GeneralizedLogProbability, GeneralizedProbability};
pub(crate) use term::{LogProbability, Probability, Term};
