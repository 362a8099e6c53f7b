//! Special values from logits: classes masked or far below the others, sides that are equal, and what is no distribution.

use kldiv::{Divergence, PerDistribution, Pointwise, Target};
use ndarray::{Array1, Array2};

use super::common::Number;
use super::definition::{Computed, INF};
use super::lane::{agrees, lane};
use super::{EXTREMES, FAMILY, Face, LOGITS, Settings};

/// The divergence, the terms and both gradients of one lane in the midst of others.
struct Found {
    divergence: f64,
    terms: Vec<f64>,
    d_input: Vec<f64>,
    d_target: Vec<f64>,
}

impl Found {
    fn all(&self) -> impl Iterator<Item = f64> {
        let Found { divergence, terms, d_input, d_target } = self;
        [*divergence].into_iter().chain([terms, d_input, d_target].into_iter().flatten().copied())
    }
}

/// The lanes before and behind it are ordinary, and must stay so.
fn found<A: Number<Wide = A>>(settings: &Settings, input: &[f64], target: &[f64]) -> Found {
    let rows = |numbers: &[f64], other: f64| {
        Array2::from_shape_fn((3, numbers.len()), |(row, class)| {
            A::of(if row == 1 { numbers[class] } else { other * (1.0 + (class % 3) as f64) })
        })
    };
    let other = if settings.face == Face::Logits(Target::Probabilities) { 0.2 } else { -0.2 };
    let (input, target) = (rows(input, -0.4), rows(target, other));
    let each = settings.rows(PerDistribution, &input, &target);
    let terms = settings.rows(Pointwise, &input, &target).forward().unwrap();
    let divergences = each.forward().unwrap();
    let gradients = each.backward(&Array1::from_elem(3, A::of(1.0))).unwrap();
    for other in [0, 2] {
        let row = |array: &Array2<A>| array.row(other).iter().all(|number| number.to().is_finite());
        assert!(divergences[other].to().is_finite(), "{settings:?}");
        assert!(row(&terms) && row(&gradients.input) && row(&gradients.target), "{settings:?}");
    }
    let of = |array: &Array2<A>| array.row(1).iter().map(|number| number.to()).collect();
    Found {
        divergence: divergences[1].to(),
        terms: of(&terms),
        d_input: of(&gradients.input),
        d_target: of(&gradients.target),
    }
}

/// Everything as the definition has it, to 16 ulp of the sizes: some operations more than the definition's own.
fn check<A: Number<Wide = A>>(settings: &Settings, input: &[f64], target: &[f64]) {
    let ours = found::<A>(settings, input, target);
    let round = |numbers: &[f64]| -> Vec<f64> { numbers.iter().map(|&z| A::of(z).to()).collect() };
    let expected = lane(settings, &round(input), &round(target), &vec![1.0; input.len()]);
    let at = |what: &str| format!("{} {settings:?}\n{input:?}\n{target:?}\n{what}", A::NAME);
    let total = expected.terms.iter().fold(Computed::default(), |total, term| Computed {
        value: total.value + term.value,
        size: total.size + term.size,
    });
    let value = ours.divergence;
    assert!(agrees(A::of(value), total, 16.0), "{}: {value:e}, not {total:?}", at("value"));
    assert!(settings.face != LOGITS || value >= 0.0, "{}: {value:e}", at("value"));
    for (what, ours, expected) in [
        ("term", &ours.terms, &expected.terms),
        ("∂/∂input", &ours.d_input, &expected.d_input),
        ("∂/∂target", &ours.d_target, &expected.d_target),
    ] {
        for (class, (&ours, &expected)) in ours.iter().zip(expected).enumerate() {
            let fits = agrees(A::of(ours), expected, 16.0);
            assert!(fits, "{} {class}: {ours:e}, not {expected:?}", at(what));
        }
    }
}

/// Ordinary logits but for one class. No class has the same probability with two seeds: there total variation has a corner.
fn with(classes: usize, place: usize, seed: usize, number: f64) -> Vec<f64> {
    let step = 0.5 + 0.01 * seed as f64;
    let ordinary = |class: usize| ((class * (5 + seed) + seed) % 7) as f64 * step - 1.5;
    (0..classes).map(|class| if class == place { number } else { ordinary(class) }).collect()
}

fn places() -> impl Iterator<Item = (usize, usize)> {
    let short = (3..20).flat_map(|n| [0, 1, n / 2, n - 1].map(|place| (n, place)));
    let long = [63, 64, 65, 66, 100].into_iter();
    short.chain(long.flat_map(|n| [0, 15, 16, n - 1].map(|place| (n, place))))
}

fn both_precisions(settings: &Settings, input: &[f64], target: &[f64]) {
    check::<f32>(settings, input, target);
    check::<f64>(settings, input, target);
}

fn settings(divergences: &[Divergence]) -> impl Iterator<Item = Settings> {
    let all = divergences.iter().flat_map(|&d| [false, true].map(|form| (d, form)));
    all.map(|(divergence, form)| Settings::new(divergence, LOGITS).generalized(form))
}

fn masked_on_one_side_of(divergences: &[Divergence]) {
    for settings in settings(divergences) {
        for (classes, place) in places() {
            let masked = with(classes, place, 0, -INF);
            both_precisions(&settings, &masked, &with(classes, place, 3, 0.5));
            both_precisions(&settings, &with(classes, place, 3, 0.5), &masked);
        }
    }
}

fn masked_on_both_sides_of(divergences: &[Divergence]) {
    for settings in settings(divergences) {
        for (classes, place) in places() {
            let (input, target) = (with(classes, place, 0, -INF), with(classes, place, 3, -INF));
            both_precisions(&settings, &input, &target);
            let ours = found::<f64>(&settings, &input, &target);
            assert!(ours.all().all(|number| number.is_finite()), "{settings:?}");
        }
    }
}

/// A logit so far below that its probability underflows: in `f32`, and in both.
fn far_below_of(divergences: &[Divergence]) {
    for (settings, depth) in settings(divergences).flat_map(|s| [(s, 200.0), (s, 1000.0)]) {
        for (classes, place) in places() {
            let deep = with(classes, place, 0, -depth);
            both_precisions(&settings, &deep, &with(classes, place, 3, 0.5));
            both_precisions(&settings, &with(classes, place, 3, 0.5), &deep);
            both_precisions(&settings, &deep, &with(classes, place, 3, -depth - 1.5));
        }
    }
}

#[test]
fn masked_on_one_side() {
    masked_on_one_side_of(&FAMILY);
}

#[test]
fn masked_on_both_sides() {
    masked_on_both_sides_of(&FAMILY);
}

#[test]
fn far_below() {
    far_below_of(&FAMILY);
}

#[test]
fn masked_on_one_side_where_a_parameter_is_near_its_end() {
    masked_on_one_side_of(&EXTREMES);
}

#[test]
fn masked_on_both_sides_where_a_parameter_is_near_its_end() {
    masked_on_both_sides_of(&EXTREMES);
}

#[test]
fn far_below_where_a_parameter_is_near_its_end() {
    far_below_of(&EXTREMES);
}

/// Exactly 0, the gradients of the divergence too.
#[test]
fn equal_logits() {
    for settings in settings(&FAMILY).chain(settings(&EXTREMES)) {
        for (classes, place) in places() {
            for number in [0.5, -200.0, -1000.0, -INF] {
                let logits = with(classes, place, 0, number);
                for ours in [
                    found::<f32>(&settings, &logits, &logits),
                    found::<f64>(&settings, &logits, &logits),
                ] {
                    let zero = ours.all().all(|number| number == 0.0);
                    let Found { divergence, terms, d_input, d_target } = ours;
                    assert!(
                        zero,
                        "{settings:?} {logits:?}: {divergence} {terms:?} {d_input:?} {d_target:?}"
                    );
                }
            }
        }
    }
}

/// A NaN or +∞ among the logits, or nothing but −∞: the lane is NaN, and its neighbours are not.
#[test]
fn no_distribution() {
    for settings in settings(&FAMILY) {
        for (classes, place) in places() {
            let fine = with(classes, place, 3, 0.25);
            let bad = [
                with(classes, place, 0, f64::NAN),
                with(classes, place, 0, INF),
                vec![-INF; classes],
            ];
            for (input, target) in
                bad.iter().flat_map(|bad| [(bad, &fine), (&fine, bad), (bad, bad)])
            {
                for ours in
                    [found::<f32>(&settings, input, target), found::<f64>(&settings, input, target)]
                {
                    assert!(ours.all().all(f64::is_nan), "{settings:?} {input:?} {target:?}");
                }
            }
        }
    }
}

/// Beside a target of probabilities or their logarithms.
#[test]
fn soft_targets() {
    for kind in [Target::Probabilities, Target::LogProbabilities] {
        for (divergence, form) in FAMILY.into_iter().flat_map(|d| [(d, false), (d, true)]) {
            let settings = Settings::new(divergence, Face::Logits(kind)).generalized(form);
            for (classes, place) in places().step_by(3) {
                let target = |number: f64| -> Vec<f64> {
                    let logs = with(classes, place, 3, number).into_iter().map(|z| z - 1.75);
                    logs.map(|log| if kind == Target::Probabilities { log.exp() } else { log })
                        .collect()
                };
                both_precisions(&settings, &with(classes, place, 0, -INF), &target(0.5));
                both_precisions(&settings, &with(classes, place, 0, 0.5), &target(-INF));
                both_precisions(&settings, &with(classes, place, 0, -200.0), &target(0.5));
                let mut bad = with(classes, place, 0, f64::NAN);
                let ours = found::<f32>(&settings, &bad, &target(0.5));
                assert!(ours.divergence.is_nan() && ours.terms.iter().all(|term| term.is_nan()));
                bad[place] = 0.0;
                let ours = found::<f64>(&settings, &bad, &target(f64::NAN));
                assert!(ours.divergence.is_nan() && ours.terms[place].is_nan(), "{settings:?}");
            }
        }
    }
}
