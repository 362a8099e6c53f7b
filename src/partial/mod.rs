//! Sums and counts that merge.

mod buffer;
pub(crate) mod moments;
#[cfg(feature = "serde")]
mod wire;
mod words;

pub(crate) use buffer::BufferedMoments;

use crate::exact::ExactSum;
use moments::Moments;

/// The result of a part of the data. Partial results merge, and finish as any reduction to one number. They also give the mean, the
/// standard error and the extremes of the divergences.
///
/// [`Batch::partial`](crate::Batch::partial) makes one, [`merge`](Self::merge) adds another, and
/// [`KLDivLoss::finish`](crate::KLDivLoss::finish) returns the loss. The sums are exact, so the loss has the
/// bits of one call over everything. The cuts of the data and the order of the merges do not matter. Cut along any axis except the
/// class axis; for `BatchMean`, which counts axis 0, cut along axis 0.
///
/// `Partial::default()` is the identity of `merge`. `==` compares values, not how they were merged. Do not merge partial results of
/// different losses, class counts or settings: nothing refuses them, and the result has no meaning. A partial result takes just
/// under 3 KB.
///
/// ```
/// use kldiv::{BatchMean, KLDivLoss, Partial};
/// use ndarray::{array, s};
///
/// let log_q = array![[0.5_f32, 0.5], [0.25, 0.75], [0.1, 0.9]].ln();
/// let p = array![[0.5_f32, 0.5], [0.5, 0.5], [0.4, 0.6]];
/// let criterion = KLDivLoss::new(BatchMean);
///
/// let mut all = Partial::default();
/// for rows in [s![2..3, ..], s![0..2, ..]] {
///     all.merge(&criterion.batch(&log_q.slice(rows), &p.slice(rows))?.partial()?);
/// }
/// let loss: f32 = criterion.finish(&all)?;
/// assert_eq!(loss.to_bits(), criterion.forward(&log_q, &p)?.to_bits());
/// assert_eq!(all, criterion.batch(&log_q, &p)?.partial()?);
/// # Ok::<(), kldiv::Error>(())
/// ```
///
/// # The divergences
///
/// w are the weights, 1 without weights, and W = Σw. D are the divergences of
/// [`PerDistribution`](crate::PerDistribution), in nats, before they are rounded to `f32`.
///
/// | | | for no distributions |
/// |---|---|---|
/// | [`distributions`](Self::distributions) | how many have a weight that is not 0 | 0 |
/// | [`mean`](Self::mean) | μ = ΣwD / W, 0 where W = 0 | NaN |
/// | [`standard_error`](Self::standard_error) | √(max(0, ΣwD²/W − μ²) / (n − 1)), n = W² / Σw² | NaN |
/// | [`min`](Self::min), [`max`](Self::max) | the smallest and the largest D | NaN |
///
/// A weight of 0 leaves its distribution out of all of them. `distributions`, `min` and `max` do not depend on the other weights:
/// they count D, not wD.
///
/// ```
/// use kldiv::{KLDivLoss, Sum};
/// use ndarray::array;
///
/// // Divergences 2, 1 and 2, of one class that has all the mass.
/// let (log_q, p) = (array![[-2.0, -9.0], [-1.0, -9.0], [-9.0, -2.0]], array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]);
/// let partial = KLDivLoss::new(Sum).batch(&log_q, &p)?.partial()?;
/// assert_eq!((partial.distributions(), partial.min(), partial.max()), (3, 1.0, 2.0));
/// assert!((partial.mean() - 5.0 / 3.0).abs() < 1e-15 && (partial.standard_error() - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
///
/// # As integers, as text
///
/// [`to_words`](Self::to_words) turns it into integers whose sums are merges. With the feature `serde` it can be
/// serialised. A payload of another version, or a damaged one, is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "wire::Wire", try_from = "wire::Wire"))]
pub struct Partial {
    /// The exact sum of the loss.
    pub(crate) loss: ExactSum,
    /// The moments of the divergences.
    pub(crate) moments: Moments,
    /// The counts.
    pub(crate) counts: Counts,
}

impl Partial {
    /// Adds the partial result of other distributions. The order of merges changes no bit.
    pub fn merge(&mut self, other: &Partial) {
        self.loss.merge(&other.loss);
        self.moments.merge(&other.moments);
        self.counts.merge(other.counts);
    }

    /// The number of distributions whose weight is not 0.
    #[must_use]
    pub fn distributions(&self) -> u64 {
        self.moments.count
    }

    /// The mean divergence μ = ΣwD / Σw, both sums rounded once. If all weights are 0, it is 0, as every reduction is. It is NaN
    /// if there are no distributions, or if a divergence is NaN.
    ///
    /// [`DistributionMean`](crate::DistributionMean), finished in `f64`, is the same mean. Its bits may differ by roundings:
    ///
    /// | | without weights, or each 0 or a power of 2 | other weights |
    /// |---|---|---|
    /// | more than 64 classes; from logits any number | the same bits | adds wD rounded to `f64` |
    /// | up to 64 classes, from log-probabilities | adds terms, not their sums D, which are rounded to `f64` | adds w·term rounded to the computing type |
    ///
    /// A rounding to `f64` changes a number by up to 2⁻⁵³ of itself. The computing type is `f32` for all operands except `f64`, and a
    /// rounding to it is up to 2⁻²⁴. For one class the term is D.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.counts.distributions == 0 {
            return f64::NAN;
        }
        quotient(self.moments.wd.value(), self.moments.w.value())
    }

    /// The standard error of [`mean`](Self::mean): SE² = max(0, ΣwD²/W − μ²) / (n − 1), where
    /// n = W² / Σw² is the effective number of distributions. Without weights this is the sample's standard deviation over √n.
    ///
    /// The difference is computed from exact sums and rounded once, so equal divergences give 0. That holds for weights
    /// of at least 2⁻⁴⁸⁵ ≈ 10⁻¹⁴⁶, as all of `f32` are, and for wD² that are 0 or above 10⁻²⁷⁵. Smaller numbers lose digits.
    ///
    /// It is NaN if n ≤ 1, if a sum is not finite (D of 10¹⁵⁴ have squares that overflow), or if the mean weight
    /// W / [`distributions`](Self::distributions) is below 2⁻⁴⁸⁵.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.moments.standard_error()
    }

    /// The smallest divergence of the distributions whose weight is not 0. It is NaN if there is none, or if one is NaN.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.moments.extremes.values()[0]
    }

    /// The largest divergence of the distributions whose weight is not 0. It is NaN if there is none, or if one is NaN.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.moments.extremes.values()[1]
    }
}

/// The quotient dividend / divisor, or 0 if the divisor is 0 because all weights are 0.
pub fn quotient(dividend: f64, divisor: f64) -> f64 {
    if divisor == 0.0 { 0.0 } else { dividend / divisor }
}

/// Counts of elements, rows and distributions, those of weight 0 included. They saturate at 2⁶⁴ − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of elements of an operand.
    pub elements: u64,
    /// The length of axis 0.
    pub rows: u64,
    /// The number of distributions.
    pub distributions: u64,
}

impl Counts {
    /// Adds the counts of another part.
    fn merge(&mut self, other: Counts) {
        self.elements = self.elements.saturating_add(other.elements);
        self.rows = self.rows.saturating_add(other.rows);
        self.distributions = self.distributions.saturating_add(other.distributions);
    }

    /// The number of classes C.
    pub fn classes(self) -> u64 {
        self.elements.checked_div(self.distributions).unwrap_or(0)
    }
}
