//! Training with `KLDivLoss`, on hard labels and on soft targets alike.

use indicatif::ProgressBar;
use kldiv::{BatchMean, Error, KLDivLoss};
use ndarray::{Array2, Axis};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::data::Digits;
use crate::network::Network;

const BATCH: usize = 20;
const RATE: f32 = 1e-3;

/// What is minimized: KL(targets ‖ softmax(logits / temperature)), the mean over the images.
///
/// For one-hot targets at temperature 1 this is the cross-entropy.
pub struct Objective {
    pub targets: Array2<f32>,
    pub temperature: f32,
}

impl Objective {
    pub fn hard(digits: &Digits) -> Self {
        Self { targets: digits.labels.clone(), temperature: 1.0 }
    }

    pub fn soft(teacher: &Network, digits: &Digits, temperature: f32) -> Self {
        let log_p = log_softmax(&(teacher.logits(&digits.images) / temperature));
        Self { targets: log_p.exp(), temperature }
    }

    /// The loss of a batch, and its gradient with respect to the logits.
    fn value_and_grad(
        &self,
        batch: &[usize],
        logits: &Array2<f32>,
    ) -> Result<(f32, Array2<f32>), Error> {
        let p = self.targets.select(Axis(0), batch);
        let log_q = log_softmax(&(logits / self.temperature));
        let (loss, grad) = KLDivLoss::new(BatchMean).value_and_grad(&log_q, &p)?;
        Ok((loss, log_softmax_backward(&grad, &log_q) / self.temperature))
    }
}

/// How one training went, epoch by epoch.
#[derive(Default)]
pub struct History {
    /// The objective, the mean over the epoch.
    pub training: Vec<f64>,
    /// KL(labels ‖ softmax(logits)) on the held-out images.
    pub held_out: Vec<f64>,
    /// The fraction of the held-out images classified correctly at the end.
    pub accuracy: f64,
}

pub struct Training<'a> {
    pub digits: &'a Digits,
    pub objective: Objective,
    pub held_out: &'a Digits,
    pub epochs: usize,
}

impl Training<'_> {
    pub fn run(
        &self,
        network: &mut Network,
        rng: &mut StdRng,
        bar: &ProgressBar,
    ) -> Result<History, Error> {
        let mut history = History::default();
        for _ in 0..self.epochs {
            history.training.push(self.epoch(network, rng)?);
            history.held_out.push(divergence(network, self.held_out)?);
            bar.inc(1);
        }
        history.accuracy = accuracy(network, self.held_out);
        Ok(history)
    }

    /// One pass over the images in a random order; the mean loss met on the way.
    fn epoch(&self, network: &mut Network, rng: &mut StdRng) -> Result<f64, Error> {
        let mut order: Vec<usize> = (0..self.digits.len()).collect();
        order.shuffle(rng);
        let mut sum = 0.0;
        for batch in order.chunks(BATCH) {
            let images = self.digits.images.select(Axis(0), batch);
            let loss = network
                .step(&images, RATE, |logits| self.objective.value_and_grad(batch, logits))?;
            sum += f64::from(loss) * batch.len() as f64;
        }
        Ok(sum / self.digits.len() as f64)
    }
}

fn divergence(network: &Network, digits: &Digits) -> Result<f64, Error> {
    let log_q = log_softmax(&network.logits(&digits.images));
    let loss = KLDivLoss::new(BatchMean).forward(&log_q, &digits.labels)?;
    Ok(loss.into())
}

fn accuracy(network: &Network, digits: &Digits) -> f64 {
    let logits = network.logits(&digits.images);
    let correct = (logits.rows().into_iter())
        .zip(digits.labels.rows())
        .filter(|(logits, label)| label[largest(logits.iter())] == 1.0)
        .count();
    correct as f64 / digits.len() as f64
}

fn largest<'a>(values: impl Iterator<Item = &'a f32>) -> usize {
    let largest = values.enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.map_or(0, |(index, _)| index)
}

/// x − max − ln Σ exp(x − max), row by row.
fn log_softmax(x: &Array2<f32>) -> Array2<f32> {
    let max = x.fold_axis(Axis(1), f32::NEG_INFINITY, |a, b| a.max(*b));
    let shifted = x - &max.insert_axis(Axis(1));
    let log_sum = shifted.exp().sum_axis(Axis(1)).ln();
    shifted - log_sum.insert_axis(Axis(1))
}

/// d loss / d x from g = d loss / d log_softmax(x): g − softmax(x) · Σg.
fn log_softmax_backward(g: &Array2<f32>, log_q: &Array2<f32>) -> Array2<f32> {
    g - log_q.exp() * g.sum_axis(Axis(1)).insert_axis(Axis(1))
}
