//! What is right, in twice the digits of `f64`, and how far off an answer is.

use kldiv_bench::double::Double;
use kldiv_bench::oracle::{Oracle, Slope, slopes};
use kldiv_bench::{Number, Problem, Target, Task};
use ndarray::Dimension;
use rayon::prelude::*;

use crate::contender::Answer;
use crate::job::Job;

/// What a number should be.
#[derive(Clone, Copy, Default)]
struct Right {
    value: f64,
    low: f32,
    /// What its error is counted in.
    ulp: f32,
}

impl Right {
    /// In units in the last place of `A` at so large a number.
    fn of<A: Number>(Double(value, low): Double, size: f64) -> Right {
        Right { value, low: low as f32, ulp: ulp::<A>(size).max(f32::MIN_POSITIVE.into()) as f32 }
    }

    fn error(&self, found: f64) -> f64 {
        ((found - self.value) - f64::from(self.low)).abs() / f64::from(self.ulp)
    }
}

/// The distance of numbers of a precision.
fn ulp<A: Number>(number: f64) -> f64 {
    let least: f64 = A::min_positive_value().into();
    number.abs().max(least).log2().floor().exp2() * A::epsilon().into()
}

#[derive(Default)]
pub struct Expected {
    value: Option<Right>,
    array: Vec<Right>,
}

impl Expected {
    pub fn of<A: Number, D: Dimension>(problem: &Problem<A, D>, job: Job) -> Expected {
        if job == Job::Pointwise { of_terms(problem) } else { of_mean(problem, job.task()) }
    }

    /// In units in the last place of the precision: the error of the loss in ulp of itself, or the largest of the
    /// array's in ulp of the larger part of each number, whichever is more. Infinite where something is missing.
    pub fn error(&self, found: &Answer) -> f64 {
        let of_value = match (&self.value, found.value) {
            (Some(right), Some(found)) => right.error(found),
            (None, _) => 0.0,
            (Some(_), None) => f64::INFINITY,
        };
        let numbers = found.array.as_deref().unwrap_or_default();
        if numbers.len() != self.array.len() {
            return f64::INFINITY;
        }
        let errors = self.array.par_iter().zip(numbers).map(|(right, &found)| right.error(found));
        errors.map(known).reduce(|| known(of_value), f64::max)
    }
}

/// NaN is as wrong as can be.
fn known(error: f64) -> f64 {
    if error.is_nan() { f64::INFINITY } else { error }
}

fn of_terms<A: Number, D: Dimension>(problem: &Problem<A, D>) -> Expected {
    let (x, t) = problem.operands.slices(Target::Probability);
    let right = |(&x, &t): (&A, &A)| {
        let (x, p): (f64, f64) = (x.into(), t.into());
        let log_p = Double::from(p).ln();
        let value = Double::from(p) * (log_p - x.into());
        Right::of::<A>(value, (p * log_p.0).abs().max((p * x).abs()))
    };
    let pairs = x.par_iter().zip(t).with_min_len(1 << 12);
    Expected { value: None, array: pairs.map(right).collect() }
}

/// The batch mean, and its gradient where it is written.
fn of_mean<A: Number, D: Dimension>(problem: &Problem<A, D>, task: Task) -> Expected {
    let mean = Oracle::new(task, problem).mean;
    let mut array = Vec::new();
    if task.gradient {
        array = vec![Right::default(); problem.output.len()];
        let lanes: Vec<_> = slopes(task, problem).collect();
        for Slope { place, right, size } in lanes.into_iter().flatten() {
            array[place] = Right::of::<A>(right, size);
        }
    }
    Expected { value: Some(Right::of::<A>(mean, mean.0)), array }
}
