//! Sums over the classes of a distribution, in an order fixed by the class index alone.
//!
//! Few classes are added one after the other. Many are dealt to [`STRIPES`] sums, class c to sum
//! c mod `STRIPES`, which are then added as a tree. Both start from +0, so classes whose terms are
//! zero change nothing wherever they stand at the end of a distribution.

use super::float::Float;
use super::level::Level;

/// Sums that run beside each other over many classes.
pub const STRIPES: usize = 16;

/// The running sum of a distribution of many classes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaneSum(pub [f64; STRIPES]);

impl LaneSum {
    /// Adds the terms of the next classes, of which a multiple of [`STRIPES`] came before.
    pub fn add<T: Float>(&mut self, level: Level, terms: &[T]) {
        level.run(
            #[inline(always)]
            || {
                let mut sums = self.0;
                let (whole, tail) = terms.as_chunks::<STRIPES>();
                for terms in whole {
                    for i in 0..STRIPES {
                        sums[i] += terms[i].to_f64();
                    }
                }
                for (sum, term) in sums.iter_mut().zip(tail) {
                    *sum += term.to_f64();
                }
                self.0 = sums;
            },
        );
    }

    /// The sum.
    #[inline]
    pub fn value(mut self) -> f64 {
        let mut width = STRIPES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                self.0[i] += self.0[i + width];
            }
        }
        self.0[0]
    }
}

/// sums[i] += terms[i].
pub fn add_to_each<T: Float>(level: Level, sums: &mut [f64], terms: &[T]) {
    level.run(
        #[inline(always)]
        || {
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term.to_f64();
            }
        },
    );
}

/// The sums of distributions of few classes that lie one behind the other; `wide` is room for the
/// terms as `f64`.
pub fn sum_each<T: Float>(
    level: Level,
    terms: &[T],
    classes: usize,
    wide: &mut [f64],
    sums: &mut [f64],
) {
    level.run(
        #[inline(always)]
        || {
            for (wide, term) in wide.iter_mut().zip(terms) {
                *wide = term.to_f64();
            }
            let lanes = wide.chunks_exact(classes).zip(sums);
            lanes.for_each(|(lane, sum)| *sum = lane.iter().fold(0.0, |sum, term| sum + term));
        },
    );
}
