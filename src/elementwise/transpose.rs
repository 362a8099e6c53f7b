//! Short lanes, one behind the other, turned to lie beside each other; and back.

use crate::number::Level;
use crate::number::Number;
use crate::number::{BLOCK_CLASSES as CLASSES, BLOCK_LANES as LANES};

/// Lanes one behind the other, at most N of at most 2¹⁶ classes, to rows, one a class.
pub fn transpose<T: Number, const N: usize>(level: Level, lanes: &[T], rows: &mut [[T; N]]) {
    level.run(
        #[inline(always)]
        || match rows.len() {
            1 => turn_few::<_, 1, N>(lanes, rows),
            2 => turn_few::<_, 2, N>(lanes, rows),
            3 => turn_few::<_, 3, N>(lanes, rows),
            _ => turn_blocks(level, lanes, rows),
        },
    );
}

/// And back.
pub fn transpose_back<A: Number, const N: usize>(level: Level, rows: &[[A; N]], lanes: &mut [A]) {
    level.run(
        #[inline(always)]
        || match rows.len() {
            1 => turn_few_back::<_, 1, N>(rows, lanes),
            2 => turn_few_back::<_, 2, N>(rows, lanes),
            3 => turn_few_back::<_, 3, N>(rows, lanes),
            _ => turn_blocks_back(level, rows, lanes),
        },
    );
}

/// Lanes of C classes, too few to be turned in blocks.
#[inline(always)]
fn turn_few<T: Number, const C: usize, const N: usize>(lanes: &[T], rows: &mut [[T; N]]) {
    let lanes = lanes.as_chunks::<C>().0;
    for (class, row) in rows.iter_mut().enumerate() {
        let (row, rest) = row.split_at_mut(lanes.len());
        for (to, lane) in row.iter_mut().zip(lanes) {
            *to = lane[class];
        }
        rest.fill(T::default());
    }
}

/// And back.
#[inline(always)]
fn turn_few_back<A: Number, const C: usize, const N: usize>(rows: &[[A; N]], lanes: &mut [A]) {
    let Some(rows) = rows.first_chunk::<C>() else { return };
    for (i, lane) in lanes.as_chunks_mut::<C>().0.iter_mut().enumerate() {
        for (out, row) in lane.iter_mut().zip(rows) {
            *out = row[i];
        }
    }
}

/// Lanes of [`CLASSES`] or more.
#[inline(always)]
fn turn_blocks<T: Number, const N: usize>(level: Level, lanes: &[T], rows: &mut [[T; N]]) {
    let classes = rows.len();
    let count = lanes.len() / classes;
    for (group, lanes) in lanes.chunks_exact(LANES * classes).enumerate() {
        let at = group * LANES;
        for start in starts(classes) {
            let turned = T::transpose_block(level, &lanes[start..], classes);
            for (row, turned) in rows[start..][..CLASSES].iter_mut().zip(&turned) {
                row[at..at + LANES].copy_from_slice(turned);
            }
        }
    }
    for (i, lane) in lanes.chunks_exact(classes).enumerate().skip(count / LANES * LANES) {
        rows.iter_mut().zip(lane).for_each(|(row, &number)| row[i] = number);
    }
    rows.iter_mut().for_each(|row| row[count..].fill(T::default()));
}

/// And back.
#[inline(always)]
fn turn_blocks_back<A: Number, const N: usize>(level: Level, rows: &[[A; N]], lanes: &mut [A]) {
    let classes = rows.len();
    let count = lanes.len() / classes;
    for (group, lanes) in lanes.chunks_exact_mut(LANES * classes).enumerate() {
        let at = group * LANES;
        for start in starts(classes) {
            let row = part(rows, at);
            let rows = [row(start), row(start + 1), row(start + 2), row(start + 3)];
            A::transpose_block_back(level, rows, &mut lanes[start..], classes);
        }
    }
    for (i, lane) in lanes.chunks_exact_mut(classes).enumerate().skip(count / LANES * LANES) {
        lane.iter_mut().zip(rows).for_each(|(out, row)| *out = row[i]);
    }
}

/// The lanes from `at` on of each row.
#[inline(always)]
fn part<'a, A, const N: usize>(rows: &'a [[A; N]], at: usize) -> impl Fn(usize) -> &'a [A] {
    #[inline(always)]
    move |class| &rows[class][at..at + LANES]
}

/// First classes of the blocks, the last of which may overlap the one before.
#[inline(always)]
fn starts(classes: usize) -> impl Iterator<Item = usize> {
    let last = classes - CLASSES;
    (0..classes).step_by(CLASSES).map(move |start| start.min(last))
}
