//! What is fetched while something else is computed.

use prefetch_index::prefetch_index;

use crate::number::Number;

/// Bytes that come from memory together.
const LINE: usize = 64;

/// What will be asked for once a chunk's terms are computed. Any of it may be missing.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a, A: Number> {
    arrays: [&'a [A]; 3],
    output: &'a [A::Real],
    is_empty: bool,
}

impl<'a, A: Number> Ahead<'a, A> {
    /// Nothing is known of what comes.
    pub const NOTHING: Self = Ahead { arrays: [&[]; 3], output: &[], is_empty: true };

    /// The next chunk of either operand, this chunk's place in a gradient, and its place in the output.
    #[inline(always)]
    pub fn new(arrays: [&'a [A]; 3], output: &'a [A::Real]) -> Self {
        let is_empty = output.is_empty()
            && arrays.iter().all(
                #[inline(always)]
                |array| array.is_empty(),
            );
        Ahead { arrays, output, is_empty }
    }

    /// What the first loop asks for, and what the second, if there are two.
    #[inline(always)]
    pub fn share(self, in_two: bool) -> (Self, Self) {
        let ([input, target, gradient], output) = (self.arrays, self.output);
        if in_two {
            (Ahead::new([input, &[], &[]], &[]), Ahead::new([target, gradient, &[]], output))
        } else {
            (self, Self::NOTHING)
        }
    }

    /// Has N numbers of each brought into the cache, from `start` on.
    #[inline(always)]
    pub fn fetch<const N: usize>(&self, start: usize) {
        if self.is_empty {
            return;
        }
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

/// Whether what lies right behind a chunk is prefetched here. Zen 4 prefetches it by itself, and from memory is a
/// tenth faster if left to it; an Intel Xeon with 2 MiB of second-level cache did not, and took 1.7 times as long. SSE4a,
/// which AMD and its licensees alone have, stands for the vendor: older machines of theirs were not measured.
#[inline]
pub fn prefetches_adjacent() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !is_x86_feature_detected!("sse4a");
    #[cfg(not(target_arch = "x86_64"))]
    true
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
