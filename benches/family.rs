//! The family of divergences beside the forward divergence and the roofline, in `f32`.
//!
//! ```sh
//! cargo bench --bench family                                       # criterion
//! KLDIV_TABLE=1 cargo bench --bench family                         # a table, roofline and ours in turn
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench --bench family # another shape
//! ```
//!
//! Batch means from log-probabilities and from logits at τ = 2, and the latter with the gradient in a reused
//! buffer. Throughput counts the two operands, read once; every answer is compared with one in `f64` before anything
//! is timed. `RAYON_NUM_THREADS` sets the threads.

mod timed;

use std::hint::black_box;

use criterion::{Criterion, SamplingMode};
use kldiv::Divergence;
use kldiv_bench::{Given, Measure, Number, Problem, Shape, Target, Task, table};
use ndarray::Dimension;

const FAMILY: [Divergence; 6] = [
    Divergence::Forward,
    Divergence::Reverse,
    Divergence::JensenShannon(0.5),
    Divergence::Skew(0.1),
    Divergence::Symmetric(0.5),
    Divergence::TotalVariation,
];

fn main() {
    kldiv_bench::measure(&mut Table, &mut Timed(timed::criterion()));
}

/// The tasks of one kind: of a probability target only the first two.
fn tasks() -> impl Iterator<Item = Vec<Task>> {
    let kinds = [
        (Given::Pair(Target::Probability), false),
        (Given::Pair(Target::LogProbability), false),
        (Given::Logits, false),
        (Given::Logits, true),
    ];
    kinds.into_iter().map(|(given, gradient)| {
        let count = if given == Given::Pair(Target::Probability) { 2 } else { FAMILY.len() };
        let task = |&divergence| Task { divergence, given, gradient };
        FAMILY[..count].iter().map(task).collect()
    })
}

struct Table;

impl Measure for Table {
    fn start(&mut self) {
        table::print_header("forward");
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        if A::NAME != "f32" {
            return;
        }
        let mut problem = Problem::<A, D>::new(shape);
        for task in tasks().flatten() {
            let error = task.check(&shape.name, &mut problem) * A::epsilon().into();
            let first = Task { divergence: Divergence::Forward, ..task };
            let ours = |problem: &mut Problem<A, D>| task.ours(problem);
            let roofline = |problem: &mut Problem<A, D>| task.roofline(problem);
            let forward = |problem: &mut Problem<A, D>| first.ours(problem);
            let times = table::medians(&mut problem, [&ours, &roofline, &forward]);
            let [target, asked] = task.names();
            let asked = format!("{}, {asked}", task.divergence);
            table::print_row::<A>(shape, target, &asked, times, error);
        }
    }
}

struct Timed(Criterion);

impl Measure for Timed {
    fn finish(&mut self) {
        self.0.final_summary();
    }

    fn shape<A: Number, D: Dimension>(&mut self, shape: &Shape) {
        if A::NAME != "f32" {
            return;
        }
        let mut problem = Problem::<A, D>::new(shape);
        for task in tasks().flatten() {
            task.check(&shape.name, &mut problem);
        }
        let mut group = self.0.benchmark_group(format!("family {}", shape.name));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(timed::throughput::<A>(shape.elements()));
        for kind in tasks() {
            let mut time = |task: Task, name: &str, work: &dyn Fn(&mut Problem<A, D>) -> A| {
                let [target, asked] = task.names();
                let name = format!("{target}, {asked}, {name}");
                group
                    .bench_function(name, |bencher| bencher.iter(|| work(black_box(&mut problem))));
            };
            time(kind[0], "roofline", &|problem| kind[0].roofline(problem));
            for task in kind {
                time(task, &task.divergence.to_string(), &|problem| task.ours(problem));
            }
        }
        group.finish();
    }
}
