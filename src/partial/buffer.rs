//! A buffer before the moments, so that divergences are added a block at a time.

use super::moments::Moments;
use crate::exact::SUM_BLOCK;
use crate::number::{Float, Level};

/// Moments, and a buffer of divergences and weights that are added a block at a time.
#[derive(Default)]
pub struct BufferedMoments {
    /// The moments, without what is in the buffer.
    pub moments: Moments,
    divergences: Vec<f64>,
    /// The weights of the divergences. It is empty if there are no weights.
    weights: Vec<f64>,
}

impl BufferedMoments {
    /// Adds divergences. One whose weight is 0 is left out. All have weights, or none has.
    pub fn add<L: Float>(&mut self, level: Level, divergences: &[f64], weights: Option<&[L]>) {
        let Some(weights) = weights else {
            for divergences in divergences.chunks(SUM_BLOCK) {
                self.reserve(level, divergences.len());
                self.divergences.extend_from_slice(divergences);
            }
            return;
        };
        for (&divergence, weight) in divergences.iter().zip(weights) {
            if *weight != L::ZERO {
                self.reserve(level, 1);
                self.divergences.push(divergence);
                self.weights.push(weight.to_f64());
            }
        }
    }

    /// Adds the buffer if it has no place for `more` divergences.
    fn reserve(&mut self, level: Level, more: usize) {
        if self.divergences.len() + more > SUM_BLOCK {
            self.flush(level);
        }
    }

    /// Adds the buffer to the moments.
    pub fn flush(&mut self, level: Level) {
        match self.weights.is_empty() {
            true => self.moments.add(level, &self.divergences),
            false => self.moments.add_weighted(level, &self.divergences, &self.weights),
        }
        self.divergences.clear();
        self.weights.clear();
    }
}
