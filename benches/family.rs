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

mod common;
#[path = "common/timed.rs"]
mod timed;

use std::hint::black_box;

use common::family::Reference;
use common::{Measure, Number, Problem, Shape, Target, table};
use criterion::{Criterion, SamplingMode};
use kldiv::Divergence;
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
    common::measure(&mut Table, &mut Timed(timed::criterion()));
}

/// From what, and what is asked for.
#[derive(Clone, Copy)]
enum Work {
    Value(Target),
    LogitsValue,
    LogitsGradient,
}

impl Work {
    const ALL: [Work; 4] = [
        Work::Value(Target::Probability),
        Work::Value(Target::LogProbability),
        Work::LogitsValue,
        Work::LogitsGradient,
    ];

    /// Of a probability target only the first two.
    fn divergences(self) -> &'static [Divergence] {
        if let Work::Value(Target::Probability) = self { &FAMILY[..2] } else { &FAMILY }
    }

    /// The target, and what is asked for.
    fn names(self) -> [&'static str; 2] {
        match self {
            Work::Value(target) => [target.name(), "value"],
            Work::LogitsValue => ["logits", "value"],
            Work::LogitsGradient => ["logits", "value and gradient"],
        }
    }

    fn ours<A: Number, D: Dimension>(
        self,
        problem: &mut Problem<A, D>,
        divergence: Divergence,
    ) -> A {
        match self {
            Work::Value(target) => problem.divergence(divergence, target),
            Work::LogitsValue => problem.logits_divergence(divergence),
            Work::LogitsGradient => problem.logits_divergence_with_gradient(divergence),
        }
    }

    fn roofline<A: Number, D: Dimension>(self, problem: &mut Problem<A, D>) -> A {
        match self {
            Work::Value(target) => problem.read(target),
            Work::LogitsValue => problem.read(Target::LogProbability),
            Work::LogitsGradient => problem.read_and_write(Target::LogProbability),
        }
    }

    fn reference<A: Number, D: Dimension>(self, problem: &Problem<A, D>) -> Reference<D> {
        match self {
            Work::Value(target) => Reference::of_pair(problem, target),
            Work::LogitsValue | Work::LogitsGradient => Reference::of_logits(problem),
        }
    }

    /// The errors of ours, relative: that of the value, or the gradient's where that is larger. Panics where they are
    /// wrong.
    fn check<A: Number, D: Dimension>(self, name: &str, problem: &mut Problem<A, D>) -> Vec<f64> {
        let reference = self.reference(problem);
        let [target, asked] = self.names();
        let allowed = 32.0 * A::epsilon().into();
        let error = |&divergence: &Divergence| {
            problem.output.fill(A::nan());
            let value = self.ours(problem, divergence).into() / reference.value(divergence) - 1.0;
            let gradient = match self {
                Work::LogitsGradient => reference.error_of_gradient(divergence, &problem.output),
                _ => 0.0,
            };
            let is_right = value.abs() <= allowed && gradient <= allowed;
            assert!(is_right, "{name}, {target}, {divergence}: {value:.0e}, {gradient:.0e}");
            value.abs().max(gradient)
        };
        let errors: Vec<f64> = self.divergences().iter().map(error).collect();
        let worst = errors.iter().copied().fold(0.0, f64::max);
        eprintln!("{name}, {}, {target}, {asked}: error {worst:.0e}", A::NAME);
        errors
    }
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
        for work in Work::ALL {
            let errors = work.check(&shape.name, &mut problem);
            for (&divergence, error) in work.divergences().iter().zip(errors) {
                let ours = |problem: &mut Problem<A, D>| work.ours(problem, divergence);
                let roofline = |problem: &mut Problem<A, D>| work.roofline(problem);
                let forward = |problem: &mut Problem<A, D>| work.ours(problem, Divergence::Forward);
                let times = table::medians(&mut problem, [&ours, &roofline, &forward]);
                let [target, asked] = work.names();
                let asked = format!("{divergence}, {asked}");
                table::print_row::<A>(shape, target, &asked, times, error);
            }
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
        let mut group = self.0.benchmark_group(format!("family {}", shape.name));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(timed::throughput::<A>(shape.elements()));
        for work in Work::ALL {
            work.check(&shape.name, &mut problem);
            let [target, asked] = work.names();
            let mut time = |name: &str, work: &dyn Fn(&mut Problem<A, D>) -> A| {
                let name = format!("{target}, {asked}, {name}");
                group
                    .bench_function(name, |bencher| bencher.iter(|| work(black_box(&mut problem))));
            };
            time("roofline", &|problem| work.roofline(problem));
            for &divergence in work.divergences() {
                time(&divergence.to_string(), &|problem| work.ours(problem, divergence));
            }
        }
        group.finish();
    }
}
