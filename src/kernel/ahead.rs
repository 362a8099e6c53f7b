//! What is fetched while something else is computed.

use prefetch_index::prefetch_index;

use crate::element::Element;

/// Bytes that come from memory together.
const LINE: usize = 64;

/// What will be asked for once a chunk's terms are computed. Any of it may be missing.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a, A: Element> {
    /// The next chunk of either operand, and this chunk's place in a gradient.
    pub arrays: [&'a [A]; 3],
    /// This chunk's place in the output.
    pub output: &'a [A::Loss],
}

impl<A: Element> Ahead<'_, A> {
    /// Nothing is known of what comes.
    pub const NOTHING: Self = Ahead { arrays: [&[]; 3], output: &[] };

    /// What the first loop asks for, and what the second, if there are two.
    #[inline(always)]
    pub fn share(self, in_two: bool) -> (Self, Self) {
        let ([input, target, gradient], output) = (self.arrays, self.output);
        if in_two {
            let second = Ahead { arrays: [target, gradient, &[]], output };
            (Ahead { arrays: [input, &[], &[]], output: &[] }, second)
        } else {
            (self, Self::NOTHING)
        }
    }

    /// Has N numbers of each brought into the cache, from `start` on.
    #[inline(always)]
    pub fn fetch<const N: usize>(&self, start: usize) {
        self.arrays.iter().for_each(|array| fetch::<_, N>(array, start));
        fetch::<_, N>(self.output, start);
    }

    /// The same of what is left from `start` on.
    #[inline(always)]
    pub fn fetch_rest(&self, start: usize) {
        self.arrays.iter().for_each(|array| fetch_rest(array, start));
        fetch_rest(self.output, start);
    }
}

/// Has what is left from `start` on brought into the cache.
#[inline(always)]
pub fn fetch_rest<T>(array: &[T], start: usize) {
    let lines = (start..array.len()).step_by(LINE / size_of::<T>());
    lines.for_each(|index| prefetch_index(array, index));
}

/// Has N numbers from `start` on brought into the cache, if there are so many.
#[inline(always)]
pub fn fetch<T, const N: usize>(array: &[T], start: usize) {
    if let Some(group) = array.get(start..start + N) {
        (0..N).step_by(LINE / size_of::<T>()).for_each(|index| prefetch_index(group, index));
    }
}
