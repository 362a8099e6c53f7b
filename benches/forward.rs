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

mod common;
#[path = "common/timed.rs"]
mod timed;

use std::hint::black_box;

use common::{Measure, Number, Problem, Shape, Target, Work, table};
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
        table::print_rows::<A, D>(shape);
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
            problem.check(&shape.name, target);
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
