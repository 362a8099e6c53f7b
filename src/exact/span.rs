//! The range of exponents of a block of numbers. If it is short, adding them in `f64` is exact.

use super::exponent;
use crate::number::{Float, WIDTH, folded, tree};

/// The most numbers of a block: 2¹⁰ integers of at most 2⁵¹ fit an `i64`.
pub const SUM_BLOCK: usize = 1024;
/// The bits of a digit: the significand of an `f64` without the hidden bit.
pub(super) const DIGIT_BITS: i32 = 52;
/// The numbers that a loop takes at a time: four vectors.
pub const RUN: usize = 64;
/// The longest span of numbers of which [`SUM_BLOCK`] can be added in `f64` without rounding.
const EXACT_SPAN: i32 = f64::MANTISSA_DIGITS as i32 - SUM_BLOCK.ilog2() as i32;

/// The sum in `f64` of at most [`SUM_BLOCK`] numbers, with their span, which tells whether the sum is exact.
///
/// Numbers below 2ᴱ that are multiples of 2ᵇ add up to multiples of 2ᵇ. If E − b is at most [`EXACT_SPAN`], every such sum is an
/// `f64`.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // As `Aligned`.
pub struct SpanSum<T: Float> {
    sums: [f64; WIDTH],
    /// The greatest magnitude at each position, as the distance from 0.
    greatest: [T::Bits; WIDTH],
    /// The least magnitude other than 0 at each position, as the distance from the smallest positive number.
    least: [T::Bits; WIDTH],
}

impl<T: Float> Default for SpanSum<T> {
    #[inline(always)]
    fn default() -> Self {
        let least = [T::ZERO.above(T::TINY); WIDTH];
        SpanSum { sums: [0.0; WIDTH], greatest: [T::Bits::default(); WIDTH], least }
    }
}

impl<T: Float> SpanSum<T> {
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

impl<T: Float> SpanSum<T> {
    /// Whether blocks of this type can be added in `f64` without rounding.
    pub const CAN_BE_EXACT: bool = T::DIGITS <= EXACT_SPAN;

    /// The sum of a block.
    #[inline(always)]
    pub fn of(block: &[T]) -> Self {
        let mut sum = Self::default();
        let (groups, tail) = block.as_chunks();
        for group in groups {
            sum.add(group);
        }
        if !tail.is_empty() {
            // Zeros count for nothing.
            let mut last = [T::ZERO; WIDTH];
            last[..tail.len()].copy_from_slice(tail);
            sum.add(&last);
        }
        sum
    }

    /// The sum if it is exact, otherwise the span of the numbers.
    #[inline(always)]
    pub fn sum(&self) -> Result<f64, Span> {
        let (least, greatest) = (folded(self.least, Ord::min), folded(self.greatest, Ord::max));
        let span = Span::between::<T>(least, greatest);
        if span.fits_f64() { Ok(total(&self.sums)) } else { Err(span) }
    }
}

/// The sum of the positions. It is not inlined: otherwise the compiler would use the order of these additions in the loop before
/// them, and that loop would add only two numbers at a time.
#[inline(never)]
fn total(sums: &[f64; WIDTH]) -> f64 {
    tree(*sums)
}

/// Takes a number into the greatest and the least magnitude, as [`SpanSum`] holds them. For 0, the distance from the smallest
/// positive number wraps around and is very large.
#[inline(always)]
fn extend<T: Float>(greatest: &mut T::Bits, least: &mut T::Bits, number: T) {
    let size = number.abs();
    *greatest = (*greatest).max(size.above(T::ZERO));
    *least = (*least).min(size.above(T::TINY));
}

/// The range of exponents of a block.
pub struct Span {
    /// Every number is below 2^top in magnitude.
    pub(super) top: i32,
    /// Every number is a multiple of 2^bottom.
    bottom: i32,
    /// The number of digits in which they can be added: 0 if all numbers are 0, `i32::MAX` if there is no such number.
    pub(super) digits: i32,
}

impl Span {
    /// The span of a block.
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

    /// The span of numbers with these extremes, which [`extend`] found.
    #[inline(always)]
    fn between<T: Float>(least: T::Bits, greatest: T::Bits) -> Span {
        let (smallest, largest) = (T::TINY.up(least), T::ZERO.up(greatest));
        let (top, bottom) = (exponent(largest) + 1, exponent(smallest) + 1 - T::DIGITS);
        let digits = (top - bottom) / DIGIT_BITS + 1;
        let digits = if top > 1021 || digits > 6 { i32::MAX } else { digits };
        Span { top, bottom, digits: if largest == T::ZERO { 0 } else { digits } }
    }

    /// Whether every sum of numbers of the block is an `f64`.
    #[inline(always)]
    fn fits_f64(&self) -> bool {
        self.digits <= 1 && self.top - self.bottom <= EXACT_SPAN
    }
}

/// Calls `visit` with the numbers of a block, in slices whose lengths are multiples of [`RUN`]. Zeros, which change no sum, fill up
/// the last.
#[inline(always)]
pub(super) fn for_each_run<T: Float>(block: &[T], mut visit: impl FnMut(&[T])) {
    let (run, tail) = block.split_at(block.len() / RUN * RUN);
    visit(run);
    if !tail.is_empty() {
        let mut last = [T::ZERO; RUN];
        last[..tail.len()].copy_from_slice(tail);
        visit(&last);
    }
}
