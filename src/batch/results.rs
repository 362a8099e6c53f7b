//! What becomes of the sums of distributions: they are written, totalled, or kept as moments.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::visit::{Visit, Wanted};
use crate::elementwise::narrow;
use crate::exact::{BLOCK, ExactSum};
use crate::layout::{Scratch, read, write};
use crate::number::Float;
use crate::partial::BufferedMoments;

/// One thread's running total, and the sums of distributions on their way into it.
pub struct Results<'v, L> {
    /// The settings of the visit.
    pub visit: &'v Visit,
    /// The total so far, without the sums that are still in the buffer.
    pub total: ExactSum,
    moments: Option<&'v mut BufferedMoments>,
    buffer: Vec<f64>,
    weights: Scratch<L>,
    output: Scratch<L>,
}

impl<'v, L: Float> Results<'v, L> {
    /// Nothing yet. Divergences go into `moments` too, where a partial result is wanted.
    #[inline(always)]
    pub fn new(visit: &'v Visit, moments: Option<&'v mut BufferedMoments>) -> Self {
        let (weights, output) = (Scratch::EMPTY, Scratch::EMPTY);
        Results { visit, total: ExactSum::default(), moments, buffer: Vec::new(), weights, output }
    }

    /// Takes the sums of these lanes, at most [`BLOCK`].
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
                *sum = if *weight == L::ZERO { 0.0 } else { *sum * weight.to_f64() };
            }
        }
        match (self.visit.wanted, value) {
            (Wanted::Distributions, Some(value)) => {
                write(value, &rect, &mut self.output, |out| narrow(level, sums, out));
            }
            _ if self.visit.totals_lanes() => self.add(sums),
            _ => {}
        }
    }

    /// Adds the terms of a tile to the total.
    #[inline]
    pub fn add_terms(&mut self, terms: &[L]) {
        self.total.add_block(self.visit.level, terms);
    }

    /// Keeps sums until there are enough to be added at once.
    fn add(&mut self, sums: &[f64]) {
        if self.buffer.len() + sums.len() > BLOCK {
            self.flush();
        }
        self.buffer.extend_from_slice(sums);
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.total.add_block(self.visit.level, &self.buffer);
            self.buffer.clear();
        }
    }

    /// The total, all sums added.
    pub fn finish(mut self) -> ExactSum {
        self.flush();
        if let Some(moments) = &mut self.moments {
            moments.flush(self.visit.level);
        }
        self.total
    }
}
