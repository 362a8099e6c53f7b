//! The checked pair of operands and its calls: check, count, traverse, finish.

mod call;
mod diagnose;
mod sparse;
mod traversal;
mod validate;

#[cfg(test)]
mod tests;

pub use call::Gradients;
pub use sparse::SparseBatch;

use ndarray::{ArrayRef, Dimension};

use crate::element::Element;
use crate::engine::Rule;
use crate::error::Error;
use crate::layout::without;
use crate::number::{Float, Level};
use crate::partial::Counts;
use crate::reduction::{AnyReduction, Reduction};

/// An input and a target whose shapes are equal, with the settings of a criterion.
///
/// [`KLDivLoss::batch`](crate::KLDivLoss::batch) and
/// [`KLDivWithLogitsLoss::batch`](crate::KLDivWithLogitsLoss::batch) make it. It borrows its operands and is `Copy`.
/// [`weights`](Self::weights) sets the weights of the distributions. Every other method computes.
#[derive(Debug)]
pub struct Batch<'a, R, A: Element, D: Dimension> {
    reduction: R,
    rule: Rule,
    axis: usize,
    level: Level,
    input: &'a ArrayRef<A, D>,
    target: &'a ArrayRef<A, D>,
    weights: Option<&'a ArrayRef<A::Loss, D::Smaller>>,
    /// How far masses may be from 1, if calls check them.
    tolerance: Option<f64>,
}

impl<R: Copy, A: Element, D: Dimension> Clone for Batch<'_, R, A, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Copy, A: Element, D: Dimension> Copy for Batch<'_, R, A, D> {}

impl<'a, R: Reduction, A: Element, D: Dimension> Batch<'a, R, A, D> {
    /// Checks shapes, axis, denominator and divergence.
    #[inline]
    pub(crate) fn new(
        reduction: R,
        rule: Rule,
        axis: Option<usize>,
        input: &'a ArrayRef<A, D>,
        target: &'a ArrayRef<A, D>,
    ) -> Result<Self, Error> {
        let ndim = input.ndim();
        let axis = axis.unwrap_or(ndim.saturating_sub(1));
        if input.shape() != target.shape() {
            let (input, target) = (input.shape().to_vec(), target.shape().to_vec());
            return Err(Error::ShapeMismatch { input, target, axis });
        }
        if axis >= ndim {
            return Err(Error::AxisOutOfBounds { axis, ndim });
        }
        if let sum_over @ AnyReduction::SumOver(_) = reduction.kind() {
            sum_over.divisor(Counts::default(), |_| 0.0)?;
        }
        rule.form().divergence.check()?;
        let level = Level::best();
        Ok(Batch { reduction, rule, axis, level, input, target, weights: None, tolerance: None })
    }

    /// The same batch. If there is a tolerance, its calls check that the operands are distributions.
    #[inline]
    pub(crate) fn validated(self, tolerance: Option<f64>) -> Result<Self, Error> {
        match tolerance {
            Some(tolerance) if !(0.0..f64::INFINITY).contains(&tolerance) => {
                Err(Error::InvalidTolerance { tolerance })
            }
            _ => Ok(Batch { tolerance, ..self }),
        }
    }

    /// Sets a weight for each distribution: a mask for padding, for example. `weights` has the input's shape without the class axis
    /// (0-d for 1-d operands). A weight is finite and at least 0.
    ///
    /// `Pointwise` becomes w·term, and `PerDistribution` w·divergence. `DistributionMean` divides by Σw, and
    /// `Mean` by C·Σw; the other divisors do not change. If Σw = 0, the loss is 0. A weight of 0 skips its distribution
    /// entirely, even if it holds NaN: its values and gradients are 0. Weights that are all 1 change no bit.
    ///
    /// # Errors
    /// [`WeightShape`](Error::WeightShape), [`InvalidWeight`](Error::InvalidWeight).
    ///
    /// ```
    /// use kldiv::{DistributionMean, KLDivLoss};
    /// use ndarray::array;
    ///
    /// let log_q = array![[0.5_f64, 0.5], [f64::NAN, f64::NAN]].ln(); // the second row is padding
    /// let p = array![[0.25_f64, 0.75], [0.0, 0.0]];
    ///
    /// let criterion = KLDivLoss::new(DistributionMean);
    /// let loss = criterion.batch(&log_q, &p)?.weights(&array![1.0, 0.0])?.forward()?;
    /// assert_eq!(loss, 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln());
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn weights(self, weights: &'a ArrayRef<A::Loss, D::Smaller>) -> Result<Self, Error> {
        let expected = without(self.input.shape(), self.axis);
        if weights.shape() != expected {
            return Err(Error::WeightShape { expected, found: weights.shape().to_vec() });
        }
        let valid = |weight: &A::Loss| (*weight >= A::Loss::ZERO) & (*weight <= A::Loss::MAX);
        if weights.iter().all(valid) {
            return Ok(Batch { weights: Some(weights), ..self });
        }
        let found = weights.view().into_dyn();
        let mut invalid = found.indexed_iter().filter(|(_, weight)| !valid(weight));
        invalid.next().map_or(Ok(self), |(index, weight)| {
            let (index, weight) = (index.slice().to_vec(), weight.to_f64());
            Err(Error::InvalidWeight { index, weight })
        })
    }

    /// The same batch, computed with another instruction set.
    #[cfg(test)]
    pub(crate) fn level(self, level: Level) -> Self {
        Batch { level, ..self }
    }

    /// The number of distributions, those of weight 0 included.
    fn distributions(&self) -> usize {
        let others = self.input.shape().iter().enumerate().filter(|&(axis, _)| axis != self.axis);
        others.map(|(_, len)| len).product()
    }
}
