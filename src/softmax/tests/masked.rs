//! Lanes with masks: classes that hold no mass because their logits are −∞, or lie far below all others.

use rand::Rng;
use rand::rngs::SmallRng;

use super::Call;
use super::gradient::worst;
use super::oracle::{Exact, exact, naive};
use super::value::{MASKS, divergence, pair, wide};
use crate::number::tests::random;
use crate::number::{Number, Real};

/// A pair of lanes, and which classes are masked: any tenth and the last, but the first.
struct Masked<A> {
    z_p: Vec<A>,
    z_q: Vec<A>,
    masked: Vec<bool>,
}

impl<A: Number<Real = A> + Real> Masked<A> {
    fn new(classes: usize, noise: f64, rng: &mut SmallRng) -> Self {
        let (z_p, z_q) = pair::<A>(classes, noise, 2.0, 0.0, rng);
        let mut masked: Vec<_> = (0..classes).map(|_| rng.random_range(0..10) == 0).collect();
        (masked[0], masked[classes - 1]) = (false, true);
        Masked { z_p, z_q, masked }
    }

    fn mask(&mut self, mask: f64, [on_p, on_q]: [bool; 2]) {
        for i in (0..self.masked.len()).filter(|&i| self.masked[i]) {
            self.z_p[i] = if on_p { A::narrow(mask) } else { self.z_p[i] };
            self.z_q[i] = if on_q { A::narrow(mask) } else { self.z_q[i] };
        }
    }

    /// At temperature 2; masked logits lie far enough below to count for nothing.
    fn exact(&self) -> Exact {
        let finite = |z: &[A]| wide(z).into_iter().map(|z| z.max(-1e4)).collect::<Vec<_>>();
        exact(&finite(&self.z_p), &finite(&self.z_q), 2.0)
    }
}

/// As accurate as without masks, also near equality.
fn accuracy<A: Number<Real = A> + Real>(bars: [f64; 2]) {
    let mut rng = random();
    for classes in [5, 70, 1000, 5000] {
        for noise in [f64::INFINITY, 1.0, 1e-2, 1e-4] {
            for mask in MASKS {
                for on_q in [false, true] {
                    let mut lanes = Masked::<A>::new(classes, noise, &mut rng);
                    lanes.mask(mask, [true, on_q]);
                    check::<A>(&lanes, bars, on_q);
                }
            }
        }
    }
}

fn check<A: Number<Real = A> + Real>(lanes: &Masked<A>, bars: [f64; 2], on_q: bool) {
    let exact = lanes.exact();
    let found = Call::new(0.5, &[2.0]).of(&lanes.z_p, &lanes.z_q);
    let error = found.divergence / exact.divergence - 1.0;
    assert!(error.abs() < bars[0], "{error:e}");
    let errors = [
        worst(&found.d_input, &exact.excess, &exact),
        worst(&found.d_target, &exact.d_target, &exact),
    ];
    assert!(errors.iter().all(|&error| error < bars[1]), "{errors:?}");
    for i in (0..lanes.masked.len()).filter(|&i| lanes.masked[i]) {
        assert!(found.d_target[i] == A::ZERO && (!on_q || found.d_input[i] == A::ZERO), "{i}");
    }
}

#[test]
fn accuracy_is_that_without_masks() {
    accuracy::<f32>([1e-6, 1.5e-6]);
    accuracy::<f64>([8e-15, 5e-15]);
}

/// Masks on both sides: the divergence is infinite where q's is −∞ and p's is not; then also a class that only q is without.
#[test]
fn what_only_q_lacks_is_missed() {
    let mut rng = random();
    for classes in [5, 70, 1000] {
        for [on_p, on_q] in MASKS.map(|on_p| MASKS.map(|on_q| [on_p, on_q])).concat() {
            let mut lanes = Masked::<f64>::new(classes, 1.0, &mut rng);
            lanes.mask(on_p, [true, false]);
            lanes.mask(on_q, [false, true]);
            check_naively(&lanes);
            lanes.z_q[0] = on_q;
            check_naively(&lanes);
        }
    }
}

fn check_naively(lanes: &Masked<f64>) {
    let of = naive(&lanes.z_p, &lanes.z_q, 2.0);
    let found = divergence(&lanes.z_p, &lanes.z_q, 0.5);
    let same = found == of.divergence || (found / of.divergence - 1.0).abs() < 1e-12;
    assert!(same, "{found} for {}: {:?} {:?}", of.divergence, lanes.z_p, lanes.z_q);
}

/// Where p is masked alone, whatever rounding the greatest logit over τ takes.
#[test]
fn great_logits_keep_what_q_has() {
    let mut rng = random();
    for peak in [30.0, 1000.0, 30_000.0] {
        for temperature in [3.0, 0.7] {
            let mut lanes = Masked::<f32>::new(1000, 1.0, &mut rng);
            for z in lanes.z_p.iter_mut().chain(&mut lanes.z_q) {
                *z += peak;
            }
            lanes.mask(f64::NEG_INFINITY, [true, false]);
            let z_p: Vec<_> = wide(&lanes.z_p).into_iter().map(|z| z.max(-1e4)).collect();
            let exact = exact(&z_p, &wide(&lanes.z_q), temperature).divergence;
            let found = divergence(&lanes.z_p, &lanes.z_q, 1.0 / temperature);
            let error = (found / exact - 1.0).abs();
            assert!(error < 2e-6, "{error:e} for a greatest logit of {peak} at {temperature}");
        }
    }
}

/// Logits as low as masks are none where the greatest are as low, or the temperature brings them near.
#[test]
fn low_logits_are_no_masks() {
    let mut rng = random();
    for (least, rate) in [(-9010.0, 1.0), (-9100.0, 1.0), (-20_000.0, 1e-3), (-1e30, 1e-30)] {
        let z_p: Vec<f64> = (0..100).map(|_| least * rng.random::<f64>()).collect();
        let z_q: Vec<f64> = z_p.iter().map(|z| z + rng.random::<f64>() / rate).collect();
        for lowered in [0.0, least] {
            let lower = |z: &[f64]| z.iter().map(|z| z + lowered).collect::<Vec<_>>();
            let (z_p, z_q) = (lower(&z_p), lower(&z_q));
            let scaled = |z: &[f64]| z.iter().map(|z| z * rate).collect::<Vec<_>>();
            let exact = exact(&scaled(&z_p), &scaled(&z_q), 1.0).divergence;
            let found = divergence(&z_p, &z_q, rate);
            assert!((found / exact - 1.0).abs() < 1e-11, "{found} for {exact}, from {least}");
        }
    }
}
