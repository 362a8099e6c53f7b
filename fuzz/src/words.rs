//! Words of partial results.

use arbitrary::{Arbitrary, Unstructured};
use kldiv::{BatchMean, DistributionMean, Error, KLDivLoss, Mean, Partial, Sum, SumOver};
use ndarray::Array2;

/// Words that pass the checksum, mostly.
#[derive(Debug)]
pub struct Words {
    pub words: [i64; Partial::WORDS],
    pub extremes: [i64; 2],
}

impl<'a> Arbitrary<'a> for Words {
    /// Words of a batch of any numbers, some of them exchanged for others.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Words> {
        let numbers: [f64; 6] = bytes.arbitrary()?;
        let [x, t] = [0, 3].map(|at| Array2::from_shape_fn((3, 1), |(i, _)| numbers[at + i]));
        let partial = KLDivLoss::new(Sum).batch(&x, &t).and_then(|batch| batch.partial());
        let partial = partial.unwrap_or_default();
        let (mut words, mut extremes) = (partial.to_words(), partial.extremes());
        let (magic, added) = (words[0], bytes.arbitrary::<u32>()?.into());
        for _ in 0..bytes.int_in_range(0..=16)? {
            *bytes.choose_iter(words[3..].iter_mut())? = bytes.arbitrary()?;
        }
        if bytes.arbitrary()? {
            extremes = bytes.arbitrary()?;
        }
        if !bytes.ratio(1, 16)? {
            [words[0], words[1]] = [magic * added, added];
            words[2] = checksum(&words);
        }
        Ok(Words { words, extremes })
    }
}

impl Words {
    pub fn partial(&self) -> Result<Partial, Error> {
        Partial::from_words(&self.words, self.extremes)
    }
}

/// Bytes that are exchanged for others, and how many are cut off at the end.
#[derive(Debug)]
pub struct Edits {
    bytes: Vec<(u16, u8)>,
    cut: u8,
}

impl<'a> Arbitrary<'a> for Edits {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Edits> {
        let edits = (0..bytes.int_in_range(0..=4)?).map(|_| bytes.arbitrary());
        let edits = edits.collect::<arbitrary::Result<_>>()?;
        let cut = if bytes.ratio(1, 8)? { bytes.arbitrary()? } else { 0 };
        Ok(Edits { bytes: edits, cut })
    }
}

impl Edits {
    /// The same edits are digits of a text, or bytes.
    pub fn edited(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let len = bytes.len();
        self.bytes.iter().for_each(|&(at, byte)| bytes[usize::from(at) % len] = byte);
        bytes.truncate(len - usize::from(self.cut));
        bytes
    }
}

/// As src/partial/words.rs computes it.
fn checksum(words: &[i64; Partial::WORDS]) -> i64 {
    const PRIME: i64 = (1 << 31) - 1;
    words[3..].iter().rev().fold(0, |sum, word| (sum * 1_103_515_245 + word % PRIME) % PRIME)
}

/// Every partial result comes back, from words and from text.
pub fn check(partial: &Partial) {
    let again = Partial::from_words(&partial.to_words(), partial.extremes());
    assert_eq!(again.as_ref(), Ok(partial));
    let text = serde_json::to_string(partial).unwrap();
    assert_eq!(&serde_json::from_str::<Partial>(&text).unwrap(), partial);
    let bytes = postcard::to_stdvec(partial).unwrap();
    assert_eq!(&postcard::from_bytes::<Partial>(&bytes).unwrap(), partial);
}

/// Every partial result merges, as its words do, and can be read.
pub fn check_merge(partial: &Partial) {
    let mut merged = Partial::default();
    merged.merge(partial);
    assert_eq!(&merged, partial);
    merged.merge(partial);
    let words: Vec<i64> = partial.to_words().map(|word| word.wrapping_mul(2)).into();
    let added = Partial::from_words(&words.try_into().unwrap(), partial.extremes());
    if let Ok(added) = added {
        assert_eq!(added, merged);
    }
    let _ = (merged.mean(), merged.standard_error(), merged.min(), merged.max());
    let _ = KLDivLoss::new(SumOver(3.0)).finish::<f32>(&merged);
    let _ = KLDivLoss::new(BatchMean).finish::<f32>(&merged);
    let _ = KLDivLoss::new(DistributionMean).finish::<f64>(&merged);
    let _ = KLDivLoss::new(Mean).finish::<f64>(&merged);
}
