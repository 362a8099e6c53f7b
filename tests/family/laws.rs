//! Laws of whole distributions: exchanges, bounds, limits and signs.

use kldiv::{Divergence, PerDistribution, Target};
use ndarray::{Array1, Array2, Zip};

use super::common::{Number, Random, bits};
use super::{EXTREMES, FACES, FAMILY, Face, LOGITS, LOGS, Settings, log_softmax, normal};

/// The number of distributions of a draw.
const LANES: usize = 40;

/// Logits whose spread differs from row to row: from almost equal probabilities to almost all in one class.
pub fn logits(classes: usize, seed: u64) -> Array2<f64> {
    let mut random = Random(seed);
    Array2::from_shape_fn((LANES, classes), |(row, _)| (row % 8) as f64 * normal(&mut random))
}

/// Logits near others: at a distance that differs from row to row.
pub fn near(logits: &Array2<f64>, seed: u64) -> Array2<f64> {
    let mut random = Random(seed);
    let mut moved = logits.clone();
    for ((row, _), z) in moved.indexed_iter_mut() {
        *z += 10_f64.powi(-(row as i32 % 6)) * normal(&mut random);
    }
    moved
}

/// Two sets of distributions as the operands of a face: of log-probabilities, their logarithms.
fn operands<A: Number>(face: Face, z_q: &Array2<f64>, z_p: &Array2<f64>) -> [Array2<A>; 2] {
    let input = if matches!(face, Face::Logits(_)) { z_q.clone() } else { log_softmax(z_q) };
    let target = match face {
        LOGITS => z_p.clone(),
        Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => {
            log_softmax(z_p).exp()
        }
        _ => log_softmax(z_p),
    };
    [input.mapv(A::of), target.mapv(A::of)]
}

/// The divergences of lanes of log-probabilities.
fn divergences(divergence: Divergence, log_p: &Array2<f64>, log_q: &Array2<f64>) -> Array1<f64> {
    Settings::new(divergence, LOGS).rows(PerDistribution, log_q, log_p).forward().unwrap()
}

fn pairs() -> impl Iterator<Item = [Array2<f64>; 2]> {
    [1, 2, 10, 63, 64, 65, 100, 1000].into_iter().enumerate().flat_map(|(i, classes)| {
        let z = logits(classes, 100 + i as u64);
        [[z.clone(), logits(classes, 200 + i as u64)], [near(&z, 300 + i as u64), z]]
    })
}

/// Values, terms and both gradients.
fn answers<A: Number<Wide = A>>(
    settings: &Settings,
    input: &Array2<A>,
    target: &Array2<A>,
    upstream: &Array2<A>,
) -> [Vec<u64>; 6] {
    let lanes = settings.rows(PerDistribution, input, target);
    let terms = settings.rows(kldiv::Pointwise, input, target);
    let of_lanes = upstream.column(0).to_owned();
    let [each, all] = [lanes.backward(&of_lanes).unwrap(), terms.backward(upstream).unwrap()];
    [
        bits(&lanes.forward().unwrap()),
        bits(&terms.forward().unwrap()),
        bits(&each.input),
        bits(&each.target),
        bits(&all.input),
        bits(&all.target),
    ]
}

/// The bits of one divergence are those of the other with the operands, and the two gradients, exchanged.
fn exchanged<A: Number<Wide = A>>(one: Divergence, other: Divergence, face: Face, forms: &[bool]) {
    let mut random = Random(5);
    for [z_q, z_p] in pairs() {
        let [mut x, mut y] = operands::<A>(face, &z_q, &z_p);
        let upstream = x.mapv(|_| A::of(random.unit() - 0.3));
        // Classes excluded by either side, and by both.
        let classes = x.ncols();
        if classes > 4 {
            for (row, class) in [(3, 1), (4, 4), (5, classes - 1)] {
                x[[row, class]] = A::of(f64::NEG_INFINITY);
                y[[row + 1, class]] = A::of(f64::NEG_INFINITY);
                x[[row + 9, class]] = A::of(f64::NEG_INFINITY);
                y[[row + 9, class]] = A::of(f64::NEG_INFINITY);
            }
        }
        for &form in forms {
            let settings = Settings::new(one, face).generalized(form);
            let ours = answers(&settings, &x, &y, &upstream);
            let settings = Settings::new(other, face).generalized(form);
            let mut expected = answers(&settings, &y, &x, &upstream);
            expected.swap(2, 3);
            expected.swap(4, 5);
            let what = format!("{} {one} {other} {face:?} {form} {}", A::NAME, x.ncols());
            super::common::same(&ours, &expected, &what);
        }
    }
}

#[test]
fn reverse_is_forward_with_the_operands_exchanged() {
    for face in [LOGS, LOGITS] {
        exchanged::<f32>(Divergence::Reverse, Divergence::Forward, face, &[false]);
        exchanged::<f64>(Divergence::Reverse, Divergence::Forward, face, &[false]);
    }
}

#[test]
fn skew_reverse_is_skew_with_the_operands_exchanged() {
    for alpha in [0.0, 1e-9, 0.1, 0.5, 0.9] {
        let [one, other] = [Divergence::SkewReverse(alpha), Divergence::Skew(alpha)];
        let forms: &[bool] = if alpha == 0.0 { &[false] } else { &[false, true] };
        exchanged::<f32>(one, other, LOGS, forms);
        exchanged::<f64>(one, other, LOGS, forms);
    }
}

#[test]
fn generalized_reverse_is_forward_with_the_operands_exchanged() {
    for [z_q, z_p] in pairs() {
        let [x, y] = operands::<f64>(LOGS, &z_q, &z_p);
        let terms = |divergence, x: &Array2<f64>, y: &Array2<f64>| {
            let settings = Settings::new(divergence, LOGS).generalized(true);
            settings.rows(kldiv::Pointwise, x, y).forward().unwrap()
        };
        let ours = terms(Divergence::Reverse, &x, &y);
        Zip::from(&ours).and(&terms(Divergence::Forward, &y, &x)).for_each(|ours, other| {
            assert_eq!(ours.to_bits(), other.to_bits(), "{ours:e} {other:e}");
        });
    }
}

/// From logits p, q and D of the exchanged sides are rounded otherwise.
#[test]
fn skew_reverse_is_skew_with_the_operands_exchanged_from_logits() {
    for (alpha, [z_q, z_p]) in
        [1e-9, 0.1, 0.5, 0.9].into_iter().flat_map(|a| pairs().map(move |p| (a, p)))
    {
        let of = |divergence, z_q, z_p| {
            let settings = Settings::new(divergence, LOGITS);
            settings.rows(PerDistribution, z_q, z_p).forward().unwrap()
        };
        let ours = of(Divergence::SkewReverse(alpha), &z_q, &z_p);
        let other = of(Divergence::Skew(alpha), &z_p, &z_q);
        for (ours, other) in ours.iter().zip(&other) {
            assert!((ours - other).abs() <= 1e-12 * other, "{alpha}: {ours:e} {other:e}");
        }
    }
}

fn jensen_shannon_exchanged(beta: f64) {
    for [z_q, z_p] in pairs() {
        let (log_q, log_p) = (log_softmax(&z_q), log_softmax(&z_p));
        let ours = divergences(Divergence::JensenShannon(beta), &log_p, &log_q);
        let other = divergences(Divergence::JensenShannon(1.0 - beta), &log_q, &log_p);
        // 1 − 1e−9 is rounded by 5e−17, of which 1e−9 is 5e−8 of itself.
        let bound = 1e-13 + 1e-16 / beta;
        for (ours, other) in ours.iter().zip(&other) {
            assert!((ours - other).abs() <= bound * other, "{beta}: {ours:e} {other:e}");
        }
    }
}

/// ln 2 and the entropy of (β, 1 − β), which two distributions without a common class reach.
fn jensen_shannon_is_bounded(beta: f64) {
    let rest = 1.0 - beta;
    let entropy = -beta * beta.ln() - rest * (-beta).ln_1p();
    assert!(beta != 0.5 || (entropy - std::f64::consts::LN_2).abs() < 1e-15);
    let divergence = Divergence::JensenShannon(beta);
    for [z_q, z_p] in pairs() {
        // The masses are as far from 1 as rounding of that many logarithms makes them.
        for js in divergences(divergence, &log_softmax(&z_p), &log_softmax(&z_q)) {
            assert!(0.0 <= js && js <= entropy * (1.0 + 1e-13), "{beta}: {js:e}, not {entropy:e}");
        }
        let only = |parity: usize| {
            let mut z = z_q.clone();
            let others = z.indexed_iter_mut().filter(|((_, class), _)| class % 2 != parity);
            others.for_each(|(_, z)| *z = f64::NEG_INFINITY);
            log_softmax(&z)
        };
        if z_q.ncols() > 1 {
            for js in divergences(divergence, &only(0), &only(1)) {
                let fits = (js / entropy - 1.0).abs() < 1e-13;
                assert!(fits, "{beta}: {js:e}, not {entropy:e}");
            }
        }
    }
}

#[test]
fn jensen_shannon_of_usual_weights() {
    [0.125, 0.3, 0.5, 0.75].into_iter().for_each(jensen_shannon_exchanged);
    [0.1, 0.5, 0.8].into_iter().for_each(jensen_shannon_is_bounded);
}

#[test]
fn jensen_shannon_of_a_small_weight_exchanged() {
    jensen_shannon_exchanged(1e-9);
}

#[test]
fn jensen_shannon_of_a_small_weight_is_bounded() {
    jensen_shannon_is_bounded(1e-9);
}

#[test]
fn the_root_of_jensen_shannon_is_a_distance() {
    for (seed, [z_q, z_p]) in pairs().enumerate() {
        for third in [logits(z_q.ncols(), seed as u64), near(&z_p, seed as u64)] {
            let [q, p, r] = [&z_q, &z_p, &third].map(log_softmax);
            let root = |p, q| divergences(Divergence::JensenShannon(0.5), p, q).mapv(f64::sqrt);
            let (pq, pr, rq) = (root(&p, &q), root(&p, &r), root(&r, &q));
            Zip::from(&pq).and(&pr).and(&rq).for_each(|&pq, &pr, &rq| {
                assert!(pq <= (pr + rq) * (1.0 + 1e-13), "{pq:e} {pr:e} {rq:e}");
            });
        }
    }
}

/// Pinsker's inequality. KL(p ‖ q) of the generalized form, since rounded masses count near p = q.
#[test]
fn total_variation_is_bounded() {
    for [z_q, z_p] in pairs() {
        let (log_q, log_p) = (log_softmax(&z_q), log_softmax(&z_p));
        let kl = Settings::new(Divergence::Forward, LOGS).generalized(true);
        let kl = kl.rows(PerDistribution, &log_q, &log_p).forward().unwrap();
        let found = divergences(Divergence::TotalVariation, &log_p, &log_q);
        Zip::from(&found).and(&kl).for_each(|&tv, &kl| {
            assert!((0.0..=1.0 + 1e-13).contains(&tv), "{tv}");
            assert!(tv <= (kl / 2.0).sqrt() * (1.0 + 1e-9) + 1e-15, "{tv:e} {kl:e}");
        });
    }
}

/// JSD(β)/β tends to KL(p ‖ q) as β → 0, and JSD(β)/(1 − β) to KL(q ‖ p) as β → 1: with β·Σ(p − q)²/q at most.
fn jensen_shannon_tends<A: Number<Wide = A>>(face: Face, beta: f64, rounding: f64) {
    for [z_q, z_p] in pairs() {
        let [x, t] = operands::<A>(face, &z_q, &z_p);
        let of = |divergence, form| -> Vec<f64> {
            let settings = Settings::new(divergence, face).generalized(form);
            let found = settings.rows(PerDistribution, &x, &t).forward().unwrap();
            found.iter().map(|number| number.to()).collect()
        };
        let (limit, share) = match beta < 0.5 {
            true => (of(Divergence::Forward, true), beta),
            false => (of(Divergence::Reverse, true), 1.0 - beta),
        };
        let (q, p) = (log_softmax(&z_q).exp(), log_softmax(&z_p).exp());
        let chi = Zip::from(&q)
            .and(&p)
            .map_collect(|q, p| (p - q).powi(2) / q.min(*p))
            .sum_axis(ndarray::Axis(1));
        for (lane, js) in of(Divergence::JensenShannon(beta), false).into_iter().enumerate() {
            // Of rounded operands Σ(p − q)²/q is about 2·KL at least, and each class rounds its term.
            let least = A::TINY * x.ncols() as f64 / share;
            let bound = rounding * limit[lane] + share * (chi[lane] + 2.0 * limit[lane]) + least;
            let apart = (js / share - limit[lane]).abs();
            let what = format!("{} {face:?} {beta:e} of {} classes", A::NAME, x.ncols());
            assert!(apart <= bound, "{what}, lane {lane}: {}, not {}", js / share, limit[lane]);
        }
    }
}

#[test]
fn jensen_shannon_tends_to_both_directions_f64() {
    for beta in [1e-9, 1.0 - 1e-9, 1e-30, 1e-300] {
        for face in [LOGS, Face::Given(Target::Probabilities), LOGITS] {
            jensen_shannon_tends::<f64>(face, beta, 1e-12);
        }
    }
}

/// The error of q and p is a few hundred ulp: their logarithms are as low as −40.
#[test]
fn jensen_shannon_tends_to_both_directions_f32() {
    for beta in [1e-9, 1.0 - 1e-9, 1e-30] {
        for face in [LOGS, LOGITS] {
            jensen_shannon_tends::<f32>(face, beta, 2e-5);
        }
    }
}

/// Σ over proper distributions is not negative, but for rounding of the masses where the target is given; from logits never.
#[test]
fn no_divergence_of_distributions_is_negative() {
    for (divergence, face) in FAMILY.into_iter().chain(EXTREMES).flat_map(|d| FACES.map(|f| (d, f)))
    {
        for [z_q, z_p] in pairs() {
            let settings = Settings::new(divergence, face);
            let [x, t] = operands::<f64>(face, &z_q, &z_p);
            let found = settings.rows(PerDistribution, &x, &t).forward().unwrap();
            let least = found.iter().fold(f64::INFINITY, |least, &number| least.min(number));
            // The masses are off by the rounding of their logarithms, at most 60 · ε.
            let bound = if face == LOGITS { 0.0 } else { -64.0 * f64::EPSILON };
            assert!(least >= bound, "{settings:?}: {least:e}");
            let [x, t] = operands::<f32>(face, &z_q, &z_p);
            let found = settings.rows(PerDistribution, &x, &t).forward().unwrap();
            let bound = if face == LOGITS { 0.0 } else { -64.0 * f32::EPSILON };
            assert!(found.iter().all(|&number| number >= bound), "{settings:?}: {found}");
        }
    }
}
