//! The mass that a sparse target gives to the classes that it does not name.

use std::fmt;

/// What a [sparse target](crate::KLDivLoss::sparse_batch) says of the classes that it does not name.
///
/// p is the target, k the number of named classes, and C the number of all classes. r = 1 − Σp is the mass that the named classes
/// leave, or 0 if rounding makes it negative. If k = C, every tail except `Renormalized` takes the values as they are.
/// [Sparse teachers](crate::_sparse) helps to choose.
///
/// | | p of the other classes | the sum runs over |
/// |---|---|---|
/// | `Bucket` | r together, as one class | the k classes and the bucket |
/// | `Uniform` | r/(C − k) each | all classes |
/// | `Renormalized` | 0, and p becomes p/Σp | all classes |
/// | `Dropped` | not considered | the k classes; may be negative |
///
/// ```
/// use kldiv::{KLDivLoss, Sum, Tail};
/// use ndarray::array;
///
/// let log_q = array![0.1_f64, 0.2, 0.3, 0.4].ln();
/// let (classes, p) = (array![3_i64, 1], array![0.5, 0.25]); // the two best of four
/// let loss = |tail| KLDivLoss::new(Sum).tail(tail).sparse_batch(&log_q, &classes, &p)?.forward();
///
/// let of_named = 0.5 * (0.5_f64 / 0.4).ln() + 0.25 * (0.25_f64 / 0.2).ln();
/// assert!((loss(Tail::Dropped)? - of_named).abs() < 1e-15);
/// let bucket = 0.25 * (0.25_f64 / (0.1 + 0.3)).ln();
/// assert!((loss(Tail::Bucket)? - (of_named + bucket)).abs() < 1e-15);
/// let uniform = 0.125 * (0.125_f64 / 0.1).ln() + 0.125 * (0.125_f64 / 0.3).ln();
/// assert!((loss(Tail::Uniform)? - (of_named + uniform)).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Tail {
    /// The other classes form one class. Its mass is r in p, and the sum of their q in q. The result is a lower bound of the
    /// divergence from any p with these named classes, and is never negative for proper distributions.
    #[default]
    Bucket,
    /// The mass r is spread evenly over the other classes, as label smoothing does.
    Uniform,
    /// The other classes have probability 0, and the named p are divided by their sum.
    Renormalized,
    /// The other classes contribute nothing. From log-probabilities they are not read.
    Dropped,
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tail::Bucket => "bucket",
            Tail::Uniform => "uniform",
            Tail::Renormalized => "renormalized",
            Tail::Dropped => "dropped",
        })
    }
}
