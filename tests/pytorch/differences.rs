//! Where we differ from PyTorch on purpose, by name; and nowhere else.

use kldiv::{AnyReduction, Error, KLDivLoss, Pointwise};
use ndarray::{Array1, ArrayD, Axis, Ix1};

use crate::fixtures::open;
use crate::{INF, Precision, REDUCTIONS};

const EMPTY: [&[usize]; 3] = [&[0], &[0, 3], &[3, 0]];

/// What is asked of a term.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Value,
    Input,
    Target,
}
use Of::*;

/// Input, target, and what we give where PyTorch gives NaN.
type Difference = (f64, f64, Of, f64);

const ZERO_TIMES_INFINITY: &[Difference] = &[(-INF, 0.0, Value, 0.0), (INF, 0.0, Value, 0.0)];

const TARGET_GRADIENT_AT_ZERO: &[Difference] =
    &[(-1.0, 0.0, Target, -INF), (-INF, 0.0, Target, INF), (INF, 0.0, Target, -INF)];

const TARGET_GRADIENT_AT_INFINITY: &[Difference] =
    &[(-1.0, INF, Target, INF), (-INF, INF, Target, INF)];

const LOG_TARGET_WITHOUT_MASS: &[Difference] = &[
    (-1.0, -INF, Value, 0.0),
    (-INF, -INF, Value, 0.0),
    (INF, -INF, Value, 0.0),
    (-1.0, -INF, Target, 0.0),
    (-INF, -INF, Target, 0.0),
    (INF, -INF, Target, 0.0),
];

const LOG_TARGET_THAT_UNDERFLOWS: &[Difference] = &[
    (-INF, -800.0, Value, INF),
    (INF, -800.0, Value, -INF),
    (-INF, -800.0, Target, INF),
    (INF, -800.0, Target, -INF),
];

/// A point of `pytorch_special.npz`, in either precision, and both answers.
struct Point {
    precision: &'static str,
    tolerance: f64,
    input: f64,
    target: f64,
    torch: [f64; 3],
    ours: [f64; 3],
}

fn points(log_target: bool) -> Vec<Point> {
    [points_of::<f32>(log_target), points_of::<f64>(log_target)].into_iter().flatten().collect()
}

fn points_of<A: Precision>(log_target: bool) -> Vec<Point> {
    let kind = if log_target { "log-probabilities" } else { "probabilities" };
    let name = format!("{}/{kind}", A::NAME);
    let rows: ArrayD<f64> = open("pytorch_special.npz").by_name(&name).unwrap();
    let row = |i: usize| rows.index_axis(Axis(0), i).into_dimensionality::<Ix1>().unwrap();
    let [input, target] = [0, 1].map(|i| row(i).mapv(A::from_f64));
    let criterion = KLDivLoss::new(Pointwise).log_target(log_target);
    let value = criterion.forward(&input, &target).unwrap();
    let ones = Array1::from_elem(input.len(), A::from_f64(1.0));
    let gradients = criterion.backward(&input, &target, &ones).unwrap();
    let point = |i: usize| Point {
        precision: A::NAME,
        tolerance: A::TOLERANCE,
        input: row(0)[i],
        target: row(1)[i],
        torch: [2, 3, 4].map(|r| row(r)[i]),
        ours: [&value, &gradients.input, &gradients.target].map(|a| a[i].to_f64()),
    };
    (0..input.len()).map(point).collect()
}

fn differ(log_target: bool, differences: &[Difference]) {
    let points = points(log_target);
    for &(input, target, of, ours) in differences {
        let here = |p: &&Point| p.input == input && p.target == target;
        let here: Vec<_> = points.iter().filter(here).collect();
        assert!(here.len() >= 2, "both precisions");
        for point in here {
            let at = format!("{of:?} at ({input}, {target}), {}", point.precision);
            assert!(point.torch[of as usize].is_nan(), "{at}");
            assert_eq!(point.ours[of as usize], ours, "{at}");
        }
    }
}

#[test]
fn zero_times_infinity_is_zero_where_pytorch_gives_nan() {
    differ(false, ZERO_TIMES_INFINITY);
}

#[test]
fn target_gradient_at_zero_is_its_limit_where_pytorch_gives_nan() {
    differ(false, TARGET_GRADIENT_AT_ZERO);
}

#[test]
fn target_gradient_at_infinity_is_infinite_where_pytorch_gives_nan() {
    differ(false, TARGET_GRADIENT_AT_INFINITY);
}

#[test]
fn log_target_without_mass_is_zero_where_pytorch_gives_nan() {
    differ(true, LOG_TARGET_WITHOUT_MASS);
}

#[test]
fn log_target_that_underflows_is_not_zero_where_pytorch_gives_nan() {
    differ(true, LOG_TARGET_THAT_UNDERFLOWS);
}

#[test]
fn every_other_special_value_is_pytorchs() {
    let probability = [ZERO_TIMES_INFINITY, TARGET_GRADIENT_AT_ZERO, TARGET_GRADIENT_AT_INFINITY];
    same_but_for(false, &probability.concat());
    same_but_for(true, &[LOG_TARGET_WITHOUT_MASS, LOG_TARGET_THAT_UNDERFLOWS].concat());
}

fn same_but_for(log_target: bool, differences: &[Difference]) {
    for point in points(log_target) {
        for of in [Value, Input, Target] {
            let named = |d: &Difference| (d.0, d.1, d.2) == (point.input, point.target, of);
            if differences.iter().any(named) {
                continue;
            }
            let (ours, torch) = (point.ours[of as usize], point.torch[of as usize]);
            let same = ours == torch || ours.is_nan() && torch.is_nan();
            let at = format!("{of:?} at ({}, {})", point.input, point.target);
            let close = same || (ours - torch).abs() <= point.tolerance;
            assert!(close, "{at}, {}: {ours}, torch {torch}", point.precision);
        }
    }
}

/// What PyTorch gives for operands of this shape, summed, and we: an error of ours is `None`.
fn nothing(reduction: &str, shape: &[usize]) -> (f64, Option<f64>) {
    let answers: ArrayD<f64> = open("pytorch_special.npz").by_name("empty").unwrap();
    let row = REDUCTIONS.iter().position(|&r| r == reduction).unwrap();
    let column = EMPTY.iter().position(|&s| s == shape).unwrap();
    let criterion = KLDivLoss::new(reduction.parse::<AnyReduction>().unwrap());
    let empty = ArrayD::<f32>::zeros(shape);
    let ours = match criterion.forward(&empty, &empty) {
        Err(Error::EmptyMean) => None,
        value => Some(value.unwrap().sum().into()),
    };
    (answers[[row, column]], ours)
}

#[test]
fn empty_mean_is_an_error_where_pytorch_gives_nan() {
    for (reduction, shape) in [
        ("mean", EMPTY[0]),
        ("mean", EMPTY[1]),
        ("mean", EMPTY[2]),
        ("batchmean", EMPTY[0]),
        ("batchmean", EMPTY[1]),
    ] {
        let (torch, ours) = nothing(reduction, shape);
        assert!(torch.is_nan(), "{reduction} of {shape:?}");
        assert_eq!(ours, None, "{reduction} of {shape:?}");
    }
}

#[test]
fn every_other_reduction_of_nothing_is_pytorchs() {
    for shape in EMPTY {
        assert_eq!(nothing("none", shape), (0.0, Some(0.0)));
        assert_eq!(nothing("sum", shape), (0.0, Some(0.0)));
    }
    assert_eq!(nothing("batchmean", &[3, 0]), (0.0, Some(0.0)));
}
