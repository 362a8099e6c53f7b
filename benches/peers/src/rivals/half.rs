//! This crate on the same numbers in 16 bits.

use kldiv::{BatchMean, Element, KLDivLoss};
use ndarray::{Array, Dimension};

use super::OURS;
use crate::contender::{Contenders, value};
use crate::job::Job;
use kldiv_bench::{Number, Problem, Target};

/// The batch mean, which must be that of the same numbers in `f32`.
pub fn of<H, A, D>(job: Job, problem: &Problem<A, D>) -> Contenders<A, D>
where
    H: Element<Loss = f32> + Into<f32>,
    A: Number,
    D: Dimension + 'static,
{
    let log = job.target() == Target::LogProbability;
    let criterion = KLDivLoss::new(BatchMean).axis(problem.axis).log_target(log);
    let (x, t) = problem.operands.pair(job.target());
    let narrow = |array: &Array<A, D>| array.mapv(|number| H::narrow(number.into()));
    let (x, t) = (narrow(x), narrow(t));
    let wide = criterion.forward(&x.mapv(H::into), &t.mapv(H::into));
    assert_eq!(criterion.forward(&x, &t), wide);
    vec![value(OURS, move |_| criterion.forward(&x, &t).expect("operands that fit"))]
}
