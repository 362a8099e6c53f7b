//! All that is known so far; merged in any order it is the same.

use kldiv::Partial;

use crate::pair::Measured;
use crate::sketch::Sketch;

/// How many of the worst are kept.
pub const WORST: usize = 10;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub partial: Partial,
    pub sketch: Sketch,
    pub worst: Worst,
}

impl Tally {
    pub fn add(&mut self, measured: &Measured) {
        self.partial.merge(&measured.partial);
        for &(position, divergence) in &measured.divergences {
            self.sketch.add(divergence);
            self.worst.add(position, divergence);
        }
    }

    /// The middle of a bucket of the sketch, but never beyond the extremes.
    pub fn quantile(&self, share: f64) -> f64 {
        let [min, max] = [self.partial.min(), self.partial.max()];
        let value = self.sketch.quantile(share);
        if min <= max { value.clamp(min, max) } else { value }
    }
}

/// The largest divergences, NaN above all, of equal ones those with the lowest position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worst {
    /// The worst first.
    entries: Vec<(u64, i64)>,
}

impl Worst {
    pub fn add(&mut self, position: u64, divergence: f64) {
        self.add_key(position, key(divergence));
    }

    /// A position, and the divergence as [`entries`](Self::entries) gives it.
    pub fn add_key(&mut self, position: u64, key: i64) {
        let before = |&(other, worse): &(u64, i64)| worse > key || worse == key && other < position;
        let at = self.entries.partition_point(before);
        if at < WORST {
            self.entries.insert(at, (position, key));
            self.entries.truncate(WORST);
        }
    }

    /// Positions, and divergences as integers in the same order.
    pub fn entries(&self) -> &[(u64, i64)] {
        &self.entries
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, f64)> {
        self.entries.iter().map(|&(position, key)| (position, number(key)))
    }
}

fn key(number: f64) -> i64 {
    if number.is_nan() {
        return i64::MAX;
    }
    let bits = (number + 0.0).to_bits() as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn number(key: i64) -> f64 {
    f64::from_bits(if key < 0 { key ^ i64::MAX } else { key } as u64)
}
