//! The loss from logits beside the roofline, the loops that people write, and this crate's own parts.
//!
//! ```sh
//! cargo bench --bench logits                                       # criterion
//! KLDIV_TABLE=1 cargo bench --bench logits                         # a table, roofline and ours in turn
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench --bench logits # another shape
//! ```
//!
//! Throughput counts the two operands, read once; every answer is compared with one in `f64` before
//! anything is timed. `RAYON_NUM_THREADS` sets the threads.

mod timed;

use std::hint::black_box;

use criterion::{Criterion, SamplingMode};
use kldiv::{BatchMean, Divergence, KLDivLoss};
use kldiv_bench::rounds::Timed;
use kldiv_bench::{Given, Measure, Number, Problem, Shape, Target, Task, table};
use ndarray::Dimension;

const VALUE: Task = Task { divergence: Divergence::Forward, given: Given::Logits, gradient: false };
const GRADIENT: Task = Task { gradient: true, ..VALUE };

fn main() {
    kldiv_bench::measure(&mut Table, &mut Timing(timed::criterion()));
}

struct Table;

impl Measure for Table {
    fn start(&mut self) {
        table::print_header("by hand");
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        let mut problem = Problem::<A, D>::new(shape);
        let [value, gradient] = [VALUE, GRADIENT]
            .map(|task| task.check(&shape.name, &mut problem) * A::epsilon().into());
        let read = |problem: &mut Problem<A, D>| problem.read(Target::LogProbability);
        let write = |problem: &mut Problem<A, D>| problem.read_and_write(Target::LogProbability);
        let mut row = |work: &str, loops: [Timed<'_, Problem<A, D>, A>; 3], error: f64| {
            let times = table::medians(&mut problem, loops);
            table::print_row::<A>(shape, "logits", work, times, error);
        };
        let ours = &|problem: &mut Problem<A, D>| VALUE.ours(problem);
        row("value", [ours, &read, &Problem::logits_by_hand], value);
        row("value, own parts by hand", [ours, &read, &parts_value], value);
        let ours = &|problem: &mut Problem<A, D>| GRADIENT.ours(problem);
        row("value and gradient", [ours, &write, &Problem::gradient_by_hand], gradient);
    }
}

struct Timing(Criterion);

impl Measure for Timing {
    fn finish(&mut self) {
        self.0.final_summary();
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        let mut problem = Problem::<A, D>::new(shape);
        let mut group = self.0.benchmark_group(format!("logits {} {}", shape.name, A::NAME));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(timed::throughput::<A>(shape.elements()));
        for task in [VALUE, GRADIENT] {
            task.check(&shape.name, &mut problem);
        }
        let mut time = |name: &str, work: &dyn Fn(&mut Problem<A, D>) -> A| {
            group.bench_function(name, |bencher| bencher.iter(|| work(black_box(&mut problem))));
        };
        time("read", &|problem| problem.read(Target::LogProbability));
        time("read, write", &|problem| problem.read_and_write(Target::LogProbability));
        time("value by hand", &Problem::logits_by_hand);
        time("value of own parts", &parts_value);
        time("value", &|problem| VALUE.ours(problem));
        time("value and gradient by hand", &Problem::gradient_by_hand);
        time("value and gradient", &|problem| GRADIENT.ours(problem));
        group.finish();
    }
}

/// log-softmax of both, then this crate's loss from log-probabilities.
fn parts_value<A: Number, D: Dimension>(problem: &mut Problem<A, D>) -> A {
    let (log_q, log_p) = problem.both_log_softmax();
    let criterion = KLDivLoss::new(BatchMean).axis(problem.axis).log_target(true);
    criterion.forward(&log_q, &log_p).expect("operands that fit")
}
