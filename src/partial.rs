//! Sums and counts that merge.

use crate::exact::ExactSum;

/// What is known of a part of the data: enough to finish any scalar reduction over all of it.
///
/// Made by [`Batch::partial`](crate::Batch::partial), joined by [`merge`](Self::merge), read by
/// [`KLDivLoss::finish`](crate::KLDivLoss::finish). Its sums are exact, so the result has the same
/// bits as one call over everything, wherever the data were cut along an axis that is not the class
/// axis and in whatever order the parts are merged. (`BatchMean` counts axis 0: cut along that.)
///
/// `Partial::default()` is the identity of `merge`. Merging partials of different losses, class
/// counts or settings is the caller's error and gives a number without meaning.
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
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Partial {
    pub(crate) loss: ExactSum,
    /// Σw: the number of distributions where there are no weights.
    pub(crate) weight: ExactSum,
    pub(crate) counts: Counts,
}

impl Partial {
    /// Adds what another part found.
    pub fn merge(&mut self, other: &Partial) {
        self.loss.merge(&other.loss);
        self.weight.merge(&other.weight);
        self.counts.merge(other.counts);
    }
}

/// How much there is of everything, weights of 0 included. Counts stop at 2⁶⁴ − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub elements: u64,
    /// The length of axis 0.
    pub rows: u64,
    pub distributions: u64,
}

impl Counts {
    fn merge(&mut self, other: Counts) {
        self.elements = self.elements.saturating_add(other.elements);
        self.rows = self.rows.saturating_add(other.rows);
        self.distributions = self.distributions.saturating_add(other.distributions);
    }

    /// C.
    pub fn classes(self) -> u64 {
        self.elements.checked_div(self.distributions).unwrap_or(0)
    }
}
