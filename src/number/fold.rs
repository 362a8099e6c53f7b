//! Arrays joined as a tree.

use super::Float;

/// The sum of a power of two of numbers: each of the first half plus the one half an array behind it, and so on.
#[inline(always)]
pub fn tree<T: Float, const N: usize>(numbers: [T; N]) -> T {
    folded(
        numbers,
        #[inline(always)]
        |a, b| a + b,
    )
}

/// A power of two of values, joined in the order in which [`tree`] adds them.
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
