//! Exact sums: a fixed-point superaccumulator with integer limbs.
//!
//! A finite `f64` is an integer multiple of 2⁻¹⁰⁷⁴. The accumulator holds such an integer in limbs
//! of 32 bits, each in an `i64` with room for carries, so adding is integer addition: exact,
//! associative, commutative. Only [`ExactSum::value`] rounds, once. (Kulisch 1971; the small
//! superaccumulator of Neal, *Fast exact summation using small and large superaccumulators*, 2015.)
//!
//! Blocks are not added one number at a time. Against a block of n ≤ 1024 numbers below 2ᴱ, the
//! constant M = 1.5·2^(E+10) splits each number d into q = (d + M) − M and d − q, both exactly, and
//! Σq is exact in `f64`; the remainders go on against 2⁻⁴³·M (Rump, Ogita and Oishi, *Accurate
//! floating-point summation I*, 2008, Algorithm 3.2).

use crate::kernel::{Float, Level};

const LIMB_BITS: u32 = 32;
/// 2098 bits from 2⁻¹⁰⁷⁴ to 2¹⁰²⁴, and 78 for the carries of more numbers than can be counted.
const LIMBS: usize = 68;
/// Additions after which a limb of at most 2³³ a time must be carried.
const CAPACITY: u32 = 1 << 29;
/// How many numbers a block may hold.
pub const BLOCK: usize = 1024;
/// log₂ [`BLOCK`].
const BLOCK_BITS: i32 = 10;
/// What one level takes off: 53 bits less those that a block's sum needs.
const LEVEL_BITS: i32 = 53 - BLOCK_BITS;
/// Sums that run beside each other within a block.
const WIDTH: usize = 8;

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
        ExactSum {
            limbs: [0; LIMBS],
            pending: 0,
            nans: 0,
            infinities: [0; 2],
        }
    }
}

impl ExactSum {
    /// Adds one number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        if exponent == 0x7ff {
            return self.add_special(value);
        }
        let significand = if exponent == 0 {
            fraction
        } else {
            fraction | 1 << 52
        };
        self.add_shifted(
            significand,
            exponent.saturating_sub(1),
            value.is_sign_negative(),
        );
    }

    /// Adds ±significand·2^(shift − 1074).
    #[inline]
    fn add_shifted(&mut self, significand: u64, shift: usize, negative: bool) {
        let (first, offset) = (shift / LIMB_BITS as usize, shift as u32 % LIMB_BITS);
        let wide = u128::from(significand) << offset;
        let Some(limbs) = self.limbs.get_mut(first..first + 3) else {
            return;
        };
        for (i, limb) in limbs.iter_mut().enumerate() {
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
        self.nans += other.nans;
        for (count, more) in self.infinities.iter_mut().zip(&other.infinities) {
            *count += more;
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
        let mut carry = 0;
        for limb in &mut self.limbs[..LIMBS - 1] {
            let sum = *limb + carry;
            *limb = sum & 0xffff_ffff;
            carry = sum >> LIMB_BITS;
        }
        self.limbs[LIMBS - 1] += carry;
        self.pending = 0;
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

    /// The sum, times a count.
    pub fn times(&self, count: u64) -> ExactSum {
        let mut product = self.clone();
        product.carry();
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

    /// Adds a block of at most [`BLOCK`] numbers, which it may use up.
    pub fn add_block<T: Float>(&mut self, level: Level, block: &mut [T]) {
        debug_assert!(block.len() <= BLOCK);
        level.run(
            #[inline(always)]
            || self.add_block_inline(block),
        );
    }

    #[inline(always)]
    fn add_block_inline<T: Float>(&mut self, block: &mut [T]) {
        let Range {
            finite,
            largest,
            smallest,
        } = Range::of(block);
        let mut top = exponent(largest) + 1 + BLOCK_BITS;
        if !finite || top > 960 {
            return block.iter().for_each(|number| self.add(number.to_f64()));
        }
        // Every number is a multiple of 2^bottom.
        let bottom = exponent(smallest) + 1 - T::DIGITS;
        while top - 53 > bottom + 2 * LEVEL_BITS {
            let sums = split::<T, 1, true>(block, top);
            self.add(sums[0]);
            top -= LEVEL_BITS;
        }
        let sums = match top - 53 - bottom {
            ..=0 => split::<T, 0, false>(block, top),
            1..=LEVEL_BITS => split::<T, 1, false>(block, top),
            _ => split::<T, 2, false>(block, top),
        };
        sums.iter().for_each(|&sum| self.add(sum));
    }
}

/// What a block spans.
struct Range {
    finite: bool,
    largest: f64,
    /// Zeros left out; the largest finite number where nothing else is.
    smallest: f64,
}

impl Range {
    #[inline(always)]
    fn of<T: Float>(block: &[T]) -> Range {
        let mut strange = [T::ZERO; 2 * WIDTH];
        let mut largest = [T::ZERO; 2 * WIDTH];
        let mut smallest = [T::MAX; 2 * WIDTH];
        for numbers in padded::<T, { 2 * WIDTH }>(block) {
            for i in 0..2 * WIDTH {
                let size = numbers[i].abs();
                strange[i] = if size <= T::MAX { strange[i] } else { T::ONE };
                largest[i] = if size > largest[i] { size } else { largest[i] };
                let least = (size < smallest[i]) & (size > T::ZERO);
                smallest[i] = if least { size } else { smallest[i] };
            }
        }
        Range {
            finite: strange.iter().all(|&strange| strange == T::ZERO),
            largest: largest
                .iter()
                .fold(0.0, |most, size| size.to_f64().max(most)),
            smallest: smallest
                .iter()
                .fold(f64::MAX, |least, size| size.to_f64().min(least)),
        }
    }
}

/// The sums of `LEVELS` leading parts and of the rest, which `KEEP` leaves in the block.
#[inline(always)]
fn split<T: Float, const LEVELS: usize, const KEEP: bool>(block: &mut [T], top: i32) -> [f64; 3] {
    let mut sums = [[0.0; WIDTH]; 3];
    let m: [f64; LEVELS] =
        std::array::from_fn(|level| 1.5 * power_of_two(top - level as i32 * LEVEL_BITS));
    let (whole, tail) = block.as_chunks_mut::<WIDTH>();
    for numbers in whole {
        split_step::<T, LEVELS, KEEP>(numbers, &m, &mut sums);
    }
    let mut last = [T::ZERO; WIDTH];
    last[..tail.len()].copy_from_slice(tail);
    split_step::<T, LEVELS, KEEP>(&mut last, &m, &mut sums);
    tail.copy_from_slice(&last[..tail.len()]);
    sums.map(|sum| sum.iter().sum())
}

#[inline(always)]
fn split_step<T: Float, const LEVELS: usize, const KEEP: bool>(
    numbers: &mut [T; WIDTH],
    m: &[f64; LEVELS],
    sums: &mut [[f64; WIDTH]; 3],
) {
    for i in 0..WIDTH {
        let mut rest = numbers[i].to_f64();
        for level in 0..LEVELS {
            let part = (rest + m[level]) - m[level];
            sums[level][i] += part;
            rest -= part;
        }
        if KEEP {
            numbers[i] = T::from_f64(rest);
        } else {
            sums[LEVELS][i] += rest;
        }
    }
}

/// The numbers in arrays of a fixed width, zeros behind the last.
#[inline(always)]
pub fn padded<T: Float, const N: usize>(numbers: &[T]) -> impl Iterator<Item = [T; N]> {
    let (whole, tail) = numbers.as_chunks::<N>();
    let mut last = [T::ZERO; N];
    last[..tail.len()].copy_from_slice(tail);
    whole.iter().copied().chain(std::iter::once(last))
}

/// 2^exponent for −1022 ≤ exponent ≤ 1023.
#[inline(always)]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// ⌊log₂ value⌋, no less than −1022.
#[inline(always)]
fn exponent(value: f64) -> i32 {
    ((value.to_bits() >> 52 & 0x7ff) as i32).max(1) - 1023
}
