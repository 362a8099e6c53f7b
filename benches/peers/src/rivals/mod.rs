//! Who takes part. A file for each.

#[cfg(feature = "burn")]
mod burn;
mod by_hand;
#[cfg(feature = "candle")]
mod candle;
pub mod half;
mod ndarray_stats;
#[cfg(feature = "numkong")]
mod numkong;
pub mod ours;

use ndarray::{Array, Dimension};

use crate::contender::Contenders;
use crate::job::Job;
use kldiv_bench::{Number, Problem};

/// This crate's name in the record.
pub const OURS: &str = "kldiv";

pub fn of<A: Number, D: Dimension + 'static>(
    job: Job,
    problem: &Problem<A, D>,
) -> Contenders<A, D> {
    let mut all = ours::of(job);
    if !job.is_forward() {
        return all; // Of the others only those in Python compose it.
    }
    all.extend(by_hand::of(job));
    all.extend(ndarray_stats::of(job, problem));
    #[cfg(feature = "numkong")]
    all.extend(numkong::of(job, problem));
    #[cfg(feature = "candle")]
    all.extend(candle::of(job, problem).expect("operands that fit"));
    #[cfg(feature = "burn")]
    all.extend(burn::of(job, problem));
    all
}

/// How to get who is missing.
pub fn missing() -> Vec<String> {
    let built = [
        ("burn", cfg!(feature = "burn")),
        ("candle", cfg!(feature = "candle")),
        ("numkong", cfg!(feature = "numkong")),
    ];
    let line =
        |(name, _)| format!("{name}: left out of this build; get it with `--features {name}`");
    built.into_iter().filter(|(_, built)| !built).map(line).collect()
}

/// q, for those who take no log-probabilities. Its exponentials are not timed.
fn probabilities<A: Number, D: Dimension>(problem: &Problem<A, D>) -> Array<A, D> {
    problem.operands.input.mapv(A::exp)
}
