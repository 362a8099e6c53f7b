//! Training with `KLDivWithLogitsLoss`, on hard labels and on soft targets alike.

use indicatif::ProgressBar;
use kldiv::{BatchMean, Divergence, Error, KLDivWithLogitsLoss, Target};
use kldiv_digits::{Digits, Network};
use ndarray::{Array2, Axis};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

const BATCH: usize = 20;
const RATE: f32 = 1e-3;

/// What is minimized: the mean over the images of a divergence of softmax(logits / temperature) from the target.
pub struct Objective {
    targets: Array2<f32>,
    criterion: KLDivWithLogitsLoss<BatchMean>,
}

impl Objective {
    /// The target is one-hot: KL(target ‖ softmax(logits)) is the cross-entropy.
    pub fn hard(digits: &Digits) -> Self {
        let criterion = KLDivWithLogitsLoss::new(BatchMean).target(Target::Probabilities);
        Self { targets: digits.labels.clone(), criterion }
    }

    /// The target is softmax(the teacher's logits / temperature).
    pub fn soft(
        teacher: &Network,
        digits: &Digits,
        temperature: f64,
        divergence: Divergence,
    ) -> Self {
        let criterion =
            KLDivWithLogitsLoss::new(BatchMean).temperature(temperature).divergence(divergence);
        Self { targets: teacher.logits(&digits.images), criterion }
    }

    /// The loss of a batch, and its gradient with respect to the logits.
    fn value_and_grad(
        &self,
        batch: &[usize],
        logits: &Array2<f32>,
    ) -> Result<(f32, Array2<f32>), Error> {
        self.criterion.value_and_grad(logits, &self.targets.select(Axis(0), batch))
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
        let mut order: Vec<usize> = (0..self.digits.count()).collect();
        order.shuffle(rng);
        let mut sum = 0.0;
        for batch in order.chunks(BATCH) {
            let images = self.digits.images.select(Axis(0), batch);
            let loss = network
                .step(&images, RATE, |logits| self.objective.value_and_grad(batch, logits))?;
            sum += f64::from(loss) * batch.len() as f64;
        }
        Ok(sum / self.digits.count() as f64)
    }
}

fn divergence(network: &Network, digits: &Digits) -> Result<f64, Error> {
    let Objective { targets, criterion } = Objective::hard(digits);
    criterion.forward(&network.logits(&digits.images), &targets).map(f64::from)
}

fn accuracy(network: &Network, digits: &Digits) -> f64 {
    let logits = network.logits(&digits.images);
    let correct = (logits.rows().into_iter())
        .zip(digits.labels.rows())
        .filter(|(logits, label)| label[largest(logits.iter())] == 1.0)
        .count();
    correct as f64 / digits.count() as f64
}

fn largest<'a>(values: impl Iterator<Item = &'a f32>) -> usize {
    let largest = values.enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.map_or(0, |(index, _)| index)
}
