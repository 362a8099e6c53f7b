//! One number of every row: its mean, its quantiles, its worst.

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use super::sketch::ERROR;
use super::{Mean, Sketch, Summary, Worst};

/// Up to so many rows the numbers themselves are kept, so that quantiles are exact.
pub const EXACT_ROWS: u64 = 10_000_000;

/// Per cent, of the quantiles that are told.
const QUANTILES: [f64; 11] = [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

/// One number of every row that counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    mean: Mean,
    sketch: Sketch,
    worst: Worst,
    /// The numbers in the order of their rows, where all are kept.
    pub values: Vec<f64>,
}

impl Quantity {
    /// Adds the numbers of rows at these positions, and keeps each if asked to.
    pub fn add(
        &mut self,
        positions: &[u64],
        values: &[f64],
        weights: Option<&Array1<f64>>,
        is_kept: bool,
    ) -> Result<(), kldiv::Error> {
        self.mean.add(values, weights)?;
        for (&position, &value) in positions.iter().zip(values) {
            self.sketch.add(value);
            self.worst.add(position, value);
        }
        if is_kept {
            self.values.extend(values);
        }
        Ok(())
    }

    pub fn merge(&mut self, other: &Quantity) {
        self.mean.merge(&other.mean);
        self.sketch.merge(&other.sketch);
        self.worst.merge(&other.worst);
        self.values.extend(&other.values);
    }

    /// Whether it can be that of so many rows, all of which pass `is_row`; of those whose numbers are kept, or not.
    pub fn is_of(&self, count: u64, is_kept: bool, is_row: &dyn Fn(u64) -> bool) -> bool {
        self.mean.rows() == count
            && self.sketch.is_of(count)
            && self.worst.is_of(count, is_row)
            && self.values.len() as u64 == if is_kept { count } else { 0 }
    }

    pub fn mean(&self) -> f64 {
        self.mean.estimate().mean
    }

    /// How many are NaN.
    pub fn nans(&self) -> u64 {
        self.sketch.not_finite()[0]
    }

    /// How many are +∞.
    pub fn infinities(&self) -> u64 {
        self.sketch.not_finite()[1]
    }

    /// What is told; `index` turns a position into an index.
    pub fn summary(&self, index: impl Fn(u64) -> Vec<u64>) -> Summary {
        let sorted = self.sorted();
        let quantile = |percent| (percent, self.quantile_of(&sorted, percent / 100.0));
        Summary {
            mean: self.mean.estimate(),
            min: self.mean.min(),
            max: self.mean.max(),
            quantiles: QUANTILES.map(quantile).to_vec(),
            quantile_error: if self.is_sketched() { ERROR } else { 0.0 },
            not_finite: self.sketch.not_finite(),
            worst: self.worst.iter().map(|(position, value)| (index(position), value)).collect(),
            buckets: self.sketch.buckets().collect(),
        }
    }

    /// Whether only the sketch knows how the numbers are distributed.
    fn is_sketched(&self) -> bool {
        self.values.is_empty() && self.mean.rows() > 0
    }

    /// The quantile of a share of the rows.
    pub fn quantile(&self, share: f64) -> f64 {
        self.quantile_of(&self.sorted(), share)
    }

    /// NaN behind everything.
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
        sorted
    }

    /// Between the two nearest, in proportion, as numpy and llama.cpp do; or from the sketch, but never beyond the extremes.
    fn quantile_of(&self, sorted: &[f64], share: f64) -> f64 {
        let Some(last) = sorted.len().checked_sub(1) else {
            let value = self.sketch.quantile(share);
            let [min, max] = [self.mean.min(), self.mean.max()];
            return if min <= max { value.clamp(min, max) } else { value };
        };
        let place = share * last as f64;
        let below = (place as usize).min(last);
        let [a, b] = [below, (below + 1).min(last)].map(|at| sorted[at]);
        let part = place - below as f64;
        // An infinite neighbour that has no part in it does not count.
        if part == 0.0 || a == b { a } else { (1.0 - part) * a + part * b }
    }
}
