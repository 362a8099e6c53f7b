//! What people write with ndarray.

use ndarray::{Array, ArrayView1, Dimension, Zip};

use crate::common::by_hand::term;
use crate::common::logits::TEMPERATURE;
use crate::common::{Problem, Target, Work};
use crate::contender::{Contenders, array, value, written};
use crate::job::Job;

pub const NAME: &str = "ndarray, Zip";
const MAPV: &str = "ndarray, mapv";
const RAYON: &str = "ndarray, rayon";

pub fn of<D: Dimension + 'static>(job: Job) -> Contenders<D> {
    match job {
        Job::Probability | Job::LogTarget => vec![
            value(MAPV, move |problem| mapv(problem, job.target()).sum() / rows(problem)),
            value(NAME, move |problem: &mut Problem<f32, D>| {
                problem.by_hand(Work::BatchMean, job.target())
            }),
            value(RAYON, move |problem: &mut Problem<f32, D>| {
                problem.by_hand_in_parallel(job.target())
            }),
        ],
        Job::Pointwise => vec![
            array(MAPV, |problem| mapv(problem, Target::Probability)),
            array(NAME, |problem| {
                let (x, t) = problem.operands.pair(Target::Probability);
                Zip::from(x).and(t).map_collect(|&x, &t| term(x, t))
            }),
            array(RAYON, |problem| {
                let (x, t) = problem.operands.pair(Target::Probability);
                Zip::from(x).and(t).par_map_collect(|&x, &t| term(x, t))
            }),
        ],
        Job::Logits => vec![
            value(NAME, Problem::logits_by_hand),
            value(RAYON, |problem: &mut Problem<f32, D>| {
                let (student, teacher) = problem.operands.pair(Target::LogProbability);
                let lanes = Zip::from(student.lanes(problem.axis)).and(teacher.lanes(problem.axis));
                let sum = lanes.par_fold(
                    || 0.0,
                    |sum: f32, student, teacher| sum + Lane::of(student, teacher).divergence(),
                    |a, b| a + b,
                );
                sum / rows(problem)
            }),
        ],
        Job::LogitsGradient => vec![
            written(NAME, |problem| Some(problem.gradient_by_hand())),
            written(RAYON, |problem| Some(gradient_in_parallel(problem))),
        ],
    }
}

fn rows<D: Dimension>(problem: &Problem<f32, D>) -> f32 {
    problem.operands.input.shape()[0] as f32
}

/// An array for each operation.
fn mapv<D: Dimension>(problem: &Problem<f32, D>, target: Target) -> Array<f32, D> {
    let (x, t) = problem.operands.pair(target);
    match target {
        Target::Probability => (t.mapv(f32::ln) - x) * t,
        Target::LogProbability => t.mapv(f32::exp) * (t - x),
    }
}

/// The scores of one distribution, and the logarithms of their sums.
struct Lane<'a> {
    student: ArrayView1<'a, f32>,
    teacher: ArrayView1<'a, f32>,
    totals: [f32; 2],
}

impl<'a> Lane<'a> {
    fn of(student: ArrayView1<'a, f32>, teacher: ArrayView1<'a, f32>) -> Self {
        let totals = [student, teacher].map(|lane| {
            let peak = lane.fold(f32::NEG_INFINITY, |peak, &z| peak.max(z)) / T;
            peak + lane.fold(0.0, |sum, &z| sum + (z / T - peak).exp()).ln()
        });
        Lane { student, teacher, totals }
    }

    fn divergence(&self) -> f32 {
        let [of_student, of_teacher] = self.totals;
        Zip::from(self.student).and(self.teacher).fold(0.0, |sum, &student, &teacher| {
            let (x, y) = (student / T - of_student, teacher / T - of_teacher);
            sum + y.exp() * (y - x)
        })
    }
}

const T: f32 = TEMPERATURE as f32;

fn gradient_in_parallel<D: Dimension>(problem: &mut Problem<f32, D>) -> f32 {
    let (rows, axis) = (rows(problem), problem.axis);
    let (student, teacher) = problem.operands.pair(Target::LogProbability);
    let lanes =
        Zip::from(problem.output.lanes_mut(axis)).and(student.lanes(axis)).and(teacher.lanes(axis));
    let sum = lanes.par_fold(
        || 0.0,
        |sum: f32, out, student, teacher| {
            let lane = Lane::of(student, teacher);
            let [of_student, of_teacher] = lane.totals;
            Zip::from(out).and(student).and(teacher).for_each(|out, &student, &teacher| {
                let (q, p) = ((student / T - of_student).exp(), (teacher / T - of_teacher).exp());
                *out = (q - p) / (T * rows);
            });
            sum + lane.divergence()
        },
        |a, b| a + b,
    );
    sum / rows
}
