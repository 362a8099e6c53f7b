//! What a file holds: logits, log-probabilities or probabilities.

use std::fmt;

use kldiv::{KLDivLoss, Sum};
use ndarray::{ArrayD, Axis, Zip};

use super::top::is_constant;
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

    /// What most rows of a block are by their sums: Σx of probabilities and Σeˣ of log-probabilities are 1; what is neither is taken
    /// for logits. Rows whose mask is 0, and those of one number only, say nothing; `None` if there are no others.
    pub fn of<A: Float>(
        block: &ArrayD<A>,
        axis: Axis,
        tolerance: f64,
        mask: Option<&ArrayD<f32>>,
    ) -> Result<Option<Holds>, kldiv::Error> {
        let counts = rows_that_count(block, axis, mask);
        // As the input it is asked for log-probabilities, as the target for probabilities.
        let both = KLDivLoss::new(Sum).axis(axis).validated(tolerance).batch(block, block)?;
        let found = both.weights(&counts.mapv(Into::<A>::into))?.diagnose();
        let is_most = |improper: usize| 2 * improper < found.distributions;
        Ok(match () {
            () if found.distributions == 0 => None,
            () if is_most(found.target.improper) => Some(Holds::Probabilities),
            () if is_most(found.input.improper) => Some(Holds::LogProbabilities),
            () => Some(Holds::Logits),
        })
    }
}

impl Holds {
    /// What some classes of most rows are: their probabilities add up to at most 1. `None` if no row counts.
    pub fn of_some<A: Float>(
        block: &ArrayD<A>,
        axis: Axis,
        tolerance: f64,
        mask: Option<&ArrayD<f32>>,
    ) -> Option<Holds> {
        let (mut rows, mut probabilities, mut logarithms) = (0, 0, 0);
        let mut masks = mask.into_iter().flatten();
        for lane in block.lanes(axis) {
            if masks.next().is_some_and(|mask| *mask == 0.0) {
                continue;
            }
            let fits = |of: fn(f64) -> f64| {
                let all = || lane.iter().map(|&x| of(x.into()));
                all().all(|p| p >= 0.0) && all().sum::<f64>() <= 1.0 + tolerance
            };
            rows += 1;
            probabilities += usize::from(fits(|x| x));
            logarithms += usize::from(fits(f64::exp));
        }
        Some(match () {
            () if rows == 0 => return None,
            () if 2 * probabilities > rows => Holds::Probabilities,
            () if 2 * logarithms > rows => Holds::LogProbabilities,
            () => Holds::Logits,
        })
    }
}

/// 1 for each row that says what a block holds, 0 for the others: those whose mask is 0, and those of one number only.
fn rows_that_count<A: Float>(
    block: &ArrayD<A>,
    axis: Axis,
    mask: Option<&ArrayD<f32>>,
) -> ArrayD<f32> {
    let varies = |row| f32::from(u8::from(!is_constant(row)));
    let varies = Zip::from(block.lanes(axis)).par_map_collect(varies);
    match mask {
        Some(mask) => varies * mask,
        None => varies,
    }
}

/// Numbers that look like probabilities or their logarithms, but are not quite: what they look like. To take them for logits would
/// give figures that mean nothing. The same rows say it as say what a block holds.
pub fn doubt<A: Float>(
    block: &ArrayD<A>,
    axis: Axis,
    tolerance: f64,
    mask: Option<&ArrayD<f32>>,
) -> Option<String> {
    let counts = rows_that_count(block, axis, mask);
    let rows = block.lanes(axis).into_iter().zip(&counts).filter(|(_, counts)| **counts > 0.0);
    let rows = rows.map(|(row, _)| row.iter().map(|&x| x.into()).collect());
    let rows: Vec<Vec<f64>> = rows.collect();
    let first = rows.first()?;
    let sums = |of: fn(f64) -> f64| rows.iter().map(move |row| row.iter().map(|&x| of(x)).sum());
    let are_one = |of| sums(of).all(|sum: f64| (sum - 1.0).abs() <= tolerance);
    let sum: f64 = first.iter().sum();
    let is_positive = rows.iter().flatten().all(|x| *x >= 0.0);
    if is_positive && rows.iter().flatten().all(|x| *x <= 1.0) {
        return Some(format!(
            "its numbers are from 0 to 1, but its rows do not sum to 1, the first to {sum:.4}; do the classes lie along another --axis, \
             or are some left out?"
        ));
    }
    if is_positive
        && rows.len() > 1
        && sums(|x| x).all(|other: f64| (other - sum).abs() <= tolerance * sum)
    {
        return Some(format!("its rows sum to {sum:.4} each; divide its numbers by that."));
    }
    for (base, of) in [("2", f64::exp2 as fn(f64) -> f64), ("10", |x| 10.0_f64.powf(x))] {
        if are_one(of) {
            return Some(format!(
                "it holds logarithms to the base {base}; multiply them by ln {base}."
            ));
        }
    }
    None
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
    fn what_is_not_quite_a_distribution_is_doubted() {
        let p = array![[0.25_f32, 0.5, 0.25], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6]].into_dyn();
        let doubt =
            |block: ArrayD<f32>, axis| doubt(&block, Axis(axis), 1e-3, None).unwrap_or_default();
        assert!(doubt(p.clone(), 0).contains("another --axis"));
        assert!(doubt(&p * 0.9, 1).contains("the first to 0.9000"));
        assert!(doubt(&p * 100.0, 1).contains("sum to 100.0000"));
        assert!(doubt(p.mapv(f32::log2), 1).contains("base 2"));
        assert!(doubt(p.mapv(f32::log10), 1).contains("base 10"));
        assert_eq!(doubt(p.ln() + 2.0, 1), "");
        assert_eq!(doubt(&p * 7.0 - 2.0, 1), "");
        assert_eq!(doubt(&p * 0.0, 1), "");
        // A row whose mask is 0 raises no doubt, and takes none away.
        let mask = array![1.0_f32, 0.0, 1.0].into_dyn();
        let masked = |block: &ArrayD<f32>| super::doubt(block, Axis(1), 1e-3, Some(&mask));
        let mut other = &p * 0.9;
        other.index_axis_mut(Axis(0), 1).mapv_inplace(|p| 5.0 * p - 3.0);
        assert!(masked(&other).is_some());
    }

    #[test]
    fn the_mass_of_some_classes_is_at_most_one() {
        let of = |block: ArrayD<f32>| Holds::of_some(&block, Axis(1), 1e-3, None).unwrap();
        let p = array![[0.25_f32, 0.5], [1.0, 0.0], [0.2, 0.2]].into_dyn();
        assert_eq!(of(p.clone()), Holds::Probabilities);
        assert_eq!(of(p.ln()), Holds::LogProbabilities);
        assert_eq!(of(p.ln() + 2.0), Holds::Logits);
        let mask = ArrayD::zeros(vec![3]);
        assert_eq!(Holds::of_some(&p, Axis(1), 1e-3, Some(&mask)), None);
    }

    #[test]
    fn masses_decide() {
        let of = |block: ArrayD<f32>| Holds::of(&block, Axis(1), 1e-3, None).unwrap().unwrap();
        let p = array![[0.25_f32, 0.5, 0.25], [1.0, 0.0, 0.0], [0.2, 0.2, 0.6]].into_dyn();
        assert_eq!(of(p.clone()), Holds::Probabilities);
        assert_eq!(of(p.ln()), Holds::LogProbabilities);
        assert_eq!(of(p.clone() * 10.0), Holds::Logits);
        assert_eq!(of(p.ln() - 1.0), Holds::Logits);
        // One row that is not written yet does not change what the others are.
        let mut unwritten = p;
        unwritten.index_axis_mut(Axis(0), 1).fill(0.0);
        assert_eq!(of(unwritten.clone()), Holds::Probabilities);
        // Such rows alone say nothing.
        unwritten.fill(0.0);
        assert_eq!(Holds::of(&unwritten, Axis(1), 1e-3, None).unwrap(), None);
    }
}
