//! What a file holds: logits, log-probabilities or probabilities.

use std::fmt;

use kldiv::{KLDivLoss, Sum};
use ndarray::{ArrayD, Axis};

use crate::formats::Float;

/// What the numbers of a file are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holds {
    /// Scores, of which the softmax gives probabilities.
    Logits,
    LogProbabilities,
    Probabilities,
}

impl Holds {
    pub fn name(self) -> &'static str {
        match self {
            Holds::Logits => "logits",
            Holds::LogProbabilities => "log-probabilities",
            Holds::Probabilities => "probabilities",
        }
    }

    /// What most rows of a block are by their masses: Σx of probabilities and Σeˣ of log-probabilities are 1. Of logits anything
    /// is. Rows whose mask is 0 do not count.
    pub fn of<A: Float>(
        block: &ArrayD<A>,
        axis: Axis,
        tolerance: f64,
        mask: Option<&ArrayD<f32>>,
    ) -> Result<Holds, kldiv::Error> {
        // As the input it is asked for log-probabilities, as the target for probabilities.
        let both = KLDivLoss::new(Sum).axis(axis).validated(tolerance).batch(block, block)?;
        let mask = mask.map(|mask| mask.mapv(Into::<A>::into));
        let found = mask.as_ref().map_or(Ok(both), |mask| both.weights(mask))?.diagnose();
        let is_most = |improper: usize| 2 * improper < found.distributions;
        Ok(match () {
            () if is_most(found.target.improper) => Holds::Probabilities,
            () if is_most(found.input.improper) => Holds::LogProbabilities,
            () => Holds::Logits,
        })
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn masses_decide() {
        let of = |block: ArrayD<f32>| Holds::of(&block, Axis(1), 1e-3, None).unwrap();
        let p = array![[0.25_f32, 0.5, 0.25], [1.0, 0.0, 0.0], [0.2, 0.2, 0.6]].into_dyn();
        assert_eq!(of(p.clone()), Holds::Probabilities);
        assert_eq!(of(p.ln()), Holds::LogProbabilities);
        assert_eq!(of(p.clone() * 10.0), Holds::Logits);
        assert_eq!(of(p.ln() - 1.0), Holds::Logits);
        // One row that is not written yet does not change what the others are.
        let mut unwritten = p;
        unwritten.index_axis_mut(Axis(0), 1).fill(0.0);
        assert_eq!(of(unwritten), Holds::Probabilities);
    }
}
