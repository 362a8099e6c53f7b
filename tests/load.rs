//! A lot of work: many distributions, many classes, many threads. Nothing differs.
//!
//! What takes longer than a few seconds is ignored: `cargo test --release --test load -- --ignored`.

mod common;

use std::thread;

use common::{Number, Random, bits};
use kldiv::{
    AnyReduction, DistributionMean, Divergence, KLDivLoss, KLDivWithLogitsLoss, Mean, Partial,
    PerDistribution, Sum,
};
use ndarray::{Array2, Axis, arr0};
use rayon::ThreadPoolBuilder;

/// Logarithms of two distributions a row, and probabilities.
fn pairs(rows: usize, classes: usize) -> [Array2<f32>; 2] {
    let mut random = Random(rows as u64);
    let mut normal = || {
        let mut all = Array2::from_shape_simple_fn((rows, classes), || random.unit() as f32 + 0.01);
        all.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
        all
    };
    [normal().ln(), normal()]
}

/// The same partial result so many times.
fn times(one: &Partial, mut count: u64) -> Partial {
    let (mut power, mut all) = (one.clone(), Partial::default());
    while count > 0 {
        if count % 2 == 1 {
            all.merge(&power);
        }
        power.merge(&power.clone());
        count /= 2;
    }
    all
}

/// `copies` times a block of two classes, in one call and in one call for each copy.
fn many_distributions(rows: usize, copies: usize) {
    let [log_q, p] = pairs(rows, 2);
    let criterion = KLDivLoss::new(DistributionMean);
    let block = || criterion.batch(&log_q, &p).unwrap().partial().unwrap();
    let expected = times(&block(), copies as u64);
    let mut merged = Partial::default();
    (0..copies).for_each(|_| merged.merge(&block()));
    assert_eq!(merged, expected);
    // The copies are an axis of stride 0.
    let [log_q, p] = [&log_q, &p].map(|block| block.broadcast((copies, rows, 2)).unwrap());
    let all = criterion.axis(Axis(2)).batch(&log_q, &p).unwrap().partial().unwrap();
    assert_eq!(all.distributions(), (copies * rows) as u64);
    // Rows are not compared: axis 0 has the copies.
    let numbers = |partial: &Partial| {
        let mean: f64 = criterion.finish(partial).unwrap();
        let sum: f64 = KLDivLoss::new(Sum).finish(partial).unwrap();
        bits(&[mean, sum, partial.min(), partial.max(), partial.mean(), partial.standard_error()])
    };
    assert_eq!(numbers(&all), numbers(&merged));
    assert!(all.mean() > 0.0 && all.min() <= all.mean() && all.mean() <= all.max());
}

#[test]
fn ten_million_distributions_of_two_classes() {
    many_distributions(1 << 17, 77);
}

#[test]
#[ignore = "takes a minute"]
fn a_thousand_million_distributions_of_two_classes() {
    many_distributions(1_000_000, 1000);
}

/// One distribution of n equal classes, of which memory holds one: each class of q has e⁻¹ of what p gives it, so the divergence is 1.
fn many_classes<A: Number>(classes: usize) {
    let share = (classes as f64).recip();
    let (x, y, p) = (share.ln() - 1.0, share.ln(), share);
    let [x, y, p] = [x, y, p].map(|number| arr0(A::of(number)));
    let [x, y, p] = [&x, &y, &p].map(|one| one.broadcast(classes).unwrap());
    // What rounding ln p makes of it.
    let expected = share * classes as f64 * (A::of(share).to().ln() - x[0].to());
    let near = |found: f64, expected: f64, what: &str| {
        // Of a lane sixteen sums in `f64` are added up, one class after the other, each of which is rounded.
        let rounding = classes as f64 / 16.0 * f64::EPSILON / 2.0;
        let bound = (1e2 * A::EPSILON + rounding) * expected.abs();
        assert!((found - expected).abs() <= bound, "{what}: {found}, not {expected}");
    };
    let criterion = KLDivLoss::new(Sum);
    let sum = criterion.forward(&x, &p).unwrap();
    near(sum.to(), expected, "probabilities");
    let lane = KLDivLoss::new(PerDistribution).forward(&x, &p).unwrap();
    near(lane.into_scalar().to(), expected, "a lane");
    let of_log = y[0].to().exp() * classes as f64 * (y[0].to() - x[0].to());
    near(criterion.log_target(true).forward(&x, &y).unwrap().to(), of_log, "log-probabilities");
    // Equal logits are equal, however many there are.
    let logits = KLDivWithLogitsLoss::new(Sum);
    assert_eq!(logits.forward(&x, &y).unwrap().to(), 0.0);
    let partial = criterion.batch(&x, &p).unwrap().partial().unwrap();
    assert_eq!(partial.distributions(), 1);
    assert_eq!(criterion.finish::<A::Loss>(&partial).unwrap().bits(), sum.bits());
    let mean = KLDivLoss::new(Mean).forward(&x, &p).unwrap();
    near(mean.to(), expected / classes as f64, "mean");
}

#[test]
fn sixteen_million_classes() {
    many_classes::<f32>((1 << 24) + 3);
    many_classes::<f64>((1 << 22) + 1);
}

/// More than an `i32` counts.
#[test]
#[ignore = "takes a minute"]
fn two_to_the_31_classes() {
    many_classes::<f32>(1 << 31);
    many_classes::<f64>((1 << 31) + 17);
}

/// The answers of a few hundred criteria, small batches and one that is shared among threads.
fn all_answers(small: &[Array2<f32>; 2], large: &[Array2<f32>; 2]) -> Vec<Vec<u64>> {
    let mut answers = Vec::new();
    for step in 0..50 {
        let share = 0.01 + f64::from(step) / 60.0;
        let divergences = [
            Divergence::Forward,
            Divergence::Symmetric(share),
            Divergence::JensenShannon(share),
            Divergence::Skew(share),
        ];
        for divergence in divergences {
            let reduction = AnyReduction::SumOver(1.0 + share);
            let criterion = KLDivLoss::new(reduction).divergence(divergence);
            let [x, p] = small;
            let (loss, gradient) = criterion.value_and_grad(x, p).unwrap();
            answers.push(bits(loss.iter().chain(&gradient)));
            let logits = KLDivWithLogitsLoss::new(Sum).divergence(divergence).temperature(share);
            answers.push(bits([&logits.forward(x, p).unwrap()]));
        }
    }
    let [x, p] = large;
    let (loss, gradient) = KLDivLoss::new(Mean).value_and_grad(x, p).unwrap();
    answers.push(bits([loss].iter().chain(&gradient)));
    answers
}

/// 64 threads, each with 400 criteria: without a pool of their own, all in one pool, and each in its own.
#[test]
fn hundreds_of_criteria_from_64_threads() {
    let (small, large) = (pairs(7, 33), pairs(600, 100));
    let expected = all_answers(&small, &large);
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(3);
    let ways: [&(dyn Fn() -> Vec<Vec<u64>> + Sync); 3] =
        [&|| all_answers(&small, &large), &|| one.install(|| all_answers(&small, &large)), &|| {
            pool(2).install(|| all_answers(&small, &large))
        }];
    for way in ways {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(way)).collect();
            for thread in threads {
                assert!(thread.join().unwrap() == expected);
            }
        });
    }
}
