//! Reads what `tests/fixtures/pytorch.py` wrote.

use kldiv::{AnyReduction, DistributionMean, PerDistribution};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension, arr0};

use crate::Precision;
pub use crate::rows::*;

/// One case of `pytorch.npz`; all rows have the shape of the operands.
pub struct Case {
    pub name: String,
    pub axis: Axis,
    pub log_target: bool,
    pub weighted: bool,
    pub reduction: String,
    rows: ArrayD<f64>,
}

pub fn cases() -> Vec<Case> {
    let mut npz = open("pytorch.npz");
    let names = npz.names().unwrap();
    let case = |name: String| Case::new(npz.by_name(&name).unwrap(), name);
    names.into_iter().map(case).collect()
}

impl Case {
    /// The name is precision/rank/axis/target/values/weights/reduction.
    fn new(rows: ArrayD<f64>, name: String) -> Case {
        let facts: Vec<_> = name.split('/').collect();
        Case {
            axis: Axis(facts[2].strip_prefix("axis").unwrap().parse().unwrap()),
            log_target: facts[3] == "log-probabilities",
            weighted: facts[5] == "weighted",
            reduction: facts[6].into(),
            rows,
            name,
        }
    }

    pub fn is<A: Precision>(&self) -> bool {
        self.name.starts_with(A::NAME)
    }

    pub fn rank(&self) -> usize {
        self.rows.ndim() - 1
    }

    pub fn row(&self, row: usize) -> ArrayViewD<'_, f64> {
        self.rows.index_axis(Axis(0), row)
    }

    /// A row with the shape of the operands.
    pub fn full<A: Precision, D: Dimension>(&self, row: usize) -> Array<A, D> {
        self.row(row).mapv(A::from_f64).into_dimensionality().unwrap()
    }

    /// A row that was broadcast along the class axis, without it.
    pub fn lanes<A: Precision, D: Dimension>(&self, row: usize) -> Array<A, D> {
        let row = self.row(row).index_axis_move(self.axis, 0);
        row.mapv(A::from_f64).into_dimensionality().unwrap()
    }

    /// A row that was broadcast from a scalar.
    pub fn scalar<A: Precision>(&self, row: usize) -> A {
        A::from_f64(*self.row(row).first().unwrap())
    }

    /// A row with the shape of what the reduction returns.
    pub fn reduced<A: Precision>(&self, row: usize) -> ArrayD<A> {
        match self.reduction.as_str() {
            "none" => self.full(row),
            "per_distribution" => self.lanes(row),
            _ => arr0(self.scalar(row)).into_dyn(),
        }
    }

    pub fn any_reduction(&self) -> AnyReduction {
        match self.reduction.as_str() {
            "per_distribution" => PerDistribution.into(),
            "distribution_mean" => DistributionMean.into(),
            pytorchs => pytorchs.parse().unwrap(),
        }
    }
}
