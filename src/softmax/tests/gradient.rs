use super::oracle::{Exact, exact, naive};
use super::value::{MASKS, normal, pair, wide};
use super::{along, turned_gradients};
use crate::elementwise::Operands;
use crate::elementwise::{transpose, transpose_back};
use crate::number::Number;
use crate::number::tests::{all_bits, bits, random};
use crate::number::{Float, Level, Real};
use crate::softmax::{
    Beside, COLUMNS, Cells, Columns, Lane, Lanes, One, Row, Shares, Shift, Slopes, SlopesEach,
    UpstreamColumns, UpstreamSums, d_inputs, d_inputs_each, d_targets, d_targets_each,
    softmax_terms,
};

/// The cells of a lane once summed, its excesses too.
fn cells<A: Number>(level: Level, z_p: &[A], z_q: &[A], rate: f64) -> (Lane, Cells<A::Real>) {
    let mut cells = Cells::default();
    let rate = <A::Real as Float>::from_f64(rate);
    let (lane, shift): (_, Shift<_>) = along(level, z_p, z_q, rate, &mut cells);
    cells.refill(level, Operands { input: z_q, target: z_p }, &shift);
    (lane, cells)
}

/// ∂z_q and ∂z_p for one factor.
pub fn uniform<A: Number>(level: Level, z_p: &[A], z_q: &[A], rate: f64, v: f64) -> [Vec<A>; 2] {
    let (lane, cells) = cells(level, z_p, z_q, rate);
    let len = z_p.len();
    let slopes = Slopes::new(&lane, v);
    let mut out = [vec![A::default(); len], vec![A::default(); len]];
    d_inputs(level, One(slopes), &cells, &mut out[0]);
    d_targets(level, One(slopes), &cells, &mut out[1]);
    out
}

/// ∂z_q and ∂z_p for one factor a class.
fn each<A: Number>(level: Level, z_p: &[A], z_q: &[A], rate: f64, v: &[f64]) -> [Vec<A>; 2] {
    let (lane, cells) = cells(level, z_p, z_q, rate);
    let len = z_p.len();
    let mut sums = UpstreamSums::new(false);
    sums.add(level, &lane, &cells, v);
    let slopes = SlopesEach::new(&lane, sums.value(), false);
    let mut out = [vec![A::default(); len], vec![A::default(); len]];
    d_inputs_each(level, One(slopes), &cells, v, &mut out[0]);
    d_targets_each(level, One(slopes), &cells, v, &mut out[1]);
    out
}

/// The worst error of a gradient beside itself and p·(|D| + its root mean square).
pub fn worst<A: Number>(found: &[A], exact: &[f64], of: &Exact) -> f64 {
    let square: f64 = of.p.iter().zip(&of.log_ratio).map(|(p, d)| p * d * d).sum();
    let scale = of.p.iter().zip(&of.log_ratio).map(|(p, d)| p * (d.abs() + square.sqrt()));
    let errors = wide(found).into_iter().zip(exact).map(|(found, exact)| (found - exact).abs());
    let scale = scale.zip(exact).map(|(scale, exact)| scale + exact.abs());
    errors.zip(scale).map(|(error, scale)| error / scale).fold(0.0, f64::max)
}

fn accuracy<A: Number>(bar: f64) {
    let mut rng = random();
    let mut all = 0.0f64;
    for classes in [1, 2, 10, 70, 1000] {
        for noise in [f64::INFINITY, 1.0, 1e-2, 1e-4] {
            let (z_p, z_q) = pair::<A>(classes, noise, 2.0, 1.0, &mut rng);
            let exact = exact(&wide(&z_p), &wide(&z_q), 2.0);
            let [d_input, d_target] = uniform(Level::best(), &z_p, &z_q, 0.5, 1.0);
            if classes == 1 {
                assert!(wide(&d_input) == [0.0] && wide(&d_target) == [0.0]);
                continue;
            }
            all = all.max(worst(&d_input, &exact.excess, &exact));
            all = all.max(worst(&d_target, &exact.d_target, &exact));
        }
    }
    assert!(all < bar, "{all:e}");
}

#[test]
fn accuracy_near_equality() {
    accuracy::<f32>(1.5e-6);
    accuracy::<f64>(5e-15);
}

#[test]
fn one_upstream_a_class() {
    let mut rng = random();
    for classes in [1, 3, 64, 70, 1000] {
        let (z_p, z_q) = pair::<f64>(classes, 1.0, 2.0, 1.0, &mut rng);
        let v: Vec<_> =
            (0..classes).map(|i| if i % 5 == 4 { 0.0 } else { normal(&mut rng) }).collect();
        let of = naive(&z_p, &z_q, 2.0);
        let share: f64 = of.p.iter().zip(&v).map(|(p, v)| p * v).sum();
        let slope = |i: usize| v[i] * (of.log_ratio[i] + 1.0);
        let mean: f64 = (0..classes).map(|i| of.p[i] * slope(i)).sum();
        let [d_input, d_target] = each(Level::best(), &z_p, &z_q, 0.5, &v);
        let single: [Vec<f32>; 2] = {
            let narrow = |z: &[f64]| z.iter().map(|&z| z as f32).collect::<Vec<_>>();
            each(Level::best(), &narrow(&z_p), &narrow(&z_q), 0.5, &v)
        };
        for i in 0..classes {
            let expected = [of.q[i] * share - v[i] * of.p[i], of.p[i] * (slope(i) - mean)];
            let scale = (of.p[i] + of.q[i]) * (1.0 + of.log_ratio[i].abs());
            for (found, expected) in [d_input[i], d_target[i]].into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-14 * scale, "{found} for {expected}");
            }
            for (found, expected) in single.iter().map(|found| found[i]).zip(expected) {
                let error = (f64::from(found) - expected).abs();
                assert!(error < 5e-6 * scale, "{found} for {expected}");
            }
        }
    }
}

const SPECIAL: [f64; 5] = [f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -1e4, 300.0];

/// What the formulas give, special values at every position.
#[test]
fn specials_at_every_position() {
    let mut rng = random();
    for classes in [1, 2, 3, 17, 40] {
        for place in 0..classes {
            for special in SPECIAL {
                for (on_p, on_q) in [(true, false), (false, true), (true, true)] {
                    let (mut z_p, mut z_q) = pair::<f64>(classes, 1.0, 2.0, 1.0, &mut rng);
                    if on_p {
                        z_p[place] = special;
                    }
                    if on_q {
                        z_q[place] = special;
                    }
                    check_specials(&z_p, &z_q);
                }
            }
        }
    }
}

fn check_specials(z_p: &[f64], z_q: &[f64]) {
    let of = naive(z_p, z_q, 2.0);
    let same = |found: f64, expected: f64| {
        found == expected
            || found.is_nan() & expected.is_nan()
            || (found - expected).abs() < 1e-11 * (1.0 + expected.abs())
    };
    let ones = vec![1.0; z_p.len()];
    let [uniform_q, uniform_p] = uniform(Level::best(), z_p, z_q, 0.5, 1.0);
    let [each_q, each_p] = each(Level::best(), z_p, z_q, 0.5, &ones);
    let zeros = uniform(Level::best(), z_p, z_q, 0.5, 0.0);
    let (lane, cells) = cells(Level::best(), z_p, z_q, 0.5);
    let (mut terms, mut generalized) = (vec![0.0; z_p.len()], vec![0.0; z_p.len()]);
    let level = Level::best();
    let shares = Shares::new(&lane);
    softmax_terms::<f64, false, _>(level, One(shares), &cells, &mut terms);
    softmax_terms::<f64, true, _>(level, One(shares), &cells, &mut generalized);
    for i in 0..z_p.len() {
        let (p, d) = (of.p[i], of.log_ratio[i]);
        let difference = of.q[i] - p;
        let d_target = if p == 0.0 { 0.0 } else { p * (d - of.divergence) };
        let term = if d == f64::INFINITY { d } else { p * d };
        assert!(same(uniform_q[i], difference) && same(each_q[i], difference), "{z_p:?} {z_q:?}");
        assert!(same(uniform_p[i], d_target), "{} for {d_target}: {z_p:?} {z_q:?}", uniform_p[i]);
        assert!(same(each_p[i], d_target), "{} for {d_target}: {z_p:?} {z_q:?}", each_p[i]);
        assert!(same(terms[i], term), "{} for {term}: {z_p:?} {z_q:?}", terms[i]);
        let general = term + difference;
        assert!(same(generalized[i], general), "{} for {general}: {z_p:?} {z_q:?}", generalized[i]);
        let nothing = if p.is_nan() { p } else { 0.0 };
        assert!(same(zeros[0][i], nothing) && same(zeros[1][i], nothing), "{z_p:?} {z_q:?}");
    }
}

/// Terms near equality: p·D and p·φ(D) keep their relative accuracy.
#[test]
fn terms_are_accurate() {
    let mut rng = random();
    for noise in [1.0, 1e-2, 1e-4] {
        let (z_p, z_q) = pair::<f32>(1000, noise, 2.0, 1.0, &mut rng);
        let of = exact(&wide(&z_p), &wide(&z_q), 2.0);
        let (lane, cells) = cells(Level::best(), &z_p, &z_q, 0.5);
        let mut out = vec![0.0f32; 1000];
        let shares = Shares::new(&lane);
        softmax_terms::<f32, false, _>(Level::best(), One(shares), &cells, &mut out);
        for i in 0..1000 {
            let error = f64::from(out[i]) - of.p[i] * of.log_ratio[i];
            assert!(error.abs() < 2e-6 * of.p[i] * (of.log_ratio[i].abs() + noise), "{i}");
        }
        softmax_terms::<f32, true, _>(Level::best(), One(shares), &cells, &mut out);
        for i in 0..1000 {
            let d = of.log_ratio[i];
            let phi = if d.abs() < 1e-2 {
                d * d * (0.5 - d / 6.0 + d * d / 24.0 - d * d * d / 120.0)
            } else {
                (-d).exp_m1() + d
            };
            let error = f64::from(out[i]) - of.p[i] * phi;
            assert!(error.abs() < 3e-6 * of.p[i] * (phi + noise * d.abs()), "{i}");
            assert!(out[i] >= 0.0);
        }
    }
}

/// Every level, one lane or lanes beside each other.
fn same_bits<A: Number<Real = A> + Real>() {
    let mut rng = random();
    for classes in (1..=70).chain([500]) {
        let (mut z_p, mut z_q) = pair::<A>(classes, 1.0, 3.0, 1.0, &mut rng);
        if classes % 3 == 0 {
            z_p[classes / 2] = -A::INFINITY;
            z_q[classes / 3] = -A::from_f64(200.0);
        }
        if classes % 3 == 1 {
            for (i, mask) in MASKS.into_iter().enumerate() {
                z_p[i * classes / 4] = A::narrow(mask);
                z_q[i * classes / 4] = A::narrow(MASKS[3 - i]);
            }
            z_p[classes / 2] = -A::INFINITY;
        }
        let v: Vec<_> = (0..classes).map(|_| normal(&mut rng)).collect();
        let all = |level| {
            let uniform = uniform(level, &z_p, &z_q, 0.3, 0.7);
            let each = each(level, &z_p, &z_q, 0.3, &v);
            uniform.into_iter().chain(each).map(|values| all_bits(&values)).collect::<Vec<_>>()
        };
        let levels = Level::all();
        let expected = all(levels[0]);
        for &level in &levels[1..] {
            assert_eq!(all(level), expected, "{level:?}, {classes} classes");
        }
        if classes > 64 {
            let turned = turned_gradients(Level::best(), &z_p, &z_q, A::from_f64(0.3), 0.7);
            let turned = turned.map(|values| all_bits(&values));
            assert_eq!(turned[..], expected[..2], "{classes} classes");
        }
    }
}

#[test]
fn bits_are_the_same_whatever_the_layout() {
    same_bits::<f32>();
    same_bits::<f64>();
}

/// One upstream a class, lanes beside each other.
#[test]
fn upstreams_beside_each_other() {
    let mut rng = random();
    let (level, classes) = (Level::best(), 100);
    let (z_p, mut z_q) = pair::<f32>(classes, 1.0, 2.0, 0.0, &mut rng);
    for missing in [false, true] {
        if missing {
            z_q[7] = f32::NEG_INFINITY;
        }
        let v: Vec<_> = (0..classes).map(|_| normal(&mut rng)).collect();
        let expected = each(level, &z_p, &z_q, 0.5, &v);
        let row = |z: &[f32]| z.iter().map(|&z| [z; COLUMNS]).collect::<Vec<_>>();
        let (z_p, z_q) = (row(&z_p), row(&z_q));
        let (mut columns, mut cells) = (Columns::new(classes, 0.5), Cells::default());
        let mut lanes = Lanes::default();
        super::across(level, &z_p, &z_q, &mut columns, &mut cells, &mut lanes);
        let mut sums = UpstreamColumns::new(classes, false);
        for class in 0..classes {
            columns.filled(level, &z_p[class], &z_q[class], &mut cells);
            sums.add(level, class, &lanes, &cells, &[v[class]; COLUMNS]);
        }
        let slopes: Row<_> =
            std::array::from_fn(|i| SlopesEach::new(&lanes.lane(i), sums.value(i), false));
        for class in 0..classes {
            columns.filled(level, &z_p[class], &z_q[class], &mut cells);
            let (v, mut out) = ([v[class]; COLUMNS], [0.0f32; COLUMNS]);
            d_inputs_each(level, Beside(&slopes), &cells, &v, &mut out);
            assert_eq!(bits(out[9]), bits(expected[0][class]), "{class}");
            d_targets_each(level, Beside(&slopes), &cells, &v, &mut out);
            assert_eq!(bits(out[9]), bits(expected[1][class]), "{class}");
        }
    }
}

#[test]
fn turned_lanes_turn_back() {
    for level in Level::all() {
        turn_there_and_back(level, |i| i as f32);
        turn_there_and_back(level, |i| i as f64);
    }
}

fn turn_there_and_back<T: Number + Float>(level: Level, number: impl Fn(usize) -> T) {
    for classes in 1..=70 {
        for lanes in [1, 5, 16, 37, COLUMNS] {
            let z: Vec<_> = (0..classes * lanes).map(&number).collect();
            let mut rows = vec![[T::NAN; COLUMNS]; classes];
            transpose(level, &z, &mut rows);
            for (class, row) in rows.iter().enumerate() {
                assert!((0..lanes).all(|lane| row[lane] == z[lane * classes + class]));
                assert!(row[lanes..].iter().all(|&z| z == T::ZERO));
            }
            let mut back = vec![T::NAN; z.len()];
            transpose_back(level, &rows, &mut back);
            assert_eq!(back, z);
        }
    }
}
