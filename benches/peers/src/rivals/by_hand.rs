//! What people write with ndarray.

use ndarray::{Array, ArrayView1, Dimension, Zip};

use crate::contender::{Contenders, array, value, written};
use crate::job::Job;
use kldiv_bench::by_hand::term;
use kldiv_bench::logits::TEMPERATURE;
use kldiv_bench::{Number, Problem, Target, Work};

pub const NAME: &str = "ndarray, Zip";
const MAPV: &str = "ndarray, mapv";
const RAYON: &str = "ndarray, rayon";

pub fn of<A: Number, D: Dimension + 'static>(job: Job) -> Contenders<A, D> {
    match job {
        Job::Probability | Job::LogTarget(_) => vec![
            value(MAPV, move |problem| mapv(problem, job.target()).sum() / rows(problem)),
            value(NAME, move |problem: &mut Problem<A, D>| {
                problem.by_hand(Work::BatchMean, job.target())
            }),
            value(RAYON, move |problem: &mut Problem<A, D>| {
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
        Job::Logits(_) => vec![
            value(NAME, Problem::logits_by_hand),
            value(RAYON, |problem: &mut Problem<A, D>| {
                let (student, teacher) = problem.operands.pair(Target::LogProbability);
                let lanes = Zip::from(student.lanes(problem.axis)).and(teacher.lanes(problem.axis));
                let sum = lanes.par_fold(
                    A::zero,
                    |sum, student, teacher| sum + Lane::of(student, teacher).divergence(),
                    |a, b| a + b,
                );
                sum / rows(problem)
            }),
        ],
        Job::LogitsGradient(_) => vec![
            written(NAME, |problem| Some(problem.gradient_by_hand())),
            written(RAYON, |problem| Some(gradient_in_parallel(problem))),
        ],
    }
}

fn rows<A: Number, D: Dimension>(problem: &Problem<A, D>) -> A {
    A::of(problem.operands.input.shape()[0] as f64)
}

/// An array for each operation.
fn mapv<A: Number, D: Dimension>(problem: &Problem<A, D>, target: Target) -> Array<A, D> {
    let (x, t) = problem.operands.pair(target);
    match target {
        Target::Probability => (t.mapv(A::ln) - x) * t,
        Target::LogProbability => t.mapv(A::exp) * (t - x),
    }
}

/// The scores of one distribution, and the logarithms of their sums.
struct Lane<'a, A> {
    student: ArrayView1<'a, A>,
    teacher: ArrayView1<'a, A>,
    totals: [A; 2],
}

impl<'a, A: Number> Lane<'a, A> {
    fn of(student: ArrayView1<'a, A>, teacher: ArrayView1<'a, A>) -> Self {
        let rate = A::of(TEMPERATURE);
        let totals = [student, teacher].map(|lane| {
            let peak = lane.fold(A::neg_infinity(), |peak, &z| peak.max(z)) / rate;
            peak + lane.fold(A::zero(), |sum, &z| sum + (z / rate - peak).exp()).ln()
        });
        Lane { student, teacher, totals }
    }

    fn divergence(&self) -> A {
        let rate = A::of(TEMPERATURE);
        let [of_student, of_teacher] = self.totals;
        Zip::from(self.student).and(self.teacher).fold(A::zero(), |sum, &student, &teacher| {
            let (x, y) = (student / rate - of_student, teacher / rate - of_teacher);
            sum + y.exp() * (y - x)
        })
    }
}

fn gradient_in_parallel<A: Number, D: Dimension>(problem: &mut Problem<A, D>) -> A {
    let (rate, rows, axis) = (A::of(TEMPERATURE), rows(problem), problem.axis);
    let (student, teacher) = problem.operands.pair(Target::LogProbability);
    let lanes =
        Zip::from(problem.output.lanes_mut(axis)).and(student.lanes(axis)).and(teacher.lanes(axis));
    let sum = lanes.par_fold(
        A::zero,
        |sum, out, student, teacher| {
            let lane = Lane::of(student, teacher);
            let [of_student, of_teacher] = lane.totals;
            Zip::from(out).and(student).and(teacher).for_each(|out, &student, &teacher| {
                let (q, p) =
                    ((student / rate - of_student).exp(), (teacher / rate - of_teacher).exp());
                *out = (q - p) / (rate * rows);
            });
            sum + lane.divergence()
        },
        |a, b| a + b,
    );
    sum / rows
}
