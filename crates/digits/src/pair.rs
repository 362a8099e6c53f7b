//! A real pair: a teacher that sees handwritten digits at 8×8, and a student that sees them at 4×4.

use kldiv::{BatchMean, Error, KLDivLoss};
use ndarray::{Array2, Axis};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::{CLASSES, Digits, Network};

const SEED: u64 = 0;
const TRAINING_IMAGES: usize = 1200;
const EPOCHS: usize = 60;
const BATCH: usize = 20;
const RATE: f32 = 1e-3;

/// What both say of the images that neither has seen, and what is on them.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The teacher's probabilities p.
    pub teacher: Array2<f32>,
    /// The student's log-probabilities ln q.
    pub student: Array2<f32>,
    /// The digit on each image.
    pub labels: Vec<i64>,
}

/// Trains a teacher and a student, which takes about a second.
pub fn pair() -> Result<Pair, Error> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let (seen, held_out) = Digits::load().split(TRAINING_IMAGES, &mut rng);
    let mut teacher = Network::new(64, 64, CLASSES, &mut rng);
    let digits: Vec<usize> = seen.labels.iter().map(|&label| label as usize).collect();
    let one_hot = Array2::eye(CLASSES).select(Axis(0), &digits);
    train(&mut teacher, &seen.images, &one_hot, &mut rng)?;
    let mut student = Network::new(16, 32, CLASSES, &mut rng);
    let soft = log_softmax(&teacher.logits(&seen.images)).exp();
    train(&mut student, &seen.coarse().images, &soft, &mut rng)?;

    Ok(Pair {
        teacher: log_softmax(&teacher.logits(&held_out.images)).exp(),
        student: log_softmax(&student.logits(&held_out.coarse().images)),
        labels: held_out.labels.iter().map(|&label| label.into()).collect(),
    })
}

fn train(
    network: &mut Network,
    images: &Array2<f32>,
    targets: &Array2<f32>,
    rng: &mut StdRng,
) -> Result<(), Error> {
    let mut order: Vec<usize> = (0..images.nrows()).collect();
    for _ in 0..EPOCHS {
        order.shuffle(rng);
        for batch in order.chunks(BATCH) {
            let p = targets.select(Axis(0), batch);
            network.step(&images.select(Axis(0), batch), RATE, |logits| {
                let log_q = log_softmax(logits);
                let (loss, g) = KLDivLoss::new(BatchMean).value_and_grad(&log_q, &p)?;
                // Through log-softmax: g − q·Σg.
                let sums = g.sum_axis(Axis(1)).insert_axis(Axis(1));
                Ok((loss, g - log_q.exp() * sums))
            })?;
        }
    }
    Ok(())
}

/// x − max − ln Σ exp(x − max), row by row.
fn log_softmax(x: &Array2<f32>) -> Array2<f32> {
    let max = x.fold_axis(Axis(1), f32::NEG_INFINITY, |a, b| a.max(*b));
    let shifted = x - &max.insert_axis(Axis(1));
    let log_sum = shifted.exp().sum_axis(Axis(1)).ln();
    shifted - log_sum.insert_axis(Axis(1))
}
