//! Gradients for both sides, from any upstream, beside the roofline and the loops by hand.
//!
//! ```sh
//! cargo bench --bench gradients
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench --bench gradients # another shape
//! ```
//!
//! All write into buffers that exist. Throughput counts the two operands, read once; "read, write" writes one array
//! beside that. Every answer is compared with one in `f64` before anything is timed. `RAYON_NUM_THREADS` sets the
//! threads.

mod timed;

use std::hint::black_box;

use criterion::{Criterion, SamplingMode};
use kldiv::{BatchMean, Error, KLDivLoss, KLDivWithLogitsLoss, Pointwise};
use kldiv_bench::logits::{TEMPERATURE, log_softmax};
use kldiv_bench::{Measure, Number, Problem, Shape, Target};
use ndarray::{Array, Dimension, Zip};

fn main() {
    kldiv_bench::measure_all(&mut Timed(timed::criterion()));
}

struct Timed(Criterion);

impl Measure for Timed {
    fn finish(&mut self) {
        self.0.final_summary();
    }

    fn shape<A: Number, D: Dimension + 'static>(&mut self, shape: &Shape) {
        let mut both = Both::<A, D>::new(shape);
        both.check(&shape.name);
        let mut group = self.0.benchmark_group(format!("gradients {} {}", shape.name, A::NAME));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(timed::throughput::<A>(shape.elements()));
        let mut time = |name: &str, work: &dyn Fn(&mut Both<A, D>)| {
            group.bench_function(name, |bencher| bencher.iter(|| work(black_box(&mut both))));
        };
        time("read, write", &|both| {
            both.problem.read_and_write(Target::Probability);
        });
        for target in Target::ALL {
            let name = target.name();
            time(&format!("{name}, both by hand"), &|both| both.by_hand(target));
            time(&format!("{name}, both"), &|both| both.of_mean(target, true).expect("a fit"));
            time(&format!("{name}, input"), &|both| both.of_mean(target, false).expect("a fit"));
            time(&format!("{name}, both, upstream of terms"), &|both| {
                both.of_terms(target).expect("a fit");
            });
        }
        time("logits, both", &|both| both.of_logits().expect("a fit"));
        group.finish();
    }
}

/// The gradient of the input is the problem's output; that of the target is kept here.
struct Both<A: Number, D: Dimension> {
    problem: Problem<A, D>,
    target: Array<A, D>,
    upstream: Array<A, D>,
}

impl<A: Number, D: Dimension> Both<A, D> {
    fn new(shape: &Shape) -> Self {
        let problem = Problem::<A, D>::new(shape);
        let dim = problem.output.raw_dim();
        let upstream = Array::from_elem(dim.clone(), A::one() / A::of(shape.lengths[0] as f64));
        Both { problem, target: Array::zeros(dim), upstream }
    }

    fn of_mean(&mut self, target: Target, both: bool) -> Result<(), Error> {
        let Problem { operands, output, axis, .. } = &mut self.problem;
        let (x, t) = operands.pair(target);
        let loss = KLDivLoss::new(BatchMean).axis(*axis);
        let loss = loss.log_target(target == Target::LogProbability);
        let d_target = if both { Some(&mut *self.target) } else { None };
        loss.batch(x, t)?.backward_into(&A::one(), Some(&mut *output), d_target)
    }

    /// The same gradients, the upstream an array.
    fn of_terms(&mut self, target: Target) -> Result<(), Error> {
        let Problem { operands, output, axis, .. } = &mut self.problem;
        let (x, t) = operands.pair(target);
        let loss = KLDivLoss::new(Pointwise).axis(*axis);
        let batch = loss.log_target(target == Target::LogProbability).batch(x, t)?;
        batch.backward_into(&self.upstream, Some(&mut *output), Some(&mut *self.target))
    }

    fn of_logits(&mut self) -> Result<(), Error> {
        let Problem { operands, output, axis, .. } = &mut self.problem;
        let (student, teacher) = operands.pair(Target::LogProbability);
        let loss = KLDivWithLogitsLoss::new(BatchMean).axis(*axis).temperature(TEMPERATURE);
        let batch = loss.batch(student, teacher)?;
        batch.backward_into(&A::one(), Some(&mut *output), Some(&mut *self.target))
    }

    fn by_hand(&mut self, target: Target) {
        let Problem { operands, output, .. } = &mut self.problem;
        let (x, t) = operands.pair(target);
        let rate = A::one() / A::of(x.shape()[0] as f64);
        let zip = Zip::from(output).and(&mut self.target).and(x).and(t);
        match target {
            Target::Probability => zip.for_each(|d_x, d_t, &x, &t| {
                (*d_x, *d_t) = (-t * rate, (t.ln() + A::one() - x) * rate);
            }),
            Target::LogProbability => zip.for_each(|d_x, d_y, &x, &y| {
                let p = y.exp();
                (*d_x, *d_y) = (-p * rate, p * (y - x + A::one()) * rate);
            }),
        }
    }

    fn check(&mut self, name: &str) {
        let mut worst = 0.0_f64;
        for target in Target::ALL {
            self.of_mean(target, true).expect("a fit");
            worst = worst.max(self.error(target));
            self.of_terms(target).expect("a fit");
            worst = worst.max(self.error(target));
        }
        self.of_logits().expect("a fit");
        let of_logits = self.error_of_logits();
        eprintln!("{name}, {}, gradients: error {worst:.0e}, logits {of_logits:.0e}", A::NAME);
        let epsilon = A::epsilon().into();
        assert!(worst <= 8.0 * epsilon && of_logits <= 128.0 * epsilon, "{name}: wrong");
    }

    /// The largest error, relative to the largest part of each number.
    fn error(&self, target: Target) -> f64 {
        let (x, t) = self.problem.operands.pair(target);
        let rows = x.shape()[0] as f64;
        let zip = Zip::from(&self.problem.output).and(&self.target).and(x).and(t);
        zip.fold(0.0, |worst: f64, &d_x, &d_t, &x, &t| {
            let (d_x, d_t): (f64, f64) = (d_x.into(), d_t.into());
            let (x, t): (f64, f64) = (x.into(), t.into());
            let (p, log_p, scale) = match target {
                Target::Probability => (t, t.ln(), 1.0),
                Target::LogProbability => (t.exp(), t, t.exp()),
            };
            let of_input = (d_x * rows + p).abs() / p;
            let size = scale * log_p.abs().max(x.abs()).max(1.0);
            let of_target = (d_t * rows - scale * (log_p + 1.0 - x)).abs() / size;
            larger(larger(worst, of_input), of_target)
        })
    }

    /// The largest error of either side, relative to the largest number of it.
    fn error_of_logits(&self) -> f64 {
        let (student, teacher) = self.problem.operands.pair(Target::LogProbability);
        let axis = self.problem.axis;
        let soft = |logits: &Array<A, D>| log_softmax(&logits.mapv(|z| z.into()), axis);
        let (log_q, log_p): (Array<f64, D>, Array<f64, D>) = (soft(student), soft(teacher));
        let scale = TEMPERATURE * student.shape()[0] as f64;
        let of_student =
            Zip::from(&log_q).and(&log_p).map_collect(|x, y| (x.exp() - y.exp()) / scale);
        let mut of_teacher = Array::<f64, D>::zeros(log_p.raw_dim());
        let lanes = Zip::from(of_teacher.lanes_mut(axis)).and(log_q.lanes(axis));
        lanes.and(log_p.lanes(axis)).for_each(|out, x, y| {
            let divergence = x.iter().zip(y).map(|(x, y)| y.exp() * (y - x)).sum::<f64>();
            let slope = |out: &mut f64, x: &f64, y: &f64| {
                *out = y.exp() * (y - x - divergence) / scale;
            };
            Zip::from(out).and(x).and(y).for_each(slope);
        });
        let sides = [(&self.problem.output, &of_student), (&self.target, &of_teacher)];
        sides.into_iter().map(|(found, right)| relative(found, right)).fold(0.0, larger)
    }
}

fn relative<A: Number, D: Dimension>(found: &Array<A, D>, right: &Array<f64, D>) -> f64 {
    let size = right.fold(0.0, |size: f64, right| size.max(right.abs()));
    Zip::from(found)
        .and(right)
        .fold(0.0, |worst: f64, &found, &right| larger(worst, (found.into() - right).abs() / size))
}

/// NaN is as wrong as can be.
fn larger(worst: f64, error: f64) -> f64 {
    if error <= worst { worst } else { error }
}
