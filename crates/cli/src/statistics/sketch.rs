//! How a number is distributed: counts in buckets that are fixed, so that adding them is the merge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Buckets an octave, a power of two.
const STEPS: u32 = 256;
/// How far the middle of a bucket may be from a number in it, relative to the number, or 2⁻⁶⁰.
pub const ERROR: f64 = 0.5 / STEPS as f64;
/// Numbers below this in magnitude share a bucket about 0, and those above its inverse one at each end.
const LEAST: f64 = f64::from_bits((1023 - 60) << 52);

/// Numbers in the order of their buckets: sign, exponent, and the first eight binary digits behind the point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    /// How many numbers are in each bucket that has some. In order, since a bucket below 0 has a negative key.
    counts: BTreeMap<i32, u64>,
    /// NaN, +∞ and −∞.
    not_finite: [u64; 3],
}

impl Sketch {
    pub fn add(&mut self, value: f64) {
        match value {
            _ if value.is_nan() => self.not_finite[0] += 1,
            f64::INFINITY => self.not_finite[1] += 1,
            f64::NEG_INFINITY => self.not_finite[2] += 1,
            _ => *self.counts.entry(key(value)).or_default() += 1,
        }
    }

    pub fn merge(&mut self, other: &Sketch) {
        for (&key, count) in &other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        for (all, other) in self.not_finite.iter_mut().zip(other.not_finite) {
            *all += other;
        }
    }

    /// Whether it can be that of so many numbers.
    pub fn is_of(&self, count: u64) -> bool {
        let keys = key(f64::MIN)..=key(f64::MAX);
        let mut all = self.counts.values().chain(&self.not_finite);
        let total = all.try_fold(0_u64, |total, &count| total.checked_add(count));
        self.counts.keys().all(|key| keys.contains(key)) && total == Some(count)
    }

    pub fn not_finite(&self) -> [u64; 3] {
        self.not_finite
    }

    /// The middle of the bucket in which that share of all numbers ends, −∞ first, +∞ and then NaN last.
    pub fn quantile(&self, share: f64) -> f64 {
        let [nan, infinite, minus_infinite] = self.not_finite;
        let finite: u64 = self.counts.values().sum();
        let total = nan + infinite + minus_infinite + finite;
        // The number behind that share of the others, as the exact quantile counts.
        let mut rank = (share * total.saturating_sub(1) as f64).round() as u64;
        if rank < minus_infinite {
            return f64::NEG_INFINITY;
        }
        rank -= minus_infinite;
        for (&key, &count) in &self.counts {
            if rank < count {
                let [from, to] = edges(key);
                return (from + to) / 2.0;
            }
            rank -= count;
        }
        if rank < infinite { f64::INFINITY } else { f64::NAN }
    }

    /// The buckets that hold something: from, to, how many.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        self.counts.iter().map(|(&key, &count)| {
            let [from, to] = edges(key);
            (from, to, count)
        })
    }
}

/// The bucket of a number, from its exponent and its first eight binary digits.
fn key(value: f64) -> i32 {
    let size = value.abs();
    if size < LEAST {
        return 0;
    }
    let digits = |number: f64| (number.to_bits() >> (52 - STEPS.ilog2())) as i32;
    let bucket = digits(size.min(LEAST.recip())) - digits(LEAST) + 1;
    if value < 0.0 { -bucket } else { bucket }
}

/// Where a bucket starts and ends.
fn edges(key: i32) -> [f64; 2] {
    let edge = |bucket: i32| {
        let first = LEAST.to_bits() >> (52 - STEPS.ilog2());
        f64::from_bits((first + bucket as u64) << (52 - STEPS.ilog2()))
    };
    match key {
        0 => [-LEAST, LEAST],
        1.. => [edge(key - 1), edge(key)],
        _ => [-edge(-key), -edge(-key - 1)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_within_their_buckets() {
        for value in [1e-17, 0.3, 1.0, 1.999, 2.0, 7.5, 1e10, 1e17] {
            for value in [value, -value] {
                let [from, to] = edges(key(value));
                assert!((from..=to).contains(&value), "{value} is not in {from}..{to}");
                assert!((to - from).abs() / 2.0 <= ERROR * value.abs() * 1.001, "{from}..{to}");
            }
        }
        assert_eq!(edges(key(0.0)), edges(key(-1e-19)));
    }

    #[test]
    fn quantiles_are_near_those_of_the_sorted_numbers() {
        let values: Vec<f64> = (0..1000).map(|i| (f64::from(i) - 300.0) * 0.01).collect();
        let mut sketch = Sketch::default();
        values.iter().for_each(|&value| sketch.add(value));
        for i in 0..=100 {
            let share = f64::from(i) / 100.0;
            let exact = values[(share * 999.0).round() as usize];
            let found = sketch.quantile(share);
            assert!(
                (found - exact).abs() <= ERROR * exact.abs() + LEAST,
                "{share}: {found}, not {exact}"
            );
        }
    }

    #[test]
    fn what_is_not_finite_lies_at_the_ends() {
        let mut sketch = Sketch::default();
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0]
            .iter()
            .for_each(|&value| sketch.add(value));
        assert_eq!(sketch.quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(sketch.quantile(0.67), f64::INFINITY);
        assert!(sketch.quantile(1.0).is_nan());
        assert_eq!(sketch.not_finite(), [1, 1, 1]);
    }
}
