//! This crate.

use kldiv::{BatchMean, KLDivLoss, KLDivWithLogitsLoss, Pointwise};
use ndarray::Dimension;

use super::OURS;
use crate::common::logits::TEMPERATURE;
use crate::common::{Number, Problem, Target, Work};
use crate::contender::{Contenders, array, both, value, written};
use crate::job::Job;

pub const REUSED: &str = "kldiv, buffer reused";

pub fn of<A: Number, D: Dimension + 'static>(job: Job) -> Contenders<A, D> {
    match job {
        Job::Probability | Job::LogTarget => {
            vec![value(OURS, move |problem: &mut Problem<A, D>| {
                problem.ours(Work::BatchMean, job.target())
            })]
        }
        Job::Pointwise => vec![
            array(OURS, |problem: &mut Problem<A, D>| {
                let (x, t) = problem.operands.pair(Target::Probability);
                KLDivLoss::new(Pointwise)
                    .axis(problem.axis)
                    .forward(x, t)
                    .expect("fitting operands")
            }),
            written(REUSED, |problem: &mut Problem<A, D>| {
                problem.ours(Work::Pointwise, Target::Probability);
                None
            }),
        ],
        Job::Logits => vec![value(OURS, Problem::<A, D>::logits_value)],
        Job::LogitsGradient => vec![
            both(OURS, |problem: &mut Problem<A, D>| {
                let (student, teacher) = problem.operands.pair(Target::LogProbability);
                let loss = KLDivWithLogitsLoss::new(BatchMean).axis(problem.axis);
                let loss = loss.temperature(TEMPERATURE);
                loss.value_and_grad(student, teacher).expect("fitting operands")
            }),
            written(REUSED, |problem: &mut Problem<A, D>| Some(problem.logits_with_gradient())),
        ],
    }
}
