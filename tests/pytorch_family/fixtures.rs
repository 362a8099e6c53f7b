//! Reads what `tests/fixtures/pytorch_family.py` wrote.

use kldiv::{AnyReduction, Batch, Divergence, KLDivLoss, KLDivWithLogitsLoss, Target};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, arr0};

use crate::common::Number;
pub use crate::rows::*;

/// One case; all rows have the shape of the operands.
pub struct Case {
    pub name: String,
    pub axis: Axis,
    pub divergence: Divergence,
    pub generalized: bool,
    pub from_logits: bool,
    pub target: Target,
    /// Of the input and the target.
    pub temperatures: [f64; 2],
    pub squared: bool,
    pub reduction: AnyReduction,
    pub rows: ArrayD<f64>,
}

pub fn cases<A: Number>() -> Vec<Case> {
    let mut npz = open("pytorch_family.npz");
    let names = npz.names().unwrap().into_iter().filter(|name| name.starts_with(A::NAME));
    names.map(|name| Case::new(npz.by_name(&name).unwrap(), name)).collect()
}

impl Case {
    /// The name is
    /// precision/rank/axis/divergence/form/input/target/temperature/factor/values/weights/reduction.
    pub fn new(rows: ArrayD<f64>, name: String) -> Case {
        let facts: Vec<_> = name.split('/').collect();
        let temperatures = facts[7].strip_prefix('T').unwrap();
        let (of_input, of_target) =
            temperatures.split_once(':').unwrap_or((temperatures, temperatures));
        Case {
            axis: Axis(facts[2].strip_prefix("axis").unwrap().parse().unwrap()),
            divergence: facts[3].parse().unwrap(),
            generalized: facts[4] == "generalized",
            from_logits: facts[5] == "logits",
            target: match facts[6] {
                "logits" => Target::Logits,
                "probabilities" => Target::Probabilities,
                "log-probabilities" => Target::LogProbabilities,
                unknown => panic!("{unknown}"),
            },
            temperatures: [of_input, of_target].map(|number| number.parse().unwrap()),
            squared: facts[8] == "squared",
            reduction: facts[11].parse().unwrap(),
            rows,
            name,
        }
    }

    pub fn row(&self, row: usize) -> ArrayViewD<'_, f64> {
        self.rows.index_axis(Axis(0), row)
    }

    pub fn full<A: Number>(&self, row: usize) -> ArrayD<A> {
        self.row(row).mapv(A::of)
    }

    /// A row with the shape of what the reduction returns.
    pub fn reduced<A: Number>(&self, row: usize) -> ArrayD<A> {
        match self.reduction {
            AnyReduction::Pointwise => self.full(row),
            _ => arr0(A::of(*self.row(row).first().unwrap())).into_dyn(),
        }
    }

    pub fn batch<'a, A: Number>(
        &self,
        input: &'a ArrayD<A>,
        target: &'a ArrayD<A>,
    ) -> Batch<'a, AnyReduction, A, IxDyn> {
        if !self.from_logits {
            let criterion = KLDivLoss::new(self.reduction)
                .axis(self.axis)
                .divergence(self.divergence)
                .generalized(self.generalized)
                .log_target(self.target == Target::LogProbabilities);
            return criterion.batch(input, target).unwrap();
        }
        let criterion = KLDivWithLogitsLoss::new(self.reduction)
            .axis(self.axis)
            .divergence(self.divergence)
            .generalized(self.generalized)
            .target(self.target)
            .temperature(self.temperatures[0])
            .times_temperature_squared(self.squared);
        let [of_input, of_target] = self.temperatures;
        let criterion = match of_input == of_target {
            true => criterion,
            false => criterion.target_temperature(of_target),
        };
        criterion.batch(input, target).unwrap()
    }

    /// What a term is multiplied by: the temperatures, the weight, over the divisor.
    pub fn factors(&self) -> ArrayD<f64> {
        let weights = self.row(WEIGHTS);
        let divisor = match self.reduction {
            AnyReduction::BatchMean => weights.len_of(Axis(0)) as f64,
            _ => 1.0,
        };
        let square = if self.squared { self.temperatures[0] * self.temperatures[1] } else { 1.0 };
        weights.mapv(|weight| square * weight / divisor)
    }
}
