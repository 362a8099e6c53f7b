//! The generalized form: never negative, accurate, and the divergence once summed over distributions.

mod common;

use std::fs::File;

use common::layout::{LAYOUTS, Layout};
use common::{Number, Operands, REDUCTIONS, Random, bits, same};
use kldiv::{KLDivLoss, Partial, PerDistribution, Pointwise, Sum};
use ndarray::{Array1, Array2, ArrayD, Axis, Slice, Zip, arr1};
use ndarray_npy::NpzReader;
use proptest::prelude::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Whether the target is logarithmic, inputs, targets; term, ∂/∂x and ∂/∂target of every pair, of eˣ and t.
type Row = (bool, Vec<f64>, Vec<f64>, [Gives; 3]);
type Gives = fn(f64, f64) -> f64;

fn table<A: Number<Wide = A>>() -> Vec<Row> {
    let (tiny, max) = (A::TINY, A::MAX);
    let finite = [-max, -1000.0, -1.0, 0.0, -0.0, 3.0, 1000.0, max];
    let positive = [tiny, 0.25, 1.0, max];
    let row = |log, x: &[f64], t: &[f64], gives: [Gives; 3]| -> Row {
        (log, x.to_vec(), t.to_vec(), gives)
    };
    let [q, slope]: [Gives; 2] = [|q, _| q, |q, t| q - t];
    let [zero, inf, minus, nan]: [Gives; 4] = [|_, _| 0.0, |_, _| INF, |_, _| -INF, |_, _| NAN];
    vec![
        row(false, &finite, &[0.0, -0.0], [q, q, minus]),
        row(false, &[-INF], &[0.0, -0.0], [zero, zero, inf]),
        row(false, &[-INF], &positive, [inf, slope, inf]),
        row(false, &[INF], &[0.0, -0.0, tiny, 0.25, 1.0, max], [inf, inf, minus]),
        row(false, &[-INF, -max, -1.0, 1000.0, max], &[INF], [inf, minus, inf]),
        row(false, &[INF], &[INF], [nan, nan, nan]),
        row(false, &[-INF, -1.0, 3.0], &[-tiny, -1.0, -max, -INF], [nan, slope, nan]),
        row(false, &[NAN], &[-1.0, 0.0, tiny, 0.25, INF, NAN], [nan, nan, nan]),
        row(false, &[-INF, -1.0, INF], &[NAN], [nan, nan, nan]),
        row(true, &finite, &[-INF], [q, q, zero]),
        row(true, &[-INF], &[-INF], [zero, zero, zero]),
        row(true, &[INF], &[-INF], [inf, inf, zero]),
        row(true, &[-INF], &[-max, -1000.0, -1.0, 0.0, 3.0], [inf, slope, inf]),
        row(true, &[-INF], &[1000.0, max, INF], [inf, minus, inf]),
        row(true, &[INF], &[-max, -1000.0, -1.0, 0.0, 1000.0, max], [inf, inf, minus]),
        row(true, &[-1.0, 3.0, max], &[-1000.0, -max], [q, q, zero]),
        row(true, &[-max, -1.0, 1000.0, max], &[INF], [inf, minus, inf]),
        row(true, &[1000.0], &[1000.0], [zero, zero, zero]),
        row(true, &[INF], &[INF], [nan, nan, nan]),
        row(true, &[NAN], &[-INF, -max, -1.0, 0.0, INF, NAN], [nan, nan, nan]),
        row(true, &[-INF, -1.0, INF], &[NAN], [nan, nan, nan]),
    ]
}

fn is<A: Number<Wide = A>>(ours: A, expected: f64) -> bool {
    let (ours, expected) = (ours.to(), A::of(expected).to());
    let close = (ours - expected).abs() <= 3.0 * A::EPSILON * expected.abs();
    ours == expected || expected.is_finite() && close || ours.is_nan() && expected.is_nan()
}

/// The pair at every fourth position, ordinary neighbours elsewhere.
fn check_row<A: Number<Wide = A>>((log, xs, ts, gives): &Row, classes: usize) {
    for (&x, &t) in xs.iter().flat_map(|x| ts.iter().map(move |t| (x, t))) {
        let special = |i: usize| i % 4 == classes % 4;
        let ordinary = |i: usize| -0.1 - (i % 7) as f64;
        let input =
            Array1::from_shape_fn(classes, |i| if special(i) { x } else { ordinary(i + 3) });
        let target = |i| if *log { ordinary(i) } else { -0.1 * ordinary(i) };
        let target = Array1::from_shape_fn(classes, |i| if special(i) { t } else { target(i) });
        let [input, target] = [input.mapv(A::of), target.mapv(A::of)];
        let criterion = KLDivLoss::new(Pointwise).log_target(*log).generalized(true);
        let terms = criterion.forward(&input, &target).unwrap();
        let ones = Array1::from_elem(classes, A::of(1.0));
        let gradients = criterion.backward(&input, &target, &ones).unwrap();
        let (same, slopes) = criterion.value_and_grad(&input, &target).unwrap();
        assert_eq!([bits(&same), bits(&slopes)], [bits(&terms), bits(&gradients.input)]);
        let [q, p] = [x.exp(), if *log { t.exp() } else { t }].map(|e| A::of(e).to());
        for i in (0..classes).filter(|&i| special(i)) {
            let ours = [terms[i], gradients.input[i], gradients.target[i]];
            for (ours, gives) in ours.into_iter().zip(gives) {
                let expected = gives(q, p);
                let at = format!("{}, log {log}, x = {x}, t = {t}, {i} of {classes}", A::NAME);
                assert!(is(ours, expected), "{at}: {ours}, not {expected}");
            }
        }
        let ordinary = (0..classes).filter(|&i| !special(i));
        assert!(ordinary.into_iter().all(|i| terms[i].to() > 0.0 && terms[i].to() < INF));
    }
}

#[test]
fn special_values() {
    for classes in (1..=40).chain([64, 65, 1023, 1024, 1025]) {
        table::<f32>().iter().for_each(|row| check_row::<f32>(row, classes));
        table::<f64>().iter().for_each(|row| check_row::<f64>(row, classes));
    }
}

/// What the term and its slope are, in `tests/fixtures/generalized.py`'s words.
fn fixtures(name: &str) -> Array2<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/generalized.npz");
    NpzReader::new(File::open(path).unwrap()).unwrap().by_name(name).unwrap()
}

/// The largest errors of term and slope in ulp of themselves, once `eta`·(2/|d|) of the term and
/// `eta`/|d| of the slope are taken off, which an error `eta` of ln t makes.
fn worst<A: Number<Wide = A>>(name: &str, log: bool, eta: f64) -> [f64; 2] {
    let rows = fixtures(name);
    let [x, target] = [0, 1].map(|i| rows.column(i).mapv(A::of));
    let criterion = KLDivLoss::new(Pointwise).log_target(log).generalized(true);
    let (terms, slopes) = criterion.value_and_grad(&x, &target).unwrap();
    let mut worst = [0.0_f64; 2];
    for (i, row) in rows.rows().into_iter().enumerate() {
        let d = row[6].abs().min(1.0);
        let ulps = |ours: A, exact: f64, rest: f64, eta: f64| {
            let place = 2_f64.powi(exact.abs().log2().floor() as i32) * A::EPSILON;
            (((ours.to() - exact) - rest).abs() - eta / d * exact.abs()).max(0.0) / place
        };
        worst[0] = worst[0].max(ulps(terms[i], row[2], row[3], 2.0 * eta));
        worst[1] = worst[1].max(ulps(slopes[i], row[4], row[5], eta));
    }
    worst
}

#[test]
fn accuracy() {
    let found = [
        worst::<f32>("f32_y", true, 0.0),
        worst::<f64>("f64_y", true, 0.0),
        worst::<f32>("f32_t", false, 1.4e-8),
        worst::<f64>("f64_t", false, 2.8e-17),
    ];
    println!("{found:?}");
    assert!(found.as_flattened().iter().all(|&ulps| ulps < 4.0), "{found:?}");
}

/// Terms in single precision against those in double, which are a few ulp of `f64` off.
#[test]
fn accuracy_of_random_terms() {
    let mut random = Random(26);
    for (log_target, reach) in
        [false, true].into_iter().flat_map(|log| [0.2, 2.0, 20.0].map(|reach| (log, reach)))
    {
        let mut unit = || random.unit();
        let x = Array1::from_shape_simple_fn(100_000, || (-10.0 * unit()) as f32);
        let y = x.mapv(|x| x + (reach * (unit() - 0.5)) as f32);
        let target = if log_target { y } else { y.exp() };
        let criterion = KLDivLoss::new(Pointwise).log_target(log_target).generalized(true);
        let terms = criterion.forward(&x, &target).unwrap();
        let (x, target) = (x.mapv(f64::from), target.mapv(f64::from));
        let exact = criterion.forward(&x, &target).unwrap();
        for i in 0..x.len() {
            let d = if log_target { target[i] - x[i] } else { target[i].ln() - x[i] };
            let eta = if log_target { 0.0 } else { 2.8e-8 / d.abs().min(1.0) };
            let place = 2_f64.powi(exact[i].log2().floor() as i32) * f64::from(f32::EPSILON);
            let off = (f64::from(terms[i]) - exact[i]).abs() - eta * exact[i];
            assert!(off <= 6.0 * place, "{} ulp at {}, {}", off / place, x[i], target[i]);
        }
    }
}

/// Layouts, weights, reductions, parts: the same bits.
#[test]
fn promises_hold() {
    for (classes, log_target) in [5, 64, 65, 1000].into_iter().flat_map(|c| [(c, false), (c, true)])
    {
        check_promises::<f32>(classes, log_target);
        check_promises::<f64>(classes, log_target);
    }
}

fn check_promises<A: Number<Wide = A>>(classes: usize, log_target: bool) {
    let operands = Operands::<A>::random(&[17, classes], 1, log_target);
    for reduction in REDUCTIONS {
        let criterion = KLDivLoss::new(reduction).log_target(log_target).generalized(true);
        let upstream = operands.upstream(reduction);
        let answers = |layout: Layout| {
            let all = [&operands.input, &operands.target, &operands.weights];
            let stores = all.map(|array| layout.store(array));
            let [x, t, w] = stores.each_ref().map(|store| layout.view(store));
            let batch = criterion.batch(&x, &t).unwrap().weights(&w).unwrap();
            let gradients = batch.backward(&upstream).unwrap();
            let (same, gradient) = batch.value_and_grad().unwrap();
            let value = batch.forward().unwrap();
            assert_eq!(bits(&same), bits(&value));
            [bits(&value), bits(&gradient), bits(&gradients.input), bits(&gradients.target)]
        };
        let expected = answers(Layout::C);
        for layout in LAYOUTS {
            same(&answers(layout), &expected, &format!("{reduction} {layout:?} {classes}"));
        }
    }
    let sum = KLDivLoss::new(Sum).log_target(log_target).generalized(true);
    let mut all = Partial::default();
    for rows in [5..17, 0..5] {
        let part =
            |array: &ArrayD<A>| array.slice_axis(Axis(0), Slice::from(rows.clone())).to_owned();
        let (x, t) = (part(&operands.input), part(&operands.target));
        all.merge(&sum.batch(&x, &t).unwrap().partial().unwrap());
    }
    let whole = sum.forward(&operands.input, &operands.target).unwrap();
    assert_eq!(sum.finish::<A>(&all).unwrap().bits(), whole.bits());
}

/// Any finite number, every magnitude alike.
fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), -800.0..800.0, -3.0..3.0]
        .prop_filter("finite", |number| number.is_finite())
}

fn check_sign<A: Number<Wide = A>>(x: f64, t: f64, log: bool) {
    let [x, t] = [x, t].map(|number| arr1(&[A::of(number)]));
    let criterion = KLDivLoss::new(Pointwise).log_target(log).generalized(true);
    let term = criterion.forward(&x, &t).unwrap()[0];
    let finite = x[0].to().is_finite() && t[0].to().is_finite();
    assert!(term.to() >= 0.0 || !finite, "{} x = {x}, t = {t}: {term}", A::NAME);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn never_negative(x in finite(), t in finite()) {
        check_sign::<f32>(x, t.abs(), false);
        check_sign::<f64>(x, t.abs(), false);
        check_sign::<f32>(x, t, true);
        check_sign::<f64>(x, t, true);
    }
}

/// eʸ is rounded up to the smallest number there, so that t·φ(d) with what is stored of it falls below 0.
#[test]
fn never_negative_where_exponentials_are_the_smallest_numbers() {
    for (lowest, highest) in [(-103.98, -103.0), (-745.14, -744.3)] {
        for (i, k) in (0..100).flat_map(|i| (0..100).map(move |k| (i, k))) {
            let y = lowest + (highest - lowest) * f64::from(i) / 100.0;
            let x = y + 1.4 + 0.4 * f64::from(k) / 100.0;
            check_sign::<f32>(x, y, true);
            check_sign::<f64>(x, y, true);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Σ generalized = Σ plain + Σ(q − p).
    #[test]
    fn plain_and_the_difference_of_masses(classes in 1..200_usize, seed: u64, log: bool) {
        let mut random = Random(seed);
        let x = Array2::from_shape_simple_fn((3, classes), || -20.0 * random.unit().powi(2));
        let t = Array2::from_shape_simple_fn((3, classes), || random.unit().powi(4));
        let target = if log { t.ln() } else { t.clone() };
        let criterion = KLDivLoss::new(PerDistribution).log_target(log);
        let plain = criterion.forward(&x, &target).unwrap();
        let ours = criterion.generalized(true).forward(&x, &target).unwrap();
        let masses = (x.exp() - &t).sum_axis(Axis(1));
        // A few roundings of each summand, and one of each addition.
        let sizes = (x.exp() + &t + &t * &x.mapv(f64::abs) + 1.0).sum_axis(Axis(1));
        Zip::from(&ours).and(&plain).and(&masses).and(&sizes).for_each(|ours, plain, mass, size| {
            let bound = (8.0 + classes as f64) * f64::EPSILON * size;
            assert!((ours - (plain + mass)).abs() <= bound, "{ours} {plain} {mass}");
        });
    }
}

/// (f(a + h) − f(a − h)) / 2h.
#[test]
fn gradients_are_finite_differences() {
    let (x, t) = (arr1(&[-0.5_f64, -1.0, -4.0, 0.3]), arr1(&[0.7_f64, 0.35, 0.5, 1e-3]));
    for log in [false, true] {
        let t = if log { t.ln() } else { t.clone() };
        let criterion = KLDivLoss::new(Sum).log_target(log).generalized(true);
        let gradients = criterion.backward(&x, &t, &1.0).unwrap();
        for i in 0..x.len() {
            let h = 1e-6;
            let moved = |by_x: f64, by_t: f64| {
                let (mut x, mut t) = (x.clone(), t.clone());
                x[i] += by_x;
                t[i] += by_t;
                criterion.forward(&x, &t).unwrap()
            };
            let of_x = (moved(h, 0.0) - moved(-h, 0.0)) / (2.0 * h);
            let of_t = (moved(0.0, h) - moved(0.0, -h)) / (2.0 * h);
            assert!((gradients.input[i] - of_x).abs() < 1e-8, "{i}: {} {of_x}", gradients.input[i]);
            // The third derivative in t is 1/t².
            assert!(
                (gradients.target[i] - of_t).abs() < 1e-6,
                "{i}: {} {of_t}",
                gradients.target[i]
            );
        }
    }
}
