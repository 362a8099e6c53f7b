//! The divergence of two distributions that are close, by four formulas in single precision.
//!
//! ```sh
//! cargo run --release --example accuracy
//! ```
//!
//! Prints relative errors: the worst of twenty pairs of 10, 1,000 and 32,000 classes whose scores differ by
//! normal noise. The truth is the generalized divergence of the inputs as they are stored, computed in
//! double precision without cancellation. All sums are exact to double precision, so what shows is the
//! error of the terms.

use kldiv::{KLDivLoss, Sum};
use ndarray::{Array1, Zip};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::SeedableRng;
use rand::rngs::SmallRng;

fn main() -> Result<(), kldiv::Error> {
    println!(
        "Relative errors in f32. The last three are not the libraries' own runs, but the formulas of SciPy's \
         `kl_div`, optax's `generalized_kl_divergence` and PyTorch's sum, computed here in f32.\n"
    );
    println!(
        "| classes | noise | divergence | ours | SciPy's formula | optax's formula | PyTorch's formula |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for classes in [10, 1000, 32_000] {
        for noise in [1e-2, 1e-3, 1e-4] {
            let (mut divergence, mut worst) = (0.0, [0.0_f64; 4]);
            for seed in 0..20 {
                let (log_q, p) = pair(classes, noise, seed);
                let truth = sum(&log_q, &p, exact);
                let found = [
                    f64::from(KLDivLoss::new(Sum).generalized(true).forward(&log_q, &p)?),
                    sum(&log_q, &p, |x, t| f64::from(scipy(x.exp(), t))),
                    sum(&log_q, &p, |x, t| f64::from(t * (t.ln() - x) + x.exp() - t)),
                    sum(&log_q, &p, |x, t| f64::from(t * t.ln() - t * x)),
                ];
                divergence += truth / 20.0;
                for (worst, found) in worst.iter_mut().zip(found) {
                    *worst = worst.max((found / truth - 1.0).abs());
                }
            }
            let [ours, scipy, optax, pytorch] = worst.map(|error| format!("{error:.0e}"));
            println!(
                "| {classes} | {noise:.0e} | {divergence:.1e} | {ours} | {scipy} | {optax} | {pytorch} |"
            );
        }
    }
    Ok(())
}

/// Log-probabilities of the model and probabilities of the target, from scores that differ by noise.
fn pair(classes: usize, noise: f64, seed: u64) -> (Array1<f32>, Array1<f32>) {
    let mut random = SmallRng::seed_from_u64(seed);
    let scores: Array1<f64> = Array1::random_using(classes, StandardNormal, &mut random);
    let others: Array1<f64> = Array1::random_using(classes, StandardNormal, &mut random);
    let log_softmax = |scores: Array1<f64>| &scores - scores.mapv(f64::exp).sum().ln();
    let (log_p, log_q) = (log_softmax(scores.clone()), log_softmax(scores + noise * others));
    (log_q.mapv(|x| x as f32), log_p.mapv(|y| y.exp() as f32))
}

fn sum(log_q: &Array1<f32>, p: &Array1<f32>, term: impl Fn(f32, f32) -> f64) -> f64 {
    Zip::from(log_q).and(p).fold(0.0, |sum, &x, &t| sum + term(x, t))
}

/// `scipy.special.kl_div(t, q)`.
fn scipy(q: f32, t: f32) -> f32 {
    t * (t / q).ln() - t + q
}

/// t·φ(d), φ(d) = d²/2 − d³/6 + …
fn exact(x: f32, t: f32) -> f64 {
    let (x, t) = (f64::from(x), f64::from(t));
    let d = t.ln() - x;
    if d.abs() > 0.5 {
        return t * ((-d).exp() - 1.0 + d);
    }
    // φ(d)/d² = (1 − d/3·(1 − d/4·(1 − …)))/2.
    let nested = (3..18).rev().fold(1.0, |rest, k| 1.0 - d / f64::from(k) * rest);
    t * d * d * nested / 2.0
}
