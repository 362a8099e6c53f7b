//! The results of one thread: the sums of lanes are written, added to the total, or kept as moments.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::request::{Request, Values};
use crate::elementwise::narrow_all;
use crate::exact::{ExactSum, SUM_BLOCK};
use crate::layout::{Scratch, read, write};
use crate::number::Float;
use crate::partial::BufferedMoments;

/// The running total of one thread, and a buffer of lanes' sums that are not in it yet.
pub struct Results<'v, L> {
    /// The request.
    pub request: &'v Request,
    /// The total so far, without the sums in the buffer.
    pub total: ExactSum,
    moments: Option<&'v mut BufferedMoments>,
    buffer: Vec<f64>,
    weights: Scratch<L>,
    output: Scratch<L>,
}

impl<'v, L: Float> Results<'v, L> {
    /// Results without any lanes. A partial result has `moments`, which receive the divergences too.
    #[inline(always)]
    pub fn new(request: &'v Request, moments: Option<&'v mut BufferedMoments>) -> Self {
        let (weights, output) = (Scratch::EMPTY, Scratch::EMPTY);
        Results {
            request,
            total: ExactSum::default(),
            moments,
            buffer: Vec::new(),
            weights,
            output,
        }
    }

    /// Takes the sums of these lanes, of which there are at most [`SUM_BLOCK`].
    pub fn emit(
        &mut self,
        weights: &Option<ArrayView2<'_, L>>,
        value: &mut Option<ArrayViewMut2<'_, L>>,
        lanes: Range<usize>,
        sums: &mut [f64],
    ) {
        let (level, rect) = (self.request.level, (lanes, 0..1));
        let weights = weights.as_ref().map(|view| read(view, &rect, &mut self.weights));
        if let Some(moments) = &mut self.moments {
            moments.add(level, sums, weights);
        }
        if let Some(weights) = weights {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = if *weight == L::ZERO { 0.0 } else { *sum * weight.to_f64() };
            }
        }
        match (self.request.values, value) {
            (Values::Divergences, Some(value)) => {
                write(value, &rect, &mut self.output, |out| narrow_all(level, sums, out));
            }
            _ if self.request.totals_lanes() => self.add(sums),
            _ => {}
        }
    }

    /// Adds the terms of a tile to the total.
    #[inline]
    pub fn add_terms(&mut self, terms: &[L]) {
        self.total.add_block(self.request.level, terms);
    }

    /// Adds sums to the buffer, and the buffer to the total when it is full.
    fn add(&mut self, sums: &[f64]) {
        if self.buffer.len() + sums.len() > SUM_BLOCK {
            self.flush();
        }
        self.buffer.extend_from_slice(sums);
    }

    /// Adds the buffer to the total.
    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.total.add_block(self.request.level, &self.buffer);
            self.buffer.clear();
        }
    }

    /// Adds what is in the buffers, and returns the total.
    pub fn finish(mut self) -> ExactSum {
        self.flush();
        if let Some(moments) = &mut self.moments {
            moments.flush(self.request.level);
        }
        self.total
    }
}
