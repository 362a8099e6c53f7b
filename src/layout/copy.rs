//! Copies of matrices that are not contiguous row by row.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};

use super::tiles::LINE_NUMBERS;
use crate::elementwise::fetch_rest;
use crate::number::Level;

/// The side of a square that is transposed at once.
const SQUARE_SIDE: usize = LINE_NUMBERS;

/// Copies a matrix, row by row.
pub fn copy<T: Copy + Default>(from: &ArrayView2<'_, T>, to: &mut [T]) {
    let width = from.ncols();
    if width == 0 {
        return;
    }
    if from.strides()[0] == 1 && from.strides()[1] != 1 && from.nrows() >= SQUARE_SIDE / 2 {
        return transpose(from, to);
    }
    let level = Level::best();
    if width == 1 {
        return copy_row(level, from.column(0), to);
    }
    if width < SQUARE_SIDE && !matches!(from.strides()[1], -1 | 1) {
        let to = ArrayViewMut2::from_shape(from.dim(), to);
        return to.unwrap_or_else(|_| unreachable!("as long as the matrix")).assign(from);
    }
    for (from, to) in from.rows().into_iter().zip(to.chunks_exact_mut(width)) {
        copy_row(level, from, to);
    }
}

fn copy_row<T: Copy>(level: Level, from: ArrayView1<'_, T>, to: &mut [T]) {
    if let Some(from) = from.to_slice() {
        return to.copy_from_slice(from);
    }
    let mut reversed = from;
    reversed.invert_axis(Axis(0));
    match reversed.to_slice() {
        Some(from) => level.run(
            #[inline(always)]
            || {
                for (to, &from) in to.iter_mut().rev().zip(from) {
                    *to = from;
                }
            },
        ),
        None => ArrayViewMut1::from(to).assign(&from),
    }
}

/// Copies a matrix whose columns are contiguous, square by square, so that each cache line is read once.
fn transpose<T: Copy + Default>(from: &ArrayView2<'_, T>, to: &mut [T]) {
    let width = from.ncols();
    if width < SQUARE_SIDE {
        return transpose_any(from, to, width);
    }
    let mut bands = from.axis_chunks_iter(Axis(1), SQUARE_SIDE).peekable();
    for left in (0..width).step_by(SQUARE_SIDE) {
        let Some(band) = bands.next() else { return };
        for column in bands.peek().iter().flat_map(|next| next.columns()) {
            fetch_rest(column.to_slice().unwrap_or(&[]), 0);
        }
        for (square, top) in
            band.axis_chunks_iter(Axis(0), SQUARE_SIDE).zip((0..).step_by(SQUARE_SIDE))
        {
            let to = &mut to[top * width + left..];
            if square.dim() == (SQUARE_SIDE, SQUARE_SIDE) {
                transpose_square(&square, to, width);
            } else {
                transpose_any(&square, to, width);
            }
        }
    }
}

fn transpose_any<T: Copy>(from: &ArrayView2<'_, T>, to: &mut [T], width: usize) {
    for (column, from) in from.columns().into_iter().enumerate() {
        let to = to[column..].iter_mut().step_by(width);
        to.zip(from.to_slice().unwrap_or(&[])).for_each(|(to, &from)| *to = from);
    }
}

fn transpose_square<T: Copy + Default>(from: &ArrayView2<'_, T>, to: &mut [T], width: usize) {
    let mut square = [[T::default(); SQUARE_SIDE]; SQUARE_SIDE];
    for (to, from) in square.iter_mut().zip(from.columns()) {
        if let Some(from) = from.to_slice().and_then(<[T]>::first_chunk) {
            *to = *from;
        }
    }
    for (row, to) in to.chunks_mut(width).take(SQUARE_SIDE).enumerate() {
        if let Some(to) = to.first_chunk_mut::<SQUARE_SIDE>() {
            for column in 0..SQUARE_SIDE {
                to[column] = square[column][row];
            }
        }
    }
}
