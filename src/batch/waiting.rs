//! Divergences on their way into a partial result.

use crate::exact::BLOCK;
use crate::layout::Scratch;
use crate::number::{Float, Level};
use crate::partial::moments::Moments;

/// Divergences and weights that wait until there are enough to be added at once.
pub struct Waiting {
    pub moments: Moments,
    divergences: Scratch<f64>,
    weights: Scratch<f64>,
    weighted: bool,
    waiting: usize,
}

impl Waiting {
    pub fn new() -> Self {
        Waiting {
            moments: Moments::default(),
            divergences: Scratch::EMPTY,
            weights: Scratch::EMPTY,
            weighted: false,
            waiting: 0,
        }
    }

    /// Adds neighbours of one unit; a weight of 0 leaves its divergence out.
    pub fn add<L: Float>(&mut self, level: Level, divergences: &[f64], weights: Option<&[L]>) {
        self.weighted = weights.is_some();
        match weights {
            None => {
                for divergences in divergences.chunks(BLOCK) {
                    let start = self.room_for(level, divergences.len());
                    self.divergences.get(BLOCK)[start..self.waiting].copy_from_slice(divergences);
                }
            }
            Some(weights) => {
                let pairs = divergences.iter().zip(weights);
                for (&divergence, weight) in pairs.filter(|(_, weight)| **weight != L::ZERO) {
                    let place = self.room_for(level, 1);
                    self.divergences.get(BLOCK)[place] = divergence;
                    self.weights.get(BLOCK)[place] = weight.to_f64();
                }
            }
        }
    }

    /// Where the next ones go.
    fn room_for(&mut self, level: Level, more: usize) -> usize {
        if self.waiting + more > BLOCK {
            self.flush(level);
        }
        self.waiting += more;
        self.waiting - more
    }

    /// Adds what still waits.
    pub fn flush(&mut self, level: Level) {
        let divergences = &self.divergences.get(BLOCK)[..self.waiting];
        if self.weighted {
            let weights = &self.weights.get(BLOCK)[..self.waiting];
            self.moments.add_weighted(level, divergences, weights);
        } else {
            self.moments.add(level, divergences);
        }
        self.waiting = 0;
    }
}
