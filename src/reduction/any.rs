//! The reduction as a value: names, divisors.

use std::fmt;
use std::str::FromStr;

use super::{BatchMean, DistributionMean, Mean, PerDistribution, Pointwise, Sum, SumOver};
use crate::error::Error;
use crate::partial::{Counts, Partial, quotient};

/// Any of the seven reductions, chosen at run time. The output is a dynamic array, of rank 0 for a number.
///
/// `Display` and `FromStr` use PyTorch's name where there is one:
///
/// ```
/// use kldiv::{AnyReduction, BatchMean, SumOver};
///
/// let reduction: AnyReduction = "batchmean".parse()?;
/// assert_eq!(reduction, BatchMean.into());
/// assert_eq!(AnyReduction::from(SumOver(64.0)).to_string(), "sum_over(64)");
/// assert!("average".parse::<AnyReduction>().is_err());
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AnyReduction {
    /// `"none"`: [`Pointwise`].
    Pointwise,
    /// `"per_distribution"`: [`PerDistribution`].
    PerDistribution,
    /// `"sum"`: [`Sum`].
    Sum,
    /// `"mean"`: [`Mean`].
    Mean,
    /// `"batchmean"`: [`BatchMean`].
    BatchMean,
    /// `"distribution_mean"`: [`DistributionMean`].
    DistributionMean,
    /// `"sum_over(n)"`: [`SumOver`].
    SumOver(f64),
}

impl AnyReduction {
    /// The divisor of the sum, rounded once. It is 0 if it is a sum of weights that are all 0. `weight(k)` returns k·Σw.
    pub(crate) fn divisor(
        self,
        counts: Counts,
        weight: impl FnOnce(u64) -> f64,
    ) -> Result<f64, Error> {
        match self {
            AnyReduction::Pointwise | AnyReduction::PerDistribution | AnyReduction::Sum => Ok(1.0),
            AnyReduction::Mean => {
                counted(counts.elements)?;
                Ok(weight(counts.classes()))
            }
            AnyReduction::BatchMean => counted(counts.rows).map(|rows| rows as f64),
            AnyReduction::DistributionMean => {
                counted(counts.distributions)?;
                Ok(weight(1))
            }
            AnyReduction::SumOver(n) if n > 0.0 && n < f64::INFINITY && 1.0 / n < f64::INFINITY => {
                Ok(n)
            }
            AnyReduction::SumOver(denominator) => Err(Error::InvalidDenominator { denominator }),
        }
    }

    /// The reduction of everything that was merged into a partial result.
    pub(crate) fn finish(self, partial: &Partial) -> Result<f64, Error> {
        let weight = |times| partial.moments.w.times(times).value();
        Ok(quotient(partial.loss.value(), self.divisor(partial.counts, weight)?))
    }
}

/// The count, or an error if it is 0.
fn counted(count: u64) -> Result<u64, Error> {
    if count == 0 { Err(Error::EmptyMean) } else { Ok(count) }
}

impl fmt::Display for AnyReduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnyReduction::Pointwise => "none",
            AnyReduction::PerDistribution => "per_distribution",
            AnyReduction::Sum => "sum",
            AnyReduction::Mean => "mean",
            AnyReduction::BatchMean => "batchmean",
            AnyReduction::DistributionMean => "distribution_mean",
            AnyReduction::SumOver(denominator) => return write!(f, "sum_over({denominator})"),
        })
    }
}

impl FromStr for AnyReduction {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let denominator = || name.strip_prefix("sum_over(")?.strip_suffix(')')?.parse().ok();
        Ok(match name {
            "none" => AnyReduction::Pointwise,
            "per_distribution" => AnyReduction::PerDistribution,
            "sum" => AnyReduction::Sum,
            "mean" => AnyReduction::Mean,
            "batchmean" => AnyReduction::BatchMean,
            "distribution_mean" => AnyReduction::DistributionMean,
            _ => AnyReduction::SumOver(
                denominator().ok_or_else(|| Error::UnknownReduction { name: name.to_owned() })?,
            ),
        })
    }
}

impl From<Pointwise> for AnyReduction {
    fn from(_: Pointwise) -> Self {
        AnyReduction::Pointwise
    }
}

impl From<PerDistribution> for AnyReduction {
    fn from(_: PerDistribution) -> Self {
        AnyReduction::PerDistribution
    }
}

impl From<Sum> for AnyReduction {
    fn from(_: Sum) -> Self {
        AnyReduction::Sum
    }
}

impl From<Mean> for AnyReduction {
    fn from(_: Mean) -> Self {
        AnyReduction::Mean
    }
}

impl From<BatchMean> for AnyReduction {
    fn from(_: BatchMean) -> Self {
        AnyReduction::BatchMean
    }
}

impl From<DistributionMean> for AnyReduction {
    fn from(_: DistributionMean) -> Self {
        AnyReduction::DistributionMean
    }
}

impl From<SumOver> for AnyReduction {
    fn from(SumOver(denominator): SumOver) -> Self {
        AnyReduction::SumOver(denominator)
    }
}
