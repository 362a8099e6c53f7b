//! What holds for all operands: the definition, its inequalities and its derivatives.

mod common;

use common::layout::{LAYOUTS, Layout};
use common::oracle::Oracle;
use common::{Number, Random};
use kldiv::{BatchMean, DistributionMean, KLDivLoss, Mean, PerDistribution, Pointwise, Sum};
use ndarray::{Array1, Array2, ArrayD, Axis, Zip};
use proptest::prelude::*;

/// Finite operands and a class axis.
#[derive(Clone, Debug)]
struct Case {
    input: ArrayD<f64>,
    target: ArrayD<f64>,
    axis: usize,
    log_target: bool,
    layout: Layout,
}

/// Rank 1 to 4; log-probabilities to −30, targets of any size, one in ten without mass.
fn cases() -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        8 => prop::collection::vec(1..12_usize, 1..=4),
        1 => (1..5_usize, 60..70_usize).prop_map(|(a, b)| vec![a, b]),
        1 => (1000..1100_usize).prop_map(|classes| vec![classes]),
    ];
    let settings = (shape, any::<u64>(), any::<bool>(), 0..LAYOUTS.len());
    settings.prop_flat_map(|(shape, seed, log_target, layout)| {
        (0..shape.len()).prop_map(move |axis| {
            let mut random = Random(seed);
            let input = ArrayD::from_shape_simple_fn(&shape[..], || -30.0 * random.unit().powi(3));
            let mut mass = || random.unit().powi(4) * f64::from(random.below(10) > 0);
            let target = ArrayD::from_shape_simple_fn(&shape[..], &mut mass);
            let target = if log_target { target.ln() } else { target };
            Case { input, target, axis, log_target, layout: LAYOUTS[layout] }
        })
    })
}

/// A bound of so many roundings, half an ulp each, and what a subnormal result may lose.
fn bound<A: Number>(roundings: f64, size: f64) -> f64 {
    roundings * A::EPSILON / 2.0 * size + 2.0 * A::TINY
}

/// The same for a gradient, which is computed in the type of the loss and rounded once more if it is of
/// another.
fn gradient_bound<A: Number>(roundings: f64, size: f64) -> f64 {
    let last = if A::EPSILON == A::Loss::EPSILON { 0.0 } else { bound::<A>(1.0, size) };
    bound::<A::Loss>(roundings, size) + last
}

fn close(what: &str, ours: &ArrayD<f64>, oracle: &ArrayD<f64>, bounds: &ArrayD<f64>) {
    Zip::from(ours).and(oracle).and(bounds).for_each(|&ours, &oracle, &bound| {
        let good = ours == oracle || (ours - oracle).abs() <= bound;
        assert!(good, "{what}: {ours:e}, not {oracle:e} to {bound:e}");
    });
}

/// The case in a type's numbers, of a layout of its own.
fn check_oracle<A: Number>(case: &Case) {
    let [input, target] = [&case.input, &case.target].map(|array| array.mapv(A::of));
    let oracle = Oracle::new(&input, &target, case.log_target);
    let stores = [case.layout.store(&input), case.layout.store(&target)];
    let [x, t] = stores.each_ref().map(|store| case.layout.view(store));
    let axis = Axis(case.axis);
    let terms = KLDivLoss::new(Pointwise).axis(axis).log_target(case.log_target);
    let ones = ArrayD::from_elem(input.raw_dim(), A::Loss::of(1.0));
    let gradients = terms.backward(&x, &t, &ones).unwrap();
    let terms = terms.forward(&x, &t).unwrap().mapv(A::Loss::to);
    // eʸ: 2 roundings (f32) or 4, times |y − x| ≤ 2 max; or ln t − x in three, of at most 2 max; the difference, the
    // product, in f64 the oracle's own 4, on twice the size at most.
    let roundings = 2.0 * if A::EPSILON == f64::EPSILON { 10.0 } else { 4.0 };
    let bounds = oracle.size.mapv(|size| bound::<A::Loss>(roundings, size));
    close("terms", &terms, &oracle.terms, &bounds);
    let d_input = gradients.input.mapv(A::to);
    // eʸ alone; −t is exact.
    let exact = if case.log_target { roundings } else { 0.0 };
    let bounds = oracle.d_input.mapv(|g| gradient_bound::<A>(exact, g.abs()));
    close("d input", &d_input, &oracle.d_input, &bounds);
    let slope = |t: f64, size: f64| if case.log_target { t + size } else { 1.0 + size / t };
    let sizes = Zip::from(&oracle.d_input).and(&oracle.size).map_collect(|g, &s| slope(-g, s));
    let size = |size: f64| if size.is_nan() { 0.0 } else { size };
    let bounds = sizes.mapv(|s| gradient_bound::<A>(roundings, size(s)));
    close("d target", &gradients.target.mapv(A::to), &oracle.d_target, &bounds);
    check_sums::<A>(case, [&x.to_owned(), &t.to_owned()], &terms);
}

/// Sums are those of the terms, as `Pointwise` returns them, rounded once or, of many classes, a few
/// times in f64.
fn check_sums<A: Number>(case: &Case, [x, t]: [&ArrayD<A>; 2], terms: &ArrayD<f64>) {
    let axis = Axis(case.axis);
    // Adding n numbers in f64, here and in the oracle, is n roundings of Σ|term| each; then the result is rounded.
    let n = terms.len() as f64;
    let bounds = |sizes: &ArrayD<f64>| {
        sizes.mapv(|size| 2.0 * n * f64::EPSILON * size + bound::<A::Loss>(2.0, size))
    };
    let lanes = KLDivLoss::new(PerDistribution).axis(axis).log_target(case.log_target);
    let lanes = lanes.forward(x, t).unwrap().mapv(A::Loss::to);
    let by_lane = |array: &ArrayD<f64>| Oracle::by_lane(array, axis);
    let sizes = by_lane(&terms.mapv(f64::abs));
    close("divergences", &lanes, &by_lane(terms), &bounds(&sizes));
    let zero = |value: A::Loss| ArrayD::from_elem(vec![], value.to());
    let all = |value: f64| ArrayD::from_elem(vec![], value);
    let sizes = all(terms.mapv(f64::abs).sum());
    let criterion = KLDivLoss::new(Sum).axis(axis).log_target(case.log_target);
    let sum = zero(criterion.forward(x, t).unwrap());
    close("sum", &sum, &all(terms.sum()), &bounds(&sizes));
    let criterion = KLDivLoss::new(Mean).axis(axis).log_target(case.log_target);
    let mean = zero(criterion.forward(x, t).unwrap());
    close("mean", &mean, &all(terms.sum() / n), &(bounds(&sizes) / n));
    let criterion = KLDivLoss::new(BatchMean).axis(axis).log_target(case.log_target);
    let mean = zero(criterion.forward(x, t).unwrap());
    let rows = terms.shape()[0] as f64;
    close("batch mean", &mean, &all(terms.sum() / rows), &(bounds(&sizes) / rows));
    let criterion = KLDivLoss::new(DistributionMean).axis(axis).log_target(case.log_target);
    let mean = zero(criterion.forward(x, t).unwrap());
    close("mean of lanes", &mean, &all(terms.sum() / lanes.len() as f64), &bounds(&sizes));
}

/// A distribution, from positive numbers, in f64.
fn distribution(classes: usize, seed: u64) -> Array1<f64> {
    let mut random = Random(seed);
    let scores = Array1::from_shape_simple_fn(classes, || random.unit() + 1e-6);
    &scores / scores.sum()
}

fn divergence(log_q: &Array1<f64>, p: &Array1<f64>) -> f64 {
    KLDivLoss::new(Sum).forward(log_q, p).unwrap()
}

/// One rounding of each number, and of all sums of them.
fn rounding(numbers: &Array1<f64>) -> f64 {
    8.0 * f64::EPSILON * numbers.mapv(f64::abs).sum() + f64::EPSILON
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn terms_derivatives_and_sums_are_the_definition(case in cases()) {
        check_oracle::<f32>(&case);
        check_oracle::<f64>(&case);
        #[cfg(feature = "half")]
        {
            check_oracle::<kldiv::half::f16>(&case);
            check_oracle::<kldiv::half::bf16>(&case);
        }
    }

    /// Σ t·(ln t − x) ≥ Σt − Σeˣ, whatever x and t ≥ 0 are.
    #[test]
    fn divergence_is_at_least_the_difference_of_masses(case in cases()) {
        let criterion = KLDivLoss::new(PerDistribution).axis(Axis(case.axis));
        let t = if case.log_target { case.target.exp() } else { case.target.clone() };
        let ours = criterion.forward(&case.input, &t).unwrap();
        let oracle = Oracle::new(&case.input, &t, false);
        let by_lane = |array: &ArrayD<f64>| Oracle::by_lane(array, Axis(case.axis));
        let q = case.input.exp();
        let least = by_lane(&t) - by_lane(&q);
        // Each number is rounded a few times, and up to 1100 are added.
        let sizes = by_lane(&(&oracle.size + &t + &q)) * (1200.0 * f64::EPSILON);
        Zip::from(&ours).and(&least).and(&sizes).for_each(|&ours, &least, &size| {
            assert!(ours >= least - size, "{ours:e} < {least:e} - {size:e}");
        });
    }

    /// What is left is the rounding of x = ln p: up to an ulp of it, times p.
    #[test]
    fn divergence_from_itself_is_zero(classes in 1..300_usize, seed: u64) {
        let p = distribution(classes, seed);
        let log_p = p.ln();
        let bound = f64::EPSILON * (&p * &log_p).mapv(f64::abs).sum() + f64::MIN_POSITIVE;
        assert!(divergence(&log_p, &p).abs() <= 2.0 * bound, "{}", divergence(&log_p, &p));
        assert_eq!(KLDivLoss::new(Sum).log_target(true).forward(&log_p, &log_p), Ok(0.0));
    }

    /// KL(p⊗r ‖ q⊗s) = KL(p ‖ q) + KL(r ‖ s).
    #[test]
    fn divergence_adds_over_independent_axes(a in 1..30_usize, b in 1..30_usize, seed: u64) {
        let [p, q] = [1, 2].map(|i| distribution(a, seed ^ i));
        let [r, s] = [3, 4].map(|i| distribution(b, seed ^ i));
        let outer = |p: &Array1<f64>, r: &Array1<f64>| -> Array1<f64> {
            let both = Array2::from_shape_fn((a, b), |(i, j)| p[i] * r[j]);
            both.into_iter().collect()
        };
        let (joint, log_joint) = (outer(&p, &r), outer(&q, &s).ln());
        let sum = divergence(&q.ln(), &p) + divergence(&s.ln(), &r);
        let ours = divergence(&log_joint, &joint);
        let bound = rounding(&(&joint * &joint.ln())) + rounding(&(&joint * &log_joint));
        assert!((ours - sum).abs() <= bound + f64::EPSILON * 4.0, "{ours} {sum}");
    }

    /// (f(a + h) − f(a − h)) / 2h; the loss is linear in x, and a third derivative times h² off in t.
    #[test]
    fn gradients_are_finite_differences(
        classes in 1..8_usize, seed: u64, at: prop::sample::Index, log_target: bool,
    ) {
        let i = at.index(classes);
        let (log_q, p) = (distribution(classes, seed).ln(), distribution(classes, !seed) + 0.1);
        let t = if log_target { p.ln() } else { p };
        let criterion = KLDivLoss::new(Mean).log_target(log_target);
        let gradients = criterion.backward(&log_q, &t, &1.0).unwrap();
        let difference = |of_input: bool| {
            let h = 1e-5;
            let moved = |by: f64| {
                let (mut x, mut t) = (log_q.clone(), t.clone());
                if of_input { x[i] += by } else { t[i] += by }
                criterion.forward(&x, &t).unwrap()
            };
            (moved(h) - moved(-h)) / (2.0 * h)
        };
        // The loss, below 30, is rounded to 2⁻⁵² of itself: 30·2⁻⁵² / h < 1e-9. The third derivative
        // is 1/t² ≤ 100 or below 30: times h²/6 less than 2e-9.
        for (ours, naive) in [(gradients.input[i], difference(true)), (gradients.target[i], difference(false))] {
            assert!((ours - naive).abs() <= 5e-9, "{ours} {naive}");
        }
    }
}
