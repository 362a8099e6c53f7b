//! Partial results as integers, for whatever can add them.

use super::moments::{Extremes, Moments};
use super::{Counts, Partial};
use crate::error::Error;
use crate::exact::{ExactSum, SUM_WORDS};

/// The magic number: "KLD", and the version of the layout.
const MAGIC: i64 = 0x4b_4c_44_00 + 1;
/// The most partial results whose words may be added: a word is below 2³², and its sum must fit an `i64`.
const MOST: i64 = 1 << 31;
/// The number of words of the head: magic number, number of partial results, checksum, four counts.
const HEAD: usize = 7;
/// The number of exact sums.
const SUMS: usize = 5;
/// The modulus of the checksum, the prime 2³¹ − 1. A flipped bit, or two words exchanged, change the remainder.
const PRIME: i64 = (1 << 31) - 1;
/// The multiplier of the checksum.
const MULTIPLIER: i64 = 1_103_515_245;

impl Partial {
    /// The length of [`to_words`](Self::to_words).
    pub const WORDS: usize = HEAD + SUMS * SUM_WORDS;

    /// All but the extremes as integers, to be added to those of others word by word: **the sum of the
    /// words is the merge**. Anything that sums 64-bit integers can do it: MPI, a collective on a GPU,
    /// SQL, a queue of workers.
    ///
    /// Up to 2³¹ = 2 147 483 648 of them may be added before any word overflows. All zeros are the words of
    /// nothing. The layout is the same on every machine, and is checked by
    /// [`from_words`](Self::from_words); it may change with the minor version of this crate.
    ///
    /// ```
    /// use kldiv::{KLDivLoss, Partial, Sum};
    /// use ndarray::array;
    ///
    /// let criterion = KLDivLoss::new(Sum);
    /// let part = |q: f64| criterion.batch(&array![q, 1.0 - q].ln(), &array![0.5, 0.5])?.partial();
    /// let (mut a, b) = (part(0.25)?, part(0.125)?);
    ///
    /// let words: [i64; Partial::WORDS] = std::array::from_fn(|i| a.to_words()[i] + b.to_words()[i]);
    /// let extremes = [0, 1].map(|i| a.extremes()[i].max(b.extremes()[i]));
    /// a.merge(&b);
    /// assert_eq!(Partial::from_words(&words, extremes)?, a);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub fn to_words(&self) -> [i64; Self::WORDS] {
        let Partial { loss, moments: Moments { w, wd, wd2, w2, count, .. }, counts } = self;
        let mut words = [0; Self::WORDS];
        let counts = [counts.elements, counts.rows, counts.distributions, *count];
        words[HEAD - 4..HEAD].copy_from_slice(&counts.map(|n| n.try_into().unwrap_or(i64::MAX)));
        let (sums, _) = words[HEAD..].as_chunks_mut::<SUM_WORDS>();
        for (words, sum) in sums.iter_mut().zip([loss, w, wd, wd2, w2]) {
            *words = sum.to_words();
        }
        [words[0], words[1], words[2]] = [MAGIC, 1, checksum(&words)];
        words
    }

    /// The extremes, from which [`min`](Self::min) and [`max`](Self::max) are read. To merge those of two partial results, take the
    /// larger of each.
    ///
    /// They are integers for the largest D and the largest −D, in the same order as the numbers. They are above all numbers if a D is
    /// NaN, and `i64::MIN` if there is no D.
    #[must_use]
    pub fn extremes(&self) -> [i64; 2] {
        self.moments.extremes.0
    }

    /// The merge of the partial results whose words were added and whose extremes were maximised.
    ///
    /// # Errors
    /// [`InvalidPartial`](Error::InvalidPartial) where a check fails: the words are not sums of
    /// [`to_words`](Self::to_words), or there are extremes of nothing, or none of something. The extremes carry no
    /// check of their own: other changes of them go unnoticed (serde's form has one).
    pub fn from_words(words: &[i64; Self::WORDS], extremes: [i64; 2]) -> Result<Partial, Error> {
        check_head(words)?;
        let [elements, rows, distributions, count] =
            [3, 4, 5, 6].map(|i| u64::try_from(words[i]).ok());
        let counts = || {
            let [elements, rows, distributions] = [elements?, rows?, distributions?];
            Some(Counts { elements, rows, distributions })
        };
        let (sums, _) = words[HEAD..].as_chunks::<SUM_WORDS>();
        let sum = |i: usize| ExactSum::from_words(&sums[i]);
        let moments = || {
            let (w, wd, wd2, w2) = (sum(1)?, sum(2)?, sum(3)?, sum(4)?);
            Some(Moments { w, wd, wd2, w2, count: count?, extremes: Extremes(extremes) })
        };
        let partial = || Some(Partial { loss: sum(0)?, moments: moments()?, counts: counts()? });
        let partial = partial().ok_or(invalid("a word is out of range"))?;
        let Moments { wd, count, extremes, .. } = &partial.moments;
        if !extremes.are_valid(*count > 0, wd.has_nan()) {
            return Err(invalid("the extremes belong to other words"));
        }
        Ok(partial)
    }
}

/// The error of words that are refused.
fn invalid(reason: &'static str) -> Error {
    Error::InvalidPartial { reason }
}

/// Checks the head, whose words are sums over the partial results that were added.
fn check_head(words: &[i64; Partial::WORDS]) -> Result<(), Error> {
    let [magic, added, sum_of_checksums, ..] = *words;
    if !(0..=MOST).contains(&added) {
        return Err(invalid("too many were added, or these are no words of a partial result"));
    }
    if magic != MAGIC * added {
        return Err(invalid("another version, or no words of a partial result"));
    }
    if added == 0 && words.iter().any(|&word| word != 0)
        || sum_of_checksums.wrapping_sub(checksum(words)) % PRIME != 0
    {
        return Err(invalid("the words are damaged"));
    }
    Ok(())
}

/// The checksum: a linear function, modulo a prime, of the words behind the first three. The checksum of a sum is the sum of the
/// checksums.
fn checksum(words: &[i64; Partial::WORDS]) -> i64 {
    words[3..].iter().rev().fold(0, |sum, word| (sum * MULTIPLIER + word % PRIME) % PRIME)
}
