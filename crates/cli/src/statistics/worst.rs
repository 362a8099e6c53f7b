//! The rows whose numbers are farthest from 0.

use serde::{Deserialize, Serialize};

/// How many are kept.
const KEPT: usize = 10;

/// The largest in magnitude, NaN above all; of equal ones those with the lowest position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    /// Position and number, the worst first; the numbers as their bits, since NaN counts.
    entries: Vec<(u64, u64)>,
}

impl Worst {
    pub fn add(&mut self, position: u64, value: f64) {
        let key = |bits: u64| {
            let size = f64::from_bits(bits).abs();
            if size.is_nan() { u64::MAX } else { size.to_bits() }
        };
        let bits = value.to_bits();
        let is_before = |&(other, entry): &(u64, u64)| {
            key(entry) > key(bits) || key(entry) == key(bits) && other < position
        };
        let at = self.entries.partition_point(is_before);
        if at < KEPT {
            self.entries.insert(at, (position, bits));
            self.entries.truncate(KEPT);
        }
    }

    pub fn merge(&mut self, other: &Worst) {
        other.iter().for_each(|(position, value)| self.add(position, value));
    }

    /// Whether it can be that of so many rows, all of which pass `is_row`.
    pub fn is_of(&self, count: u64, is_row: &dyn Fn(u64) -> bool) -> bool {
        let mut in_order = Worst::default();
        in_order.merge(self);
        *self == in_order
            && self.entries.len() as u64 == count.min(KEPT as u64)
            && self.entries.iter().all(|&(position, _)| is_row(position))
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, f64)> {
        self.entries.iter().map(|&(position, bits)| (position, f64::from_bits(bits)))
    }
}
