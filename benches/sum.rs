//! What exact sums cost: beside a plain loop in `f64`, and a whole loss beside its partial result.
//!
//! ```sh
//! cargo bench --bench sum
//! KLDIV_SHAPE=512x32000 cargo bench --bench sum # as many distributions of as many classes
//! ```
//!
//! A sum over distributions is reached through the public face: a batch of one class, whose terms are its
//! divergences. "read" is the roofline. Throughput counts the two operands, read once. `RAYON_NUM_THREADS` sets the threads.

mod timed;

use std::env;
use std::hint::black_box;

use criterion::Criterion;
use kldiv::{KLDivLoss, Partial, PerDistribution, Sum};
use kldiv_bench::{Shape, roofline};
use ndarray::{Array1, Array2};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Elements of each operand, small without optimisation.
const ELEMENTS: usize = if cfg!(debug_assertions) { 10_000 } else { 4_000_000 };

fn main() {
    let mut criterion = timed::criterion();
    for [distributions, classes] in shapes() {
        losses(&mut criterion, distributions, classes);
    }
    merges(&mut criterion);
    criterion.final_summary();
}

/// Distributions and classes.
fn shapes() -> Vec<[usize; 2]> {
    if env::var_os("KLDIV_SHAPE").is_none() {
        return [1, 10, 100, 1000].map(|classes| [ELEMENTS / classes, classes]).to_vec();
    }
    let flat = |shape: Shape| {
        let classes = shape.lengths[shape.axis];
        [shape.elements() / classes, classes]
    };
    Shape::chosen().into_iter().map(flat).collect()
}

fn operands(distributions: usize, classes: usize) -> [Array2<f32>; 2] {
    let mut random = SmallRng::seed_from_u64(1951);
    [(-8.0, 0.0), (0.0, 1.0)].map(|(low, high)| {
        let uniform = Uniform::new(low, high).expect("a range");
        Array2::random_using((distributions, classes), uniform, &mut random)
    })
}

/// The divergences summed plainly, summed exactly, and as a partial result.
fn losses(criterion: &mut Criterion, distributions: usize, classes: usize) {
    let [log_q, p] = operands(distributions, classes);
    let mut divergences = Array1::zeros(log_q.nrows());
    let each = KLDivLoss::new(PerDistribution);
    let each = each.batch(&log_q, &p).expect("operands that fit");
    let all = KLDivLoss::new(Sum).batch(&log_q, &p).expect("operands that fit");
    let mut plain = || {
        each.forward_into(&mut divergences).expect("room for all");
        divergences.iter().map(|&divergence| f64::from(divergence)).sum::<f64>()
    };
    let exact = || all.forward().expect("a sum");
    let partial = || all.partial().expect("a sum");
    let error = plain() / f64::from(exact()) - 1.0;
    assert!(error.abs() < 1e-6, "{error}");
    assert!((partial().mean() * log_q.nrows() as f64 / f64::from(exact()) - 1.0).abs() < 1e-6);

    let mut group = criterion.benchmark_group(format!("{} x {classes} f32", log_q.nrows()));
    group.throughput(timed::throughput::<f32>(log_q.len()));
    let (x, t) = (log_q.as_slice().expect("in order"), p.as_slice().expect("in order"));
    group.bench_function("read", |bencher| bencher.iter(|| roofline::read(x, t)));
    group.bench_function("divergences, plain f64 sum", |bencher| bencher.iter(&mut plain));
    group.bench_function("exact sum", |bencher| bencher.iter(exact));
    group.bench_function("partial result", |bencher| bencher.iter(partial));
    group.finish();
}

/// What is done with partial results.
fn merges(criterion: &mut Criterion) {
    let [log_q, p] = operands(1000, 10);
    let batch = KLDivLoss::new(Sum).batch(&log_q, &p).expect("operands that fit");
    let partial = batch.partial().expect("a sum");
    let (words, extremes) = (partial.to_words(), partial.extremes());
    assert_eq!(Partial::from_words(&words, extremes).as_ref(), Ok(&partial));
    let mut sum = Partial::default();
    let mut group = criterion.benchmark_group("partial results");
    group.bench_function("merge", |bencher| bencher.iter(|| sum.merge(black_box(&partial))));
    group.bench_function("to words", |bencher| bencher.iter(|| black_box(&partial).to_words()));
    group.bench_function("from words", |bencher| {
        bencher.iter(|| Partial::from_words(black_box(&words), extremes));
    });
    group.bench_function("standard error", |bencher| {
        bencher.iter(|| black_box(&partial).standard_error());
    });
    group.finish();
}
