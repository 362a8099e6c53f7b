//! Sums over the classes of a distribution, in `f64`, in an order fixed by the class index alone.
//!
//! Classes are dealt to S stripes, class c to stripe c mod S, and the sums of the stripes are added as a
//! tree, each to the one S/2 before it, and so on. S is [`STRIPES`], or [`FEW_STRIPES`] where there are
//! few classes. Stripes start from +0, so classes whose terms are zero change nothing where they stand at
//! the end of a distribution.

use crate::number::Float;
use crate::number::Level;
use crate::number::tree;

/// Up to so many classes the total is the exact sum of all terms. Beyond, it is the exact sum of the
/// distributions' sums, and those have more stripes, of which four terms are added at a time. Part of what the bits
/// are defined by.
pub const FEW: usize = 64;

/// So many classes are summed in one go; a longer distribution is the exact sum of such parts.
pub const PART: usize = 1 << 16;

/// Sums that run beside each other over many classes.
pub const STRIPES: usize = 32;
/// The same over few classes.
pub const FEW_STRIPES: usize = 4;

/// The running sum of a distribution of many classes, and in which order it adds: what sums many beside each other
/// has to keep it too.
pub trait Running: Default {
    /// Class c belongs to stripe c mod this, and the sums of the stripes are added as a tree.
    const STRIPES: usize;

    /// The sum.
    fn value(self) -> f64;
}

/// The running sum of a distribution of many classes: of masses, and of softmaxes against a given target. Terms of
/// log-probabilities are added [four at a time](super::fours).
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))] // as `Aligned`
pub struct LaneSum(pub [f64; STRIPES]);

impl LaneSum {
    /// Adds the terms of the next classes, of which a multiple of [`STRIPES`] came before.
    pub fn add<T: Float>(&mut self, level: Level, terms: &[T]) {
        level.run(
            #[inline(always)]
            || add_values(&mut self.0, terms),
        );
    }
}

impl Running for LaneSum {
    const STRIPES: usize = STRIPES;

    #[inline]
    fn value(self) -> f64 {
        tree(self.0)
    }
}

/// Deals values to the stripes. (The tail is dealt to them where they are: an array that is indexed by a
/// variable is not kept in registers.)
#[inline(always)]
pub fn add_values<T: Float>(stripes: &mut [f64; STRIPES], values: &[T]) {
    let mut sums = *stripes;
    let (whole, tail) = values.as_chunks::<STRIPES>();
    for values in whole {
        for i in 0..STRIPES {
            sums[i] += values[i].to_f64();
        }
    }
    *stripes = sums;
    for (sum, value) in stripes.iter_mut().zip(tail) {
        *sum += value.to_f64();
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

/// The sums, each rounded.
pub fn narrow<T: Float>(level: Level, sums: &[f64], out: &mut [T]) {
    level.run(
        #[inline(always)]
        || out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = T::from_f64(sum)),
    );
}

/// The sums of distributions of few classes that lie one behind the other.
pub fn sum_each<T: Float>(level: Level, terms: &[T], classes: usize, sums: &mut [f64]) {
    level.run(
        #[inline(always)]
        || match classes % FEW_STRIPES {
            0 => sum_each_with::<T, 0>(terms, classes, sums),
            1 => sum_each_with::<T, 1>(terms, classes, sums),
            2 => sum_each_with::<T, 2>(terms, classes, sums),
            _ => sum_each_with::<T, 3>(terms, classes, sums),
        },
    );
}

/// The same where `REST` classes are left when every stripe has had as many. (Were the number of
/// classes known, lanes would be vectorised across, by gathers: twice as slow.)
#[inline(always)]
fn sum_each_with<T: Float, const REST: usize>(terms: &[T], classes: usize, sums: &mut [f64]) {
    for (lane, sum) in terms.chunks_exact(classes).zip(sums) {
        let (whole, rest) = lane.as_chunks::<FEW_STRIPES>();
        let mut stripes = [0.0; FEW_STRIPES];
        for terms in whole {
            for i in 0..FEW_STRIPES {
                stripes[i] += terms[i].to_f64();
            }
        }
        for i in 0..REST {
            stripes[i] += rest[i].to_f64();
        }
        *sum = tree(stripes);
    }
}
