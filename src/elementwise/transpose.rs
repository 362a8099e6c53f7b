//! Transposition of short lanes: from one lane behind the other to one class behind the other, and back.

use crate::number::Level;
use crate::number::Number;
use crate::number::{TRANSPOSED_CLASSES, TRANSPOSED_LANES};

/// Copies at most N lanes of at most 2¹⁶ classes, one behind the other, to rows: one row for each class.
pub fn transpose<T: Number, const N: usize>(level: Level, lanes: &[T], rows: &mut [[T; N]]) {
    level.run(
        #[inline(always)]
        || match rows.len() {
            1 => transpose_few::<_, 1, N>(lanes, rows),
            2 => transpose_few::<_, 2, N>(lanes, rows),
            3 => transpose_few::<_, 3, N>(lanes, rows),
            _ => transpose_blocks(level, lanes, rows),
        },
    );
}

/// Copies rows, one for each class, to lanes one behind the other.
pub fn transpose_back<A: Number, const N: usize>(level: Level, rows: &[[A; N]], lanes: &mut [A]) {
    level.run(
        #[inline(always)]
        || match rows.len() {
            1 => transpose_few_back::<_, 1, N>(rows, lanes),
            2 => transpose_few_back::<_, 2, N>(rows, lanes),
            3 => transpose_few_back::<_, 3, N>(rows, lanes),
            _ => transpose_blocks_back(level, rows, lanes),
        },
    );
}

/// Transposes lanes of C classes, which are too few for blocks.
#[inline(always)]
fn transpose_few<T: Number, const C: usize, const N: usize>(lanes: &[T], rows: &mut [[T; N]]) {
    let lanes = lanes.as_chunks::<C>().0;
    for (class, row) in rows.iter_mut().enumerate() {
        let (row, rest) = row.split_at_mut(lanes.len());
        for (to, lane) in row.iter_mut().zip(lanes) {
            *to = lane[class];
        }
        rest.fill(T::default());
    }
}

/// Transposes rows of C classes back to lanes.
#[inline(always)]
fn transpose_few_back<A: Number, const C: usize, const N: usize>(rows: &[[A; N]], lanes: &mut [A]) {
    let Some(rows) = rows.first_chunk::<C>() else { return };
    for (i, lane) in lanes.as_chunks_mut::<C>().0.iter_mut().enumerate() {
        for (out, row) in lane.iter_mut().zip(rows) {
            *out = row[i];
        }
    }
}

/// Transposes lanes of [`TRANSPOSED_CLASSES`] classes or more, block by block.
#[inline(always)]
fn transpose_blocks<T: Number, const N: usize>(level: Level, lanes: &[T], rows: &mut [[T; N]]) {
    let classes = rows.len();
    let count = lanes.len() / classes;
    for (group, lanes) in lanes.chunks_exact(TRANSPOSED_LANES * classes).enumerate() {
        let at = group * TRANSPOSED_LANES;
        for start in starts(classes) {
            let block = T::transpose_block(level, &lanes[start..], classes);
            for (row, block) in rows[start..][..TRANSPOSED_CLASSES].iter_mut().zip(&block) {
                row[at..at + TRANSPOSED_LANES].copy_from_slice(block);
            }
        }
    }
    for (i, lane) in
        lanes.chunks_exact(classes).enumerate().skip(count / TRANSPOSED_LANES * TRANSPOSED_LANES)
    {
        rows.iter_mut().zip(lane).for_each(|(row, &number)| row[i] = number);
    }
    rows.iter_mut().for_each(|row| row[count..].fill(T::default()));
}

/// Transposes rows of [`TRANSPOSED_CLASSES`] classes or more back to lanes.
#[inline(always)]
fn transpose_blocks_back<A: Number, const N: usize>(
    level: Level,
    rows: &[[A; N]],
    lanes: &mut [A],
) {
    let classes = rows.len();
    let count = lanes.len() / classes;
    for (group, lanes) in lanes.chunks_exact_mut(TRANSPOSED_LANES * classes).enumerate() {
        let at = group * TRANSPOSED_LANES;
        for start in starts(classes) {
            let row = part(rows, at);
            let rows = [row(start), row(start + 1), row(start + 2), row(start + 3)];
            A::transpose_block_back(level, rows, &mut lanes[start..], classes);
        }
    }
    for (i, lane) in lanes
        .chunks_exact_mut(classes)
        .enumerate()
        .skip(count / TRANSPOSED_LANES * TRANSPOSED_LANES)
    {
        lane.iter_mut().zip(rows).for_each(|(out, row)| *out = row[i]);
    }
}

/// The lanes of a block, from lane `at` on, of the row of a class.
#[inline(always)]
fn part<'a, A, const N: usize>(rows: &'a [[A; N]], at: usize) -> impl Fn(usize) -> &'a [A] {
    #[inline(always)]
    move |class| &rows[class][at..at + TRANSPOSED_LANES]
}

/// The first class of each block. The last block may overlap the one before it.
#[inline(always)]
fn starts(classes: usize) -> impl Iterator<Item = usize> {
    let last = classes - TRANSPOSED_CLASSES;
    (0..classes).step_by(TRANSPOSED_CLASSES).map(move |start| start.min(last))
}
