//! The rows of llama.cpp: f32 scale, f32 least, then 16 bits for each class. ln p = scale · u + least.

use std::ops::Range;

use super::{Float, Problem};

/// The bytes of scale and least.
const SCALES: usize = 8;

/// The bytes of a row.
pub fn row_bytes(classes: usize) -> usize {
    SCALES + classes.next_multiple_of(2) * 2
}

/// Decodes some classes of rows of `row` bytes. The error is the index of the first row whose scale or least logarithm
/// is none.
pub fn decode<A: Float>(
    rows: &[u8],
    row: usize,
    classes: Range<usize>,
    to: &mut [A],
) -> Result<(), usize> {
    if classes.is_empty() {
        return Ok(());
    }
    let is_damaged = |row| {
        let (scale, least) = scales(row);
        !(scale >= 0.0 && scale.is_finite() && least.is_finite())
    };
    if let Some(index) = rows.chunks_exact(row).position(is_damaged) {
        return Err(index);
    }
    for (row, to) in rows.chunks_exact(row).zip(to.chunks_mut(classes.len())) {
        let (scale, least) = scales(row);
        let stored: &[[u8; 2]] = row[SCALES..].as_chunks().0;
        for (to, stored) in to.iter_mut().zip(&stored[classes.clone()]) {
            *to = A::from_single(scale * f32::from(u16::from_le_bytes(*stored)) + least);
        }
    }
    Ok(())
}

fn scales(row: &[u8]) -> (f32, f32) {
    let float = |at| f32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
    (float(0), float(4))
}

pub fn not_finite(row: usize) -> Problem {
    format!(
        "has a row, {row}, that is not a distribution: its scale is negative, NaN or infinite, which is what NaN logits leave; \
         write it again with a model that computes none"
    )
}
