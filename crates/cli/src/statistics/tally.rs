//! All that is known so far of a comparison.

use serde::{Deserialize, Serialize};

use super::{Mean, Quantity};

/// All that is known so far; merged in the order of the rows it is that of one run over all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows seen, and those among them that are left out since their weight is 0.
    pub rows: u64,
    pub left_out: u64,
    /// Rows of which every file holds one number only.
    pub constant_rows: u64,
    /// The position of every row that counts, in the order of C, where the numbers of rows are kept.
    pub positions: Vec<u32>,
    /// The same of every row that has a label.
    pub labelled: Vec<u32>,
    /// −ln p of the labels, p the reference's.
    pub base: Mean,
    /// Rows of the reference, and of each candidate, that are no distributions.
    pub deviations: Vec<Deviations>,
    pub candidates: Vec<CandidateTally>,
}

/// All that is known so far of one candidate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandidateTally {
    /// In the order in which they were asked for.
    pub divergences: Vec<Quantity>,
    /// 1 where reference and candidate have the same greatest class, else 0.
    pub same_top: Mean,
    /// 1 − total variation.
    pub acceptance: Mean,
    pub labels: LabelTally,
}

/// What the labels say of one candidate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelTally {
    /// −ln q of the label, and that less −ln p.
    pub log_loss: Mean,
    pub log_ratio: Mean,
    /// q − p of the label, and its square.
    pub delta_p: Quantity,
    pub delta_p_squared: Mean,
}

/// Rows that are no distributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deviations {
    pub rows: u64,
    /// Position and bits of the mass of the first.
    pub first: Option<(u64, u64)>,
}

impl Tally {
    /// Nothing, of so many candidates and divergences.
    pub fn new(candidates: usize, divergences: usize) -> Tally {
        let candidate = CandidateTally {
            divergences: vec![Quantity::default(); divergences],
            ..Default::default()
        };
        Tally {
            deviations: vec![Deviations::default(); candidates + 1],
            candidates: vec![candidate; candidates],
            ..Tally::default()
        }
    }

    /// Adds what is known of the rows behind these.
    pub fn merge(&mut self, next: &Tally) {
        self.rows += next.rows;
        self.left_out += next.left_out;
        self.constant_rows += next.constant_rows;
        self.positions.extend(&next.positions);
        self.labelled.extend(&next.labelled);
        self.base.merge(&next.base);
        for (all, next) in self.deviations.iter_mut().zip(&next.deviations) {
            all.merge(*next);
        }
        for (all, next) in self.candidates.iter_mut().zip(&next.candidates) {
            all.merge(next);
        }
    }
}

impl CandidateTally {
    fn merge(&mut self, next: &CandidateTally) {
        for (all, next) in self.divergences.iter_mut().zip(&next.divergences) {
            all.merge(next);
        }
        self.same_top.merge(&next.same_top);
        self.acceptance.merge(&next.acceptance);
        self.labels.log_loss.merge(&next.labels.log_loss);
        self.labels.log_ratio.merge(&next.labels.log_ratio);
        self.labels.delta_p.merge(&next.labels.delta_p);
        self.labels.delta_p_squared.merge(&next.labels.delta_p_squared);
    }
}

impl Deviations {
    pub fn merge(&mut self, next: Deviations) {
        self.rows += next.rows;
        // The one with the lowest position, whichever was found first.
        self.first = match (self.first, next.first) {
            (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
            (a, b) => a.or(b),
        };
    }
}
