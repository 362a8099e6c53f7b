//! A sum as integers: adding the words of two sums gives the words of their sum.

use super::{ExactSum, LIMB_BITS, LIMBS};

/// The number of words of a sum: its limbs, and the counts of NaN, ∞ and −∞.
pub const WORDS: usize = LIMBS + 3;

impl ExactSum {
    /// The words of the sum. Every limb but the last is carried, so it is in 0..2³².
    pub fn to_words(&self) -> [i64; WORDS] {
        let mut sum = self.clone();
        sum.carry();
        let mut words = [0; WORDS];
        words[..LIMBS].copy_from_slice(&sum.limbs);
        words[LIMBS..].copy_from_slice(&[sum.nans, sum.infinities[0], sum.infinities[1]]);
        words
    }

    /// The sum of up to 2³¹ sums whose words were added. `None` if no such sums have these words.
    pub fn from_words(words: &[i64; WORDS]) -> Option<ExactSum> {
        let (limbs, counts) = words.split_at(LIMBS);
        let (last, others) = limbs.split_last()?;
        if others.iter().chain(counts).any(|&word| word < 0) {
            return None;
        }
        let mut sum =
            ExactSum { nans: counts[0], infinities: [counts[1], counts[2]], ..Self::default() };
        let mut carry = 0;
        for (limb, &word) in sum.limbs.iter_mut().zip(others) {
            let word = word.checked_add(carry)?;
            *limb = word & 0xffff_ffff;
            carry = word >> LIMB_BITS;
        }
        // No count of f64s, however large, reaches the last limb's upper half.
        sum.limbs[LIMBS - 1] =
            last.checked_add(carry).filter(|last| i32::try_from(*last).is_ok())?;
        Some(sum)
    }
}
