use super::Call;
use super::oracle::{Exact, exact, naive};
use super::value::{normal, pair, wide};
use crate::number::tests::random;
use crate::number::{Number, Real};

/// The worst error of a gradient beside itself and p·(|D| + its root mean square).
pub fn worst<A: Number>(found: &[A], exact: &[f64], of: &Exact) -> f64 {
    let square: f64 = of.p.iter().zip(&of.log_ratio).map(|(p, d)| p * d * d).sum();
    let scale = of.p.iter().zip(&of.log_ratio).map(|(p, d)| p * (d.abs() + square.sqrt()));
    let errors = wide(found).into_iter().zip(exact).map(|(found, exact)| (found - exact).abs());
    let scale = scale.zip(exact).map(|(scale, exact)| scale + exact.abs());
    errors.zip(scale).map(|(error, scale)| error / scale).fold(0.0, f64::max)
}

fn accuracy<A: Number<Real = A> + Real>(bar: f64) {
    let mut rng = random();
    let mut all = 0.0f64;
    for classes in [1, 2, 10, 70, 1000, 3000] {
        for noise in [f64::INFINITY, 1.0, 1e-2, 1e-4] {
            let (z_p, z_q) = pair::<A>(classes, noise, 2.0, 1.0, &mut rng);
            let exact = exact(&wide(&z_p), &wide(&z_q), 2.0);
            let found = Call::new(0.5, &[2.0]).of(&z_p, &z_q);
            if classes == 1 {
                assert!(wide(&found.d_input) == [0.0] && wide(&found.d_target) == [0.0]);
                continue;
            }
            all = all.max(worst(&found.d_input, &exact.excess, &exact));
            all = all.max(worst(&found.d_target, &exact.d_target, &exact));
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
    for classes in [2, 3, 64, 70, 1000, 3000] {
        let (z_p, z_q) = pair::<f64>(classes, 1.0, 2.0, 1.0, &mut rng);
        let v: Vec<_> =
            (0..classes).map(|i| if i % 5 == 4 { 0.0 } else { normal(&mut rng) }).collect();
        let of = naive(&z_p, &z_q, 2.0);
        let share: f64 = of.p.iter().zip(&v).map(|(p, v)| p * v).sum();
        let slope = |i: usize| v[i] * (of.log_ratio[i] + 1.0);
        let mean: f64 = (0..classes).map(|i| of.p[i] * slope(i)).sum();
        let factors: Vec<_> = v.iter().map(|v| 2.0 * v).collect();
        let call = Call::new(0.5, &factors);
        let double = call.of(&z_p, &z_q);
        let narrow = |z: &[f64]| z.iter().map(|&z| z as f32).collect::<Vec<_>>();
        let single = call.of(&narrow(&z_p), &narrow(&z_q));
        for i in 0..classes {
            let expected = [of.q[i] * share - v[i] * of.p[i], of.p[i] * (slope(i) - mean)];
            let scale = (of.p[i] + of.q[i]) * (1.0 + of.log_ratio[i].abs());
            for (found, expected) in [double.d_input[i], double.d_target[i]].iter().zip(expected) {
                assert!((found - expected).abs() < 1e-14 * scale, "{found} for {expected}");
            }
            for (found, expected) in [single.d_input[i], single.d_target[i]].iter().zip(expected) {
                let error = (f64::from(*found) - expected).abs();
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
    for classes in [1, 2, 3, 17, 40, 70] {
        for place in 0..classes {
            for special in SPECIAL {
                for (on_p, on_q) in [(true, false), (false, true), (true, true)] {
                    let (mut z_p, mut z_q) = pair::<f64>(classes, 1.0, 2.0, 1.0, &mut rng);
                    z_p[place] = if on_p { special } else { z_p[place] };
                    z_q[place] = if on_q { special } else { z_q[place] };
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
    let ones = vec![2.0; z_p.len()];
    let plain = Call::new(0.5, &[2.0]);
    let (uniform, generalized) =
        (plain.of(z_p, z_q), Call { generalized: true, ..plain }.of(z_p, z_q));
    let each = Call::new(0.5, &ones).of(z_p, z_q);
    for i in 0..z_p.len() {
        let (p, d) = (of.p[i], of.log_ratio[i]);
        let difference = of.q[i] - p;
        let others = (0..z_p.len()).any(|j| of.p[j] > 0.0 && of.log_ratio[j] < f64::INFINITY);
        let limit = if others { f64::INFINITY } else { f64::NAN };
        let d_target = match of.divergence {
            f64::INFINITY if d == f64::INFINITY => limit,
            f64::INFINITY if p > 0.0 => -f64::INFINITY,
            _ if p == 0.0 => 0.0,
            divergence => p * (d - divergence),
        };
        let term = if d == f64::INFINITY { d } else { p * d };
        for found in [&uniform, &each] {
            assert!(same(found.d_input[i], difference), "{z_p:?} {z_q:?}");
            let slope = found.d_target[i];
            assert!(same(slope, d_target), "{slope} for {d_target} at {i}: {z_p:?} {z_q:?}");
        }
        assert!(same(uniform.terms[i], term), "{z_p:?} {z_q:?}");
        let general = term + difference;
        assert!(same(generalized.terms[i], general), "{z_p:?} {z_q:?}");
    }
}

/// Terms near equality: p·D and p·φ(D) keep their relative accuracy.
#[test]
fn terms_are_accurate() {
    let mut rng = random();
    for noise in [1.0, 1e-2, 1e-4] {
        let (z_p, z_q) = pair::<f32>(1000, noise, 2.0, 1.0, &mut rng);
        let of = exact(&wide(&z_p), &wide(&z_q), 2.0);
        let plain = Call::new(0.5, &[1.0]);
        let found = plain.of(&z_p, &z_q).terms;
        let general = Call { generalized: true, ..plain }.of(&z_p, &z_q).terms;
        for i in 0..1000 {
            let d = of.log_ratio[i];
            let error = f64::from(found[i]) - of.p[i] * d;
            assert!(error.abs() < 2e-6 * of.p[i] * (d.abs() + noise), "{i}");
            let phi = if d.abs() < 1e-2 {
                d * d * (0.5 - d / 6.0 + d * d / 24.0 - d * d * d / 120.0)
            } else {
                (-d).exp_m1() + d
            };
            let error = f64::from(general[i]) - of.p[i] * phi;
            assert!(error.abs() < 3e-6 * of.p[i] * (phi + noise * d.abs()), "{i}");
            assert!(general[i] >= 0.0);
        }
    }
}
