//! Blocks of numbers, added as one number or a few integers instead of in limbs.
//!
//! Most blocks of `f32` have so short a [span](super::span) that adding them in `f64` is exact.
//!
//! In any other block, adding M = 1.5·2^(E+1) rounds a number to a multiple of M's last
//! place. That multiple is an integer in the low bits of the sum: these are added as integers. Subtraction gives the rounding
//! error exactly, which is split again: the next digit, 52 bits further down. Most other blocks of `f32` need one digit, most of
//! `f64` two.
//! (The extraction of Rump, Ogita and Oishi, *Accurate floating-point summation I*, 2008, Algorithm
//! 3.2, with integers for its sums.)

use super::span::{DIGIT_BITS, RUN, SUM_BLOCK, Span, SpanSum, for_each_run};
use super::{ExactSum, scaled};
use crate::number::power_of_two;
use crate::number::{Float, Level};

/// The exponent of the smallest normal `f64`.
const MIN_EXPONENT: i32 = -1022;

impl ExactSum {
    /// Adds a block of at most [`SUM_BLOCK`] numbers.
    pub fn add_block<T: Float>(&mut self, level: Level, block: &[T]) {
        debug_assert!(block.len() <= SUM_BLOCK);
        level.run(
            #[inline(always)]
            || match sum_if_exact(block) {
                Ok(sum) => self.add(sum),
                Err(span) => self.add_wide_block(block, span),
            },
        );
    }

    #[inline(always)]
    fn add_wide_block<T: Float>(&mut self, block: &[T], Span { top, digits, .. }: Span) {
        match digits {
            0 => {}
            1 => self.add_digits(split::<T, 1>(block, top)),
            2 => self.add_digits(split::<T, 2>(block, top)),
            3 => self.add_digits(split::<T, 3>(block, top)),
            4..=6 => self.add_digits(split::<T, 6>(block, top)),
            _ => block.iter().for_each(|number| self.add(number.to_f64())),
        }
    }

    #[inline(always)]
    fn add_digits<const DIGITS: usize>(&mut self, digits: [Digit; DIGITS]) {
        for Digit { total, exponent } in digits {
            self.add_shifted(total.unsigned_abs(), (exponent + 1074) as usize, total < 0);
        }
    }
}

/// The sum of a block of at most [`SUM_BLOCK`] numbers, rounded to nearest, ties to even. It has the bits of the
/// [`ExactSum`] of them, and needs no limbs if the block spans at most two digits.
pub fn block_sum<T: Float>(level: Level, block: &[T]) -> f64 {
    debug_assert!(block.len() <= SUM_BLOCK);
    let sum = level.run(
        #[inline(always)]
        || sum_of_digits(block),
    );
    sum.unwrap_or_else(|| {
        let mut sum = ExactSum::default();
        sum.add_block(level, block);
        sum.value()
    })
}

#[inline(always)]
fn sum_of_digits<T: Float>(block: &[T]) -> Option<f64> {
    let Span { top, digits, .. } = match sum_if_exact(block) {
        Ok(sum) => return Some(sum),
        Err(span) => span,
    };
    match digits {
        0 => Some(0.0),
        1 => {
            let [Digit { total, exponent }] = split::<T, 1>(block, top);
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

/// The sum of a block, if adding in `f64` is exact, otherwise its span.
#[inline(always)]
fn sum_if_exact<T: Float>(block: &[T]) -> Result<f64, Span> {
    if SpanSum::<T>::CAN_BE_EXACT { SpanSum::of(block).sum() } else { Err(Span::of(block)) }
}

/// The number total·2^exponent: the sum of one digit of every number of a block.
struct Digit {
    total: i64,
    exponent: i32,
}

/// Splits a block of numbers below 2^top into digits, and sums each digit. There must be enough digits that no rest is left.
#[inline(always)]
fn split<T: Float, const DIGITS: usize>(block: &[T], top: i32) -> [Digit; DIGITS] {
    let exponents: [i32; DIGITS] =
        std::array::from_fn(|digit| (top + 1 - digit as i32 * DIGIT_BITS).max(MIN_EXPONENT));
    let m = exponents.map(|exponent| 1.5 * power_of_two(exponent));
    let mut sums = [0_u64; DIGITS];
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
    std::array::from_fn(|digit| {
        let total = sums[digit].wrapping_sub(m[digit].to_bits().wrapping_mul(count)) as i64;
        Digit { total, exponent: exponents[digit] - DIGIT_BITS }
    })
}
