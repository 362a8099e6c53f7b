//! Arrays that lie as the kernel wants them, without weights and upstreams: one loop over their chunks, no rectangles and no
//! worker, and what is written is computed in its place. Of the total of a small batch there are no units either, and of
//! one chunk no limbs, which there take as long as the arithmetic.

use ndarray::{ArrayViewMut2, Dimension};

use super::chunk::{compute, room_for_slopes};
use super::visit::{Visit, Wanted};
use super::{Batch, Rule};
use crate::divergence::{
    GeneralizedLogProbability, GeneralizedProbability, LogProbability, Probability, Term,
};
use crate::element::Element;
use crate::elementwise::{
    Ahead, CHUNK, Chunk, Factor, ManySum, Running, d_input, d_target, narrow, prefetches_adjacent,
    terms, terms_added,
};
use crate::elementwise::{FEW, PART};
use crate::exact::{ExactSum, Narrow, RUN, Span, block_sum};
use crate::layout::{ALONE, Scratch, Unit};
use crate::number::{Aligned, Level};
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
        self.visit_chunks::<K, A>(chunk, Places::default(), room, &mut sum);
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
        self.sum_each(terms, sums);
        block_sum(self.level, sums)
    }

    /// Whether a total is all that is wanted, and no distribution is summed in parts.
    fn totals_whole_parts(&self) -> bool {
        self.wanted == Wanted::Total && self.classes <= PART
    }

    /// Does what is wanted of a unit and returns its total, where this page can.
    pub fn direct<K: Term, A: Element>(
        &self,
        unit: &mut Unit<'_, A>,
        room: &mut [A::Loss; CHUNK],
    ) -> Option<ExactSum> {
        let Unit { input, target, weights: None, upstream: None, value, d_input, d_target } = unit
        else {
            return None;
        };
        // Parts of a long distribution are visited beside each other.
        if self.wanted == Wanted::Partial || input.ncols() > PART {
            return None;
        }
        let all = Chunk { input: input.to_slice()?, target: target.to_slice()? };
        let (value, d_input, d_target) = (all_of(value)?, all_of(d_input)?, all_of(d_target)?);
        let (terms, sums): (&mut [_], &mut [_]) = match self.wanted {
            Wanted::Terms => (value, &mut []),
            _ => (&mut [], value),
        };
        let mut total = ExactSum::default();
        self.visit_chunks::<K, A>(all, Places { terms, sums, d_input, d_target }, room, &mut total);
        Some(total)
    }

    /// Does what is wanted of whole distributions; where those are summed they lie one behind the other.
    fn visit_chunks<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        places: Places<'_, A>,
        room: &mut [A::Loss; CHUNK],
        total: &mut ExactSum,
    ) {
        if !self.sums_lanes() {
            return self.each_chunk::<K, A>(
                all,
                places,
                CHUNK,
                room,
                |room, len, seen| match seen {
                    Some(Ok(sum)) => total.add(sum),
                    Some(Err(span)) => total.add_wide_block(self.level, &room[..len], span),
                    None => total.add_block(self.level, &room[..len]),
                },
            );
        }
        match self.classes <= CHUNK {
            true => self.short_lanes::<K, A>(all, places, room, total),
            false => self.long_lanes::<K, A>(all, places, room, total),
        }
    }

    /// Distributions that fit a chunk, as many at a time as it holds.
    fn short_lanes<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        mut places: Places<'_, A>,
        room: &mut [A::Loss; CHUNK],
        total: &mut ExactSum,
    ) {
        let Visit { level, classes, .. } = *self;
        let mut out = std::mem::take(&mut places.sums);
        let (mut sums, mut waiting) = ([0.0; SUMS], 0);
        let most = (CHUNK / classes).min(SUMS) * classes;
        self.each_chunk::<K, A>(all, places, most, room, |room, len, _| {
            let lanes = len / classes;
            if waiting + lanes > SUMS {
                total.add_block(level, &sums[..waiting]);
                waiting = 0;
            }
            let sums = &mut sums[waiting..waiting + lanes];
            self.sum_each(room, sums);
            match split_first(&mut out, lanes) {
                [] => waiting += lanes,
                out => narrow(level, sums, out),
            }
        });
        total.add_block(level, &sums[..waiting]);
    }

    /// Longer ones, one after the other.
    fn long_lanes<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        mut places: Places<'_, A>,
        room: &mut [A::Loss; CHUNK],
        total: &mut ExactSum,
    ) {
        let mut out = std::mem::take(&mut places.sums);
        let (mut sum, mut so_far) = (ManySum::default(), 0);
        self.each_chunk::<K, A>(all, places, self.classes, room, |room, len, _| {
            sum.add(self.level, room, len);
            so_far += len;
            if so_far == self.classes {
                so_far = 0;
                let sum = std::mem::take(&mut sum).value();
                match split_first(&mut out, 1) {
                    [] => total.add(sum),
                    out => narrow(self.level, &[sum], out),
                }
            }
        });
    }

    /// Computes what is wanted chunk by chunk, none across a multiple of `most` elements. Where terms are summed they
    /// are in the room, and `add` is told how many, and what was seen of them.
    fn each_chunk<K: Term, A: Element>(
        &self,
        all: Chunk<'_, A>,
        mut places: Places<'_, A>,
        most: usize,
        room: &mut [A::Loss; CHUNK],
        mut add: impl FnMut(&[A::Loss; CHUNK], usize, Option<Seen>),
    ) {
        let adds = self.sums_lanes() || self.totals_terms();
        let mut scratch = Scratch::EMPTY;
        let chunks = |array| <[A]>::chunks(array, most).flat_map(|part| part.chunks(CHUNK));
        let mut chunks = chunks(all.input).zip(chunks(all.target)).peekable();
        while let Some((input, target)) = chunks.next() {
            let (chunk, len) = (Chunk { input, target }, input.len());
            let Places { terms, d_input, d_target, .. } = places.split_first(len);
            let next = chunks.peek().filter(|_| prefetches_adjacent());
            let (x, t) = next.copied().unwrap_or((&[], &[]));
            let gradient = if d_input.is_empty() { &*d_target } else { &*d_input };
            // (Asking for the place of terms too took up to a fifth longer.)
            let ahead = Ahead::new([x, t, gradient], &[]);
            let terms = if terms.is_empty() { &mut room[..len] } else { terms };
            let slopes = room_for_slopes::<K, _>(!d_input.is_empty(), len, &mut scratch);
            let (slopes, seen) = match slopes {
                None if self.totals_terms() => {
                    (None, seen_terms::<K, A>(self.level, chunk, ahead, terms))
                }
                _ => (compute::<K, A>(self.level, chunk, ahead, self.wanted, terms, slopes), None),
            };
            if adds {
                add(room, len, seen);
            }
            self.write_gradients::<K, A>(chunk, slopes, d_input, d_target);
        }
    }

    /// Those that are wanted.
    fn write_gradients<K: Term, A: Element>(
        &self,
        chunk: Chunk<'_, A>,
        slopes: Option<&[A::Loss]>,
        to_input: &mut [A],
        to_target: &mut [A],
    ) {
        let (level, factor) = (self.level, Factor::Uniform(self.scale));
        if !to_input.is_empty() {
            d_input::<K, A>(level, chunk, slopes, factor, to_input);
        }
        if !to_target.is_empty() {
            d_target::<K, A>(level, chunk, factor, to_target);
        }
    }
}

/// Where results go; empty where they are not wanted.
#[derive(Default)]
struct Places<'a, A: Element> {
    terms: &'a mut [A::Loss],
    /// Of the distributions.
    sums: &'a mut [A::Loss],
    d_input: &'a mut [A],
    d_target: &'a mut [A],
}

impl<'a, A: Element> Places<'a, A> {
    /// Those of the first `len` elements.
    #[inline]
    fn split_first(&mut self, len: usize) -> Self {
        Places {
            terms: split_first(&mut self.terms, len),
            sums: &mut [],
            d_input: split_first(&mut self.d_input, len),
            d_target: split_first(&mut self.d_target, len),
        }
    }
}

/// The sum of terms where it is exact, otherwise how far apart they are.
type Seen = Result<f64, Span>;

/// The terms, and what is seen of them meanwhile.
#[inline(always)]
fn seen_terms<K: Term, A: Element>(
    level: Level,
    chunk: Chunk<'_, A>,
    ahead: Ahead<'_, A>,
    out: &mut [A::Loss],
) -> Option<Seen> {
    if !Narrow::<A::Loss>::IS_POSSIBLE {
        terms::<K, A>(level, chunk, ahead, out);
        return None;
    }
    terms_added::<K, A, _, _>(
        level,
        chunk,
        ahead,
        out,
        #[inline(always)]
        |sums: &Narrow<_>| sums.sum(),
    )
}

/// All of an array that lies row by row, and nothing where there is none; `None` where it lies otherwise.
fn all_of<'a, T>(array: &'a mut Option<ArrayViewMut2<'_, T>>) -> Option<&'a mut [T]> {
    match array {
        None => Some(&mut []),
        Some(array) => array.as_slice_mut(),
    }
}

/// The first `len` places, or none if there are none.
#[inline]
fn split_first<'a, T>(places: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    debug_assert!(places.is_empty() || len <= places.len());
    places.split_off_mut(..len).unwrap_or_default()
}
