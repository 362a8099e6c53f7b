//! The mean of one number a row, and its standard error, from exact sums.

use kldiv::{DistributionMean, KLDivLoss, Partial};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::Estimate;

/// Exact sums of a number and of its square.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean(Partial);

impl Mean {
    /// Adds the number of each row, counted as often as its weight says; those of weight 0 are not looked at.
    ///
    /// The library keeps such sums of divergences. A distribution of one class with probability 1 that the model gives e^−v has
    /// the divergence 1·(ln 1 + v), which is v.
    pub fn add(
        &mut self,
        values: &[f64],
        weights: Option<&Array1<f64>>,
    ) -> Result<(), kldiv::Error> {
        let log_q = Array1::from_iter(values.iter().map(|value| -value)).insert_axis(Axis(1));
        let p = Array2::ones(log_q.dim());
        let batch = KLDivLoss::new(DistributionMean).batch(&log_q, &p)?;
        let batch = weights.map_or(Ok(batch), |weights| batch.weights(weights))?;
        self.0.merge(&batch.partial()?);
        Ok(())
    }

    pub fn merge(&mut self, other: &Mean) {
        self.0.merge(&other.0);
    }

    pub fn estimate(&self) -> Estimate {
        Estimate { mean: self.0.mean(), standard_error: self.0.standard_error() }
    }

    pub fn rows(&self) -> u64 {
        self.0.distributions()
    }

    pub fn min(&self) -> f64 {
        self.0.min()
    }

    pub fn max(&self) -> f64 {
        self.0.max()
    }
}
