//! Laws of single terms: the ends of parameters, equality, signs, and the generalized form.

use kldiv::{Divergence, PerDistribution, Pointwise, Target};
use ndarray::{Array2, Axis, Zip};

use super::common::{Number, Random, bits, same};
use super::definition::kappa;
use super::laws::{logits, near};
use super::{EXTREMES, FACES, FAMILY, Face, LOGITS, LOGS, Settings, log_softmax};

/// Numbers of every kind: usual, excluded, underflowing, large, and mixtures of them in a lane.
fn operands<A: Number>(face: Face, classes: usize) -> [Array2<A>; 2] {
    let mut random = Random(classes as u64);
    let mut log = |row: usize| match (row % 4, random.below(12)) {
        (1, 0) => f64::NEG_INFINITY,
        (2, 0) => -200.0,
        (2, 1) => -1000.0,
        (3, 0) => 12.0 * random.unit(),
        _ => -12.0 * random.unit(),
    };
    let input = Array2::from_shape_fn((12, classes), |(row, _)| log(row));
    let target = Array2::from_shape_fn((12, classes), |(row, _)| log(row));
    let target = match face {
        Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => target.exp(),
        _ => target,
    };
    [input.mapv(A::of), target.mapv(A::of)]
}

/// Sums, terms, and both gradients of either.
fn answers<A: Number<Wide = A>>(settings: &Settings, [x, t]: [&Array2<A>; 2]) -> [Vec<u64>; 6] {
    let (lanes, terms) = (settings.rows(PerDistribution, x, t), settings.rows(Pointwise, x, t));
    let mut random = Random(3);
    let upstream = x.mapv(|_| A::of(random.unit() - 0.25));
    let each = lanes.backward(&upstream.column(0).to_owned()).unwrap();
    let all = terms.backward(&upstream).unwrap();
    [
        bits(&lanes.forward().unwrap()),
        bits(&terms.forward().unwrap()),
        bits(&each.input),
        bits(&each.target),
        bits(&all.input),
        bits(&all.target),
    ]
}

fn same_bits<A: Number<Wide = A>>(one: Settings, other: Settings) {
    for classes in [1, 3, 16, 50, 64, 65, 200] {
        let [x, t] = operands::<A>(one.face, classes);
        let what = format!("{} {one:?} {other:?} {classes}", A::NAME);
        same(&answers(&one, [&x, &t]), &answers(&other, [&x, &t]), &what);
    }
}

#[test]
fn ends_of_parameters_are_other_divergences() {
    let ends = [
        (Divergence::Skew(0.0), Divergence::Forward),
        (Divergence::SkewReverse(0.0), Divergence::Reverse),
        (Divergence::Symmetric(1.0), Divergence::Forward),
        (Divergence::Symmetric(0.0), Divergence::Reverse),
        (Divergence::Skew(-0.0), Divergence::Forward),
        (Divergence::Symmetric(-0.0), Divergence::Reverse),
    ];
    for ((end, other), face) in ends.into_iter().flat_map(|pair| FACES.map(|face| (pair, face))) {
        for form in [false, true] {
            let [end, other] = [end, other].map(|d| Settings::new(d, face).generalized(form));
            same_bits::<f32>(end, other);
            same_bits::<f64>(end, other);
        }
    }
}

#[test]
fn three_divergences_are_generalized_already() {
    let some = FAMILY.into_iter().chain(EXTREMES).filter(|&divergence| {
        matches!(
            divergence,
            Divergence::JensenShannon(_) | Divergence::Jeffreys | Divergence::TotalVariation
        )
    });
    for (divergence, face) in some.flat_map(|divergence| FACES.map(|face| (divergence, face))) {
        let plain = Settings::new(divergence, face);
        same_bits::<f32>(plain, plain.generalized(true));
        same_bits::<f64>(plain, plain.generalized(true));
    }
}

/// Of a log target and of logits. Of probabilities ln t is rounded as the input was.
fn zero_where_equal<A: Number<Wide = A>>(divergence: Divergence, form: bool) {
    for face in [LOGS, LOGITS] {
        let settings = Settings::new(divergence, face).generalized(form);
        for classes in [1, 2, 10, 16, 64, 65, 100, 1500] {
            let [x, _] = operands::<A>(face, classes);
            // A lane of logits must be a distribution.
            let x = x.mapv(|z| if face == LOGITS { A::of(z.to().max(-1e4)) } else { z });
            let terms = settings.rows(Pointwise, &x, &x).forward().unwrap();
            let sums = settings.rows(PerDistribution, &x, &x).forward().unwrap();
            let zero = terms.iter().chain(&sums).all(|number| number.to() == 0.0);
            assert!(zero, "{} {settings:?} of {classes} classes: {sums}", A::NAME);
        }
    }
}

#[test]
fn no_divergence_of_equal_sides() {
    for divergence in FAMILY.into_iter().chain(EXTREMES) {
        for form in [false, true] {
            zero_where_equal::<f32>(divergence, form);
            zero_where_equal::<f64>(divergence, form);
        }
        // ln of the target is the input, but for the rounding of it: half an ulp, twice.
        let log = log_softmax(&logits(50, 7));
        let settings = Settings::new(divergence, Face::Given(Target::Probabilities));
        let found = settings.rows(PerDistribution, &log, &log.exp()).forward().unwrap();
        let bound = 60.0 * f64::EPSILON;
        assert!(found.iter().all(|number| number.abs() < bound), "{divergence}: {found}");
    }
}

/// Of any two operands, distributions or not.
fn never_negative<A: Number<Wide = A>>(settings: Settings) {
    let operands_of = |classes| {
        let [x, t] = operands::<A>(settings.face, classes);
        let close = |array: Array2<f64>| array.mapv(A::of);
        let (z, zero) = (logits(classes, 9), classes as f64);
        let [log_q, log_p] = [log_softmax(&near(&z, 11)), log_softmax(&z)];
        let [x_near, t_near] = match settings.face {
            Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => {
                [log_q, log_p.exp()]
            }
            _ => [log_q - zero, log_p - zero],
        };
        [[x, t], [close(x_near), close(t_near)]]
    };
    for [x, t] in [1, 4, 16, 65, 300].into_iter().flat_map(operands_of) {
        let terms = settings.rows(Pointwise, &x, &t).forward().unwrap();
        // A lane of logits that are all −∞ is NaN.
        let negative = terms.iter().filter(|term| term.to() < 0.0).count();
        assert_eq!(negative, 0, "{} {settings:?}: {terms}", A::NAME);
        let numbers = terms.iter().filter(|term| !term.to().is_nan()).count();
        assert!(numbers > 0, "{} {settings:?}: only NaN", A::NAME);
    }
}

#[test]
fn generalized_terms_are_never_negative() {
    for (divergence, face) in FAMILY.into_iter().chain(EXTREMES).flat_map(|d| FACES.map(|f| (d, f)))
    {
        let settings = Settings::new(divergence, face).generalized(true);
        never_negative::<f32>(settings);
        never_negative::<f64>(settings);
    }
}

/// Σ generalized = Σ plain + κ·Σ(q − p).
#[test]
fn generalized_is_plain_and_the_difference_of_masses() {
    let mut random = Random(44);
    let mut differ = 0;
    for classes in [1, 7, 64, 65, 150] {
        let x = Array2::from_shape_simple_fn((9, classes), || -20.0 * random.unit().powi(2));
        let y = Array2::from_shape_simple_fn((9, classes), || -15.0 * random.unit());
        let (q, p) = (x.exp(), y.exp());
        let masses = (&q - &p).sum_axis(Axis(1));
        // A few roundings of each summand, one of each addition: of p or q times D, and e of both.
        let sizes = ((&p + &q) * ((&x - &y).mapv(f64::abs) + 2.0)).sum_axis(Axis(1));
        for divergence in FAMILY.into_iter().chain(EXTREMES) {
            for (face, target) in [(LOGS, &y), (Face::Given(Target::Probabilities), &p)] {
                let [plain, more] = [false, true].map(|form| {
                    let settings = Settings::new(divergence, face).generalized(form);
                    settings.rows(PerDistribution, &x, target).forward().unwrap()
                });
                let kappa = kappa(divergence);
                Zip::from(&plain).and(&more).and(&masses).and(&sizes).for_each(
                    |plain, more, mass, size| {
                        let bound = (8.0 + classes as f64) * f64::EPSILON * size;
                        let apart = (more - (plain + kappa * mass)).abs();
                        assert!(apart <= bound, "{divergence} {face:?}: {plain} {more} {mass}");
                        differ += usize::from((plain - more).abs() > 2.0 * bound);
                    },
                );
            }
        }
    }
    assert!(differ > 500, "only {differ} lanes differ");
}
