//! NumKong: a kernel for a row of probabilities, here on rayon.

use ndarray::Dimension;
use numkong::KullbackLeibler;
use rayon::prelude::*;

use super::probabilities;
use crate::common::{Problem, Target};
use crate::contender::{Contenders, value};
use crate::job::Job;

pub fn of<D: Dimension + 'static>(job: Job, problem: &Problem<f32, D>) -> Contenders<D> {
    if job != Job::Probability {
        return Vec::new();
    }
    let q = probabilities(problem);
    let rows = q.shape()[0];
    let row = q.len() / rows;
    vec![value("NumKong, rayon", move |problem: &mut Problem<f32, D>| {
        let (_, p) = problem.operands.slices(Target::Probability);
        let q = q.as_slice().expect("standard layout");
        let divergence = |(p, q)| f32::kullbackleibler(p, q).expect("rows of one length");
        p.par_chunks(row).zip(q.par_chunks(row)).map(divergence).sum::<f64>() / rows as f64
    })]
}
