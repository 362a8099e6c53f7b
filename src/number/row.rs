//! Short rows of values: aligned to a cache line, and folded in the order of a tree.

use super::Float;

/// A value aligned to a cache line.
///
/// A store that crosses two cache lines is split, and the processor cannot forward it to a load that follows
/// (benches/LIMITS.md has the cost).
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Aligned<T>(pub T);

/// The sum of N numbers, N a power of two: each of the first half is added to the one N/2 behind it, and so on.
#[inline(always)]
pub fn tree<T: Float, const N: usize>(numbers: [T; N]) -> T {
    folded(
        numbers,
        #[inline(always)]
        |a, b| a + b,
    )
}

/// Joins N values, N a power of two, in the order in which [`tree`] adds numbers.
#[inline(always)]
pub fn folded<T: Copy, const N: usize>(mut values: [T; N], join: impl Fn(T, T) -> T) -> T {
    let mut width = N;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            values[i] = join(values[i], values[i + width]);
        }
    }
    values[0]
}
