//! Exact sums: a fixed-point superaccumulator with integer limbs.
//!
//! A finite `f64` is an integer multiple of 2⁻¹⁰⁷⁴. The accumulator holds such an integer in limbs
//! of 32 bits, each in an `i64` with room for carries, so adding is integer addition: exact,
//! associative, commutative. Only [`ExactSum::value`] rounds, once. (Kulisch 1971; the small
//! superaccumulator of Neal, *Fast exact summation using small and large superaccumulators*, 2015.)
//!
//! Blocks are not added one number at a time. Against a block of numbers below 2ᴱ, adding
//! M = 1.5·2^(E+1) rounds a number to a multiple of M's last place and leaves that multiple, an
//! integer, in the low bits of the sum: the integers are added as integers, and what the rounding
//! left over, which subtraction gives exactly, goes on to the next level, p − 1 bits further down.
//! (The extraction of Rump, Ogita and Oishi, *Accurate floating-point summation I*, 2008, Algorithm
//! 3.2, with integers for its sums.)

use crate::kernel::{Float, Level};

const LIMB_BITS: u32 = 32;
/// 2098 bits from 2⁻¹⁰⁷⁴ to 2¹⁰²⁴, and 78 for the carries of more numbers than can be counted.
const LIMBS: usize = 68;
/// Additions after which a limb of at most 2³³ a time must be carried.
const CAPACITY: u32 = 1 << 29;
/// How many numbers a block may hold.
pub const BLOCK: usize = 1024;
/// How many of its integers are summed at the width of the numbers: 2⁸ of at most 2²² fit an `i32`.
const RUN: usize = 256;
/// Numbers compared beside each other.
const WIDTH: usize = 16;

/// The exact sum of any number of floats.
#[derive(Clone, Debug)]
pub struct ExactSum {
    limbs: [i64; LIMBS],
    /// Additions since the last carry.
    pending: u32,
    nans: i64,
    infinities: [i64; 2],
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { limbs: [0; LIMBS], pending: 0, nans: 0, infinities: [0; 2] }
    }
}

impl ExactSum {
    /// The sum of one number.
    pub fn of(value: f64) -> ExactSum {
        let mut sum = ExactSum::default();
        sum.add(value);
        sum
    }

    /// Adds one number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        if exponent == 0x7ff {
            return self.add_special(value);
        }
        let significand = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        self.add_shifted(significand, exponent.saturating_sub(1), value.is_sign_negative());
    }

    /// Adds ±significand·2^(shift − 1074), shift ≤ 2045.
    #[inline]
    fn add_shifted(&mut self, significand: u64, shift: usize, negative: bool) {
        let (first, offset) = (shift / LIMB_BITS as usize, shift as u32 % LIMB_BITS);
        let wide = u128::from(significand) << offset;
        for (i, limb) in self.limbs[first..first + 3].iter_mut().enumerate() {
            let part = i64::from((wide >> (LIMB_BITS * i as u32)) as u32);
            *limb += if negative { -part } else { part };
        }
        self.count(1);
    }

    #[cold]
    fn add_special(&mut self, value: f64) {
        if value.is_nan() {
            self.nans += 1;
        } else {
            self.infinities[usize::from(value < 0.0)] += 1;
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        for (limb, more) in self.limbs.iter_mut().zip(&other.limbs) {
            *limb += more;
        }
        self.nans = self.nans.saturating_add(other.nans);
        for (count, more) in self.infinities.iter_mut().zip(&other.infinities) {
            *count = count.saturating_add(*more);
        }
        self.count(other.pending + 1);
    }

    #[inline]
    fn count(&mut self, additions: u32) {
        self.pending += additions;
        if self.pending >= CAPACITY {
            self.carry();
        }
    }

    /// Brings every limb but the last into 0..2³².
    fn carry(&mut self) {
        self.pending = 0;
        let used = |&limb: &i64| limb != 0;
        let first = self.limbs.iter().position(used).unwrap_or(LIMBS);
        let last = self.limbs.iter().rposition(used).unwrap_or(0);
        let mut carry = 0;
        for (i, limb) in self.limbs[..LIMBS - 1].iter_mut().enumerate().skip(first) {
            if i > last && carry == 0 {
                return;
            }
            let sum = *limb + carry;
            *limb = sum & 0xffff_ffff;
            carry = sum >> LIMB_BITS;
        }
        self.limbs[LIMBS - 1] += carry;
    }

    /// The sum, rounded to nearest, ties to even. NaN if one was added, or both infinities.
    pub fn value(&self) -> f64 {
        match (self.nans, self.infinities) {
            (0, [0, 0]) => self.finite_value(),
            (0, [_, 0]) => f64::INFINITY,
            (0, [0, _]) => f64::NEG_INFINITY,
            _ => f64::NAN,
        }
    }

    /// The sum, which must not be negative, times a count.
    pub fn times(&self, count: u64) -> ExactSum {
        let mut product = self.clone();
        product.carry();
        debug_assert!(product.limbs[LIMBS - 1] >= 0);
        let mut carry = 0;
        for limb in &mut product.limbs {
            let wide = i128::from(*limb) * i128::from(count) + carry;
            *limb = (wide & 0xffff_ffff) as i64;
            carry = wide >> LIMB_BITS;
        }
        product
    }

    fn finite_value(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            sum.carry();
        }
        let magnitude = sum.magnitude();
        if negative { -magnitude } else { magnitude }
    }

    /// The value of carried limbs that are not negative.
    fn magnitude(&self) -> f64 {
        let Some(top) = self.limbs.iter().rposition(|&limb| limb != 0) else {
            return 0.0;
        };
        // Four limbs hold 97 significant bits or more, of which 64 are kept. One more bit tells
        // whether anything is left below: rounding to odd makes the second rounding right
        // (Boldo and Melquiond, 2008).
        let below = top.saturating_sub(3);
        let head = self.limbs[below..=top]
            .iter()
            .rev()
            .fold(0, |head: u128, &limb| head << LIMB_BITS | limb as u128);
        let lost = 64u32.saturating_sub(head.leading_zeros());
        let inexact =
            head & ((1 << lost) - 1) != 0 || self.limbs[..below].iter().any(|&limb| limb != 0);
        let significand = (head >> lost) as u64 | u64::from(inexact);
        // A multiple of 2^-1074 below 2^-1022 has at most 52 digits: scaling never rounds.
        let exponent = (below as u32 * LIMB_BITS + lost) as i32 - 1074;
        significand as f64 * power_of_two(exponent / 2) * power_of_two(exponent - exponent / 2)
    }

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
        let Some((largest, smallest)) = magnitudes(block) else {
            return self.add_each(block);
        };
        // Every number is below 2^top in magnitude and a multiple of 2^bottom.
        let (top, bottom) = (largest.exponent() + 1, smallest.exponent() + 1 - T::DIGITS);
        let bits = top + 1 - bottom;
        if top >= T::MAX_EXPONENT || bits > 6 * (T::DIGITS - 1) {
            self.add_each(block);
        } else if bits > 3 * (T::DIGITS - 1) {
            self.add_levels::<T, 6>(block, top);
        } else if bits > 2 * (T::DIGITS - 1) {
            self.add_levels::<T, 3>(block, top);
        } else {
            self.add_levels::<T, 2>(block, top);
        }
    }

    fn add_each<T: Float>(&mut self, block: &[T]) {
        block.iter().for_each(|number| self.add(number.to_f64()));
    }

    /// Adds a block in so many levels that nothing is left over.
    #[inline(always)]
    fn add_levels<T: Float, const LEVELS: usize>(&mut self, block: &[T], top: i32) {
        let exponents: [i32; LEVELS] = std::array::from_fn(|level| {
            (top + 1 - level as i32 * (T::DIGITS - 1)).max(T::MIN_EXPONENT)
        });
        let m = exponents.map(T::one_and_a_half);
        let mut totals = [0; LEVELS];
        for numbers in block.chunks(RUN) {
            let mut sums = [T::Bits::default(); LEVELS];
            for &number in numbers {
                let mut rest = number;
                for (sum, &m) in sums.iter_mut().zip(&m) {
                    let shifted = rest + m;
                    *sum = T::add_bits(*sum, shifted);
                    rest = rest - (shifted - m);
                }
            }
            for ((total, sum), m) in totals.iter_mut().zip(sums).zip(m) {
                *total += T::integer(sum, m, numbers.len());
            }
        }
        for (total, exponent) in totals.into_iter().zip(exponents) {
            let shift = (exponent + 1 - T::DIGITS + 1074) as usize;
            self.add_shifted(total.unsigned_abs(), shift, total < 0);
        }
    }
}

/// The largest and the smallest magnitude, zeros left out; none where not all numbers are finite.
#[inline(always)]
fn magnitudes<T: Float>(block: &[T]) -> Option<(T, T)> {
    let first = block.first()?.abs();
    let mut range =
        Range { largest: [first; WIDTH], smallest: [first; WIDTH], strange: [T::ZERO; WIDTH] };
    let (whole, tail) = block.as_chunks::<WIDTH>();
    for numbers in whole {
        range.widen(numbers);
    }
    range.widen(&padded(tail, first));
    let largest = halved(range.largest, |a, b| if b > a { b } else { a });
    let mut smallest = halved(range.smallest, |a, b| if b < a { b } else { a });
    if smallest == T::ZERO {
        let sizes = block.iter().map(|number| number.abs()).filter(|&size| size > T::ZERO);
        smallest = sizes.fold(T::MAX, |a, b| if b < a { b } else { a });
    }
    let finite = halved(range.strange, |a, b| a + b) == T::ZERO;
    finite.then_some((largest, smallest))
}

/// What the magnitudes of a block span, and 1 where one is not finite.
struct Range<T> {
    largest: [T; WIDTH],
    smallest: [T; WIDTH],
    strange: [T; WIDTH],
}

impl<T: Float> Range<T> {
    #[inline(always)]
    fn widen(&mut self, numbers: &[T; WIDTH]) {
        for i in 0..WIDTH {
            let size = numbers[i].abs();
            self.largest[i] = if size > self.largest[i] { size } else { self.largest[i] };
            self.smallest[i] = if size < self.smallest[i] { size } else { self.smallest[i] };
            self.strange[i] = if size <= T::MAX { self.strange[i] } else { T::ONE };
        }
    }
}

/// The numbers joined to one, each half with the other.
#[inline(always)]
fn halved<B: Copy>(mut numbers: [B; WIDTH], join: impl Fn(B, B) -> B) -> B {
    let mut width = WIDTH;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            numbers[i] = join(numbers[i], numbers[i + width]);
        }
    }
    numbers[0]
}

/// A tail, filled up.
#[inline(always)]
fn padded<T: Float>(tail: &[T], filling: T) -> [T; WIDTH] {
    let mut last = [filling; WIDTH];
    last[..tail.len()].copy_from_slice(tail);
    last
}

/// 2^exponent for −1022 ≤ exponent ≤ 1023.
#[inline(always)]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests;
