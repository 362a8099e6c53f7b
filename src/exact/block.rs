//! Blocks of numbers as one number or a few integers, instead of limbs for each.
//!
//! Most blocks of `f32` are so [narrow](super::narrow) that adding them in `f64` is exact.
//!
//! Against any other block, adding M = 1.5·2^(E+1) rounds a number to a multiple of M's last
//! place and leaves that multiple, an integer, in the low bits of the sum: the integers are added as
//! integers, and what the rounding left over, which subtraction gives exactly, goes on to the next
//! level, 52 bits further down. Most of the rest of `f32` need one level, most of `f64` two.
//! (The extraction of Rump, Ogita and Oishi, *Accurate floating-point summation I*, 2008, Algorithm
//! 3.2, with integers for its sums.)

use super::narrow::{Narrow, Span};
use super::{ExactSum, scaled};
use crate::number::power_of_two;
use crate::number::{Float, Level};

/// How many numbers a block may hold: 2¹⁰ integers of at most 2⁵¹ fit an `i64`.
pub const BLOCK: usize = 1024;
/// What a level takes: an `f64`'s significand without the hidden bit.
pub(super) const LEVEL_BITS: i32 = 52;
/// The exponent of the smallest normal `f64`.
const MIN_EXPONENT: i32 = -1022;
/// A loop takes so many numbers at a time, four vectors of them.
pub const RUN: usize = 64;

impl ExactSum {
    /// Adds a block of at most [`BLOCK`] numbers.
    pub fn add_block<T: Float>(&mut self, level: Level, block: &[T]) {
        debug_assert!(block.len() <= BLOCK);
        level.run(
            #[inline(always)]
            || match narrow_sum(block) {
                Ok(sum) => self.add(sum),
                Err(span) => self.add_wide_block(block, span),
            },
        );
    }

    #[inline(always)]
    fn add_wide_block<T: Float>(&mut self, block: &[T], Span { top, levels, .. }: Span) {
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
    if Narrow::<T>::IS_POSSIBLE { Narrow::of(block).sum() } else { Err(Span::of(block)) }
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
pub(super) fn for_each_run<T: Float>(block: &[T], mut visit: impl FnMut(&[T])) {
    let (run, tail) = block.split_at(block.len() / RUN * RUN);
    visit(run);
    if !tail.is_empty() {
        let mut last = [T::ZERO; RUN];
        last[..tail.len()].copy_from_slice(tail);
        visit(&last);
    }
}
