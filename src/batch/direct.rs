//! Totals of operands that lie as the kernel wants them, where nothing else is asked for: no rectangles and no worker; of
//! a small batch no units either, and of one chunk no limbs, which there take as long as the arithmetic.

use ndarray::Dimension;

use super::visit::{FEW, PART, Visit, Wanted};
use super::{Batch, Rule};
use crate::element::Element;
use crate::exact::{ExactSum, RUN, block_sum};
use crate::kernel::{
    Ahead, Aligned, CHUNK, Chunk, GeneralizedLogProbability, GeneralizedProbability,
    LogProbability, ManySum, Probability, Running, Term, prefetches_adjacent, sum_each_of_many,
    terms,
};
use crate::lanes::ALONE;
use crate::reduction::Reduction;

/// Up to so many elements less room is made.
const SMALL: usize = 128;
/// Sums of distributions that are added at once.
const SUMS: usize = 256;

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// The total, where there is no weight and both operands are short and lie as the kernel wants them.
    pub(super) fn direct_total(&self, visit: &Visit) -> Option<f64> {
        let most = ALONE / size_of::<A::Loss>();
        if self.weights.is_some() || !(1..=most).contains(&self.input.len()) {
            return None;
        }
        if !visit.totals_whole_parts() || !visit.few() && self.axis + 1 != self.input.ndim() {
            return None;
        }
        let chunk = Chunk { input: self.input.as_slice()?, target: self.target.as_slice()? };
        A::total(visit, chunk)
    }
}

impl Visit {
    /// The total of whole distributions, one behind the other unless they have few classes.
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
            return self.total_in::<K, A>(chunk, &mut Aligned([A::Loss::default(); SMALL]).0);
        }
        let room = &mut Aligned([A::Loss::default(); CHUNK]).0;
        if chunk.input.len() <= CHUNK {
            return self.total_in::<K, A>(chunk, room);
        }
        let mut sum = ExactSum::default();
        self.add_total::<K, A>(chunk, room, &mut sum);
        sum.value()
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

    /// Whether a total is all that is wanted, and no distribution is summed in parts.
    pub fn totals_whole_parts(&self) -> bool {
        self.wanted == Wanted::Total && self.classes <= PART
    }

    /// Adds the total of whole distributions, one behind the other unless they have few classes.
    pub fn add_total<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        room: &mut [A::Loss; CHUNK],
        total: &mut ExactSum,
    ) {
        if self.few() {
            return self.each_chunk::<K, A>(all, CHUNK, room, |room, len| {
                total.add_block(self.level, &room[..len]);
            });
        }
        match self.classes <= CHUNK {
            true => self.add_short_lanes::<K, A>(all, room, total),
            false => self.add_long_lanes::<K, A>(all, room, total),
        }
    }

    /// The same of distributions that fit a chunk, as many at a time as it holds.
    fn add_short_lanes<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        room: &mut [A::Loss; CHUNK],
        total: &mut ExactSum,
    ) {
        let Visit { level, classes, .. } = *self;
        let (mut sums, mut waiting) = ([0.0; SUMS], 0);
        self.each_chunk::<K, A>(all, CHUNK / classes * classes, room, |room, len| {
            let lanes = len / classes;
            if waiting + lanes > SUMS {
                total.add_block(level, &sums[..waiting]);
                waiting = 0;
            }
            sum_each_of_many(level, room, classes, &mut sums[waiting..waiting + lanes]);
            waiting += lanes;
        });
        total.add_block(level, &sums[..waiting]);
    }

    /// The same of longer ones, one after the other.
    fn add_long_lanes<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        room: &mut [A::Loss; CHUNK],
        total: &mut ExactSum,
    ) {
        let (mut sum, mut so_far) = (ManySum::default(), 0);
        self.each_chunk::<K, A>(all, self.classes, room, |room, len| {
            sum.add(self.level, room, len);
            so_far += len;
            if so_far == self.classes {
                total.add(std::mem::take(&mut sum).value());
                so_far = 0;
            }
        });
    }

    /// Computes the terms chunk by chunk, none across a multiple of `len` elements; `add` is given the room and how many
    /// there are.
    fn each_chunk<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        len: usize,
        room: &mut [A::Loss; CHUNK],
        mut add: impl FnMut(&[A::Loss; CHUNK], usize),
    ) {
        let chunks = |array| <[A]>::chunks(array, len).flat_map(|part| part.chunks(CHUNK));
        let mut chunks = chunks(all.input).zip(chunks(all.target)).peekable();
        while let Some((input, target)) = chunks.next() {
            let next = chunks.peek().filter(|_| prefetches_adjacent());
            let (x, t) = next.copied().unwrap_or((&[], &[]));
            let (chunk, ahead) = (Chunk { input, target }, Ahead::new([x, t, &[]], &[]));
            terms::<K, A>(self.level, chunk, ahead, &mut room[..input.len()]);
            add(room, input.len());
        }
    }
}
