//! Training with `KLDivWithLogitsLoss`, on hard labels and on soft targets alike.

use indicatif::ProgressBar;
use kldiv::{BatchMean, Divergence, Error, KLDivWithLogitsLoss, Target};
use kldiv_digits::{Digits, Network};
use ndarray::{Array1, Array2, Axis};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

const BATCH: usize = 20;
const RATE: f32 = 1e-3;

/// What is minimized: the mean over the images of a divergence of softmax(logits / temperature) from the target.
pub struct Objective {
    targets: Targets,
    criterion: KLDivWithLogitsLoss<BatchMean>,
}

/// What is known of every image.
enum Targets {
    /// Its label: the divergence is the cross entropy.
    Labels(Array1<u32>),
    /// The teacher's logits.
    Logits(Array2<f32>),
    /// The teacher's best classes and their log-probabilities. The other classes form a bucket.
    Best { classes: Array2<u32>, log_p: Array2<f32> },
}

impl Objective {
    /// The target is the label.
    pub fn hard(digits: &Digits) -> Self {
        let targets = Targets::Labels(digits.labels.clone());
        Self { targets, criterion: KLDivWithLogitsLoss::new(BatchMean) }
    }

    /// The target is softmax(the teacher's logits / temperature), of which only the `best` classes are known if there is a number.
    pub fn soft(
        teacher: &Network,
        digits: &Digits,
        temperature: f64,
        divergence: Divergence,
        best: Option<usize>,
    ) -> Self {
        let criterion =
            KLDivWithLogitsLoss::new(BatchMean).temperature(temperature).divergence(divergence);
        let logits = teacher.logits(&digits.images);
        match best {
            None => Self { targets: Targets::Logits(logits), criterion },
            Some(best) => Self {
                targets: best_of(&logits, temperature as f32, best),
                criterion: criterion.target(Target::LogProbabilities),
            },
        }
    }

    /// The loss of a batch, and its gradient with respect to the logits.
    fn value_and_grad(
        &self,
        batch: &[usize],
        logits: &Array2<f32>,
    ) -> Result<(f32, Array2<f32>), Error> {
        let rows = |array: &Array2<f32>| array.select(Axis(0), batch);
        let criterion = &self.criterion;
        match &self.targets {
            Targets::Labels(labels) => {
                criterion.labels_batch(logits, &labels.select(Axis(0), batch))?.value_and_grad()
            }
            Targets::Logits(teacher) => criterion.value_and_grad(logits, &rows(teacher)),
            Targets::Best { classes, log_p } => {
                let (classes, log_p) = (classes.select(Axis(0), batch), rows(log_p));
                criterion.sparse_batch(logits, &classes, &log_p)?.value_and_grad()
            }
        }
    }
}

/// The best classes of each row, and ln softmax(logits / temperature) of these.
fn best_of(logits: &Array2<f32>, temperature: f32, best: usize) -> Targets {
    let shape = (logits.nrows(), best);
    let (mut classes, mut log_p) = (Array2::zeros(shape), Array2::zeros(shape));
    for (row, logits) in logits.rows().into_iter().enumerate() {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let scaled = logits.mapv(|z| (z - logits[order[0]]) / temperature);
        let log_sum = scaled.exp().sum().ln();
        for (place, &class) in order[..best].iter().enumerate() {
            classes[[row, place]] = class as u32;
            log_p[[row, place]] = scaled[class] - log_sum;
        }
    }
    Targets::Best { classes, log_p }
}

/// How one training went, epoch by epoch.
#[derive(Default)]
pub struct History {
    /// The objective, the mean over the epoch.
    pub training: Vec<f64>,
    /// The cross entropy of the labels on the held-out images.
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
    let criterion = KLDivWithLogitsLoss::new(BatchMean);
    let logits = network.logits(&digits.images);
    criterion.labels_batch(&logits, &digits.labels)?.forward().map(f64::from)
}

fn accuracy(network: &Network, digits: &Digits) -> f64 {
    let logits = network.logits(&digits.images);
    let correct = (logits.rows().into_iter())
        .zip(&digits.labels)
        .filter(|(logits, label)| largest(logits.iter()) == **label as usize)
        .count();
    correct as f64 / digits.count() as f64
}

fn largest<'a>(values: impl Iterator<Item = &'a f32>) -> usize {
    let largest = values.enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.map_or(0, |(index, _)| index)
}
