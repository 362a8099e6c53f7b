//! What special values give: one table, at every position of lanes of every length.

mod common;

use common::{Number, REDUCTIONS};
#[cfg(feature = "half")]
use kldiv::half::{bf16, f16};
use kldiv::{KLDivLoss, PerDistribution, Pointwise, Sum};
use ndarray::{Array1, Array2, ArrayView2, Axis};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Whether the target is logarithmic, inputs, targets; term, d/dinput, d/dtarget of every pair.
type Row = (bool, Vec<f64>, Vec<f64>, f64, fn(f64) -> f64, f64);

const MINUS: fn(f64) -> f64 = |t| -t;
const MINUS_EXP: fn(f64) -> f64 = |y| -y.exp();

fn table<A: Number>() -> Vec<Row> {
    let (tiny, max) = (A::TINY, A::MAX);
    let finite = [-1.0, 0.0, -0.0, 3.0, -max, max];
    let positive = [tiny, 0.25, 1.0, max];
    let logs = [-max, -800.0, -1.0, 0.0, 3.0, max];
    let row = |log, x: &[f64], t: &[f64], term, d_input, d_target| -> Row {
        (log, x.to_vec(), t.to_vec(), term, d_input, d_target)
    };
    vec![
        row(false, &finite, &[0.0, -0.0], 0.0, MINUS, -INF),
        row(false, &[-INF], &[0.0, -0.0], 0.0, MINUS, INF),
        row(false, &[INF], &[0.0, -0.0], 0.0, MINUS, -INF),
        row(false, &[-INF], &positive, INF, MINUS, INF),
        row(false, &[INF], &positive, -INF, MINUS, -INF),
        row(false, &[-INF, -max, -1.0, max], &[INF], INF, MINUS, INF),
        row(false, &[INF], &[INF], NAN, MINUS, NAN),
        row(false, &[-INF, -1.0, INF], &[-tiny, -1.0, -max, -INF], NAN, MINUS, NAN),
        row(false, &[NAN], &[-1.0, 0.0, -0.0, tiny, 0.25, INF], NAN, MINUS, NAN),
        row(false, &[-INF, -1.0, INF, NAN], &[NAN], NAN, MINUS, NAN),
        row(true, &[-INF, -max, -1.0, max, INF], &[-INF], 0.0, MINUS_EXP, 0.0),
        row(true, &[-INF], &logs, INF, MINUS_EXP, INF),
        row(true, &[INF], &logs, -INF, MINUS_EXP, -INF),
        row(true, &finite, &[-800.0, -max], 0.0, MINUS_EXP, 0.0),
        row(true, &[-INF, -max, -1.0, max], &[INF], INF, MINUS_EXP, INF),
        row(true, &[INF], &[INF], NAN, MINUS_EXP, NAN),
        row(true, &[NAN], &[-INF, -max, -800.0, -1.0, INF], NAN, MINUS_EXP, NAN),
        row(true, &[-INF, -1.0, INF, NAN], &[NAN], NAN, MINUS_EXP, NAN),
    ]
}

/// A pair of the table and what it gives.
#[derive(Clone, Copy, Debug)]
struct Pair {
    log_target: bool,
    x: f64,
    t: f64,
    expected: [f64; 3],
}

fn pairs<A: Number>() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (log_target, xs, ts, term, d_input, d_target) in table::<A>() {
        for (&x, &t) in xs.iter().flat_map(|x| ts.iter().map(move |t| (x, t))) {
            pairs.push(Pair { log_target, x, t, expected: [term, d_input(t), d_target] });
        }
    }
    pairs
}

/// Specials and zeros must be met; −t exactly, and −eʸ to the 1 (f32) or 2 (f64) ulp of `exp`, and 1
/// of the oracle's.
fn is<A: Number>(ours: A, expected: f64, log_target: bool) -> bool {
    let (ours, expected) = (ours.to(), A::of(expected).to());
    let ulps = if log_target { 3.0 } else { 0.0 };
    let close = (ours - expected).abs() <= ulps * A::EPSILON * expected.abs();
    ours == expected || expected.is_finite() && close || ours.is_nan() && expected.is_nan()
}

/// Four lanes: the pair at every fourth position of each, ordinary neighbours elsewhere.
fn lanes<A: Number>(pair: Pair, classes: usize) -> [Array2<A>; 2] {
    let special = |lane: usize, class: usize| (lane + class).is_multiple_of(4);
    let ordinary = |class: usize| -0.1 - (class % 7) as f64;
    let x = |(lane, class)| if special(lane, class) { pair.x } else { ordinary(class + 3) };
    let t = |(lane, class)| match (special(lane, class), pair.log_target) {
        (true, _) => pair.t,
        (_, true) => ordinary(class),
        _ => -0.1 * ordinary(class),
    };
    [Array2::from_shape_fn((4, classes), x), Array2::from_shape_fn((4, classes), t)]
        .map(|operand| operand.mapv(A::of))
}

fn check<A: Number>(pair: Pair, axis: Axis, x: &ArrayView2<A>, t: &ArrayView2<A>) {
    let at = format!("{pair:?}, {}, {:?}, {axis:?}", A::NAME, x.dim());
    let criterion = KLDivLoss::new(Pointwise).axis(axis).log_target(pair.log_target);
    let terms = criterion.forward(x, t).unwrap();
    let ones = Array2::from_elem(x.dim(), A::Loss::of(1.0));
    let gradients = criterion.backward(x, t, &ones).unwrap();
    let (same, gradient) = criterion.value_and_grad(x, t).unwrap();
    let mut seen = 0;
    for (index, _) in t.indexed_iter().filter(|&((i, j), _)| (i + j) % 4 == 0) {
        let [term, slopes @ ..] = pair.expected;
        assert!(is(terms[index], term, pair.log_target), "{at}, {index:?}: {}", terms[index]);
        for (ours, expected) in [gradients.input[index], gradients.target[index]].iter().zip(slopes)
        {
            assert!(
                is(*ours, expected, pair.log_target),
                "{at}, {index:?}: {ours}, not {expected}"
            );
        }
        assert!(is(same[index], pair.expected[0], false), "{at}, {index:?}");
        assert_eq!(gradient[index].bits(), gradients.input[index].bits(), "{at}, {index:?}");
        seen += 1;
    }
    assert_eq!(seen, x.len() / 4, "{at}");
    let ordinary = terms.indexed_iter().filter(|((i, j), _)| (i + j) % 4 != 0);
    assert!(ordinary.into_iter().all(|(_, term)| term.to().is_finite()), "{at}");
    check_sums(pair, &criterion.batch(x, t).unwrap().forward().unwrap(), axis, x, t);
}

/// NaN and infinities reach the sums.
fn check_sums<A: Number>(
    pair: Pair,
    terms: &Array2<A::Loss>,
    axis: Axis,
    x: &ArrayView2<A>,
    t: &ArrayView2<A>,
) {
    let lanes = KLDivLoss::new(PerDistribution).axis(axis).log_target(pair.log_target);
    let lanes = lanes.forward(x, t).unwrap();
    let total = KLDivLoss::new(Sum).axis(axis).log_target(pair.log_target).forward(x, t).unwrap();
    let by_lane = terms.map_axis(axis, |lane| lane.iter().map(|term| term.to()).sum::<f64>());
    let all = by_lane.iter().sum::<f64>();
    for (ours, naive) in lanes.iter().zip(&by_lane).chain([(&total, &all)]) {
        let same = if naive.is_finite() { ours.to().is_finite() } else { is(*ours, *naive, false) };
        assert!(same, "{pair:?}, {}, {:?}: {ours}, not {naive}", A::NAME, x.dim());
    }
}

fn check_table<A: Number>(lengths: impl IntoIterator<Item = usize>) {
    let pairs = pairs::<A>();
    for classes in lengths {
        for &pair in &pairs {
            let [x, t] = lanes::<A>(pair, classes);
            check(pair, Axis(1), &x.view(), &t.view());
            check(pair, Axis(0), &x.t(), &t.t());
            let [x, t] = [x, t].map(|operand| operand.t().as_standard_layout().into_owned());
            check(pair, Axis(0), &x.view(), &t.view());
        }
    }
}

#[test]
fn short_lanes_f32() {
    check_table::<f32>(1..=40);
}

#[test]
fn short_lanes_f64() {
    check_table::<f64>(1..=40);
}

#[cfg(feature = "half")]
#[test]
fn short_and_long_lanes_of_16_bits() {
    check_table::<f16>((1..=40).step_by(3).chain([65, 1025]));
    check_table::<bf16>((2..=40).step_by(3).chain([65, 1025]));
}

#[test]
fn long_lanes_f32() {
    check_table::<f32>([64, 65, 100, 1023, 1024, 1025]);
}

#[test]
fn long_lanes_f64() {
    check_table::<f64>([64, 65, 100, 1023, 1024, 1025]);
}

/// Every reduction's gradients where the upstream is `zero`.
fn check_zero_upstream<A: Number>(pair: Pair, zero: f64) {
    let [x, t] = lanes::<A>(pair, 5).map(Array2::into_dyn);
    for reduction in REDUCTIONS {
        let criterion = KLDivLoss::new(reduction).log_target(pair.log_target);
        let upstream = criterion.forward(&x, &t).unwrap().mapv(|_| A::Loss::of(zero));
        let gradients = criterion.backward(&x, &t, &upstream).unwrap();
        for (index, &t) in t.indexed_iter() {
            let at = format!("{pair:?}, {}, {reduction}, {index:?}", A::NAME);
            let [input, target] = [&gradients.input, &gradients.target].map(|g| g[&index].to());
            let x = x[&index].to();
            let hidden = !x.is_nan() && !t.to().is_nan();
            assert!(if hidden { target == 0.0 } else { target.is_nan() }, "{at}: {target}");
            // -t * 0 does not see x.
            let may_hide = !t.to().is_nan();
            assert!(may_hide && input == 0.0 || !hidden && input.is_nan(), "{at}: {input}");
        }
    }
}

#[test]
fn zero_upstream_gives_zero_unless_an_operand_is_nan() {
    for zero in [0.0, -0.0] {
        pairs::<f32>().into_iter().for_each(|pair| check_zero_upstream::<f32>(pair, zero));
        pairs::<f64>().into_iter().for_each(|pair| check_zero_upstream::<f64>(pair, zero));
        #[cfg(feature = "half")]
        pairs::<f16>().into_iter().for_each(|pair| check_zero_upstream::<f16>(pair, zero));
        #[cfg(feature = "half")]
        pairs::<bf16>().into_iter().for_each(|pair| check_zero_upstream::<bf16>(pair, zero));
    }
}

/// Five lanes of which the second and the last have no weight: whatever they hold, all results are
/// the same, and theirs are zero.
fn check_zero_weight<A: Number>(pair: Pair, classes: usize) {
    let skipped = [1, 4];
    let weights = Array1::from_iter([1.5, 0.0, 1.0, 0.5, -0.0].map(A::Loss::of)).into_dyn();
    let ordinary = |(lane, class)| A::of(-0.1 - ((lane + class) % 5) as f64 / 5.0);
    let x = Array2::from_shape_fn((5, classes), ordinary);
    let t = if pair.log_target { x.clone() } else { x.mapv(|x| A::of(-x.to())) };
    let (mut special_x, mut special_t) = (x.clone(), t.clone());
    for lane in skipped {
        special_x.row_mut(lane).fill(A::of(pair.x));
        special_t.row_mut(lane).fill(A::of(pair.t));
    }
    let [x, t, special_x, special_t] = [x, t, special_x, special_t].map(Array2::into_dyn);
    for reduction in REDUCTIONS {
        let criterion = KLDivLoss::new(reduction).log_target(pair.log_target);
        let answers = |x, t| {
            let batch = criterion.batch(x, t).unwrap().weights(&weights).unwrap();
            let value = batch.forward().unwrap();
            let upstream = value.mapv(|_| A::Loss::of(1.0));
            let gradients = batch.backward(&upstream).unwrap();
            [value.mapv(A::Loss::to), gradients.input.mapv(A::to), gradients.target.mapv(A::to)]
        };
        let [expected, ours] = [answers(&x, &t), answers(&special_x, &special_t)];
        assert_eq!(ours, expected, "{pair:?}, {}, {reduction}", A::NAME);
        for array in ours.iter().filter(|array| array.ndim() > 0) {
            let zeros = skipped.map(|lane| array.index_axis(Axis(0), lane));
            let zero = zeros.iter().flatten().all(|&number| number == 0.0);
            assert!(zero, "{pair:?}, {}, {reduction}", A::NAME);
        }
    }
}

#[test]
fn zero_weight_hides_everything() {
    for classes in [1, 3, 16, 65] {
        pairs::<f32>().into_iter().for_each(|pair| check_zero_weight::<f32>(pair, classes));
        pairs::<f64>().into_iter().for_each(|pair| check_zero_weight::<f64>(pair, classes));
        #[cfg(feature = "half")]
        pairs::<f16>().into_iter().for_each(|pair| check_zero_weight::<f16>(pair, classes));
        #[cfg(feature = "half")]
        pairs::<bf16>().into_iter().for_each(|pair| check_zero_weight::<bf16>(pair, classes));
    }
}
