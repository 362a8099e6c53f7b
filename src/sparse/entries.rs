//! The named classes of one lane.

use ndarray::{ArrayView2, Ix2};

use crate::layout::Classes;
use crate::number::{Float, Number, Phi, exp, ln};
use crate::target::Target;

/// A named class, and what the target gives it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub class: usize,
    pub value: f64,
}

/// The named classes of one lane, in ascending order.
#[derive(Clone, Debug, Default)]
pub struct Entries(Vec<Entry>);

impl Entries {
    /// Reads the classes of a lane, which are in range, and their values: 1 where there are none.
    pub fn read<A: Number>(
        &mut self,
        classes: &Classes<'_, Ix2>,
        values: Option<&ArrayView2<'_, A>>,
        lane: usize,
    ) {
        let Entries(entries) = self;
        entries.clear();
        classes.each_of(lane, |class| entries.push(Entry { class: class as usize, value: 1.0 }));
        let values = values.into_iter().flat_map(|values| values.row(lane));
        entries.iter_mut().zip(values).for_each(|(entry, t)| entry.value = t.widen().to_f64());
        if !entries.is_sorted_by_key(|entry| entry.class) {
            entries.sort_unstable_by_key(|entry| entry.class);
        }
    }

    /// The named classes.
    pub fn all(&self) -> &[Entry] {
        &self.0
    }

    /// Names no class.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The sum of the probabilities.
    pub fn mass(&self, holds: Target) -> f64 {
        let values = self.0.iter().map(|entry| entry.value);
        match holds {
            Target::LogProbabilities => Compensated::of(0.0, values.map(exp)).value(),
            _ => Compensated::of(0.0, values).value(),
        }
    }

    /// Divides the probabilities by their sum.
    pub fn renormalize(&mut self, holds: Target) {
        match holds {
            // Their softmax is that of the named classes alone.
            Target::Logits => {}
            Target::Probabilities => {
                let sum = self.mass(holds);
                self.0.iter_mut().for_each(|entry| entry.value /= sum);
            }
            Target::LogProbabilities => {
                let entries = &mut self.0;
                let peak = greatest(entries);
                if peak.abs() < f64::INFINITY {
                    let weights = entries.iter().map(|entry| exp(entry.value - peak));
                    let log = ln(Compensated::of(0.0, weights).value());
                    entries.iter_mut().for_each(|entry| entry.value = (entry.value - peak) - log);
                }
            }
        }
    }

    /// The mass that the named classes leave, r = 1 − Σp, or 0 if that is negative.
    ///
    /// From log-probabilities 1 less the greatest probability is −expm1 of its logarithm, so that a class of almost all the mass
    /// leaves what it leaves.
    pub fn mass_left(&self, holds: Target) -> f64 {
        let Entries(entries) = self;
        let left = match holds {
            Target::LogProbabilities => {
                let peak = greatest(entries);
                let at = entries.iter().position(|entry| entry.value == peak);
                let others = entries.iter().enumerate().filter(|&(i, _)| Some(i) != at);
                Compensated::of(-expm1(peak), others.map(|(_, entry)| -exp(entry.value)))
            }
            _ => Compensated::of(1.0, entries.iter().map(|entry| -entry.value)),
        };
        let left = left.value();
        if left < 0.0 { 0.0 } else { left }
    }
}

/// The greatest value; NaN is passed over.
fn greatest(entries: &[Entry]) -> f64 {
    let greater = |a: f64, b: &Entry| if b.value > a { b.value } else { a };
    entries.iter().fold(f64::NEG_INFINITY, greater)
}

/// e^z − 1, for z ≤ 0 to a few ulp.
fn expm1(z: f64) -> f64 {
    match z.abs() <= 1.0 {
        true => (z * z).mul_add(f64::remainder(z), z),
        false => exp(z) - 1.0,
    }
}

/// A sum and what its additions have lost. (Neumaier 1974.)
#[derive(Clone, Copy, Debug)]
struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    /// The sum of a number and others.
    fn of(first: f64, others: impl Iterator<Item = f64>) -> Self {
        others.fold(Compensated { sum: first, lost: 0.0 }, |Compensated { sum, lost }, number| {
            let next = sum + number;
            let (greater, lesser) =
                if sum.abs() >= number.abs() { (sum, number) } else { (number, sum) };
            Compensated { sum: next, lost: lost + ((greater - next) + lesser) }
        })
    }

    fn value(self) -> f64 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(values: &[f64]) -> Entries {
        Entries(values.iter().map(|&value| Entry { class: 0, value }).collect())
    }

    #[test]
    fn what_almost_all_the_mass_leaves_keeps_its_digits() {
        let left = |y: &[f64]| entries(y).mass_left(Target::LogProbabilities);
        assert_eq!(left(&[-1e-20]), 1e-20);
        assert_eq!(left(&[f64::NEG_INFINITY, -1e-300, f64::NEG_INFINITY]), 1e-300);
        // 1 − (1 − 1e-10 + 5e-21) − 5e-11.
        let two = left(&[-1e-10, 5e-11_f64.ln()]);
        assert!((two - 4.999_999_999_5e-11).abs() < 1e-24, "{two:e}");
        assert!((left(&[0.25_f64.ln(), 0.5_f64.ln()]) - 0.25).abs() < 1e-16);
        assert_eq!(left(&[-2.0]), 1.0 - exp(-2.0));
        assert_eq!(left(&[0.0, -1e-3]), 0.0);
        assert_eq!(left(&[f64::NEG_INFINITY]), 1.0);
        assert!(left(&[-1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn probabilities_are_subtracted_exactly() {
        let left = |p: &[f64]| entries(p).mass_left(Target::Probabilities);
        assert_eq!(left(&[1e-17, 1.0 - f64::EPSILON / 2.0, 1e-17]), f64::EPSILON / 2.0 - 2e-17);
        assert_eq!(left(&[0.75, 0.5]), 0.0);
        assert_eq!(left(&[f64::INFINITY]), 0.0);
        assert!(left(&[f64::NAN, 0.5]).is_nan());
    }
}
