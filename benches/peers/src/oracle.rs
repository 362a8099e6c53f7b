//! What is right, in `f64`, and how far off an answer is.

use ndarray::{Array, Dimension, Zip};

use crate::common::Problem;
use crate::common::logits::{TEMPERATURE, log_softmax};
use crate::contender::Answer;
use crate::job::Job;

/// Twice as many digits: the sum and what it lost.
#[derive(Clone, Copy, Default)]
struct Sum(f64, f64);

impl Sum {
    /// Knuth's two-sum.
    fn add(self, term: f64) -> Sum {
        let sum = self.0 + term;
        let part = sum - self.0;
        Sum(sum, self.1 + ((self.0 - (sum - part)) + (term - part)))
    }

    fn of(terms: impl IntoIterator<Item = f64>) -> f64 {
        let Sum(sum, lost) = terms.into_iter().fold(Sum::default(), Sum::add);
        sum + lost
    }
}

/// A number of an array, and the larger of the two that it is the difference of.
struct Part {
    right: f64,
    size: f32,
}

#[derive(Default)]
pub struct Expected {
    value: Option<f64>,
    array: Vec<Part>,
}

impl Expected {
    pub fn of<D: Dimension>(problem: &Problem<f32, D>, job: Job) -> Expected {
        match job {
            Job::Probability => of_pair(problem, job, |x, t| t * (t.ln() - x)),
            Job::LogTarget => of_pair(problem, job, |x, y| y.exp() * (y - x)),
            Job::Pointwise => terms(problem),
            Job::Logits | Job::LogitsGradient => of_logits(problem, job),
        }
    }

    /// In units in the last place of `f32`: the error of the loss in ulp of itself, or the largest of the array's
    /// in ulp of the larger part of each number, whichever is more. Infinite where something is missing.
    pub fn error(&self, found: &Answer) -> f64 {
        let of_value = match (self.value, found.value) {
            (Some(right), Some(found)) => (found - right).abs() / ulp(right),
            (None, _) => 0.0,
            (Some(_), None) => f64::INFINITY,
        };
        let numbers = found.array.as_deref().unwrap_or_default();
        if numbers.len() != self.array.len() {
            return f64::INFINITY;
        }
        let of_part = |(part, &found): (&Part, &f32)| {
            (f64::from(found) - part.right).abs() / ulp(part.size.into())
        };
        let of_array = self.array.iter().zip(numbers).map(of_part).fold(0.0, larger);
        larger(of_value, of_array)
    }
}

/// NaN is as wrong as can be.
fn larger(worst: f64, error: f64) -> f64 {
    if error.is_nan() { f64::INFINITY } else { worst.max(error) }
}

/// The distance of `f32`s at a number.
fn ulp(number: f64) -> f64 {
    2.0_f64.powi((number.abs().log2().floor() as i32).max(-126) - 23)
}

fn rows<D: Dimension>(problem: &Problem<f32, D>) -> f64 {
    problem.operands.input.shape()[0] as f64
}

fn of_pair<D: Dimension>(
    problem: &Problem<f32, D>,
    job: Job,
    term: impl Fn(f64, f64) -> f64,
) -> Expected {
    let (x, t) = problem.operands.slices(job.target());
    let sum = Sum::of(x.iter().zip(t).map(|(&x, &t)| term(x.into(), t.into())));
    Expected { value: Some(sum / rows(problem)), array: Vec::new() }
}

fn terms<D: Dimension>(problem: &Problem<f32, D>) -> Expected {
    let (x, t) = problem.operands.slices(Job::Pointwise.target());
    let part = |(&x, &t): (&f32, &f32)| {
        let (x, t) = (f64::from(x), f64::from(t));
        Part { right: t * (t.ln() - x), size: (t * t.ln()).abs().max((t * x).abs()) as f32 }
    };
    Expected { value: None, array: x.iter().zip(t).map(part).collect() }
}

fn of_logits<D: Dimension>(problem: &Problem<f32, D>, job: Job) -> Expected {
    let (student, teacher) = problem.operands.pair(job.target());
    let soft = |logits: &Array<f32, D>| log_softmax(&logits.mapv(f64::from), problem.axis);
    let (log_q, log_p) = (soft(student), soft(teacher));
    let mut sum = Sum::default();
    // Σp·(e^(−D) − 1 + D) = Σp·D, without cancellation.
    Zip::from(&log_q)
        .and(&log_p)
        .for_each(|&x, &y| sum = sum.add(y.exp() * ((x - y).exp_m1() + y - x)));
    let value = Some((sum.0 + sum.1) / rows(problem));
    if job == Job::Logits {
        return Expected { value, array: Vec::new() };
    }
    let scale = TEMPERATURE * rows(problem);
    let part = |(&x, &y): (&f64, &f64)| {
        let (q, p) = (x.exp() / scale, y.exp() / scale);
        Part { right: q - p, size: q.max(p) as f32 }
    };
    Expected { value, array: log_q.iter().zip(&log_p).map(part).collect() }
}
