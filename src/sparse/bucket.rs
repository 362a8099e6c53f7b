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

    /// Adds the bucket of the next classes.
    pub fn join(&mut self, next: Bucket, level: Level, rate: f64) {
        let (high, low) = if self.peak >= next.peak { (*self, next) } else { (next, *self) };
        // No difference of two quarters overflows.
        let apart = (low.peak * 0.25 - high.peak * 0.25) * rate * 4.0;
        let share = match low.peak == high.peak {
            true => 1.0,
            false => level.run(
                #[inline(always)]
                || exp(apart),
            ),
        };
        *self = Bucket { peak: high.peak, sum: high.sum + low.sum * share };
    }

    /// The logit of one class with the bucket's share of q.
    pub fn logit(&self, level: Level, rate: f64) -> f64 {
        match self.sum == 0.0 {
            true => f64::NEG_INFINITY,
            false => level.run(
                #[inline(always)]
                || self.peak + ln(self.sum) / rate,
            ),
        }
    }
}

/// Scratch for the buckets of lanes.
pub struct BucketReader<A: Number> {
    level: Level,
    softmax: LogSoftmax<A::Real>,
    masked: Vec<A>,
}

impl<A: Number> BucketReader<A> {
    /// For inputs with this 1/τ.
    pub fn new(level: Level, rate: f64) -> Self {
        let settings = Settings {
            level,
            arrangement: Arrangement::OneLane,
            rates: Rates { common: rate, ratios: [1.0; 2] },
            outputs: false,
            sides: [false; 2],
            each: false,
            generalized: false,
        };
        BucketReader { level, softmax: LogSoftmax::new(settings), masked: Vec::new() }
    }

    /// The bucket of a block of classes, at most one tile, of which `named` are in it too.
    pub fn block(&mut self, numbers: &[A], classes: &Range<usize>, named: &[usize]) -> Bucket {
        let BucketReader { level, softmax, masked } = self;
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
        Bucket { peak: peak.to_f64(), sum: softmax.total(numbers) }
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
