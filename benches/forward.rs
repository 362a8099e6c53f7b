//! Ours beside the roofline and the loops that people write.
//!
//! ```sh
//! cargo bench --bench forward                                       # criterion
//! KLDIV_TABLE=1 cargo bench --bench forward                         # a table, roofline and ours in turn
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench --bench forward # another shape
//! ```
//!
//! Throughput counts the two operands, read once. "read" and "read, write" are the rooflines; every answer is
//! compared with a naive one in `f64` before anything is timed. `RAYON_NUM_THREADS` sets the threads.

mod timed;

use std::hint::black_box;

use criterion::{Criterion, SamplingMode};
use kldiv_bench::{Measure, Number, Problem, Shape, Target, Work, table};
use ndarray::{Dimension, Zip};

fn main() {
    kldiv_bench::measure(&mut Table, &mut Timed(timed::criterion()));
}

struct Table;

impl Measure for Table {
    fn start(&mut self) {
        table::print_header("by hand");
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        print_rows::<A, D>(shape);
    }
}

struct Timed(Criterion);

impl Measure for Timed {
    fn finish(&mut self) {
        self.0.final_summary();
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        let mut problem = Problem::<A, D>::new(shape);
        let mut group = self.0.benchmark_group(format!("{} {}", shape.name, A::NAME));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(timed::throughput::<A>(shape.elements()));
        for target in Target::ALL {
            check(&mut problem, &shape.name, target);
        }
        let mut time = |name: &str, work: &dyn Fn(&mut Problem<A, D>) -> A| {
            group.bench_function(name, |bencher| bencher.iter(|| work(black_box(&mut problem))));
        };
        time("read", &|problem| problem.read(Target::Probability));
        time("read, write", &|problem| problem.read_and_write(Target::Probability));
        for target in Target::ALL {
            let name = target.name();
            time(&format!("{name}, batchmean by rows"), &|problem| {
                problem.by_hand_in_parallel(target)
            });
            for work in Work::ALL {
                let name = format!("{name}, {}", work.name());
                time(&format!("{name} by hand"), &|problem| problem.by_hand(work, target));
                time(&name, &|problem| problem.ours(work, target));
            }
        }
        group.finish();
    }
}

/// Prints the rows of a shape.
fn print_rows<A: Number, D: Dimension>(shape: &Shape) {
    let mut problem = Problem::<A, D>::new(shape);
    for target in Target::ALL {
        let errors = check(&mut problem, &shape.name, target);
        for (work, error) in Work::ALL.into_iter().zip(errors) {
            let ours = |problem: &mut Problem<A, D>| problem.ours(work, target);
            let by_hand = |problem: &mut Problem<A, D>| problem.by_hand(work, target);
            let roofline = |problem: &mut Problem<A, D>| {
                if work.writes() { problem.read_and_write(target) } else { problem.read(target) }
            };
            let times = table::medians(&mut problem, [&ours, &roofline, &by_hand]);
            table::print_row::<A>(shape, target.name(), work.name(), times, error);
        }
    }
}

/// Two sums: of the terms, and of the magnitudes that their rounding is measured by.
#[derive(Clone, Copy, Default)]
struct Sums {
    value: f64,
    carry: f64,
    magnitude: f64,
}

impl Sums {
    fn of(x: f64, t: f64, target: Target) -> Sums {
        let (p, log_p) = match target {
            Target::Probability => (t, if t > 0.0 { t.ln() } else { 0.0 }),
            Target::LogProbability => (t.exp(), t),
        };
        let magnitude = (p * log_p).abs().max((p * x).abs());
        Sums { value: p * (log_p - x), carry: 0.0, magnitude }
    }

    /// Kahan's sum.
    fn add(&mut self, other: Sums) {
        let value = other.value - self.carry;
        let sum = self.value + value;
        self.carry = (sum - self.value) - value;
        self.value = sum;
        self.magnitude += other.magnitude;
    }

    fn error(self, found: impl Into<f64>) -> f64 {
        (found.into() - self.value).abs() / self.magnitude.max(f64::MIN_POSITIVE)
    }
}

/// The largest error of this crate's answer in each work of [`Work::ALL`], relative to the sum of
/// max(|t·ln t|, |t·x|), and that of the batch means by hand. Panics where an answer of ours is wrong.
fn check<A: Number, D: Dimension>(
    problem: &mut Problem<A, D>,
    name: &str,
    target: Target,
) -> [f64; 4] {
    let rows = problem.operands.input.shape()[0] as f64;
    let mut total = Sums::default();
    problem.ours(Work::PerDistribution, target);
    let mut lanes = 0.0_f64;
    let ((x, t), axis) = (problem.operands.pair(target), problem.axis);
    Zip::from(&problem.divergences).and(x.lanes(axis)).and(t.lanes(axis)).for_each(
        |&found, x, t| {
            let mut sums = Sums::default();
            for (&x, &t) in x.iter().zip(t) {
                sums.add(Sums::of(x.into(), t.into(), target));
            }
            lanes = lanes.max(sums.error(found));
            total.add(sums);
        },
    );
    let mean = |loss: A| total.error(loss.into() * rows);
    let hand = [problem.by_hand(Work::BatchMean, target), problem.by_hand_in_parallel(target)];
    let errors = [
        mean(problem.ours(Work::BatchMean, target)),
        lanes,
        worst(problem, Work::Pointwise, target, |x, t, found| Sums::of(x, t, target).error(found)),
        worst(problem, Work::ValueAndGrad, target, |_, t, found| {
            let p = if target == Target::Probability { t } else { t.exp() };
            (found * rows + p).abs() / p
        })
        .max(mean(problem.ours(Work::ValueAndGrad, target))),
    ];
    eprintln!(
        "{name}, {}, {}: error {:.0e} batchmean, {:.0e} per distribution, {:.0e} pointwise, \
         {:.0e} gradient; by hand {:.0e}, by rows {:.0e}",
        A::NAME,
        target.name(),
        errors[0],
        errors[1],
        errors[2],
        errors[3],
        mean(hand[0]),
        mean(hand[1]),
    );
    let allowed = 8.0 * A::epsilon().into();
    assert!(errors.iter().all(|&error| error <= allowed), "{name}: more than {allowed:.0e}");
    errors
}

/// The largest error of an output element, given x, t and what was found.
fn worst<A: Number, D: Dimension>(
    problem: &mut Problem<A, D>,
    work: Work,
    target: Target,
    error: impl Fn(f64, f64, f64) -> f64,
) -> f64 {
    problem.output.fill(A::nan());
    problem.ours(work, target);
    let (x, t) = problem.operands.pair(target);
    Zip::from(&problem.output).and(x).and(t).fold(0.0, |worst: f64, &found, &x, &t| {
        let error = error(x.into(), t.into(), found.into());
        if error <= worst { worst } else { error }
    })
}
