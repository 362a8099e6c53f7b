//! Values and gradients of every divergence, against the definition.

use kldiv::{Divergence, PerDistribution, Pointwise, Sum, Target};
use ndarray::{Array1, Array2, Zip};

use super::common::{Number, Random, bits};
use super::definition::Computed;
use super::lane::{agrees, lane};
use super::{EXTREMES, FACES, FAMILY, Face, LOGITS, Settings};

/// Operands of a face, and upstreams.
struct Operands<A> {
    input: Array2<A>,
    target: Array2<A>,
    each: Array2<A>,
}

/// Rows from almost equal to far apart.
fn operands<A: Number>(face: Face, classes: usize, lanes: usize) -> Operands<A> {
    let mut random = Random(classes as u64 * 31 + lanes as u64);
    let target = Array2::from_shape_simple_fn((lanes, classes), || -7.0 * random.unit());
    let mut input = target.clone();
    for ((row, _), x) in input.indexed_iter_mut() {
        let spread = [7.0, 1.0, 0.1, 1e-3, 3.0, 14.0][row % 6];
        *x += spread * (random.unit() - 0.5);
    }
    // Logits are not normalised.
    let offset = if matches!(face, Face::Logits(_)) { 3.0 } else { 0.0 };
    let target = match face {
        LOGITS => target + 1.5,
        Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => target.exp(),
        _ => target,
    };
    let each = target.mapv(|_| A::of(3.0 * random.unit() - 1.0));
    Operands { input: (input + offset).mapv(A::of), target: target.mapv(A::of), each }
}

/// The rounding errors that are allowed, in ulp of the size of what is added up.
///
/// Of `f64` the definition is rounded as often as what it judges.
fn allowed<A: Number>() -> f64 {
    if A::NAME == "f64" { 24.0 } else { 12.0 }
}

fn compare<A: Number>(
    found: &Array2<A>,
    row: usize,
    expected: &[Computed],
    what: &dyn Fn() -> String,
) {
    for (class, (found, &expected)) in found.row(row).iter().zip(expected).enumerate() {
        let fits = agrees(*found, expected, allowed::<A>());
        assert!(fits, "{} [{row}, {class}]: {found}, not {expected:?}", what());
    }
}

fn check<A: Number<Wide = A>>(settings: &Settings, classes: usize, lanes: usize) {
    let Operands { input, target, each } = operands::<A>(settings.face, classes, lanes);
    let of_lanes: Array1<A> = each.column(0).to_owned();
    let (all, sums) = (
        settings.rows(Pointwise, &input, &target),
        settings.rows(PerDistribution, &input, &target),
    );
    let (terms, divergences) = (all.forward().unwrap(), sums.forward().unwrap());
    let (by_class, by_lane) = (all.backward(&each).unwrap(), sums.backward(&of_lanes).unwrap());
    let (_, gradient) = settings.rows(Sum, &input, &target).value_and_grad().unwrap();
    let (same_terms, with_terms) = all.value_and_grad().unwrap();
    assert_eq!(bits(&same_terms), bits(&terms), "{settings:?}");
    for row in 0..lanes {
        let wide =
            |array: &Array2<A>| -> Vec<f64> { array.row(row).iter().map(|z| z.to()).collect() };
        let (x, t) = (wide(&input), wide(&target));
        let what = |what: &str| format!("{} {settings:?} of {classes} classes, {what}", A::NAME);
        let expected = lane(settings, &x, &t, &wide(&each));
        compare(&terms, row, &expected.terms, &|| what("terms"));
        compare(&by_class.input, row, &expected.d_input, &|| what("∂/∂input by class"));
        compare(&by_class.target, row, &expected.d_target, &|| what("∂/∂target by class"));
        let total = expected.terms.iter().fold(Computed::default(), |total, term| Computed {
            value: total.value + term.value,
            size: total.size + term.size,
        });
        let fits = agrees(divergences[row], total, allowed::<A>());
        assert!(fits, "{}, {row}: {}, not {total:?}", what("sums"), divergences[row]);
        let expected = lane(settings, &x, &t, &vec![of_lanes[row].to(); classes]);
        compare(&by_lane.input, row, &expected.d_input, &|| what("∂/∂input by lane"));
        compare(&by_lane.target, row, &expected.d_target, &|| what("∂/∂target by lane"));
        let expected = lane(settings, &x, &t, &vec![1.0; classes]);
        compare(&gradient, row, &expected.d_input, &|| what("value_and_grad"));
        compare(&with_terms, row, &expected.d_input, &|| what("value_and_grad of the terms"));
    }
}

fn check_all(divergences: &[Divergence]) {
    for (&divergence, face) in divergences.iter().flat_map(|d| FACES.map(|face| (d, face))) {
        for form in [false, true] {
            let settings = Settings::new(divergence, face).generalized(form);
            for (classes, lanes) in [(1, 6), (2, 30), (10, 12), (64, 17), (65, 6), (300, 6)] {
                check::<f32>(&settings, classes, lanes);
                check::<f64>(&settings, classes, lanes);
            }
        }
    }
}

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    check_all(&FAMILY);
}

#[test]
fn values_and_gradients_where_a_parameter_is_near_its_end() {
    check_all(&EXTREMES);
}

/// Lanes of several blocks, whose slopes are kept for their gradients, and of several parts, whose slopes are computed again.
#[test]
fn long_lanes() {
    let family = FAMILY.into_iter().filter(|divergence| *divergence != Divergence::Forward);
    for divergence in family {
        let settings = Settings::new(divergence, LOGITS);
        for (classes, lanes) in [(1024, 7), (1025, 7), (3000, 7), (1 << 16, 2), ((1 << 16) + 1, 2)]
        {
            check::<f32>(&settings, classes, lanes);
            check::<f64>(&settings, classes, lanes);
        }
    }
}

#[test]
fn temperatures() {
    let faces = FACES.into_iter().filter(|face| matches!(face, Face::Logits(_)));
    for (divergence, face) in faces.flat_map(|face| FAMILY.map(|divergence| (divergence, face))) {
        for (temperatures, squared) in
            [([2.0, 2.0], true), ([0.7, 0.7], false), ([2.0, 1.25], true), ([0.6, 3.0], false)]
        {
            let settings = Settings { temperatures, squared, ..Settings::new(divergence, face) };
            for settings in [settings, settings.generalized(true)] {
                for (classes, lanes) in [(10, 18), (65, 6)] {
                    check::<f32>(&settings, classes, lanes);
                    check::<f64>(&settings, classes, lanes);
                }
            }
        }
    }
}

/// Logits divided beforehand, by numbers that are no powers of two: the same but for the rounding of the quotients.
#[test]
fn separate_temperatures_are_logits_divided_beforehand() {
    let temperatures = [1.7, 0.6];
    for (divergence, form) in FAMILY.into_iter().flat_map(|d| [(d, false), (d, true)]) {
        let divided = Settings::new(divergence, LOGITS).generalized(form);
        let settings = Settings { temperatures, ..divided };
        for classes in [3, 40, 90] {
            let Operands { input, target, each } = operands::<f64>(LOGITS, classes, 12);
            let [x, t] = [&input / temperatures[0], &target / temperatures[1]];
            let (ours, beforehand) =
                (settings.rows(Pointwise, &input, &target), divided.rows(Pointwise, &x, &t));
            let (found, expected) =
                (ours.backward(&each).unwrap(), beforehand.backward(&each).unwrap());
            let pairs = [
                (ours.forward().unwrap(), beforehand.forward().unwrap()),
                (found.input * temperatures[0], expected.input),
                (found.target * temperatures[1], expected.target),
            ];
            for (which, (found, expected)) in pairs.iter().enumerate() {
                // Logits as large as 18 are rounded by 2 ulp of 1 each, and numbers as large as 2 are added up.
                Zip::from(found).and(expected).for_each(|found, expected| {
                    let apart = (found - expected).abs();
                    let bound = 64.0 * f64::EPSILON * (1.0 + expected.abs());
                    assert!(apart <= bound, "{settings:?} {which}: {found:e} {expected:e}");
                });
            }
        }
    }
}
