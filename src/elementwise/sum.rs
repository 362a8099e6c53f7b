//! Sums over the classes of a distribution, in `f64`, in an order fixed by the class index alone.
//!
//! Class c belongs to stripe c mod S. The sums of the S stripes are added as a
//! tree, each to the one S/2 before it, and so on. S is [`FEW_STRIPES`] for few classes; [`many`](super::many) has
//! the order for many. Stripes start from +0, so terms of zero at the end of a distribution change nothing.

use crate::number::Float;
use crate::number::Level;
use crate::number::tree;

/// The most classes with which the total is the exact sum of all terms. With more classes it is the exact sum of the distributions'
/// sums, and those have more stripes. The bits of a result depend on this number.
pub const FEW_CLASSES: usize = 64;

/// The most classes that are summed in `f64`. The sum of a longer distribution is the exact sum of the sums of such parts.
pub const PART: usize = 1 << 16;

/// The number of stripes of a distribution of at most [`FEW_CLASSES`] classes.
pub const FEW_STRIPES: usize = 4;

/// Adds each term to the sum at the same index.
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

/// Writes the sums, each rounded.
pub fn narrow_all<T: Float>(level: Level, sums: &[f64], out: &mut [T]) {
    level.run(
        #[inline(always)]
        || out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = T::from_f64(sum)),
    );
}

/// Sums distributions of few classes that lie one behind the other.
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

/// Sums distributions. `REST` is the number of classes modulo the number of stripes.
///
/// The number of classes is not a constant: the compiler would then take one class of several lanes at a time by gathers, which
/// is slower (benches/LIMITS.md).
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
