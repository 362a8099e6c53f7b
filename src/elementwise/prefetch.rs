//! Prefetching: loads cache lines into the cache while something else is computed.

use prefetch_index::prefetch_index;

use crate::number::Number;

/// The bytes of a cache line.
const LINE_BYTES: usize = 64;

/// The arrays that a loop prefetches while it computes. Any of them may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Prefetch<'a, A: Number> {
    arrays: [&'a [A]; 3],
    is_empty: bool,
}

impl<'a, A: Number> Prefetch<'a, A> {
    /// A prefetch of nothing.
    pub const NOTHING: Self = Prefetch { arrays: [&[]; 3], is_empty: true };

    /// A prefetch of three arrays: the next tile of either operand, and the part of a gradient that this tile will be written to.
    #[inline(always)]
    pub fn new(arrays: [&'a [A]; 3]) -> Self {
        let is_empty = arrays.iter().all(
            #[inline(always)]
            |array| array.is_empty(),
        );
        Prefetch { arrays, is_empty }
    }

    /// The arrays that the first and the second of two loops prefetch. If there is only one loop, it prefetches all.
    #[inline(always)]
    pub fn share(self, in_two: bool) -> (Self, Self) {
        let [input, target, gradient] = self.arrays;
        match in_two {
            true => (Prefetch::new([input, &[], &[]]), Prefetch::new([target, gradient, &[]])),
            false => (self, Self::NOTHING),
        }
    }

    /// Prefetches N numbers of each array, from `start` on.
    #[inline(always)]
    pub fn fetch<const N: usize>(&self, start: usize) {
        if !self.is_empty {
            self.arrays.iter().for_each(|array| fetch::<_, N>(array, start));
        }
    }
}

/// Whether this machine needs software prefetching of a tile that lies right behind the current one. AMD's processors prefetch it
/// themselves; SSE4a, which only they have, stands for the vendor. benches/LIMITS.md has the figures.
#[inline]
pub fn needs_prefetch() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !is_x86_feature_detected!("sse4a");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

/// Prefetches an array from `start` on.
#[inline(always)]
pub fn fetch_rest<T>(array: &[T], start: usize) {
    let lines = (start..array.len()).step_by(LINE_BYTES / size_of::<T>());
    lines.for_each(|index| prefetch_index(array, index));
}

/// Prefetches N numbers from `start` on, if the array has that many.
#[inline(always)]
pub fn fetch<T, const N: usize>(array: &[T], start: usize) {
    if let Some(group) = array.get(start..start + N) {
        (0..N).step_by(LINE_BYTES / size_of::<T>()).for_each(|index| prefetch_index(group, index));
    }
}
