//! What is right, in twice the digits of `f64`, and how far off an answer is.

use std::ops::Add;

use ndarray::{Array, ArrayView1, Dimension, Zip};
use rayon::prelude::*;

use crate::common::family::Reference;
use crate::common::logits::TEMPERATURE;
use crate::common::{Number, Problem};
use crate::contender::Answer;
use crate::double::Double;
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
        match job {
            _ if !job.is_forward() => of_other(problem, job),
            Job::Probability | Job::LogTarget(_) => of_pair(problem, job),
            Job::Pointwise => of_terms(problem, job),
            Job::Logits(_) | Job::LogitsGradient(_) => of_logits(problem, job),
        }
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

/// The batch mean.
fn mean<A: Number, D: Dimension>(problem: &Problem<A, D>, sum: Double) -> Option<Right> {
    let value = sum.over(rows(problem).into());
    Some(Right::of::<A>(value, value.0))
}

fn rows<A: Number, D: Dimension>(problem: &Problem<A, D>) -> f64 {
    problem.operands.input.shape()[0] as f64
}

/// The probability, its logarithm, and their term.
#[derive(Clone, Copy)]
struct Term {
    p: Double,
    log_p: Double,
    value: Double,
}

impl Term {
    fn of(job: Job, x: f64, t: f64) -> Term {
        let (p, log_p) = match job {
            Job::Probability | Job::Pointwise => (t.into(), Double::from(t).ln()),
            _ => (Double::from(t).exp(), t.into()),
        };
        Term { p, log_p, value: p * (log_p - x.into()) }
    }
}

fn each<A: Number, D: Dimension>(
    problem: &Problem<A, D>,
    job: Job,
) -> impl IndexedParallelIterator<Item = (f64, Term)> {
    let (x, t) = problem.operands.slices(job.target());
    let pairs = x.par_iter().zip(t).with_min_len(1 << 12);
    pairs.map(move |(&x, &t)| (x.into(), Term::of(job, x.into(), t.into())))
}

fn of_pair<A: Number, D: Dimension>(problem: &Problem<A, D>, job: Job) -> Expected {
    let sum = each(problem, job).map(|(_, term)| term.value).reduce(Double::default, Double::add);
    Expected { value: mean(problem, sum), array: Vec::new() }
}

fn of_terms<A: Number, D: Dimension>(problem: &Problem<A, D>, job: Job) -> Expected {
    let right = |(x, Term { p, log_p, value }): (f64, Term)| {
        Right::of::<A>(value, (p.0 * log_p.0).abs().max((p.0 * x).abs()))
    };
    Expected { value: None, array: each(problem, job).map(right).collect() }
}

/// The softmaxes of a lane, as e^(z/τ) and what to divide them by, and its divergence.
struct Lane {
    of_student: Double,
    of_teacher: Double,
    divergence: Double,
}

impl Lane {
    fn of<A: Number>(student: ArrayView1<A>, teacher: ArrayView1<A>) -> Lane {
        let (mut of_student, mut of_teacher, mut sum) = <(Double, Double, Double)>::default();
        for (&x, &y) in student.iter().zip(teacher) {
            let (x, y) = (scaled(x), scaled(y));
            let p = y.exp();
            of_student = of_student + x.exp();
            of_teacher = of_teacher + p;
            sum = sum + p * (y - x);
        }
        let divergence = sum.over(of_teacher) + of_student.ln() - of_teacher.ln();
        Lane { of_student, of_teacher, divergence }
    }

    /// q − p over a divisor.
    fn slope<A: Number>(&self, x: A, y: A, divisor: f64) -> Right {
        let part = |z: A, total| scaled(z).exp().over(total).over(divisor.into());
        let (q, p) = (part(x, self.of_student), part(y, self.of_teacher));
        Right::of::<A>(q - p, q.0.max(p.0))
    }
}

fn scaled<A: Number>(logit: A) -> Double {
    Double::from(logit.into()).over(TEMPERATURE.into())
}

fn of_logits<A: Number, D: Dimension>(problem: &Problem<A, D>, job: Job) -> Expected {
    let (student, teacher) = problem.operands.pair(job.target());
    let lanes = Zip::from(student.lanes(problem.axis)).and(teacher.lanes(problem.axis));
    let lanes = lanes.par_map_collect(Lane::of);
    let sum = lanes.iter().fold(Double::default(), |sum, lane| sum + lane.divergence);
    let value = mean(problem, sum);
    if !job.writes() {
        return Expected { value, array: Vec::new() };
    }
    let divisor = TEMPERATURE * rows(problem);
    let mut slopes = Array::from_elem(student.raw_dim(), Right::default());
    Zip::from(slopes.lanes_mut(problem.axis))
        .and(student.lanes(problem.axis))
        .and(teacher.lanes(problem.axis))
        .and(&lanes)
        .par_for_each(|out, student, teacher, lane| {
            let each = Zip::from(out).and(student).and(teacher);
            each.for_each(|out, &x, &y| *out = lane.slope(x, y, divisor));
        });
    Expected { value, array: slopes.into_iter().collect() }
}

/// Another divergence, in `f64`: `f32` is all that it is measured in.
fn of_other<A: Number, D: Dimension>(problem: &Problem<A, D>, job: Job) -> Expected {
    let divergence = job.divergence();
    let reference = match job {
        Job::Logits(_) | Job::LogitsGradient(_) => Reference::of_logits(problem),
        _ => Reference::of_pair(problem, job.target()),
    };
    let value = reference.value(divergence);
    let value = Some(Right::of::<A>(value.into(), value));
    if !job.writes() {
        return Expected { value, array: Vec::new() };
    }
    let numbers = reference.gradient(divergence).into_raw_vec_and_offset().0.into_par_iter();
    let right = |(number, size): (f64, f64)| Right::of::<A>(number.into(), size);
    Expected { value, array: numbers.zip(reference.sizes()).map(right).collect() }
}
