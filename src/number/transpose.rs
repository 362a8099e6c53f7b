//! Blocks of short lanes, transposed in registers.

#[cfg(target_arch = "x86_64")]
pub use machine::{transpose_back_f32, transpose_f32};

/// The lanes of a block.
pub const TRANSPOSED_LANES: usize = 16;
/// The classes of a block.
pub const TRANSPOSED_CLASSES: usize = 4;

/// The first [`TRANSPOSED_CLASSES`] classes of [`TRANSPOSED_LANES`] lanes that lie `stride` apart, one row for each class.
#[inline(always)]
pub fn transpose<T: Copy + Default>(
    lanes: &[T],
    stride: usize,
) -> [[T; TRANSPOSED_LANES]; TRANSPOSED_CLASSES] {
    let mut rows = [[T::default(); TRANSPOSED_LANES]; TRANSPOSED_CLASSES];
    for i in 0..TRANSPOSED_LANES {
        for (row, &number) in rows.iter_mut().zip(&lanes[i * stride..][..TRANSPOSED_CLASSES]) {
            row[i] = number;
        }
    }
    rows
}

/// Writes the rows back to lanes that lie `stride` apart.
#[inline(always)]
pub fn transpose_back<T: Copy>(rows: [&[T]; TRANSPOSED_CLASSES], lanes: &mut [T], stride: usize) {
    for i in 0..TRANSPOSED_LANES {
        for (row, out) in rows.iter().zip(&mut lanes[i * stride..][..TRANSPOSED_CLASSES]) {
            *out = row[i];
        }
    }
}

/// The same transpositions by permutations of vector registers.
#[cfg(target_arch = "x86_64")]
mod machine {
    use fearless_simd::{Simd, f32x4, f32x16, prelude::*};

    use super::{TRANSPOSED_CLASSES, TRANSPOSED_LANES, transpose, transpose_back};
    use crate::number::Level;

    /// The largest stride between lanes that are transposed.
    const MAX_STRIDE: usize = 1 << 16;

    /// The first classes of lanes that lie `stride` apart, one row for each class.
    #[inline(always)]
    pub fn transpose_f32(
        level: Level,
        lanes: &[f32],
        stride: usize,
    ) -> [[f32; TRANSPOSED_LANES]; TRANSPOSED_CLASSES] {
        match (level.avx512(), level.avx2()) {
            (Some(token), _) => deinterleave_twice(token, lanes, stride),
            (_, Some(token)) => deinterleave_twice(token, lanes, stride),
            _ => transpose(lanes, stride),
        }
    }

    /// Writes the rows back to lanes that lie `stride` apart.
    #[inline(always)]
    pub fn transpose_back_f32(
        level: Level,
        rows: [&[f32]; TRANSPOSED_CLASSES],
        lanes: &mut [f32],
        stride: usize,
    ) {
        match (level.avx512(), level.avx2()) {
            (Some(token), _) => interleave_twice(token, rows, lanes, stride),
            (_, Some(token)) => interleave_twice(token, rows, lanes, stride),
            _ => transpose_back(rows, lanes, stride),
        }
    }

    /// The stride, and the length of the slice that a block spans. The stride is bounded so that the compiler knows that the length
    /// does not overflow, and one check of it serves every lane.
    #[inline(always)]
    fn bounded(stride: usize) -> (usize, usize) {
        debug_assert!(stride <= MAX_STRIDE);
        let stride = stride.min(MAX_STRIDE);
        (stride, (TRANSPOSED_LANES - 1) * stride + TRANSPOSED_CLASSES)
    }

    /// Transposes by two deinterleavings: numbers at even positions are separated from those at odd positions, twice.
    #[inline(always)]
    fn deinterleave_twice<S: Simd>(
        simd: S,
        lanes: &[f32],
        stride: usize,
    ) -> [[f32; TRANSPOSED_LANES]; TRANSPOSED_CLASSES] {
        let (stride, len) = bounded(stride);
        let lanes = &lanes[..len];
        let (even, odd) =
            four_lanes(simd, lanes, stride, 0).deinterleave(four_lanes(simd, lanes, stride, 4));
        let (more_even, more_odd) =
            four_lanes(simd, lanes, stride, 8).deinterleave(four_lanes(simd, lanes, stride, 12));
        let ((zero, two), (one, three)) =
            (even.deinterleave(more_even), odd.deinterleave(more_odd));
        [zero.into(), one.into(), two.into(), three.into()]
    }

    /// The classes of four lanes from `lane` on.
    #[inline(always)]
    fn four_lanes<S: Simd>(simd: S, lanes: &[f32], stride: usize, lane: usize) -> f32x16<S> {
        let low = one_lane(simd, lanes, stride * lane).combine(one_lane(
            simd,
            lanes,
            stride * (lane + 1),
        ));
        let high = one_lane(simd, lanes, stride * (lane + 2)).combine(one_lane(
            simd,
            lanes,
            stride * (lane + 3),
        ));
        low.combine(high)
    }

    /// The classes of one lane.
    #[inline(always)]
    fn one_lane<S: Simd>(simd: S, lanes: &[f32], start: usize) -> f32x4<S> {
        f32x4::from_slice(simd, &lanes[start..start + TRANSPOSED_CLASSES])
    }

    /// Transposes back by two interleavings.
    #[inline(always)]
    fn interleave_twice<S: Simd>(
        simd: S,
        rows: [&[f32]; TRANSPOSED_CLASSES],
        lanes: &mut [f32],
        stride: usize,
    ) {
        let (stride, len) = bounded(stride);
        let lanes = &mut lanes[..len];
        let (zero, one) = (f32x16::from_slice(simd, rows[0]), f32x16::from_slice(simd, rows[1]));
        let (two, three) = (f32x16::from_slice(simd, rows[2]), f32x16::from_slice(simd, rows[3]));
        let ((even, more_even), (odd, more_odd)) = (zero.interleave(two), one.interleave(three));
        let ((a, b), (c, d)) = (even.interleave(odd), more_even.interleave(more_odd));
        store_four_lanes(a, lanes, stride, 0);
        store_four_lanes(b, lanes, stride, 4);
        store_four_lanes(c, lanes, stride, 8);
        store_four_lanes(d, lanes, stride, 12);
    }

    /// Writes the classes of four lanes from `lane` on.
    #[inline(always)]
    fn store_four_lanes<S: Simd>(four: f32x16<S>, lanes: &mut [f32], stride: usize, lane: usize) {
        let (low, high) = four.split();
        let ((a, b), (c, d)) = (low.split(), high.split());
        for (i, one) in [a, b, c, d].into_iter().enumerate() {
            let start = (lane + i) * stride;
            one.store_slice(&mut lanes[start..start + TRANSPOSED_CLASSES]);
        }
    }
}
