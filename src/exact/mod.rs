//! Exact sums: a fixed-point superaccumulator with integer limbs.
//!
//! A finite `f64` is an integer multiple of 2⁻¹⁰⁷⁴. The accumulator holds such an integer in limbs
//! of 32 bits, each in an `i64` with room for carries, so adding is integer addition: exact,
//! associative, commutative. Only [`ExactSum::value`] rounds, once. (Kulisch 1971; the small
//! superaccumulator of Neal, *Fast exact summation using small and large superaccumulators*, 2015.)
//!
//! Blocks of numbers are not added one at a time: see [`block`].

mod block;
mod span;
mod wide;
mod words;

pub use block::block_sum;
pub use span::{RUN, SUM_BLOCK};
pub use words::WORDS as SUM_WORDS;

use crate::number::{Float, power_of_two};

/// The bits of a limb, without carries.
const LIMB_BITS: u32 = 32;
/// The number of limbs: 2098 bits from 2⁻¹⁰⁷⁴ to 2¹⁰²⁴, and 78 for the carries of more numbers than can be counted.
const LIMBS: usize = 68;
/// The number of additions after which limbs must be carried: each adds at most 2³³ to a limb.
const CAPACITY: u32 = 1 << 29;

/// The exact sum of any number of floats.
#[derive(Clone, Debug)]
pub struct ExactSum {
    limbs: [i64; LIMBS],
    /// The number of additions since the last carry.
    pending: u32,
    nans: i64,
    infinities: [i64; 2],
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { limbs: [0; LIMBS], pending: 0, nans: 0, infinities: [0; 2] }
    }
}

/// Two sums are equal if their finite parts are, and if they have as many NaN, ∞ and −∞.
impl PartialEq for ExactSum {
    fn eq(&self, other: &ExactSum) -> bool {
        let [mut a, mut b] = [self.clone(), other.clone()];
        a.carry();
        b.carry();
        (a.limbs, a.nans, a.infinities) == (b.limbs, b.nans, b.infinities)
    }
}

impl Eq for ExactSum {}

impl ExactSum {
    /// The sum whose value is a count.
    pub fn of(count: u64) -> ExactSum {
        let mut sum = ExactSum::default();
        sum.add_shifted(count, 1074, false);
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

    /// Adds ±significand·2^(shift − 1074), for shift ≤ 2045.
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

    /// Adds a number that is not finite.
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

    /// Counts additions, and carries when there were too many.
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

    /// Whether a NaN was added.
    pub fn has_nan(&self) -> bool {
        self.nans != 0
    }

    /// The sum, rounded to nearest, ties to even. It is NaN if a NaN was added, or both infinities.
    pub fn value(&self) -> f64 {
        match (self.nans, self.infinities) {
            (0, [0, 0]) => self.finite_value(),
            (0, [_, 0]) => f64::INFINITY,
            (0, [0, _]) => f64::NEG_INFINITY,
            _ => f64::NAN,
        }
    }

    /// The sum times a count.
    pub fn times(&self, count: u64) -> ExactSum {
        let (negative, mut product) = self.sign_and_magnitude();
        let mut carry = 0;
        for limb in &mut product.limbs {
            let wide = i128::from(*limb) * i128::from(count) + carry;
            *limb = (wide & 0xffff_ffff) as i64;
            carry = wide >> LIMB_BITS;
        }
        if negative {
            product.limbs.iter_mut().for_each(|limb| *limb = -*limb);
        }
        product
    }

    /// The value of the finite part, rounded.
    fn finite_value(&self) -> f64 {
        self.short_value().unwrap_or_else(|| self.long_value())
    }

    /// The finite sum, if an integer of 128 bits can hold it.
    fn short_value(&self) -> Option<f64> {
        let used = |&limb: &i64| limb != 0;
        let (first, last) = (self.limbs.iter().position(used), self.limbs.iter().rposition(used));
        let Some((first, last)) = first.zip(last) else { return Some(0.0) };
        let append =
            |sum: i128, limb: &i64| sum.checked_mul(1 << LIMB_BITS)?.checked_add(i128::from(*limb));
        let sum = self.limbs[first..=last].iter().rev().try_fold(0, append)?;
        Some(scaled(sum as f64, (LIMB_BITS as usize * first) as i32 - 1074))
    }

    /// The value of the finite part, rounded, for any sum.
    fn long_value(&self) -> f64 {
        let (negative, sum) = self.sign_and_magnitude();
        let (significand, exponent) = leading(&sum.limbs);
        let magnitude = scaled(significand as f64, exponent - 1074);
        if negative { -magnitude } else { magnitude }
    }

    /// The sign of the finite sum (whether it is negative) and its magnitude, carried.
    fn sign_and_magnitude(&self) -> (bool, ExactSum) {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            sum.carry();
        }
        (negative, sum)
    }
}

/// The value of carried limbs that are not negative, as (significand, exponent). The significand is rounded to odd: its last bit is
/// 1 if lower bits were cut off.
fn leading(limbs: &[i64]) -> (u64, i32) {
    let Some(top) = limbs.iter().rposition(|&limb| limb != 0) else {
        return (0, 0);
    };
    // Four limbs hold 97 significant bits or more, of which 64 are kept. One more bit tells whether
    // anything is left below: rounding to odd makes the second rounding right (Boldo and Melquiond,
    // 2008).
    let below = top.saturating_sub(3);
    let head = limbs[below..=top]
        .iter()
        .rev()
        .fold(0, |head: u128, &limb| head << LIMB_BITS | limb as u128);
    let lost = 64u32.saturating_sub(head.leading_zeros());
    let inexact = head & ((1 << lost) - 1) != 0 || limbs[..below].iter().any(|&limb| limb != 0);
    let significand = (head >> lost) as u64 | u64::from(inexact);
    (significand, (below as u32 * LIMB_BITS + lost) as i32)
}

/// The exponent ⌊log₂ number⌋, at least −1022. It is 1024 if the number is not finite.
#[inline(always)]
fn exponent<T: Float>(number: T) -> i32 {
    ((number.to_f64().to_bits() >> 52 & 0x7ff) as i32).max(1) - 1023
}

/// The product number·2^exponent, exact unless it overflows, for an integer `number` and an exponent of at least −1074. No bits are
/// lost, since a multiple of 2⁻¹⁰⁷⁴ below 2⁻¹⁰²² has at most 52.
#[inline(always)]
fn scaled(number: f64, exponent: i32) -> f64 {
    number * power_of_two(exponent / 2) * power_of_two(exponent - exponent / 2)
}

#[cfg(test)]
mod tests;
