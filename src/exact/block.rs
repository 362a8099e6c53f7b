//! Blocks of numbers as one number or a few integers, instead of limbs for each.
//!
//! Numbers below 2ᴱ that are multiples of 2ᵇ add up to such multiples: where E − b is small enough every sum of a
//! block's is an `f64`, and adding them as such is exact. Most blocks of `f32` are so narrow.
//!
//! Against any other block, adding M = 1.5·2^(E+1) rounds a number to a multiple of M's last
//! place and leaves that multiple, an integer, in the low bits of the sum: the integers are added as
//! integers, and what the rounding left over, which subtraction gives exactly, goes on to the next
//! level, 52 bits further down. Most of the rest of `f32` need one level, most of `f64` two.
//! (The extraction of Rump, Ogita and Oishi, *Accurate floating-point summation I*, 2008, Algorithm
//! 3.2, with integers for its sums.)

use super::{ExactSum, exponent, power_of_two, scaled};
use crate::kernel::{Float, Level, folded, tree};

/// How many numbers a block may hold: 2¹⁰ integers of at most 2⁵¹ fit an `i64`.
pub const BLOCK: usize = 1024;
/// What a level takes: an `f64`'s significand without the hidden bit.
pub(super) const LEVEL_BITS: i32 = 52;
/// Digits of an `f64` that are left to numbers where [`BLOCK`] of them are added.
const SPARE: i32 = f64::MANTISSA_DIGITS as i32 - BLOCK.ilog2() as i32;
/// The exponent of the smallest normal `f64`.
const MIN_EXPONENT: i32 = -1022;
/// A loop takes so many numbers at a time, four vectors of them.
pub const RUN: usize = 64;
/// Numbers of a narrow block side by side.
const WIDTH: usize = 16;

impl ExactSum {
    /// Adds a block of at most [`BLOCK`] numbers.
    pub fn add_block<T: Float>(&mut self, level: Level, block: &[T]) {
        debug_assert!(block.len() <= BLOCK);
        level.run(
            #[inline(always)]
            || self.add_block_here(block),
        );
    }

    #[inline(always)]
    fn add_block_here<T: Float>(&mut self, block: &[T]) {
        let Span { top, levels, .. } = match narrow_sum(block) {
            Ok(sum) => return self.add(sum),
            Err(span) => span,
        };
        match levels {
            0 => {}
            1 => self.add_levels(split::<T, 1>(block, top)),
            2 => self.add_levels(split::<T, 2>(block, top)),
            3 => self.add_levels(split::<T, 3>(block, top)),
            4..=6 => self.add_levels(split::<T, 6>(block, top)),
            _ => block.iter().for_each(|number| self.add(number.to_f64())),
        }
    }

    #[inline(always)]
    fn add_levels<const LEVELS: usize>(&mut self, levels: [Part; LEVELS]) {
        for Part { total, exponent } in levels {
            self.add_shifted(total.unsigned_abs(), (exponent + 1074) as usize, total < 0);
        }
    }
}

/// The sum of a block of at most [`BLOCK`] numbers, rounded to nearest, ties to even: that of an
/// [`ExactSum`] of them, without its limbs where the block spans no more than two levels.
pub fn block_sum<T: Float>(level: Level, block: &[T]) -> f64 {
    debug_assert!(block.len() <= BLOCK);
    let sum = level.run(
        #[inline(always)]
        || sum_of_levels(block),
    );
    sum.unwrap_or_else(|| {
        let mut sum = ExactSum::default();
        sum.add_block(level, block);
        sum.value()
    })
}

#[inline(always)]
fn sum_of_levels<T: Float>(block: &[T]) -> Option<f64> {
    let Span { top, levels, .. } = match narrow_sum(block) {
        Ok(sum) => return Some(sum),
        Err(span) => span,
    };
    match levels {
        0 => Some(0.0),
        1 => {
            let [Part { total, exponent }] = split::<T, 1>(block, top);
            Some(scaled(total as f64, exponent))
        }
        2 => {
            let [high, low] = split::<T, 2>(block, top);
            let high_total = i128::from(high.total) << (high.exponent - low.exponent);
            Some(scaled((high_total + i128::from(low.total)) as f64, low.exponent))
        }
        _ => None,
    }
}

/// The sum of a block so narrow that adding in `f64` is exact, or the span of any other.
#[inline(always)]
fn narrow_sum<T: Float>(block: &[T]) -> Result<f64, Span> {
    if T::DIGITS > SPARE {
        return Err(Span::of(block));
    }
    let (mut greatest, mut least) = ([T::Bits::default(); WIDTH], [T::ZERO.above(T::TINY); WIDTH]);
    let mut sums = [0.0; WIDTH];
    for_each_group(
        block,
        #[inline(always)]
        |numbers| {
            for i in 0..WIDTH {
                extend(&mut greatest[i], &mut least[i], numbers[i]);
            }
            for i in 0..WIDTH {
                sums[i] += numbers[i].to_f64();
            }
        },
    );
    let span = Span::between::<T>(folded(least, Ord::min), folded(greatest, Ord::max));
    if span.is_narrow() { Ok(total(&sums)) } else { Err(span) }
}

/// Apart: seen together with the loop, the order of these additions is taken for the loop's, which then adds two
/// numbers at a time.
#[inline(never)]
fn total(sums: &[f64; WIDTH]) -> f64 {
    tree(*sums)
}

/// Visits a block in groups, the last of them filled up with zeros, which count for nothing.
#[inline(always)]
fn for_each_group<T: Float>(block: &[T], mut visit: impl FnMut(&[T; WIDTH])) {
    let (groups, tail) = block.as_chunks();
    for group in groups {
        visit(group);
    }
    if !tail.is_empty() {
        let mut last = [T::ZERO; WIDTH];
        last[..tail.len()].copy_from_slice(tail);
        visit(&last);
    }
}

/// total·2^exponent.
struct Part {
    total: i64,
    exponent: i32,
}

/// Splits a block of numbers below 2^top into so many levels that nothing is left over.
#[inline(always)]
fn split<T: Float, const LEVELS: usize>(block: &[T], top: i32) -> [Part; LEVELS] {
    let exponents: [i32; LEVELS] =
        std::array::from_fn(|level| (top + 1 - level as i32 * LEVEL_BITS).max(MIN_EXPONENT));
    let m = exponents.map(|exponent| 1.5 * power_of_two(exponent));
    let mut sums = [0_u64; LEVELS];
    for_each_run(
        block,
        #[inline(always)]
        |numbers| {
            for number in numbers {
                let mut rest = number.to_f64();
                for (sum, m) in sums.iter_mut().zip(m) {
                    let shifted = rest + m;
                    *sum = sum.wrapping_add(shifted.to_bits());
                    rest -= shifted - m;
                }
            }
        },
    );
    let count = block.len().next_multiple_of(RUN) as u64;
    std::array::from_fn(|level| {
        let total = sums[level].wrapping_sub(m[level].to_bits().wrapping_mul(count)) as i64;
        Part { total, exponent: exponents[level] - LEVEL_BITS }
    })
}

/// Visits a block in two runs that are multiples of [`RUN`] long: filled up with zeros, which count for
/// nothing, so that no number is left to be added on its own.
#[inline(always)]
fn for_each_run<T: Float>(block: &[T], mut visit: impl FnMut(&[T])) {
    let (run, tail) = block.split_at(block.len() / RUN * RUN);
    visit(run);
    if !tail.is_empty() {
        let mut last = [T::ZERO; RUN];
        last[..tail.len()].copy_from_slice(tail);
        visit(&last);
    }
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
struct Span {
    /// Every number is below 2^top in magnitude,
    top: i32,
    /// and a multiple of 2^bottom.
    bottom: i32,
    /// How many levels they need: none where all are 0, `i32::MAX` where they have none.
    levels: i32,
}

impl Span {
    #[inline(always)]
    fn of<T: Float>(block: &[T]) -> Span {
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
        self.levels == 1 && self.top - self.bottom <= SPARE
    }
}
