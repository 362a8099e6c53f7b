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

/// A run, as far as it bounds what can be known of its rows.
pub struct Run<'r> {
    /// Rows of the files, and those that were read.
    pub all: u64,
    pub read: u64,
    /// Whether the row at a position was read.
    pub is_read: &'r dyn Fn(u64) -> bool,
    pub candidates: usize,
    pub divergences: usize,
    pub has_weights: bool,
    pub has_labels: bool,
    /// Whether the numbers of each row are kept.
    pub is_kept: bool,
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

/// The check of a tally that comes from a file. Behind it every position is that of a row, no list is too short, and no count overflows.
impl Tally {
    /// What cannot be that of the run.
    pub fn check(&self, run: &Run<'_>) -> Result<(), &'static str> {
        let need = |holds: bool, what: &'static str| holds.then_some(()).ok_or(what);
        let Tally { rows, left_out, constant_rows, .. } = *self;
        let is_all = rows.checked_add(left_out) == Some(run.read);
        let has_reason = run.has_weights || left_out == 0;
        need(is_all && has_reason && constant_rows <= rows, "its counts of rows")?;
        let labelled = self.base.rows();
        need(labelled <= rows && (run.has_labels || labelled == 0), "its number of labels")?;
        need(self.has_positions(labelled, run), "its positions of rows")?;
        need(self.deviations.len() == run.candidates + 1, "its number of files")?;
        need(
            self.deviations.iter().all(|found| found.is_of(run)),
            "its rows that are no distributions",
        )?;
        need(self.candidates.len() == run.candidates, "its number of candidates")?;
        need(
            self.candidates.iter().all(|found| found.divergences.len() == run.divergences),
            "its number of divergences",
        )?;
        need(
            self.candidates.iter().all(|found| found.is_of([rows, labelled], run)),
            "what it knows of a candidate",
        )
    }

    /// Whether there is a position for each row that counts, and for each that has a label; where they are kept.
    fn has_positions(&self, labelled: u64, run: &Run<'_>) -> bool {
        if !run.is_kept {
            return self.positions.is_empty() && self.labelled.is_empty();
        }
        // Once each.
        let mut is_there = vec![false; run.all as usize];
        let is_new = |&position: &u32| {
            let is_read = run.is_read(position.into());
            is_read && !std::mem::replace(&mut is_there[position as usize], true)
        };
        let are_rows = self.positions.iter().all(is_new);
        let is_one =
            |&position: &u32| is_there.get_mut(position as usize).is_some_and(std::mem::take);
        are_rows
            && self.labelled.iter().all(is_one)
            && [self.positions.len(), self.labelled.len()].map(|n| n as u64)
                == [self.rows, labelled]
    }
}

impl Run<'_> {
    fn is_read(&self, position: u64) -> bool {
        position < self.all && (self.is_read)(position)
    }
}

impl CandidateTally {
    fn is_of(&self, [rows, labelled]: [u64; 2], run: &Run<'_>) -> bool {
        let is_read = |position| run.is_read(position);
        let of_labels =
            [&self.labels.log_loss, &self.labels.log_ratio, &self.labels.delta_p_squared];
        self.divergences.iter().all(|found| found.is_of(rows, run.is_kept, &is_read))
            && [&self.same_top, &self.acceptance].iter().all(|found| found.rows() == rows)
            && of_labels.iter().all(|found| found.rows() == labelled)
            && self.labels.delta_p.is_of(labelled, run.is_kept, &is_read)
    }

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
    fn is_of(&self, run: &Run<'_>) -> bool {
        let is_row = self.first.is_none_or(|(position, _)| run.is_read(position));
        is_row && self.first.is_some() == (self.rows > 0) && self.rows <= run.read
    }

    pub fn merge(&mut self, next: Deviations) {
        self.rows += next.rows;
        // The one with the lowest position, whichever was found first.
        self.first = match (self.first, next.first) {
            (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
            (a, b) => a.or(b),
        };
    }
}
