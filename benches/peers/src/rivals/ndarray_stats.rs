//! ndarray-stats: one number, from probabilities.

use ndarray::Dimension;
use ndarray_stats::EntropyExt;

use super::probabilities;
use crate::contender::{Contenders, value};
use crate::job::Job;
use kldiv_bench::{Number, Problem, Target};

pub fn of<A: Number, D: Dimension + 'static>(
    job: Job,
    problem: &Problem<A, D>,
) -> Contenders<A, D> {
    if job != Job::Probability {
        return Vec::new();
    }
    let q = probabilities(problem);
    vec![value("ndarray-stats", move |problem: &mut Problem<A, D>| {
        let (_, p) = problem.operands.pair(Target::Probability);
        p.kl_divergence(&q).expect("operands that fit") / A::of(p.shape()[0] as f64)
    })]
}
