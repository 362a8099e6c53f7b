//! This crate.

use kldiv::{KLDivLoss, Pointwise};
use ndarray::Dimension;

use super::OURS;
use crate::contender::{Contenders, array, both, value, written};
use crate::job::Job;
use kldiv_bench::{Number, Problem, Target, Work};

pub const REUSED: &str = "kldiv, buffer reused";

pub fn of<A: Number, D: Dimension + 'static>(job: Job) -> Contenders<A, D> {
    match job {
        Job::Probability | Job::LogTarget(_) => {
            vec![value(OURS, move |problem: &mut Problem<A, D>| job.task().ours(problem))]
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
        Job::Logits(_) => {
            vec![value(OURS, move |problem: &mut Problem<A, D>| job.task().ours(problem))]
        }
        Job::LogitsGradient(divergence) => vec![
            both(OURS, move |problem: &mut Problem<A, D>| {
                let (student, teacher) = problem.logits();
                let loss = problem.criterion().divergence(divergence);
                loss.value_and_grad(student, teacher).expect("fitting operands")
            }),
            written(REUSED, move |problem: &mut Problem<A, D>| Some(job.task().ours(problem))),
        ],
    }
}
