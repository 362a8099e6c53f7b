//! Numbers so much alike that adding them in `f64` is exact.

use super::block::{BLOCK, LEVEL_BITS, for_each_run};
use super::exponent;
use crate::number::{Float, WIDTH, folded, tree};

/// Digits of an `f64` that are left to numbers where [`BLOCK`] of them are added.
const SPARE: i32 = f64::MANTISSA_DIGITS as i32 - BLOCK.ilog2() as i32;

/// The sum of at most [`BLOCK`] numbers, and whether it is exact: numbers below 2ᴱ that are multiples of 2ᵇ add up to such
/// multiples, and where E − b is small enough every sum of theirs is an `f64`.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Narrow<T: Float> {
    sums: [f64; WIDTH],
    /// As integers are ordered.
    greatest: [T::Bits; WIDTH],
    least: [T::Bits; WIDTH],
}

impl<T: Float> Default for Narrow<T> {
    #[inline(always)]
    fn default() -> Self {
        let least = [T::ZERO.above(T::TINY); WIDTH];
        Narrow { sums: [0.0; WIDTH], greatest: [T::Bits::default(); WIDTH], least }
    }
}

impl<T: Float> Narrow<T> {
    /// Adds the next numbers.
    #[inline(always)]
    fn add(&mut self, numbers: &[T; WIDTH]) {
        for i in 0..WIDTH {
            extend(&mut self.greatest[i], &mut self.least[i], numbers[i]);
        }
        // In a loop of its own, which does not halve the vectors of the other.
        for i in 0..WIDTH {
            self.sums[i] += numbers[i].to_f64();
        }
    }
}

impl<T: Float> Narrow<T> {
    /// Whether numbers of this type may be so much alike.
    pub const IS_POSSIBLE: bool = T::DIGITS <= SPARE;

    /// Of a block.
    #[inline(always)]
    pub fn of(block: &[T]) -> Self {
        let mut narrow = Self::default();
        let (groups, tail) = block.as_chunks();
        for group in groups {
            narrow.add(group);
        }
        if !tail.is_empty() {
            // Zeros count for nothing.
            let mut last = [T::ZERO; WIDTH];
            last[..tail.len()].copy_from_slice(tail);
            narrow.add(&last);
        }
        narrow
    }

    /// The sum if it is exact, otherwise how far apart the numbers are.
    #[inline(always)]
    pub fn sum(&self) -> Result<f64, Span> {
        let (least, greatest) = (folded(self.least, Ord::min), folded(self.greatest, Ord::max));
        let span = Span::between::<T>(least, greatest);
        if span.is_narrow() { Ok(total(&self.sums)) } else { Err(span) }
    }
}

/// Apart: seen together with the loop, the order of these additions is taken for the loop's, which then adds two
/// numbers at a time.
#[inline(never)]
fn total(sums: &[f64; WIDTH]) -> f64 {
    tree(*sums)
}

/// The greatest and the least size of numbers, as integers are ordered: the least above the smallest number there is,
/// of 0 very many.
#[inline(always)]
fn extend<T: Float>(greatest: &mut T::Bits, least: &mut T::Bits, number: T) {
    let size = number.abs();
    *greatest = (*greatest).max(size.above(T::ZERO));
    *least = (*least).min(size.above(T::TINY));
}

/// How far apart the numbers of a block are.
pub struct Span {
    /// Every number is below 2^top in magnitude,
    pub(super) top: i32,
    /// and a multiple of 2^bottom.
    bottom: i32,
    /// How many levels they need: none where all are 0, `i32::MAX` where they have none.
    pub(super) levels: i32,
}

impl Span {
    #[inline(always)]
    pub(super) fn of<T: Float>(block: &[T]) -> Span {
        let (mut greatest, mut least) = (T::Bits::default(), T::ZERO.above(T::TINY));
        for_each_run(
            block,
            #[inline(always)]
            |numbers| {
                for &number in numbers {
                    extend(&mut greatest, &mut least, number);
                }
            },
        );
        Span::between::<T>(least, greatest)
    }

    /// Between what [`extend`] found.
    #[inline(always)]
    fn between<T: Float>(least: T::Bits, greatest: T::Bits) -> Span {
        let (smallest, largest) = (T::TINY.up(least), T::ZERO.up(greatest));
        let (top, bottom) = (exponent(largest) + 1, exponent(smallest) + 1 - T::DIGITS);
        let levels = (top - bottom) / LEVEL_BITS + 1;
        let levels = if top > 1021 || levels > 6 { i32::MAX } else { levels };
        Span { top, bottom, levels: if largest == T::ZERO { 0 } else { levels } }
    }

    /// Whether every sum of a block's numbers is an `f64`.
    #[inline(always)]
    fn is_narrow(&self) -> bool {
        self.levels <= 1 && self.top - self.bottom <= SPARE
    }
}
