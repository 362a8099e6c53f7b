//! NumKong: a kernel for a row of probabilities, here on rayon.

use std::any::Any;

use ndarray::{Array, Dimension};
use numkong::KullbackLeibler;
use rayon::prelude::*;

use super::probabilities;
use crate::contender::{Contenders, value};
use crate::job::Job;
use kldiv_bench::{Number, Problem, Target};

pub const NAME: &str = "NumKong, rayon";

pub fn of<A: Number, D: Dimension + 'static>(
    job: Job,
    problem: &Problem<A, D>,
) -> Contenders<A, D> {
    if job != Job::Probability {
        return Vec::new();
    }
    let q = probabilities(problem);
    vec![value(NAME, move |problem: &mut Problem<A, D>| {
        let (_, p) = problem.operands.pair(Target::Probability);
        let mean = mean::<f32, D>(p, &q).or_else(|| mean::<f64, D>(p, &q));
        mean.expect("one of two precisions")
    })]
}

/// If the arrays are of this precision.
fn mean<K, D: Dimension + 'static>(p: &dyn Any, q: &dyn Any) -> Option<f64>
where
    K: KullbackLeibler<Output = f64> + Sync + 'static,
{
    let (p, q): (&Array<K, D>, &Array<K, D>) = (p.downcast_ref()?, q.downcast_ref()?);
    let rows = p.shape()[0];
    let (p, q) = (p.as_slice()?, q.as_slice()?);
    let row = p.len() / rows;
    let divergence = |(p, q)| K::kullbackleibler(p, q).expect("rows of one length");
    Some(p.par_chunks(row).zip(q.par_chunks(row)).map(divergence).sum::<f64>() / rows as f64)
}
