//! Handwritten digits (`DATA.md` tells their origin and licence), a small network that learns them, and a real pair of
//! distributions.

#![forbid(unsafe_code)]

mod network;
mod pair;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

pub use network::Network;
pub use pair::{Pair, pair};

pub const CLASSES: usize = 10;

/// Images of 8×8, and the class of each.
const TABLE: (usize, usize) = (1797, 65);
const FILE: &[u8] = include_bytes!("../digits.npy");

/// Images, one a row with pixels in 0..=1, and their classes.
pub struct Digits {
    pub images: Array2<f32>,
    pub labels: Array1<u32>,
}

impl Digits {
    /// All 1797 images of 8×8.
    pub fn load() -> Self {
        // The table stands behind the header of the file.
        let (_, table) = FILE.split_at(FILE.len() - TABLE.0 * TABLE.1);
        let table = ArrayView2::from_shape(TABLE, table).expect("a byte for each number");
        let (pixels, classes) = table.split_at(Axis(1), 64);
        Self {
            images: pixels.mapv(|pixel| f32::from(pixel) / 16.0),
            labels: classes.iter().map(|&class| class.into()).collect(),
        }
    }

    pub fn count(&self) -> usize {
        self.images.nrows()
    }

    /// The images in a random order, cut in two after the first `count`.
    pub fn split(&self, count: usize, rng: &mut StdRng) -> (Self, Self) {
        let mut order: Vec<usize> = (0..self.count()).collect();
        order.shuffle(rng);
        let (first, rest) = order.split_at(count);
        (self.select(first), self.select(rest))
    }

    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            images: self.images.select(Axis(0), indices),
            labels: self.labels.select(Axis(0), indices),
        }
    }

    /// The same digits at 4×4: every pixel the mean of a block of 2×2.
    pub fn coarse(&self) -> Self {
        let blocks = (self.count(), 4, 2, 4, 2);
        let blocks = self.images.to_shape(blocks).expect("64 pixels an image");
        let means = blocks.sum_axis(Axis(4)).sum_axis(Axis(2)) / 4.0;
        let images = means.to_shape((self.count(), 16)).expect("16 means an image");
        Self { images: images.into_owned(), labels: self.labels.clone() }
    }
}
