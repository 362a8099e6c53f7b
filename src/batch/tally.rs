//! What becomes of the sums of distributions.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::visit::{Visit, Wanted};
use super::waiting::Waiting;
use crate::elementwise::narrow;
use crate::exact::{BLOCK, ExactSum};
use crate::layout::{Scratch, read, write};
use crate::number::Float;

/// One thread's running total, and the sums on their way into it or wherever else they are wanted.
pub struct Tally<'v, L> {
    pub visit: &'v Visit,
    pub total: &'v mut ExactSum,
    /// Where divergences go one by one, if that is wanted.
    moments: Option<&'v mut Waiting>,
    /// Sums that are not in the total yet.
    pending: Vec<f64>,
    weights: Scratch<L>,
    output: Scratch<L>,
}

impl<'v, L: Float> Tally<'v, L> {
    #[inline(always)]
    pub fn new(
        visit: &'v Visit,
        total: &'v mut ExactSum,
        moments: Option<&'v mut Waiting>,
    ) -> Self {
        let (weights, output) = (Scratch::EMPTY, Scratch::EMPTY);
        Tally { visit, total, moments, pending: Vec::new(), weights, output }
    }

    /// Hands on the sums of distributions, at most [`BLOCK`].
    pub fn emit(
        &mut self,
        weights: &Option<ArrayView2<'_, L>>,
        value: &mut Option<ArrayViewMut2<'_, L>>,
        lanes: Range<usize>,
        sums: &mut [f64],
    ) {
        let (level, rect) = (self.visit.level, (lanes, 0..1));
        let weights = weights.as_ref().map(|view| read(view, &rect, &mut self.weights));
        if let Some(moments) = &mut self.moments {
            moments.add(level, sums, weights);
        }
        if let Some(weights) = weights {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum *= weight.to_f64();
            }
        }
        match (self.visit.wanted, value) {
            (Wanted::Distributions, Some(value)) => {
                write(value, &rect, &mut self.output, |out| narrow(level, sums, out));
            }
            _ if self.visit.totals_lanes() => self.wait(sums),
            _ => {}
        }
    }

    /// Keeps sums until there are enough to be added at once.
    fn wait(&mut self, sums: &[f64]) {
        if self.pending.len() + sums.len() > BLOCK {
            self.flush();
        }
        self.pending.extend_from_slice(sums);
    }

    /// Adds what still waits to the total.
    pub fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.total.add_block(self.visit.level, &self.pending);
            self.pending.clear();
        }
        if let Some(moments) = &mut self.moments {
            moments.flush(self.visit.level);
        }
    }
}
