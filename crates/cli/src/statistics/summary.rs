//! What is told of a number of every row.

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    pub standard_error: f64,
}

/// How a number is distributed over the rows.
#[derive(Clone, Debug)]
pub struct Summary {
    pub mean: Estimate,
    pub min: f64,
    pub max: f64,
    /// Per cent, and the quantile: 0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9.
    pub quantiles: Vec<(f64, f64)>,
    /// The largest relative error of a quantile: 0 where they are exact.
    pub quantile_error: f64,
    /// Rows whose number is NaN, +∞ and −∞.
    pub not_finite: [u64; 3],
    /// The index of a row, the class axis left out, and its number; the worst first.
    pub worst: Vec<(Vec<u64>, f64)>,
    /// Buckets that hold something, in their order: from, to, how many. Those below 0 have negative edges.
    pub buckets: Vec<(f64, f64, u64)>,
}
