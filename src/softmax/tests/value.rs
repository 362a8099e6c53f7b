use rand::Rng;
use rand::rngs::SmallRng;

use super::Call;
use super::oracle::{exact, naive};
use crate::number::tests::random;
use crate::number::{Float, Level, Number, Real};

/// A standard normal number.
pub fn normal(rng: &mut SmallRng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Teacher and student; the latter is off by noise, or unrelated where the noise is infinite.
pub fn pair<A: Number>(
    classes: usize,
    noise: f64,
    spread: f64,
    offset: f64,
    rng: &mut SmallRng,
) -> (Vec<A>, Vec<A>) {
    let z_p: Vec<A> = (0..classes).map(|_| A::narrow(spread * normal(rng))).collect();
    let related = noise.is_finite();
    let z_q = z_p.iter().map(|z| {
        let base = if related { z.widen().to_f64() } else { 0.0 };
        let noise = if related { noise } else { spread };
        A::narrow(base + offset + noise * normal(rng))
    });
    let z_q = z_q.collect();
    (z_p, z_q)
}

pub fn wide<A: Number>(values: &[A]) -> Vec<f64> {
    values.iter().map(|value| value.widen().to_f64()).collect()
}

/// The divergence of a lane.
pub fn divergence<A: Number<Real = A> + Real>(z_p: &[A], z_q: &[A], rate: f64) -> f64 {
    Call::new(rate, &[1.0]).of(z_p, z_q).divergence
}

fn worst<A: Number<Real = A> + Real>(classes: usize, noise: f64, spread: f64, offset: f64) -> f64 {
    let mut rng = random();
    let trials = (8000 / classes).clamp(1, 60);
    let error = |_| {
        let (z_p, z_q) = pair::<A>(classes, noise, spread, offset, &mut rng);
        let exact = exact(&wide(&z_p), &wide(&z_q), 2.0).divergence;
        (divergence(&z_p, &z_q, 0.5) / exact - 1.0).abs()
    };
    (0..trials).map(error).fold(0.0, f64::max)
}

const NOISES: [f64; 6] = [f64::INFINITY, 1.0, 1e-2, 1e-3, 1e-4, 1e-6];

#[test]
fn accuracy_is_relative_near_equality() {
    for (classes, single) in [(10, 1e-6), (100, 5e-7), (1000, 2e-7), (32000, 1e-7)] {
        for noise in NOISES {
            for offset in [0.0, 5.3] {
                let error = worst::<f32>(classes, noise, 2.0, offset);
                assert!(error < single, "f32: {error:e} for {classes}, noise {noise}");
                let error = worst::<f64>(classes, noise, 2.0, offset);
                assert!(error < 8e-15, "f64: {error:e} for {classes}, noise {noise}");
            }
        }
    }
}

/// One class far from the rest makes the maxima a poor choice of s.
#[test]
fn accuracy_survives_a_poor_shift() {
    let mut rng = random();
    let mut worst = [0.0f64; 2];
    for classes in [10, 1000, 32000] {
        for (peak_p, peak_q) in
            [(0.6, 0.0), (3.0, 0.0), (5.0, 20.0), (0.0, 10.0), (30.0, 3.0), (0.0, 45.0)]
        {
            for noise in [0.0, 1e-3, 1.0] {
                let (mut z_p, mut z_q) = pair::<f32>(classes, noise, 0.1, 0.0, &mut rng);
                z_p[3] += 1.0 + peak_p;
                z_q[3] += 1.0 + peak_q;
                let (x, y) = (wide(&z_p), wide(&z_q));
                let exact = exact(&x, &y, 1.0).divergence;
                let single = divergence(&z_p, &z_q, 1.0) / exact - 1.0;
                let double = divergence(&x, &y, 1.0) / exact - 1.0;
                worst[0] = worst[0].max(single.abs());
                worst[1] = worst[1].max(double.abs());
            }
        }
    }
    assert!(worst[0] < 2e-6 && worst[1] < 2e-14, "{worst:?}");
}

#[test]
fn one_class_and_equal_lanes_give_nothing() {
    for (p, q) in [(0.0, 0.0), (3.3, -1e4), (1e30, 2e-3), (-3.4e38, 3.4e38)] {
        assert_eq!(divergence(&[p as f32], &[q as f32], 0.7), 0.0);
        assert_eq!(divergence(&[p], &[q], 0.7), 0.0);
    }
    let mut rng = random();
    for classes in [2, 10, 70, 5000] {
        let (z, _) = pair::<f32>(classes, 1.0, 30.0, 0.0, &mut rng);
        assert_eq!(divergence(&z, &z, 0.3), 0.0);
    }
}

/// Finite logits whose differences are not, at a temperature that makes numbers of them.
#[test]
fn differences_may_overflow() {
    fn check<A: Number<Real = A> + Real>() {
        let (most, rate) = (A::MAX.to_f64(), A::MIN_POSITIVE.to_f64());
        let lane_of = |z: [f64; 4]| z.map(|z| A::narrow(z * most));
        let z_p = lane_of([1.0, 0.5, -1.0, 0.0]);
        for z_q in [[-1.0, 0.0, 0.9, 1.0], [1.0, 0.5, -0.9, -1.0]].map(lane_of) {
            let small = |z: [A; 4]| z.map(|z| z.to_f64() * rate);
            let exact = exact(&small(z_p), &small(z_q), 1.0).divergence;
            let found = divergence(&z_p, &z_q, rate);
            assert!((found / exact - 1.0).abs() < 1e-6, "{found} for {exact}");
            let steep = divergence(&z_p, &z_q, 1.0);
            assert!(steep == 0.0 || steep >= most, "{steep}");
        }
    }
    check::<f32>();
    check::<f64>();
}

/// As logits are masked by.
pub const MASKS: [f64; 4] = [f64::NEG_INFINITY, -1e4, -1e30, f32::MIN as f64];
pub const SPECIAL: [f64; 6] = [f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -1e4, 300.0, -1e9];

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    found == expected
        || found.is_nan() & expected.is_nan()
        || (found - expected).abs() <= tolerance * expected.abs().max(1e-3)
}

/// Every special value at every position of every length, on either side or both.
fn specials<A: Number<Real = A> + Real>(tolerance: f64) {
    let mut rng = random();
    for classes in (1..=70).chain([1030]) {
        let (z_p, z_q) = pair::<A>(classes, f64::INFINITY, 2.0, 0.0, &mut rng);
        for place in (0..classes).step_by(if classes > 70 { 101 } else { 1 }) {
            for special in SPECIAL {
                for (on_p, on_q) in [(true, false), (false, true), (true, true)] {
                    let (mut z_p, mut z_q) = (z_p.clone(), z_q.clone());
                    z_p[place] = if on_p { A::narrow(special) } else { z_p[place] };
                    z_q[place] = if on_q { A::narrow(special) } else { z_q[place] };
                    let expected = naive(&wide(&z_p), &wide(&z_q), 2.0).divergence;
                    let found = divergence(&z_p, &z_q, 0.5);
                    let close = close(found, expected, tolerance);
                    assert!(close, "{found} for {expected}: {z_p:?} {z_q:?}");
                }
            }
        }
    }
}

#[test]
fn specials_at_every_position() {
    specials::<f32>(1e-5);
    specials::<f64>(1e-12);
}

#[test]
fn a_lane_of_nothing_is_nan() {
    let (nothing, some) = (vec![f32::NEG_INFINITY; 100], vec![1.0; 100]);
    for classes in [1, 10, 100] {
        for (z_p, z_q) in [(&nothing, &some), (&some, &nothing), (&nothing, &nothing)] {
            let found = divergence(&z_p[..classes], &z_q[..classes], 1.0);
            assert!(found.is_nan(), "{classes}");
        }
    }
}

/// Specials strewn among the rest.
fn strew<A: Number>(z: &mut [A], rng: &mut SmallRng) {
    for z in z {
        if rng.random_range(0..40) == 0 {
            *z = A::narrow(SPECIAL[rng.random_range(0..SPECIAL.len())]);
        }
    }
}

/// Masks on both sides, and some on that of the target alone.
fn mask<A: Number>(z_p: &mut [A], z_q: &mut [A], rng: &mut SmallRng) {
    for (z_p, z_q) in z_p.iter_mut().zip(z_q) {
        let mut any = || A::narrow(MASKS[rng.random_range(0..MASKS.len())]);
        let masks = [any(), any()];
        match rng.random_range(0..12) {
            0 => [*z_p, *z_q] = masks,
            1 => *z_p = masks[0],
            _ => {}
        }
    }
}

/// Values, terms and gradients, whatever the level and whoever is beside.
fn same_bits<A: Number<Real = A> + Real>() {
    let (levels, mut rng) = (Level::all(), random());
    for classes in (1..=70).chain([127, 500, 1100]) {
        let mut lanes = vec![];
        for lane in classes..classes + 5 {
            let noise = [0.01, f64::INFINITY][lane % 2];
            let (mut p, mut q) = pair::<A>(classes, noise, 3.0, 1.0, &mut rng);
            match lane % 4 {
                0 => mask(&mut p, &mut q, &mut rng),
                1 => {}
                _ => {
                    strew(&mut p, &mut rng);
                    strew(&mut q, &mut rng);
                }
            }
            lanes.push((p, q));
        }
        let factors: Vec<_> = (0..classes).map(|_| normal(&mut rng)).collect();
        for factors in [&factors[..], &[0.7]] {
            for (i, (z_p, z_q)) in lanes.iter().enumerate() {
                let call = Call { level: levels[0], ..Call::new(1.0 / 3.0, factors) };
                let expected = call.of(z_p, z_q).bits();
                for &level in &levels {
                    let (p, q) = &lanes[(i + 1) % 5];
                    let found = Call { level, ..call }.beside([z_p, z_q], [p, q]).bits();
                    assert_eq!(found, expected, "{level:?}, {classes} classes: {z_p:?} {z_q:?}");
                }
            }
        }
    }
}

#[test]
fn bits_are_the_same_whatever_the_level_and_the_neighbours() {
    same_bits::<f32>();
    same_bits::<f64>();
}
