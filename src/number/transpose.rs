//! Blocks of short lanes, transposed in registers.

#[cfg(target_arch = "x86_64")]
pub use machine::{transpose_back_f32, transpose_f32};

/// Lanes of a block.
pub const BLOCK_LANES: usize = 16;
/// Classes of a block.
pub const BLOCK_CLASSES: usize = 4;

/// The first [`BLOCK_CLASSES`] of [`BLOCK_LANES`] lanes, which lie `stride` apart.
#[inline(always)]
pub fn transpose<T: Copy + Default>(
    lanes: &[T],
    stride: usize,
) -> [[T; BLOCK_LANES]; BLOCK_CLASSES] {
    let mut rows = [[T::default(); BLOCK_LANES]; BLOCK_CLASSES];
    for i in 0..BLOCK_LANES {
        for (row, &number) in rows.iter_mut().zip(&lanes[i * stride..][..BLOCK_CLASSES]) {
            row[i] = number;
        }
    }
    rows
}

/// And back.
#[inline(always)]
pub fn transpose_back<T: Copy>(rows: [&[T]; BLOCK_CLASSES], lanes: &mut [T], stride: usize) {
    for i in 0..BLOCK_LANES {
        for (row, out) in rows.iter().zip(&mut lanes[i * stride..][..BLOCK_CLASSES]) {
            *out = row[i];
        }
    }
}

/// The same by the machine's permutations.
#[cfg(target_arch = "x86_64")]
mod machine {
    use fearless_simd::{Simd, f32x4, f32x16, prelude::*};

    use super::{BLOCK_CLASSES as CLASSES, BLOCK_LANES as LANES, transpose, transpose_back};
    use crate::number::Level;

    /// Lanes that are turned never lie further apart.
    const MOST_APART: usize = 1 << 16;

    /// The first classes of lanes that lie `stride` apart, as rows.
    #[inline(always)]
    pub fn transpose_f32(level: Level, lanes: &[f32], stride: usize) -> [[f32; LANES]; CLASSES] {
        match (level.avx512(), level.avx2()) {
            (Some(token), _) => part_twice(token, lanes, stride),
            (_, Some(token)) => part_twice(token, lanes, stride),
            _ => transpose(lanes, stride),
        }
    }

    /// And back.
    #[inline(always)]
    pub fn transpose_back_f32(
        level: Level,
        rows: [&[f32]; CLASSES],
        lanes: &mut [f32],
        stride: usize,
    ) {
        match (level.avx512(), level.avx2()) {
            (Some(token), _) => join_twice(token, rows, lanes, stride),
            (_, Some(token)) => join_twice(token, rows, lanes, stride),
            _ => transpose_back(rows, lanes, stride),
        }
    }

    /// How far apart lanes lie, and how long a block of them is. The compiler is told that this is no more than can be, so
    /// that one check of the length does for every lane.
    #[inline(always)]
    fn bounded(stride: usize) -> (usize, usize) {
        debug_assert!(stride <= MOST_APART);
        let stride = stride.min(MOST_APART);
        (stride, (LANES - 1) * stride + CLASSES)
    }

    /// Numbers at even places are parted from those at odd ones, twice.
    #[inline(always)]
    fn part_twice<S: Simd>(simd: S, lanes: &[f32], stride: usize) -> [[f32; LANES]; CLASSES] {
        let (stride, len) = bounded(stride);
        let lanes = &lanes[..len];
        let (even, odd) = four(simd, lanes, stride, 0).deinterleave(four(simd, lanes, stride, 4));
        let (more_even, more_odd) =
            four(simd, lanes, stride, 8).deinterleave(four(simd, lanes, stride, 12));
        let ((zero, two), (one, three)) =
            (even.deinterleave(more_even), odd.deinterleave(more_odd));
        [zero.into(), one.into(), two.into(), three.into()]
    }

    /// The classes of four lanes from `lane` on.
    #[inline(always)]
    fn four<S: Simd>(simd: S, lanes: &[f32], stride: usize, lane: usize) -> f32x16<S> {
        let low = one(simd, lanes, stride * lane).combine(one(simd, lanes, stride * (lane + 1)));
        let high =
            one(simd, lanes, stride * (lane + 2)).combine(one(simd, lanes, stride * (lane + 3)));
        low.combine(high)
    }

    #[inline(always)]
    fn one<S: Simd>(simd: S, lanes: &[f32], start: usize) -> f32x4<S> {
        f32x4::from_slice(simd, &lanes[start..start + CLASSES])
    }

    #[inline(always)]
    fn join_twice<S: Simd>(simd: S, rows: [&[f32]; CLASSES], lanes: &mut [f32], stride: usize) {
        let (stride, len) = bounded(stride);
        let lanes = &mut lanes[..len];
        let (zero, one) = (f32x16::from_slice(simd, rows[0]), f32x16::from_slice(simd, rows[1]));
        let (two, three) = (f32x16::from_slice(simd, rows[2]), f32x16::from_slice(simd, rows[3]));
        let ((even, more_even), (odd, more_odd)) = (zero.interleave(two), one.interleave(three));
        let ((a, b), (c, d)) = (even.interleave(odd), more_even.interleave(more_odd));
        put_four(a, lanes, stride, 0);
        put_four(b, lanes, stride, 4);
        put_four(c, lanes, stride, 8);
        put_four(d, lanes, stride, 12);
    }

    #[inline(always)]
    fn put_four<S: Simd>(four: f32x16<S>, lanes: &mut [f32], stride: usize, lane: usize) {
        let (low, high) = four.split();
        let ((a, b), (c, d)) = (low.split(), high.split());
        for (i, one) in [a, b, c, d].into_iter().enumerate() {
            let start = (lane + i) * stride;
            one.store_slice(&mut lanes[start..start + CLASSES]);
        }
    }
}
