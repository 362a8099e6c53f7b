use rand::Rng;
use rand::rngs::SmallRng;

use super::oracle::exact;
use super::{along, turned};
use crate::element::Element;
use crate::kernel::softmax::{Cells, FEW, Lane, Logit};
use crate::kernel::tests::random;
use crate::kernel::{Float, Level};

/// A standard normal number.
pub fn normal(rng: &mut SmallRng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Teacher and student, the latter off by noise, or unrelated where that is infinite.
pub fn pair<A: Element<Loss: Logit>>(
    classes: usize,
    noise: f64,
    spread: f64,
    offset: f64,
    rng: &mut SmallRng,
) -> (Vec<A>, Vec<A>) {
    let z_p: Vec<A> = (0..classes).map(|_| A::narrow(spread * normal(rng))).collect();
    let z_q = z_p
        .iter()
        .map(|z| {
            let base = if noise.is_finite() { z.widen().to_f64() } else { 0.0 };
            let noise = if noise.is_finite() { noise } else { spread };
            A::narrow(base + offset + noise * normal(rng))
        })
        .collect();
    (z_p, z_q)
}

pub fn wide<A: Element<Loss: Logit>>(values: &[A]) -> Vec<f64> {
    values.iter().map(|value| value.widen().to_f64()).collect()
}

fn lane<A: Element<Loss: Logit>>(level: Level, z_p: &[A], z_q: &[A], rate: f64) -> Lane {
    let rate = <A::Loss as Float>::from_f64(rate);
    if z_p.len() <= FEW {
        turned(level, z_p, z_q, z_p.len(), rate)[0]
    } else {
        along(level, z_p, z_q, rate, &mut Cells::default()).0
    }
}

fn worst<A: Element<Loss: Logit>>(classes: usize, noise: f64, spread: f64, offset: f64) -> f64 {
    let mut rng = random();
    let trials = (20_000 / classes).clamp(2, 200);
    (0..trials)
        .map(|_| {
            let (z_p, z_q) = pair::<A>(classes, noise, spread, offset, &mut rng);
            let exact = exact(&wide(&z_p), &wide(&z_q), 2.0).divergence;
            let found = lane(Level::best(), &z_p, &z_q, 0.5).divergence;
            (found / exact - 1.0).abs()
        })
        .fold(0.0, f64::max)
}

#[test]
#[ignore]
fn table() {
    for offset in [0.0, 5.3, 1e4] {
        for spread in [1.0, 4.0, 20.0] {
            for classes in [10, 1000, 32000] {
                let noises = [f64::INFINITY, 1.0, 1e-2, 1e-3, 1e-4, 1e-6];
                let single = noises.map(|noise| worst::<f32>(classes, noise, spread, offset));
                let double = noises.map(|noise| worst::<f64>(classes, noise, spread, offset));
                println!("offset {offset:6} spread {spread:3} C {classes:6}: f32 {} f64 {}", row(&single), row(&double));
            }
        }
    }
}

fn row(errors: &[f64]) -> String {
    errors.iter().map(|error| format!(" {error:8.1e}")).collect()
}
