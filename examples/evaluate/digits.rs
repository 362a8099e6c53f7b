//! A real pair: a teacher that sees handwritten digits at 8×8, and a student that sees them at 4×4.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use kldiv::{BatchMean, KLDivLoss};
use ndarray::{Array2, Axis};
use ndarray_npy::{WriteNpyError, read_npy, write_npy};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::data::{CLASSES, Digits};
use crate::network::Network;

const SEED: u64 = 0;
const TRAINING_IMAGES: usize = 1200;
const EPOCHS: usize = 60;
const BATCH: usize = 20;
const RATE: f32 = 1e-3;

/// Trains both and writes what they say of the images that neither has seen: ln q and p.
pub fn pair(directory: &Path) -> Result<[PathBuf; 2], Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let (seen, held_out) = Digits::load()?.split(TRAINING_IMAGES, &mut rng);
    let mut teacher = Network::new(64, 64, CLASSES, &mut rng);
    train(&mut teacher, &seen.images, &seen.labels, &mut rng)?;
    let mut student = Network::new(16, 32, CLASSES, &mut rng);
    let soft = log_softmax(&teacher.logits(&seen.images)).exp();
    train(&mut student, &seen.coarse().images, &soft, &mut rng)?;

    let log_q = log_softmax(&student.logits(&held_out.coarse().images));
    let p = log_softmax(&teacher.logits(&held_out.images)).exp();
    let files = ["student.npy", "teacher.npy"].map(|name| directory.join(name));
    let cannot = |error: &dyn Error| {
        let directory = directory.display();
        format!(
            "cannot write to {directory}: {error}; make room, start elsewhere, or name two files"
        )
    };
    fs::create_dir_all(directory).map_err(|error| cannot(&error))?;
    write(&files[0], &log_q).map_err(|error| cannot(&error))?;
    write(&files[1], &p).map_err(|error| cannot(&error))?;
    Ok(files)
}

/// A file that is there already keeps its time of change, by which `--resume` knows it.
fn write(path: &Path, array: &Array2<f32>) -> Result<(), WriteNpyError> {
    if read_npy::<_, Array2<f32>>(path).is_ok_and(|old| old == array) {
        return Ok(());
    }
    write_npy(path, array)
}

fn train(
    network: &mut Network,
    images: &Array2<f32>,
    targets: &Array2<f32>,
    rng: &mut StdRng,
) -> Result<(), kldiv::Error> {
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
