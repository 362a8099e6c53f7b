//! Sums over many classes of a distribution: groups of four terms are summed in the computing type, their sums in `f64`.
//!
//! Class c belongs to stripe c mod [`MANY_STRIPES`]. [`PRESUMMED`] terms of a stripe are added in the computing type,
//! ((a + b) + c) + d, which rounds by about as much as the terms were rounded. These presums are added in `f64`, and the stripes
//! as a [`tree`]. If a presum is not finite, its terms are added in `f64` instead: they may only be too large for the computing
//! type. Classes whose terms are zero change nothing at the end of a distribution.
//!
//! benches/LIMITS.md has the times of other ways.

use super::sum::add_to_each;
use crate::number::Float;
use crate::number::Level;
use crate::number::tree;

/// The number of stripes of a distribution of many classes.
pub const MANY_STRIPES: usize = 16;
/// The number of terms of a stripe that are added in the computing type.
pub const PRESUMMED: usize = 4;
/// The number of classes of a row of presums.
const ROW_CLASSES: usize = PRESUMMED * MANY_STRIPES;

/// The running sum of the terms of a distribution of many classes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))] // As `Aligned`.
pub struct ManySum([f64; MANY_STRIPES]);

impl ManySum {
    /// The number of stripes.
    pub const STRIPES: usize = MANY_STRIPES;

    /// The sum.
    #[inline(always)]
    pub fn value(self) -> f64 {
        tree(self.0)
    }

    /// Adds the first `classes` terms, those of the next classes. The number of classes added before must be a multiple of 64.
    pub fn add<T: Float>(&mut self, level: Level, terms: &[T], classes: usize) {
        level.run(
            #[inline(always)]
            || {
                let before = *self;
                self.add_fast(terms, classes);
                let finite = self.0.iter().fold(true, |finite, sum| finite & sum.is_finite());
                if !finite && has_too_large(&terms[..classes]) {
                    *self = before;
                    self.add_with_care(&terms[..classes]);
                }
            },
        );
    }

    /// Adds the terms as [`add`](Self::add) does, but does not check whether presums are finite.
    #[inline(always)]
    fn add_fast<T: Float>(&mut self, terms: &[T], classes: usize) {
        let (whole, rest) = terms.split_at(classes / ROW_CLASSES * ROW_CLASSES);
        let mut sums = self.0;
        for block in whole.as_chunks().0 {
            add_block(&mut sums, block);
        }
        let left = classes % ROW_CLASSES;
        if left > 0 {
            add_block(&mut sums, &first_of(rest, left));
        }
        self.0 = sums;
    }

    #[cold]
    #[inline(never)]
    fn add_with_care<T: Float>(&mut self, terms: &[T]) {
        for block in terms.chunks(ROW_CLASSES) {
            let mut rows = [[T::ZERO; MANY_STRIPES]; PRESUMMED];
            rows.as_flattened_mut()[..block.len()].copy_from_slice(block);
            add_presums_with_care(&mut self.0, rows.each_ref().map(|row| &row[..]));
        }
    }
}

/// Sums distributions of many classes that lie one behind the other. Numbers of `terms` after the last distribution are not added;
/// with them the last classes need no copy.
pub fn sum_each_of_many<T: Float>(level: Level, terms: &[T], classes: usize, sums: &mut [f64]) {
    level.run(
        #[inline(always)]
        || {
            for (lane, place) in sums.iter_mut().enumerate() {
                let terms = &terms[lane * classes..];
                let mut sum = ManySum::default();
                sum.add_fast(terms, classes);
                // One check of the sum, instead of one of each stripe.
                *place = sum.value();
                if !place.is_finite() && has_too_large(&terms[..classes]) {
                    sum = ManySum::default();
                    sum.add_with_care(&terms[..classes]);
                    *place = sum.value();
                }
            }
        },
    );
}

/// Adds the presums of a block.
#[inline(always)]
fn add_block<T: Float>(sums: &mut [f64; MANY_STRIPES], block: &[T; ROW_CLASSES]) {
    add_row(sums, &presums(block));
}

/// The sum of terms of a stripe.
#[inline(always)]
fn presum<T: Float>([a, b, c, d]: [T; PRESUMMED]) -> T {
    ((a + b) + c) + d
}

/// The presum of each stripe.
#[inline(always)]
fn presums<T: Float>(block: &[T; ROW_CLASSES]) -> [T; MANY_STRIPES] {
    const ROW: usize = MANY_STRIPES;
    let mut presums = [T::ZERO; ROW];
    for i in 0..ROW {
        presums[i] = presum([block[i], block[i + ROW], block[i + 2 * ROW], block[i + 3 * ROW]]);
    }
    presums
}

/// Whether some presum is not finite.
#[cold]
#[inline(never)]
fn has_too_large<T: Float>(terms: &[T]) -> bool {
    // In `f64` there is no other way to add them.
    T::DIGITS < f64::MANTISSA_DIGITS as i32
        && terms.chunks(ROW_CLASSES).any(|terms| {
            let mut block = [T::ZERO; ROW_CLASSES];
            block[..terms.len()].copy_from_slice(terms);
            !presums(&block).iter().all(|presums| presums.abs() <= T::MAX)
        })
}

/// The first `count` terms, followed by zeros. They are masked from whole vectors where enough terms follow.
#[inline(always)]
fn first_of<T: Float>(terms: &[T], count: usize) -> [T; ROW_CLASSES] {
    let mut first = [T::ZERO; ROW_CLASSES];
    match terms.first_chunk::<ROW_CLASSES>() {
        Some(terms) => {
            for i in 0..ROW_CLASSES {
                first[i] = if i < count { terms[i] } else { T::ZERO };
            }
        }
        None => first[..count].copy_from_slice(&terms[..count]),
    }
    first
}

/// Adds [`PRESUMMED`] rows of terms to the sums of one stripe of neighbouring distributions.
pub fn add_presums_to_each<T: Float>(level: Level, sums: &mut [f64], rows: &[T]) {
    let lanes = sums.len();
    level.run(
        #[inline(always)]
        || {
            for (start, sums) in (0..).step_by(MANY_STRIPES).zip(sums.chunks_mut(MANY_STRIPES)) {
                let row = |row: usize| &rows[row * lanes + start..][..sums.len()];
                let rows = [row(0), row(1), row(2), row(3)];
                let fast = <&mut [f64; MANY_STRIPES]>::try_from(&mut *sums).ok().is_some_and(
                    #[inline(always)]
                    |sums| add_presums_fast(sums, rows),
                );
                if !fast {
                    add_presums_with_care(sums, rows);
                }
            }
        },
    );
}

/// Adds the presums; returns false, and adds nothing, if one is not finite.
#[inline(always)]
fn add_presums_fast<T: Float>(sums: &mut [f64; MANY_STRIPES], rows: [&[T]; PRESUMMED]) -> bool {
    let [Some(a), Some(b), Some(c), Some(d)] = rows.map(|row| row.first_chunk::<MANY_STRIPES>())
    else {
        return false;
    };
    let mut presums = [T::ZERO; MANY_STRIPES];
    let mut finite = true;
    for i in 0..MANY_STRIPES {
        presums[i] = presum([a[i], b[i], c[i], d[i]]);
        finite &= presums[i].abs() <= T::MAX;
    }
    if finite {
        add_row(sums, &presums);
    }
    finite
}

/// Adds a row of presums.
#[inline(always)]
fn add_row<T: Float>(sums: &mut [f64; MANY_STRIPES], row: &[T; MANY_STRIPES]) {
    for i in 0..MANY_STRIPES {
        sums[i] += row[i].to_f64();
    }
}

#[cold]
#[inline(never)]
fn add_presums_with_care<T: Float>(sums: &mut [f64], [a, b, c, d]: [&[T]; PRESUMMED]) {
    for (i, sum) in sums.iter_mut().enumerate() {
        let terms = [a[i], b[i], c[i], d[i]];
        let presums = presum(terms);
        *sum +=
            if presums.abs() <= T::MAX { presums.to_f64() } else { presum(terms.map(T::to_f64)) };
    }
}

/// Adds the rows of classes of neighbouring lanes to their sums: as many rows at a time as `rows` holds, 1 or [`PRESUMMED`].
pub fn add_rows<T: Float, C>(
    level: Level,
    classes: impl Iterator<Item = C>,
    mut fill: impl FnMut(C, &mut [T]),
    rows: &mut [T],
    sums: &mut [f64],
) {
    let mut classes = classes.peekable();
    while classes.peek().is_some() {
        for row in rows.chunks_exact_mut(sums.len()) {
            match classes.next() {
                Some(class) => fill(class, row),
                None => row.fill(T::ZERO),
            }
        }
        match rows.len() == sums.len() {
            true => add_to_each(level, sums, rows),
            false => add_presums_to_each(level, sums, rows),
        }
    }
}
