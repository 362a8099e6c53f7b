//! Logits that are not numbers, infinite, or as large as they can be.

use kldiv::{Error, KLDivWithLogitsLoss, PerDistribution, Pointwise, Sum, Target};
use ndarray::{Array1, Array2, arr0, array};

use super::TARGETS;
use super::common::Number;

const INF: f64 = f64::INFINITY;

/// The divergence, the terms and both gradients of one lane in the midst of others.
fn lane<A: Number<Wide = A>>(input: &[f64], target: &[f64], kind: Target) -> [Vec<f64>; 4] {
    let classes = input.len();
    let row = |numbers: &[f64]| {
        Array2::from_shape_fn((3, classes), |(row, class)| {
            A::of(if row == 1 {
                numbers[class]
            } else if kind == Target::Logits {
                0.5
            } else {
                0.25
            })
        })
    };
    let (input, target) = (row(input), row(target));
    let each = KLDivWithLogitsLoss::new(PerDistribution).target(kind);
    let terms = KLDivWithLogitsLoss::new(Pointwise).target(kind).forward(&input, &target).unwrap();
    let divergences = each.forward(&input, &target).unwrap();
    let gradients = each.backward(&input, &target, &Array1::from_elem(3, A::of(1.0))).unwrap();
    let of = |array: &Array2<A>| array.row(1).iter().map(|number| number.to()).collect();
    [vec![divergences[1].to()], of(&terms), of(&gradients.input), of(&gradients.target)]
}

/// A lane with the given numbers at `place` and `place + 1` and 0 elsewhere.
fn at(place: usize, classes: usize, numbers: [f64; 2]) -> Vec<f64> {
    let mut lane = vec![0.0; classes];
    lane[place] = numbers[0];
    lane[(place + 1) % classes] = numbers[1];
    lane
}

fn absent_classes<A: Number<Wide = A>>(classes: usize, place: usize) {
    let other = (place + 1) % classes;
    // Absent on both sides: nothing there, the rest as without it.
    let both = at(place, classes, [-INF, 1.0]);
    let found = lane::<A>(&both, &at(place, classes, [-INF, 3.0]), Target::Logits);
    assert!(found[0][0].is_finite() && found[0][0] > 0.0);
    assert!(found[1..].iter().all(|numbers| numbers[place] == 0.0), "{found:?}");
    assert!(found.iter().flatten().all(|number| number.is_finite()), "{found:?}");
    // Absent from the target only: no term, its gradient that of what the input gives it.
    let found = lane::<A>(&at(place, classes, [0.0, 1.0]), &both, Target::Logits);
    assert!(found[0][0].is_finite() && found[1][place] == 0.0 && found[3][place] == 0.0);
    assert!(found[2][place] > 0.0, "{found:?}");
    // Absent from the input only: infinite.
    let found = lane::<A>(&both, &at(place, classes, [0.0, 1.0]), Target::Logits);
    assert_eq!((found[0][0], found[1][place]), (INF, INF), "{found:?}");
    assert!(found[2].iter().all(|slope| slope.is_finite()) && found[2][place] < 0.0);
    assert!(found[3][other] == -INF && found[3][place] == INF, "{found:?}");
}

fn not_a_distribution<A: Number<Wide = A>>(classes: usize, place: usize) {
    let fine = at(place, classes, [1.0, 2.0]);
    for bad in
        [at(place, classes, [f64::NAN, 0.0]), at(place, classes, [INF, 0.0]), vec![-INF; classes]]
    {
        for (input, target) in [(&bad, &fine), (&fine, &bad), (&bad, &bad)] {
            let found = lane::<A>(input, target, Target::Logits);
            assert!(
                found.iter().flatten().all(|number| number.is_nan()),
                "{input:?} {target:?} {found:?}"
            );
        }
    }
    for kind in [Target::Probabilities, Target::LogProbabilities] {
        let mut bad = fine.clone();
        bad[place] = f64::NAN;
        let target = vec![0.25; classes];
        let found = lane::<A>(&bad, &target, kind);
        assert!(found[..2].iter().flatten().all(|number| number.is_nan()), "{found:?}");
    }
}

#[test]
fn absent_classes_and_lanes_that_are_no_distributions() {
    for classes in (3..20).chain([63, 64, 65, 66, 100]) {
        for place in (0..classes).step_by(if classes < 20 { 1 } else { 7 }) {
            absent_classes::<f32>(classes, place);
            absent_classes::<f64>(classes, place);
            not_a_distribution::<f32>(classes, place);
            not_a_distribution::<f64>(classes, place);
        }
    }
}

#[test]
fn logits_as_large_as_they_can_be() {
    for classes in [2, 10, 64, 65, 90] {
        for size in [1e4, 1e30, f32::MAX.into()] {
            let spread = at(0, classes, [size, -size]);
            let found = lane::<f32>(&spread, &spread, Target::Logits);
            assert!(found.iter().flatten().all(|&number| number == 0.0), "{size}: {found:?}");
            let turned = at(0, classes, [-size, size]);
            let found = lane::<f32>(&turned, &spread, Target::Logits);
            let expected = (2.0 * size) as f32;
            assert_eq!(found[0][0] as f32, expected, "{size}");
            assert_eq!((found[2][0], found[2][1]), (-1.0, 1.0), "{size}");
        }
    }
}

#[test]
fn one_class_is_certain() {
    for size in [0.0, 1.0, -1e4, 1e-42, 3e38] {
        let found = lane::<f32>(&[size], &[7.0], Target::Logits);
        assert!(found.iter().flatten().all(|&number| number == 0.0), "{size}: {found:?}");
    }
}

#[test]
fn no_upstream_no_gradient_unless_nan() {
    for target in TARGETS {
        for classes in [3, 70] {
            let mut input = Array2::from_elem((3, classes), 1.0_f32);
            let against = Array2::from_elem((3, classes), 0.5_f32);
            input[[0, 1]] = f32::NEG_INFINITY;
            input[[1, 1]] = f32::NAN;
            let sum = KLDivWithLogitsLoss::new(Sum).target(target);
            let gradients = sum.backward(&input, &against, &0.0).unwrap();
            for gradient in [gradients.input, gradients.target] {
                assert!(gradient.row(0).iter().chain(gradient.row(2)).all(|&slope| slope == 0.0));
                assert!(gradient.row(1).iter().any(|slope| slope.is_nan()), "{target:?}");
            }
        }
    }
}

#[test]
fn no_upstream_for_any_class_is_no_upstream() {
    for target in TARGETS {
        for classes in [2, 70] {
            let mut input = Array2::from_elem((1, classes), 0.0_f32);
            input[[0, 0]] = f32::INFINITY;
            let (against, none) =
                (Array2::from_elem((1, classes), 0.5), Array2::zeros((1, classes)));
            let terms = KLDivWithLogitsLoss::new(Pointwise).target(target);
            let gradients = terms.backward(&input, &against, &none).unwrap();
            assert!(gradients.input.iter().all(|&slope| slope == 0.0), "{target:?}");
        }
    }
}

/// Also where a lane is so long that its parts are visited beside each other.
#[test]
fn a_nan_reaches_all_of_a_lane() {
    let mut input = Array2::from_elem((2, 100_000), 1.0_f32);
    input[[0, 0]] = f32::NAN;
    let against = Array2::from_elem((2, 100_000), 0.5);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let gradients = pool
            .install(|| KLDivWithLogitsLoss::new(Sum).backward(&input, &against, &0.0).unwrap());
        for gradient in [gradients.input, gradients.target] {
            assert!(gradient.row(0).iter().all(|slope| slope.is_nan()), "{threads} threads");
            assert!(gradient.row(1).iter().all(|&slope| slope == 0.0), "{threads} threads");
        }
    }
}

/// A class whose D is large although its ε is not, and one whose weight underflows after a lane that
/// needed care.
#[test]
fn generalized_terms_do_not_depend_on_what_else_is_asked() {
    let mut teacher = Array2::from_elem((2, 100), -30.0_f32);
    let mut student = teacher.clone();
    teacher[[0, 7]] = 40.0;
    student[[0, 7]] = -50.0;
    teacher.slice_mut(ndarray::s![1, 0..3]).fill(0.0);
    student.slice_mut(ndarray::s![1, 0..3]).fill(-20.0);
    (teacher[[1, 3]], student[[1, 3]]) = (-23.5, 0.0);
    (teacher[[1, 7]], student[[1, 7]]) = (-100.0, -100.0);
    let criterion = KLDivWithLogitsLoss::new(Pointwise).generalized(true);
    let terms = criterion.forward(&student, &teacher).unwrap();
    assert!(terms.iter().all(|&term| term >= 0.0));
    assert!((terms[[1, 3]] - 1.0).abs() < 1e-5, "{}", terms[[1, 3]]);
    assert_eq!(terms, criterion.value_and_grad(&student, &teacher).unwrap().0);
    let turned = [&student, &teacher].map(|array| array.t().as_standard_layout().into_owned());
    let columns = criterion.axis(ndarray::Axis(0)).forward(&turned[0], &turned[1]).unwrap();
    assert_eq!(terms, columns.t());
}

#[test]
fn temperatures_that_are_none() {
    let (z, sum) = (array![[1.0_f32, 2.0]], KLDivWithLogitsLoss::new(Sum));
    let squared = sum.times_temperature_squared(true);
    let never = [0.0, -1.0, f64::NAN, INF, 1e-39, 1e39].map(|temperature| (sum, temperature));
    let not_squared = [1e-30, 1e30].map(|temperature| (squared, temperature));
    for (criterion, temperature) in never.into_iter().chain(not_squared) {
        let found = criterion.temperature(temperature).forward(&z, &z);
        let Err(Error::InvalidTemperature { temperature: found }) = found else {
            panic!("{temperature}: {found:?}");
        };
        assert_eq!(found.to_bits(), temperature.to_bits());
    }
    let wide = z.mapv(f64::from);
    assert!(squared.temperature(1e30).forward(&wide, &wide).is_ok());
    for temperature in [f64::MIN_POSITIVE / 2.0, f64::MAX] {
        assert!(sum.temperature(temperature).forward(&wide, &wide).is_err(), "{temperature}");
    }
    assert_eq!(
        sum.temperature(0.0).forward(&arr0(1.0_f32), &arr0(1.0)),
        Err(Error::AxisOutOfBounds { axis: 0, ndim: 0 })
    );
}

/// Temperatures whose squares are no normal numbers: the results are those of `f64`.
#[test]
fn temperatures_whose_squares_do_not_count() {
    let (student, teacher) = (array![[1.0_f32, -0.5, 0.25]], array![[0.5_f32, 1.0, -1.0]]);
    for temperature in [2_f64.powi(-126), 1e-30, 1e-20, 1e20, 1e30, 1e38] {
        let scaled = |z: &Array2<f32>| z.mapv(|z| (f64::from(z) * temperature) as f32);
        let [z, y] = [scaled(&student), scaled(&teacher)];
        let [wide_z, wide_y] = [z.mapv(f64::from), y.mapv(f64::from)];
        let criterion = KLDivWithLogitsLoss::new(Sum).temperature(temperature);
        let loss = f64::from(criterion.forward(&z, &y).unwrap());
        let expected = criterion.forward(&wide_z, &wide_y).unwrap();
        assert!((loss - expected).abs() < 1e-6 * expected, "{temperature:e}: {loss} {expected}");
        let squared = criterion.times_temperature_squared(true).forward(&z, &y);
        assert!(matches!(squared, Err(Error::InvalidTemperature { .. })), "{temperature:e}");
    }
}
