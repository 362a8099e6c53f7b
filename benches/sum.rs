//! What exact sums cost: beside a plain loop in `f64`, and a whole loss beside its partial result.
//!
//! ```sh
//! cargo bench --bench sum
//! ```
//!
//! A sum over distributions is reached through the public face: a batch of one class, whose terms are its
//! divergences. Throughput counts the two operands, read once. `RAYON_NUM_THREADS` sets the threads.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use kldiv::{KLDivLoss, Partial, PerDistribution, Sum};
use ndarray::{Array1, Array2};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Elements of each operand, small without optimisation.
const ELEMENTS: usize = if cfg!(debug_assertions) { 10_000 } else { 4_000_000 };

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for classes in [1, 10, 100, 1000] {
        losses(&mut criterion, classes);
    }
    merges(&mut criterion);
    criterion.final_summary();
}

fn operands(classes: usize) -> [Array2<f32>; 2] {
    let mut random = SmallRng::seed_from_u64(1951);
    [(-8.0, 0.0), (0.0, 1.0)].map(|(low, high)| {
        let uniform = Uniform::new(low, high).expect("a range");
        Array2::random_using((ELEMENTS / classes, classes), uniform, &mut random)
    })
}

/// The divergences summed plainly, summed exactly, and as a partial result.
fn losses(criterion: &mut Criterion, classes: usize) {
    let [log_q, p] = operands(classes);
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
    group.throughput(Throughput::Bytes(8 * log_q.len() as u64));
    group.bench_function("divergences, plain f64 sum", |bencher| bencher.iter(&mut plain));
    group.bench_function("exact sum", |bencher| bencher.iter(exact));
    group.bench_function("partial result", |bencher| bencher.iter(partial));
    group.finish();
}

/// What is done with partial results.
fn merges(criterion: &mut Criterion) {
    let [log_q, p] = operands(10);
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
