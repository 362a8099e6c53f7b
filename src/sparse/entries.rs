//! The named classes of one lane.

use ndarray::{ArrayView2, Ix2};

use crate::elementwise::exps;
use crate::layout::Classes;
use crate::number::{Float, Level, Number, Phi, WIDTH, exp, ln};
use crate::target::Target;

/// The named classes of one lane, in ascending order, and what the target gives them.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    pub classes: Vec<usize>,
    pub values: Vec<f64>,
    /// A class and its place each, to be sorted.
    keys: Vec<u64>,
    /// Their probabilities, or their values in another order.
    scratch: Vec<f64>,
}

impl Entries {
    /// Reads the classes of a lane, which are in range, and their values: 1 where there are none.
    pub fn read<A: Number>(
        &mut self,
        classes: &Classes<'_, Ix2>,
        values: Option<&ArrayView2<'_, A>>,
        lane: usize,
    ) {
        self.clear();
        let Entries { classes: sorted, values: found, keys, scratch } = self;
        classes.each_of(lane, |class| sorted.push(class as usize));
        match values {
            Some(values) => found.extend(values.row(lane).iter().map(|t| t.widen().to_f64())),
            None => found.resize(sorted.len(), 1.0),
        }
        if sorted.is_sorted() {
            return;
        }
        // A class and its place in one number are sorted in half the time of a pair. Longer classes there are only in arrays of
        // zero strides.
        const HALF: u32 = u64::BITS / 2;
        if sorted.iter().any(|&class| class as u64 >> HALF > 0) {
            let mut pairs: Vec<_> = sorted.drain(..).zip(found.drain(..)).collect();
            pairs.sort_unstable_by_key(|&(class, _)| class);
            return pairs.into_iter().for_each(|(class, value)| {
                sorted.push(class);
                found.push(value);
            });
        }
        keys.extend(sorted.iter().zip(0..).map(|(&class, place)| place | (class as u64) << HALF));
        keys.sort_unstable();
        scratch.clear();
        scratch.extend(keys.iter().map(|&key| found[key as u32 as usize]));
        std::mem::swap(found, scratch);
        keys.iter().zip(sorted).for_each(|(key, class)| *class = (key >> HALF) as usize);
    }

    /// Names no class.
    pub fn clear(&mut self) {
        self.classes.clear();
        self.values.clear();
        self.keys.clear();
    }

    /// The sum of the probabilities.
    pub fn mass(&mut self, level: Level, holds: Target) -> f64 {
        match holds {
            Target::LogProbabilities => {
                let Entries { values, scratch, .. } = self;
                sum(level, 0.0, probabilities(level, values, scratch))
            }
            _ => sum(level, 0.0, &self.values),
        }
    }

    /// Divides the probabilities by their sum.
    pub fn renormalize(&mut self, level: Level, holds: Target) {
        match holds {
            // Their softmax is that of the named classes alone.
            Target::Logits => {}
            Target::Probabilities => {
                let mass = self.mass(level, holds);
                // The sign of probabilities below 0 would cancel.
                let mass = if mass < 0.0 { f64::NAN } else { mass };
                self.values.iter_mut().for_each(|value| *value /= mass);
            }
            Target::LogProbabilities => {
                let peak = greatest(&self.values);
                // A peak of ±∞ makes NaN, as 0/0 and ∞/∞ do.
                self.values.iter_mut().for_each(|value| *value -= peak);
                let log = ln(self.mass(level, holds));
                self.values.iter_mut().for_each(|value| *value -= log);
            }
        }
    }

    /// The mass that the named classes leave, r = 1 − Σp, or 0 if that is negative.
    ///
    /// From log-probabilities 1 less the greatest probability is −expm1 of its logarithm, so that a class of almost all the mass
    /// leaves what it leaves.
    pub fn mass_left(&mut self, level: Level, holds: Target) -> f64 {
        let Entries { values, scratch, .. } = self;
        let left = match holds {
            Target::LogProbabilities => {
                let peak = greatest(values);
                let at = values.iter().position(|&y| y == peak);
                probabilities(level, values, scratch);
                at.into_iter().for_each(|at| scratch[at] = 0.0);
                let rest = level.run(
                    #[inline(always)]
                    || -expm1(peak),
                );
                -sum(level, -rest, scratch)
            }
            _ => -sum(level, -1.0, values),
        };
        if left < 0.0 { 0.0 } else { left }
    }
}

/// The greatest value; NaN is passed over.
fn greatest(values: &[f64]) -> f64 {
    values.iter().fold(f64::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

/// e^y of each y.
fn probabilities<'s>(level: Level, y: &[f64], scratch: &'s mut Vec<f64>) -> &'s [f64] {
    scratch.resize(y.len(), 0.0);
    exps(level, y, f64::INFINITY, scratch);
    scratch
}

/// e^z − 1, for z ≤ 0 to a few ulp.
#[inline(always)]
fn expm1(z: f64) -> f64 {
    match z.abs() <= 1.0 {
        true => (z * z).mul_add(f64::remainder(z), z),
        false => exp(z) - 1.0,
    }
}

/// The sum of `first` and the numbers, as if all but the last of some roundings were exact: what additions lose is added up too.
/// (Knuth's two-sum, in 16 sums side by side.)
fn sum(level: Level, first: f64, numbers: &[f64]) -> f64 {
    let (mut sums, mut lost) = ([0.0; WIDTH], [0.0; WIDTH]);
    sums[0] = first;
    level.run(
        #[inline(always)]
        || {
            let (rows, tail) = numbers.as_chunks::<WIDTH>();
            for row in rows {
                for i in 0..WIDTH {
                    (sums[i], lost[i]) = two_sum(sums[i], row[i], lost[i]);
                }
            }
            for (i, &number) in tail.iter().enumerate() {
                (sums[i], lost[i]) = two_sum(sums[i], number, lost[i]);
            }
        },
    );
    let (mut all, mut rest) = (0.0, 0.0);
    for i in 0..WIDTH {
        (all, rest) = two_sum(all, sums[i], rest + lost[i]);
    }
    if all.is_finite() { all + rest } else { all }
}

/// a + b, and what that loses beside `lost`.
#[inline(always)]
fn two_sum(a: f64, b: f64, lost: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, lost + ((a - (sum - part)) + (b - part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(values: &[f64], holds: Target) -> f64 {
        let mut entries = Entries { values: values.to_vec(), ..Entries::default() };
        let all = Level::all().into_iter().map(|level| entries.mass_left(level, holds).to_bits());
        let all: Vec<u64> = all.collect();
        assert!(all.iter().all(|left| *left == all[0]));
        f64::from_bits(all[0])
    }

    #[test]
    fn what_almost_all_the_mass_leaves_keeps_its_digits() {
        let left = |y: &[f64]| left(y, Target::LogProbabilities);
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
        let left = |p: &[f64]| left(p, Target::Probabilities);
        assert_eq!(left(&[1e-17, 1.0 - f64::EPSILON / 2.0, 1e-17]), f64::EPSILON / 2.0 - 2e-17);
        assert_eq!(left(&[0.75, 0.5]), 0.0);
        assert_eq!(left(&[f64::INFINITY]), 0.0);
        assert!(left(&[f64::NAN, 0.5]).is_nan());
    }
}
