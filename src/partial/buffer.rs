//! Divergences on their way into the moments, a block at a time.

use super::moments::Moments;
use crate::exact::BLOCK;
use crate::number::{Float, Level};

/// Moments, and the divergences and weights that are not in them yet: they are added a block at a time.
#[derive(Default)]
pub struct BufferedMoments {
    /// The moments of what was added.
    pub moments: Moments,
    divergences: Vec<f64>,
    /// The weights of the divergences; empty where those have none.
    weights: Vec<f64>,
}

impl BufferedMoments {
    /// Adds divergences. One whose weight is 0 is left out. All have weights, or none has.
    pub fn add<L: Float>(&mut self, level: Level, divergences: &[f64], weights: Option<&[L]>) {
        let Some(weights) = weights else {
            for divergences in divergences.chunks(BLOCK) {
                self.make_room(level, divergences.len());
                self.divergences.extend_from_slice(divergences);
            }
            return;
        };
        for (&divergence, weight) in divergences.iter().zip(weights) {
            if *weight != L::ZERO {
                self.make_room(level, 1);
                self.divergences.push(divergence);
                self.weights.push(weight.to_f64());
            }
        }
    }

    fn make_room(&mut self, level: Level, more: usize) {
        if self.divergences.len() + more > BLOCK {
            self.flush(level);
        }
    }

    /// Adds what is still in the buffer.
    pub fn flush(&mut self, level: Level) {
        match self.weights.is_empty() {
            true => self.moments.add(level, &self.divergences),
            false => self.moments.add_weighted(level, &self.divergences, &self.weights),
        }
        self.divergences.clear();
        self.weights.clear();
    }
}
