//! The bucket of a lane: q of all classes that are not named.
//!
//! ln q of the bucket, but for what normalises the lane, is max z/τ + ln Σe^((z − max z)/τ) over its classes. Block after block has
//! a maximum and a sum of its own, and sums are joined over the greater maximum, so that the lane is read once. Named classes are
//! −∞ meanwhile.

use std::ops::Range;

use crate::elementwise::TILE;
use crate::number::{Float, Level, Number, WIDTH, exp, ln};
use crate::softmax::{Arrangement, LogSoftmax, Peaks, Rates, Settings};

/// The logits of a lane's bucket: the greatest, and Σe^((z − greatest)/τ).
///
/// Where all are −∞ the sum is 0. Where some are +∞ it is their number, or NaN if one is NaN.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    pub peak: f64,
    pub sum: f64,
}

impl Bucket {
    /// That of no classes.
    pub const EMPTY: Self = Bucket { peak: f64::NEG_INFINITY, sum: 0.0 };

    /// The logit of one class with the bucket's share of q, less a shift.
    pub fn logit(&self, level: Level, rate: f64, shift: f64) -> f64 {
        match self.sum == 0.0 {
            true => f64::NEG_INFINITY,
            false => level.run(
                #[inline(always)]
                || (self.peak - shift) + ln(self.sum) / rate,
            ),
        }
    }
}

/// Scratch for the buckets of lanes.
pub struct BucketReader<A: Number> {
    level: Level,
    /// The number of classes.
    pub classes: usize,
    /// 1/τ.
    rate: f64,
    softmax: LogSoftmax<A::Real>,
    masked: Vec<A>,
}

impl<A: Number> BucketReader<A> {
    /// For inputs of so many classes, with this 1/τ.
    pub fn new(level: Level, classes: usize, rate: f64) -> Self {
        let settings = Settings {
            level,
            arrangement: Arrangement::OneLane,
            rates: Rates { common: rate, ratios: [1.0; 2] },
            outputs: false,
            sides: [false; 2],
            pairs: false,
            each: false,
            generalized: false,
        };
        let softmax = LogSoftmax::new(settings);
        BucketReader { level, classes, rate, softmax, masked: Vec::new() }
    }

    /// The bucket of a block of classes, at most one tile, of which `named` are in it too. Meanwhile the next block is prefetched.
    pub fn block(
        &mut self,
        numbers: &[A],
        classes: &Range<usize>,
        named: &[usize],
        next: &[A],
    ) -> Bucket {
        let BucketReader { level, softmax, masked, .. } = self;
        let numbers = match named {
            [] => numbers,
            _ => {
                masked.clear();
                masked.extend_from_slice(numbers);
                let absent = A::narrow(f64::NEG_INFINITY);
                named.iter().for_each(|class| masked[class - classes.start] = absent);
                masked
            }
        };
        let peak = level.run(
            #[inline(always)]
            || {
                let mut peaks = Peaks::default();
                peaks.add(*level, numbers);
                peaks.greatest(Arrangement::OneLane)[0]
            },
        );
        if peak.abs() == A::Real::INFINITY {
            let is_nan = numbers.iter().any(|z| z.widen().is_nan());
            let count = numbers.iter().filter(|z| z.widen() == A::Real::INFINITY).count();
            let sum = if is_nan { f64::NAN } else { count as f64 };
            return Bucket { peak: peak.to_f64(), sum };
        }
        softmax.take_peaks([peak; WIDTH]);
        Bucket { peak: peak.to_f64(), sum: softmax.total(numbers, next) }
    }

    /// Adds the bucket of the next classes.
    pub fn join(&self, bucket: &mut Bucket, next: Bucket) {
        let (high, low) = if bucket.peak >= next.peak { (*bucket, next) } else { (next, *bucket) };
        // No difference of two quarters overflows.
        let apart = (low.peak * 0.25 - high.peak * 0.25) * self.rate * 4.0;
        let share = match low.peak == high.peak {
            true => 1.0,
            false => self.level.run(
                #[inline(always)]
                || exp(apart),
            ),
        };
        *bucket = Bucket { peak: high.peak, sum: high.sum + low.sum * share };
    }

    /// Writes factor·e^((z − peak)/τ) of each class of a block; of an infinite peak, factor where z is the peak, and 0 elsewhere.
    pub fn share_out(&mut self, numbers: &[A], bucket: &Bucket, factor: f64, out: &mut [A]) {
        let peak = A::Real::from_f64(bucket.peak);
        if peak.abs() < A::Real::INFINITY {
            self.softmax.take_peaks([peak; WIDTH]);
            return self.softmax.scaled_weights(numbers, factor, out);
        }
        for (z, out) in numbers.iter().zip(out) {
            let has_share = z.widen() == peak || factor.is_nan();
            *out = A::narrow(if has_share { factor } else { 0.0 });
        }
    }
}

/// The classes of a lane, block by block, and the named ones in each.
pub fn blocks(classes: usize, named: &[usize]) -> impl Iterator<Item = (Range<usize>, &[usize])> {
    let mut rest = named;
    crate::layout::steps(0..classes, TILE).map(move |block| {
        let (named, after) = rest.split_at(rest.partition_point(|&class| class < block.end));
        rest = after;
        (block, named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of a bucket and of what it shares out, by every instruction set, and near the sums as they are defined.
    #[test]
    fn every_instruction_set_gives_the_same() {
        for len in [1, 15, 16, 17, 127, 128, 129, 1000, 1024] {
            let number = |i: usize| ((i * 7919 % 1009) as f32 - 600.0) / 20.0;
            let numbers: Vec<f32> = (0..len).map(number).collect();
            let named: Vec<usize> = (0..len).step_by(3).skip(1).collect();
            let found: Vec<_> = Level::all()
                .into_iter()
                .map(|level| {
                    let mut reader = BucketReader::new(level, len, 0.75);
                    let bucket = reader.block(&numbers, &(0..len), &named, &numbers);
                    let mut out = vec![0.0; len];
                    reader.share_out(&numbers, &bucket, 1e-3, &mut out);
                    let out: Vec<u32> = out.iter().map(|share: &f32| share.to_bits()).collect();
                    (bucket.peak.to_bits(), bucket.sum.to_bits(), out)
                })
                .collect();
            assert!(found.iter().all(|other| *other == found[0]), "{len}");
            let others = (0..len).filter(|class| !named.contains(class));
            let peak = f64::from_bits(found[0].0);
            let sum: f64 = others.map(|i| ((f64::from(number(i)) - peak) * 0.75).exp()).sum();
            assert!((f64::from_bits(found[0].1) / sum - 1.0).abs() < 1e-6, "{len}");
        }
    }

    #[test]
    fn unusual_numbers() {
        let bucket = |numbers: &[f32]| {
            let len = numbers.len();
            let found =
                BucketReader::new(Level::best(), len, 1.0).block(numbers, &(0..len), &[], &[]);
            (found.peak, found.sum)
        };
        let inf = f32::INFINITY;
        assert_eq!(bucket(&[-inf, -inf]), (f64::NEG_INFINITY, 0.0));
        assert_eq!(bucket(&[inf, 1.0, inf]), (f64::INFINITY, 2.0));
        assert!(bucket(&[inf, f32::NAN]).1.is_nan());
        for payload in [0, 1, 0xff, 0x1ff, 0x3f_ffff] {
            for sign in [0, 1 << 31] {
                let nan = f32::from_bits(0x7fc0_0000 | payload | sign);
                assert!(bucket(&[1.0, nan, 0.5]).1.is_nan(), "{payload:x}");
                assert!(bucket(&[nan]).1.is_nan());
            }
        }
    }
}
