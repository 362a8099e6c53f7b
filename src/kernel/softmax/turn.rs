//! Short lanes, one behind the other, turned to lie beside each other; and back.

use super::cell::Logit;
use super::columns::Row;
use crate::element::Element;

/// Classes turned at a time, that rows a power of two apart do not drive each other out of the cache.
const TURNED: usize = 16;

/// Lanes one behind the other, at most N, to rows, one a class.
pub fn transpose<A: Element<Loss: Logit>, const N: usize>(
    lanes: &[A],
    rows: &mut [Row<A::Loss, N>],
) {
    let classes = rows.len();
    for (block, rows) in rows.chunks_mut(TURNED).enumerate() {
        let start = block * TURNED;
        for (i, lane) in lanes.chunks_exact(classes).enumerate() {
            for (row, logit) in rows.iter_mut().zip(&lane[start..]) {
                row[i] = logit.widen();
            }
        }
        for row in rows {
            row[lanes.len() / classes..].fill(Default::default());
        }
    }
}

/// And back.
pub fn transpose_back<A: Copy, const N: usize>(rows: &[Row<A, N>], lanes: &mut [A]) {
    let classes = rows.len();
    for (block, rows) in rows.chunks(TURNED).enumerate() {
        let start = block * TURNED;
        for (i, lane) in lanes.chunks_exact_mut(classes).enumerate() {
            for (row, out) in rows.iter().zip(&mut lane[start..]) {
                *out = row[i];
            }
        }
    }
}
