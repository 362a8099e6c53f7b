//! The true classes of a block of rows, and how probable each side holds them.

use kldiv::{Error, KLDivWithLogitsLoss, PerDistribution};
use ndarray::{Array1, ArrayD, Axis, Zip};

use super::rows::Rows;
use crate::compare::input::Holds;
use crate::failure::Failure;
use crate::formats::Float;
use crate::statistics::LabelTally;

/// What stands for "no label", as in PyTorch.
const NONE: i64 = -100;

/// The labels of a block.
pub struct Labels {
    /// The class of each row of the block, and whether the row counts and has one.
    classes: ArrayD<usize>,
    counts: ArrayD<bool>,
    /// The positions and weights of the rows that count.
    pub positions: Vec<u64>,
    weights: Option<Array1<f64>>,
}

impl Labels {
    /// An error where a label is no class; `place` turns a position into an index.
    pub fn new<A: Float>(
        labels: &ArrayD<i64>,
        block: &ArrayD<A>,
        axis: Axis,
        rows: &Rows,
        place: impl Fn(u64) -> Vec<u64>,
    ) -> Result<Labels, Failure> {
        let classes = block.len_of(axis) as i64;
        let counted = rows.mask.as_ref().map(|mask| mask.mapv(|mask| mask != 0.0));
        let mut counts = counted.unwrap_or_else(|| labels.mapv(|_| true));
        let (mut positions, mut weights) = (Vec::new(), Vec::new());
        let mut row = 0;
        for (&label, counts) in labels.iter().zip(&mut counts) {
            if !*counts {
                continue;
            }
            let position = rows.positions[row];
            if label == NONE {
                *counts = false;
            } else if !(0..classes).contains(&label) {
                let index = place(position);
                let line = format!(
                    "the label of row {index:?} is {label}, but classes are from 0 to {}; give {NONE} for a row without a label",
                    classes - 1
                );
                return Err(Failure::new(line));
            } else {
                positions.push(position);
                weights.extend(rows.weights.as_ref().map(|weights| weights[row]));
            }
            row += 1;
        }
        let classes = Zip::from(labels)
            .and(&counts)
            .map_collect(|&label, &counts| if counts { label as usize } else { 0 });
        let weights = rows.weights.is_some().then(|| weights.into());
        Ok(Labels { classes, counts, positions, weights })
    }

    /// −ln of the probability of the label of each row that counts.
    pub fn log_loss<A: Float>(
        &self,
        operand: &ArrayD<A>,
        holds: Holds,
        axis: Axis,
        temperature: f64,
    ) -> Result<Vec<f64>, Error> {
        let of_each = |of: fn(A) -> A| {
            Zip::from(operand.lanes(axis))
                .and(&self.classes)
                .map_collect(|lane, &class| of(lane[class]))
        };
        let all = match holds {
            Holds::LogProbabilities => of_each(|log_q| -log_q),
            Holds::Probabilities => of_each(|p| -p.ln()),
            Holds::Logits => {
                let loss = KLDivWithLogitsLoss::new(PerDistribution).axis(axis);
                loss.temperature(temperature).labels_batch(operand, &self.classes)?.forward()?
            }
        };
        let counted = all.iter().zip(&self.counts).filter(|(_, counts)| **counts);
        Ok(counted.map(|(&loss, _)| loss.into()).collect())
    }

    pub fn weights(&self) -> Option<&Array1<f64>> {
        self.weights.as_ref()
    }

    /// Adds what the labels say of a candidate, given −ln of the probabilities of both.
    pub fn add(
        &self,
        [log_loss, base]: [&[f64]; 2],
        tally: &mut LabelTally,
        is_kept: bool,
    ) -> Result<(), Error> {
        let weights = self.weights();
        let both = || log_loss.iter().zip(base);
        let ratio: Vec<f64> = both().map(|(loss, base)| loss - base).collect();
        let delta: Vec<f64> = both().map(|(loss, base)| (-loss).exp() - (-base).exp()).collect();
        let squared: Vec<f64> = delta.iter().map(|delta| delta * delta).collect();
        tally.log_loss.add(log_loss, weights)?;
        tally.log_ratio.add(&ratio, weights)?;
        tally.delta_p.add(&self.positions, &delta, weights, is_kept)?;
        tally.delta_p_squared.add(&squared, weights)
    }
}
