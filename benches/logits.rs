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

mod common;
#[path = "common/timed.rs"]
mod timed;

use std::hint::black_box;

use common::{Measure, Number, Problem, Shape, Target, table};
use criterion::{Criterion, SamplingMode};
use ndarray::Dimension;

fn main() {
    common::measure(&mut Table, &mut Timed(timed::criterion()));
}

struct Table;

impl Measure for Table {
    fn start(&mut self) {
        table::print_header("by hand");
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        let mut problem = Problem::<A, D>::new(shape);
        let [value, gradient] = problem.check_logits(&shape.name);
        let read = |problem: &mut Problem<A, D>| problem.read(Target::LogProbability);
        let write = |problem: &mut Problem<A, D>| problem.read_and_write(Target::LogProbability);
        let mut row = |work: &str, loops: table::Loops<'_, Problem<A, D>, A>, error: f64| {
            let times = table::medians(&mut problem, loops);
            table::print_row::<A>(shape, "logits", work, times, error);
        };
        let ours = &Problem::logits_value;
        row("value", [ours, &read, &Problem::logits_by_hand], value);
        row("value, own parts by hand", [ours, &read, &Problem::parts_value], value);
        let ours = &Problem::logits_with_gradient;
        row("value and gradient", [ours, &write, &Problem::gradient_by_hand], gradient);
    }
}

struct Timed(Criterion);

impl Measure for Timed {
    fn finish(&mut self) {
        self.0.final_summary();
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        let mut problem = Problem::<A, D>::new(shape);
        let mut group = self.0.benchmark_group(format!("logits {} {}", shape.name, A::NAME));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(timed::throughput::<A>(shape.elements()));
        problem.check_logits(&shape.name);
        let mut time = |name: &str, work: &dyn Fn(&mut Problem<A, D>) -> A| {
            group.bench_function(name, |bencher| bencher.iter(|| work(black_box(&mut problem))));
        };
        time("read", &|problem| problem.read(Target::LogProbability));
        time("read, write", &|problem| problem.read_and_write(Target::LogProbability));
        time("value by hand", &Problem::logits_by_hand);
        time("value of own parts", &Problem::parts_value);
        time("value", &Problem::logits_value);
        time("value and gradient by hand", &Problem::gradient_by_hand);
        time("value and gradient", &Problem::logits_with_gradient);
        group.finish();
    }
}
