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

    /// Everything except the [extremes](Self::extremes) as integers. Add the words of several partial results element by element: **the
    /// sum of the words is the merge**. Anything that adds 64-bit integers can do it: MPI, a collective on a GPU,
    /// SQL, a queue of workers.
    ///
    /// The words of up to 2³¹ = 2 147 483 648 partial results may be added before any word overflows. All zeros are the words of
    /// `Partial::default()`. The layout is the same on every machine, and may change with the minor version of this crate.
    /// [`from_words`](Self::from_words) checks it.
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

    /// The extremes as integers, from which [`min`](Self::min) and [`max`](Self::max) are read. To merge those of two partial results,
    /// take the larger of each.
    ///
    /// One integer is for the largest D, the other for the largest −D. Integers have the same order as the numbers. If a D is NaN, they
    /// are above those of all numbers. If there is no D, they are `i64::MIN`.
    #[must_use]
    pub fn extremes(&self) -> [i64; 2] {
        self.moments.extremes.0
    }

    /// The merge of partial results, from the sums of their words and the maxima of their extremes.
    ///
    /// # Errors
    /// [`InvalidPartial`](Error::InvalidPartial) if the words are not sums of [`to_words`](Self::to_words), or if the extremes do not fit
    /// the words: extremes of no distributions, or none of some. The extremes have no checksum, so other changes of them go
    /// unnoticed. The form of serde has a checksum for them.
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
        return Err(invalid(
            "more than 2³¹ were added, or the words are not those of Partial::to_words",
        ));
    }
    if magic != MAGIC * added {
        return Err(invalid("another version, or words that are not those of Partial::to_words"));
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
