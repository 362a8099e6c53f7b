//! Sums over the classes of a distribution of many, four terms at a time in the computing type.
//!
//! Class c belongs to stripe c mod [`MANY_STRIPES`]. Of each stripe [`FOUR`] terms, ((a + b) + c) + d, are added in the
//! computing type, which rounds by about as much as the terms were rounded, and those sums in `f64`; the stripes are
//! added as a [`tree`]. Four of which the sum is not finite are added in `f64` from the start: they may only be too
//! large. Classes whose terms are zero change nothing where they stand at the end of a distribution.
//!
//! (To `f64` and added there one by one, the terms of 1,000 classes took a fifth of the time of all on Zen 4; so they take
//! an eighth. Added in the loop that computes them, they made that loop wait.)

use super::sum::add_to_each;
use crate::elementwise::Running;
use crate::number::Float;
use crate::number::Level;
use crate::number::tree;

/// Stripes of a distribution of many classes.
pub const MANY_STRIPES: usize = 16;
/// Terms of a stripe that are added in the computing type.
pub const FOUR: usize = 4;
/// The classes of one such addition.
const BLOCK: usize = FOUR * MANY_STRIPES;

/// The running sum of the terms of a distribution of many classes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))] // as `Aligned`
pub struct ManySum([f64; MANY_STRIPES]);

impl ManySum {
    /// Adds the terms of the next classes, the first so many of these; a multiple of 64 came before.
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

    /// The same as [`add`](Self::add), taking no four for too large.
    #[inline(always)]
    fn add_fast<T: Float>(&mut self, terms: &[T], classes: usize) {
        let (whole, rest) = terms.split_at(classes / BLOCK * BLOCK);
        let mut sums = self.0;
        for block in whole.as_chunks().0 {
            add_block(&mut sums, block);
        }
        let left = classes % BLOCK;
        if left > 0 {
            add_block(&mut sums, &first_of(rest, left));
        }
        self.0 = sums;
    }

    #[cold]
    #[inline(never)]
    fn add_with_care<T: Float>(&mut self, terms: &[T]) {
        for block in terms.chunks(BLOCK) {
            let mut rows = [[T::ZERO; MANY_STRIPES]; FOUR];
            rows.as_flattened_mut()[..block.len()].copy_from_slice(block);
            add_four_with_care(&mut self.0, rows.each_ref().map(|row| &row[..]));
        }
    }
}

impl Running for ManySum {
    const STRIPES: usize = MANY_STRIPES;

    #[inline(always)]
    fn value(self) -> f64 {
        tree(self.0)
    }
}

/// The sums of distributions of many classes that lie one behind the other. What lies behind the last is not added,
/// but spares a copy of its end.
pub fn sum_each_of_many<T: Float>(level: Level, terms: &[T], classes: usize, sums: &mut [f64]) {
    level.run(
        #[inline(always)]
        || {
            for (lane, place) in sums.iter_mut().enumerate() {
                let terms = &terms[lane * classes..];
                let mut sum = ManySum::default();
                sum.add_fast(terms, classes);
                // One number is asked, not each stripe.
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

#[inline(always)]
fn add_block<T: Float>(sums: &mut [f64; MANY_STRIPES], block: &[T; BLOCK]) {
    add_row(sums, &early(block));
}

#[inline(always)]
fn four<T: Float>([a, b, c, d]: [T; FOUR]) -> T {
    ((a + b) + c) + d
}

/// The sum of each four.
#[inline(always)]
fn early<T: Float>(block: &[T; BLOCK]) -> [T; MANY_STRIPES] {
    const ROW: usize = MANY_STRIPES;
    let mut early = [T::ZERO; ROW];
    for i in 0..ROW {
        early[i] = four([block[i], block[i + ROW], block[i + 2 * ROW], block[i + 3 * ROW]]);
    }
    early
}

/// Whether some four add up to no finite number.
#[cold]
#[inline(never)]
fn has_too_large<T: Float>(terms: &[T]) -> bool {
    // In `f64` there is no other way to add them.
    T::DIGITS < f64::MANTISSA_DIGITS as i32
        && terms.chunks(BLOCK).any(|terms| {
            let mut block = [T::ZERO; BLOCK];
            block[..terms.len()].copy_from_slice(terms);
            !early(&block).iter().all(|early| early.abs() <= T::MAX)
        })
}

/// The first `count` terms and zeros, taken out of whole vectors where more terms follow.
#[inline(always)]
fn first_of<T: Float>(terms: &[T], count: usize) -> [T; BLOCK] {
    let mut first = [T::ZERO; BLOCK];
    match terms.first_chunk::<BLOCK>() {
        Some(terms) => {
            for i in 0..BLOCK {
                first[i] = if i < count { terms[i] } else { T::ZERO };
            }
        }
        None => first[..count].copy_from_slice(&terms[..count]),
    }
    first
}

/// Adds [`FOUR`] rows of terms, one behind the other, to the sums of one stripe of neighbouring distributions.
pub fn add_four_to_each<T: Float>(level: Level, sums: &mut [f64], rows: &[T]) {
    let lanes = sums.len();
    level.run(
        #[inline(always)]
        || {
            for (start, sums) in (0..).step_by(MANY_STRIPES).zip(sums.chunks_mut(MANY_STRIPES)) {
                let row = |row: usize| &rows[row * lanes + start..][..sums.len()];
                let rows = [row(0), row(1), row(2), row(3)];
                let fast = <&mut [f64; MANY_STRIPES]>::try_from(&mut *sums).ok().is_some_and(
                    #[inline(always)]
                    |sums| add_fast_four(sums, rows),
                );
                if !fast {
                    add_four_with_care(sums, rows);
                }
            }
        },
    );
}

/// False, and nothing is added, where four are too large.
#[inline(always)]
fn add_fast_four<T: Float>(sums: &mut [f64; MANY_STRIPES], rows: [&[T]; FOUR]) -> bool {
    let [Some(a), Some(b), Some(c), Some(d)] = rows.map(|row| row.first_chunk::<MANY_STRIPES>())
    else {
        return false;
    };
    let mut early = [T::ZERO; MANY_STRIPES];
    let mut finite = true;
    for i in 0..MANY_STRIPES {
        early[i] = four([a[i], b[i], c[i], d[i]]);
        finite &= early[i].abs() <= T::MAX;
    }
    if finite {
        add_row(sums, &early);
    }
    finite
}

#[inline(always)]
fn add_row<T: Float>(sums: &mut [f64; MANY_STRIPES], row: &[T; MANY_STRIPES]) {
    for i in 0..MANY_STRIPES {
        sums[i] += row[i].to_f64();
    }
}

#[cold]
#[inline(never)]
fn add_four_with_care<T: Float>(sums: &mut [f64], [a, b, c, d]: [&[T]; FOUR]) {
    for (i, sum) in sums.iter_mut().enumerate() {
        let terms = [a[i], b[i], c[i], d[i]];
        let early = four(terms);
        *sum += if early.abs() <= T::MAX { early.to_f64() } else { four(terms.map(T::to_f64)) };
    }
}

/// Adds the rows of classes of neighbouring lanes to their sums, as many at a time as there is room for: 1 or [`FOUR`].
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
            false => add_four_to_each(level, sums, rows),
        }
    }
}
