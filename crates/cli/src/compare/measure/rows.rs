//! Which rows of a block count, and where they are in the files.

use std::ops::Range;

use ndarray::{Array1, ArrayD, Dimension};

use crate::compare::input::{Block, without};
use crate::failure::Failure;

/// The position among all rows, in the order of C, of the row of a block that has this index there.
pub fn position(window: &[Range<usize>], shape: &[usize], axis: usize, index: &[usize]) -> u64 {
    let along = without(window, axis).into_iter().zip(without(shape, axis)).zip(index);
    along.fold(0, |position, ((range, len), index)| {
        position * len as u64 + (range.start + index) as u64
    })
}

/// The rows of a block whose weight is not 0.
pub struct Rows {
    /// Their positions among all rows, in the order of C.
    pub positions: Vec<u64>,
    /// Their weights, where there are weights.
    pub weights: Option<Array1<f64>>,
    /// 1 for each row of the block that counts, else 0; where there are weights.
    pub mask: Option<ArrayD<f32>>,
    /// Rows of the block in all.
    pub all: u64,
}

impl Rows {
    /// Of a block of arrays of this shape.
    pub fn new<A>(block: &Block<A>, shape: &[usize], axis: usize) -> Result<Rows, Failure> {
        let window = without(&block.window, axis);
        let lanes: Vec<usize> = window.iter().map(ExactSizeIterator::len).collect();
        let is_weight = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        let weights = block.weights.as_ref();
        if let Some((index, weight)) =
            weights.and_then(|all| all.indexed_iter().find(|w| !is_weight(w.1)))
        {
            let index: Vec<usize> = index
                .slice()
                .iter()
                .zip(&window)
                .map(|(index, range)| range.start + index)
                .collect();
            let line = format!(
                "the weight of row {index:?} is {weight}; weights are finite and not below 0"
            );
            return Err(Failure::new(line));
        }
        let counts = |index: &ndarray::IxDyn| weights.is_none_or(|all| all[index.clone()] != 0.0);
        let position = |index: ndarray::IxDyn| position(&block.window, shape, axis, index.slice());
        let positions =
            ndarray::indices(&lanes[..]).into_iter().filter(counts).map(position).collect();
        Ok(Rows {
            positions,
            weights: weights
                .map(|all| all.iter().copied().filter(|weight| *weight != 0.0).collect()),
            mask: weights.map(|all| all.mapv(|weight| f32::from(u8::from(weight != 0.0)))),
            all: lanes.iter().map(|&len| len as u64).product(),
        })
    }

    /// The numbers of the rows that count.
    pub fn pick<A: Copy + Into<f64>>(&self, values: &ArrayD<A>) -> Vec<f64> {
        let all = values.iter().map(|&value| value.into());
        match &self.mask {
            None => all.collect(),
            Some(mask) => {
                all.zip(mask).filter(|(_, mask)| **mask != 0.0).map(|(value, _)| value).collect()
            }
        }
    }
}
