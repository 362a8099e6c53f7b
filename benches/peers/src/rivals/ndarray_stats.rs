//! ndarray-stats: one number, from probabilities.

use ndarray::Dimension;
use ndarray_stats::EntropyExt;

use super::probabilities;
use crate::common::{Problem, Target};
use crate::contender::{Contenders, value};
use crate::job::Job;

pub fn of<D: Dimension + 'static>(job: Job, problem: &Problem<f32, D>) -> Contenders<D> {
    if job != Job::Probability {
        return Vec::new();
    }
    let q = probabilities(problem);
    vec![value("ndarray-stats", move |problem: &mut Problem<f32, D>| {
        let (_, p) = problem.operands.pair(Target::Probability);
        p.kl_divergence(&q).expect("operands that fit") / p.shape()[0] as f32
    })]
}
