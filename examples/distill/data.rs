//! Handwritten digits; DATA.md tells their origin and licence.

use ndarray::{Array2, Axis, s};
use ndarray_npy::{ReadNpyError, ReadNpyExt};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

pub const CLASSES: usize = 10;

/// Images, one a row with pixels in 0..=1, and their classes, one-hot.
pub struct Digits {
    pub images: Array2<f32>,
    pub labels: Array2<f32>,
}

impl Digits {
    /// All 1797 images of 8×8.
    pub fn load() -> Result<Self, ReadNpyError> {
        let table = Array2::<u8>::read_npy(&include_bytes!("digits.npy")[..])?;
        let classes: Vec<usize> = table.column(64).iter().map(|&c| c.into()).collect();
        Ok(Self {
            images: table.slice(s![.., ..64]).mapv(|pixel| f32::from(pixel) / 16.0),
            labels: Array2::eye(CLASSES).select(Axis(0), &classes),
        })
    }

    pub fn len(&self) -> usize {
        self.images.nrows()
    }

    /// The images in a random order, cut in two after the first `count`.
    pub fn split(&self, count: usize, rng: &mut StdRng) -> (Self, Self) {
        let mut order: Vec<usize> = (0..self.len()).collect();
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
        let blocks = (self.len(), 4, 2, 4, 2);
        let blocks = self.images.to_shape(blocks).expect("64 pixels an image");
        let means = blocks.sum_axis(Axis(4)).sum_axis(Axis(2)) / 4.0;
        let images = means.to_shape((self.len(), 16)).expect("16 means an image");
        Self { images: images.into_owned(), labels: self.labels.clone() }
    }
}
