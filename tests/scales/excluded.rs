//! A loss of +∞, since the input excludes a class that the target has: the gradients are limits.

use kldiv::{KLDivWithLogitsLoss, PerDistribution, Pointwise, Sum, Target};
use ndarray::{Array1, Array2, Axis};

use super::common::Number;

const INF: f64 = f64::INFINITY;

/// Lanes of which `lane` excludes what it should: logits of q and p.
struct Lanes<'a> {
    classes: usize,
    count: usize,
    lane: usize,
    /// Classes that only q excludes, only p, and both.
    excluded: [&'a [usize]; 3],
}

impl Lanes<'_> {
    fn logits(&self) -> [Array2<f64>; 2] {
        let make = |step: usize| {
            Array2::from_shape_fn((self.count, self.classes), |(i, j)| {
                0.25 * ((i * 5 + j * step) % 7) as f64 - 0.5
            })
        };
        let (mut q, mut p) = (make(3), make(2));
        let [only_q, only_p, both] = self.excluded;
        only_q.iter().chain(both).for_each(|&class| q[[self.lane, class]] = -INF);
        only_p.iter().chain(both).for_each(|&class| p[[self.lane, class]] = -INF);
        [q, p]
    }
}

fn softmax(z: &Array2<f64>, temperature: f64) -> Array2<f64> {
    let e = z.mapv(|z| (z / temperature).exp());
    &e / &e.sum_axis(Axis(1)).insert_axis(Axis(1))
}

/// Specials must be the same, numbers as near as the type allows.
fn meets<A: Number>(found: A, expected: f64) -> bool {
    let found = found.to();
    found == expected || (found - expected).abs() <= 32.0 * A::EPSILON
}

/// κ(u(q − p))/τ of the input; of the target +u·∞ where only q excludes a class, −u·∞ where p has another, else 0.
fn check<A: Number<Wide = A>>(lanes: &Lanes, upstream: f64, temperature: f64, columns: bool) {
    let [z_q, z_p] = lanes.logits();
    let kappa = 1.0 / temperature; // With T², κ/τ = τ; without 1/τ.
    let slopes = (softmax(&z_q, temperature) - softmax(&z_p, temperature)) * (kappa * upstream);
    let lay = |z: &Array2<f64>| {
        let z = z.mapv(A::of);
        if columns { z.t().as_standard_layout().into_owned() } else { z }
    };
    let back = |z: Array2<A>| if columns { z.reversed_axes() } else { z };
    for generalized in [false, true] {
        let (input, target) = (lay(&z_q), lay(&z_p));
        let each = KLDivWithLogitsLoss::new(PerDistribution)
            .axis(Axis(usize::from(!columns)))
            .temperature(temperature)
            .generalized(generalized);
        let upstreams = Array1::from_elem(lanes.count, A::of(upstream));
        let divergences = each.forward(&input, &target).unwrap();
        assert_eq!(divergences[lanes.lane].to(), INF);
        let gradients = each.backward(&input, &target, &upstreams).unwrap();
        let (d_input, d_target) = (back(gradients.input), back(gradients.target));
        let what = format!(
            "{} {:?} of {}, lane {} of {}, upstream {upstream} over {temperature}, columns {columns}, generalized {generalized}",
            A::NAME,
            lanes.excluded,
            lanes.classes,
            lanes.lane,
            lanes.count
        );
        for ((lane, class), &slope) in d_input.indexed_iter() {
            let expected = slopes[[lane, class]];
            assert!(
                meets(slope, expected),
                "{what}: ∂input {slope:?}, not {expected}, at {lane} {class}"
            );
        }
        let [only_q, only_p, both] = lanes.excluded;
        for class in 0..lanes.classes {
            let expected = match class {
                _ if upstream == 0.0 => 0.0,
                _ if only_q.contains(&class) => upstream * INF,
                _ if only_p.contains(&class) || both.contains(&class) => 0.0,
                _ => -upstream * INF,
            };
            let slope = d_target[[lanes.lane, class]];
            assert!(
                slope.to() == expected,
                "{what}: ∂target {slope:?}, not {expected}, at {class}"
            );
        }
        for lane in (0..lanes.count).filter(|&lane| lane != lanes.lane) {
            assert!(d_target.row(lane).iter().all(|slope| slope.to().is_finite()), "{what}");
        }
        if upstream == 1.0 {
            let gradient = back(each.value_and_grad(&input, &target).unwrap().1);
            assert!(gradient.iter().zip(&slopes).all(|(&a, &b)| meets(a, b)), "{what}");
            let one = A::of(1.0);
            let sum = KLDivWithLogitsLoss::new(Sum)
                .axis(Axis(usize::from(!columns)))
                .temperature(temperature)
                .generalized(generalized);
            let of_sum = back(sum.backward(&input, &target, &one).unwrap().target);
            let equal = of_sum.iter().zip(&d_target).all(|(a, b)| a.bits() == b.bits());
            assert!(equal, "{what}: of the sum {of_sum:?}");
        }
    }
}

fn check_all<A: Number<Wide = A>>(upstream: f64) {
    for classes in [2, 3, 4, 9, 64, 65, 100] {
        for (count, lane) in [(1, 0), (3, 1), (40, 39)] {
            let last = classes - 1;
            let mut all: Vec<[&[usize]; 3]> = vec![[&[0], &[], &[]]];
            let (middle, end) = ([classes / 2], [last]);
            all.push([&end, &[], &[]]);
            if classes > 2 {
                all.push([&[0], &[1], &[]]);
                all.push([&[1], &[], &[0]]);
                all.push([&[0, 1], &[], &[]]);
            }
            if classes > 4 {
                all.push([&middle, &[0], &end]);
            }
            for excluded in all {
                for columns in [false, true] {
                    let lanes = Lanes { classes, count, lane, excluded };
                    check::<A>(&lanes, upstream, 1.0, columns);
                    check::<A>(&lanes, upstream, 2.0, columns);
                }
            }
        }
    }
}

#[test]
fn the_gradients_are_limits_f32() {
    check_all::<f32>(1.0);
    check_all::<f32>(-2.5);
}

#[test]
fn the_gradients_are_limits_f64() {
    check_all::<f64>(1.0);
    check_all::<f64>(-2.5);
}

#[test]
fn without_an_upstream_there_is_no_gradient() {
    check_all::<f32>(0.0);
    check_all::<f64>(0.0);
}

/// With an upstream a class: ±∞ by that of the excluded class, or as if there were none where it is 0.
fn check_pointwise<A: Number<Wide = A>>(classes: usize, columns: bool) {
    let lanes = Lanes { classes, count: 3, lane: 1, excluded: [&[1], &[0], &[]] };
    let [z_q, z_p] = lanes.logits();
    let (q, p) = (softmax(&z_q, 1.0), softmax(&z_p, 1.0));
    let lay = |z: &Array2<f64>| {
        let z = z.mapv(A::of);
        if columns { z.t().as_standard_layout().into_owned() } else { z }
    };
    let back = |z: Array2<A>| if columns { z.reversed_axes() } else { z };
    for at_excluded in [0.0, 0.75, -1.5] {
        let mut upstream =
            Array2::from_shape_fn((3, classes), |(_, j)| 1.0 - 0.25 * (j % 9) as f64);
        upstream[[1, 1]] = at_excluded;
        let criterion = KLDivWithLogitsLoss::new(Pointwise).axis(Axis(usize::from(!columns)));
        let gradients = criterion.backward(&lay(&z_q), &lay(&z_p), &lay(&upstream)).unwrap();
        let (d_input, d_target) = (back(gradients.input), back(gradients.target));
        let what = format!("{} {classes} classes, {at_excluded}, columns {columns}", A::NAME);
        let sum: f64 = (0..classes).map(|j| upstream[[1, j]] * p[[1, j]]).sum();
        let slope = |j: usize| {
            let d = (p[[1, j]] / q[[1, j]]).ln() + 1.0;
            let none = upstream[[1, j]] == 0.0 || p[[1, j]] == 0.0;
            if none { 0.0 } else { upstream[[1, j]] * p[[1, j]] * d }
        };
        let mean: f64 = (0..classes).filter(|&j| j != 1).map(slope).sum();
        for j in 0..classes {
            let expected = q[[1, j]] * sum - upstream[[1, j]] * p[[1, j]];
            assert!(meets(d_input[[1, j]], expected), "{what}: ∂input at {j}");
            let expected = match j {
                0 => 0.0,
                _ if at_excluded == 0.0 => slope(j) - p[[1, j]] * mean,
                1 => at_excluded * INF,
                _ => -at_excluded * INF,
            };
            let found = d_target[[1, j]];
            assert!(meets(found, expected), "{what}: ∂target {found:?}, not {expected}, at {j}");
        }
    }
}

#[test]
fn an_upstream_for_each_class() {
    for columns in [false, true] {
        for classes in [3, 4, 10, 64, 65, 100] {
            check_pointwise::<f32>(classes, columns);
            check_pointwise::<f64>(classes, columns);
        }
    }
}

/// Where p has nothing but the class that q excludes, p·D·(1 − p) is 0 for every D; no limit is ±∞.
#[test]
fn a_target_of_that_class_alone() {
    let z_q = ndarray::array![[-INF, 1.0, 0.0]];
    let z_p = ndarray::array![[2.0, -INF, -INF]];
    let each = KLDivWithLogitsLoss::new(PerDistribution);
    let gradients = each.backward(&z_q, &z_p, &ndarray::array![1.0]).unwrap();
    assert!(gradients.target[[0, 1]] == 0.0 && gradients.target[[0, 2]] == 0.0);
    assert!(!gradients.target[[0, 0]].is_infinite(), "{}", gradients.target);
    assert_eq!(gradients.input[[0, 0]], -1.0);
}

/// The same classes excluded, against targets that are given.
#[test]
fn targets_that_are_given() {
    let z_q = ndarray::array![[-INF, 1.0, 0.0, 2.0], [0.5, 0.5, 0.5, 0.5]];
    let t = ndarray::array![[0.25, 0.25, 0.5, 0.0], [0.25, 0.25, 0.25, 0.25]];
    let q = softmax(&z_q, 1.0);
    for (kind, target) in [(Target::Probabilities, t.clone()), (Target::LogProbabilities, t.ln())] {
        let each = KLDivWithLogitsLoss::new(PerDistribution).target(kind);
        let upstream = ndarray::array![1.0, 1.0];
        let gradients = each.backward(&z_q, &target, &upstream).unwrap();
        assert!(gradients.input.iter().zip(&q - &t).all(|(&a, b)| meets(a, b)), "{kind:?}");
        let of_target = gradients.target.row(0);
        let at_0 = if kind == Target::Probabilities { -INF } else { 0.0 };
        assert_eq!((of_target[0], of_target[3]), (INF, at_0), "{kind:?}");
        assert!(of_target[1].is_finite() && of_target[2].is_finite(), "{kind:?}");
    }
}

/// A mask of the least number, so far below that a log-ratio overflows: the gradients are those limits or finite.
fn check_least<A: Number<Wide = A>>(temperature: f64) {
    for classes in [3, 10, 65] {
        for columns in [false, true] {
            let mut z = Array2::from_elem((3, classes), A::of(0.5));
            let z_p = z.clone();
            z[[1, 0]] = A::of(-A::MAX);
            let lay = |z: &Array2<A>| if columns { z.t().to_owned() } else { z.clone() };
            let each = KLDivWithLogitsLoss::new(PerDistribution)
                .axis(Axis(usize::from(!columns)))
                .temperature(temperature);
            let upstream = Array1::from_elem(3, A::of(1.0));
            let gradients = each.backward(&lay(&z), &lay(&z_p), &upstream).unwrap();
            let all = if columns { gradients.target.reversed_axes() } else { gradients.target };
            let what = format!("{} {classes} over {temperature}, columns {columns}", A::NAME);
            assert!(all[[1, 0]].to() > 0.0, "{what}: {:?}", all[[1, 0]]);
            assert!(all.row(1).iter().skip(1).all(|slope| slope.to() < 0.0), "{what}");
            assert!(gradients.input.iter().all(|slope| slope.to().is_finite()), "{what}");
        }
    }
}

#[test]
fn a_mask_of_the_least_number() {
    for temperature in [0.25, 0.5, 1.0, 4.0] {
        check_least::<f32>(temperature);
        check_least::<f64>(temperature);
    }
}
