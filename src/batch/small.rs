//! Totals of batches that fit one chunk, computed where they lie: no units, no worker, no limbs, each of
//! which would take longer than the arithmetic.

use ndarray::Dimension;

use super::visit::{FEW, Visit};
use super::{Batch, Rule};
use crate::element::Element;
use crate::exact::{RUN, block_sum};
use crate::kernel::{
    Ahead, Aligned, CHUNK, Chunk, GeneralizedLogProbability, GeneralizedProbability,
    LogProbability, Probability, Term, sum_each_of_many, terms,
};
use crate::reduction::Reduction;

/// Up to so many elements less room is made.
const SMALL: usize = 128;

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// The total, where there is no weight and both operands are short and lie as the kernel wants them.
    pub(super) fn small_total(&self, visit: &Visit) -> Option<f64> {
        if self.weights.is_some() || !(1..=CHUNK).contains(&self.input.len()) {
            return None;
        }
        if !visit.few() && self.axis + 1 != self.input.ndim() {
            return None;
        }
        let chunk = Chunk { input: self.input.as_slice()?, target: self.target.as_slice()? };
        A::total(visit, chunk)
    }
}

impl Visit {
    /// The total of a chunk of whole distributions, one behind the other unless they have few classes.
    /// [`Element::total`] is this for each type, as [`Element::visit`] is [`Visit::unit_of`].
    pub fn total_of<A: Element>(&self, chunk: Chunk<'_, A>) -> Option<f64> {
        match self.rule {
            Rule::Probabilities => Some(self.total::<Probability, A>(chunk)),
            Rule::LogProbabilities => Some(self.total::<LogProbability, A>(chunk)),
            Rule::GeneralizedProbabilities => Some(self.total::<GeneralizedProbability, A>(chunk)),
            Rule::GeneralizedLogProbabilities => {
                Some(self.total::<GeneralizedLogProbability, A>(chunk))
            }
            Rule::Logits(_) => None,
        }
    }

    fn total<K: Term, A: Element>(&self, chunk: Chunk<'_, A>) -> f64 {
        if chunk.input.len() <= SMALL {
            self.total_in::<K, A>(chunk, &mut Aligned([A::Loss::default(); SMALL]).0)
        } else {
            self.total_in::<K, A>(chunk, &mut Aligned([A::Loss::default(); CHUNK]).0)
        }
    }

    fn total_in<K: Term, A: Element>(&self, chunk: Chunk<'_, A>, room: &mut [A::Loss]) -> f64 {
        let terms = &mut room[..chunk.input.len()];
        self::terms::<K, A>(self.level, chunk, Ahead::NOTHING, terms);
        if self.few() {
            // With zeros at the end, which are cheaper than a tail.
            return block_sum(self.level, &room[..chunk.input.len().next_multiple_of(RUN)]);
        }
        let mut sums = [0.0; CHUNK / FEW];
        let sums = &mut sums[..terms.len() / self.classes];
        sum_each_of_many(self.level, terms, self.classes, sums);
        block_sum(self.level, sums)
    }
}
