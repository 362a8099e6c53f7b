//! What memory allows: a multiply-add over the operands that does nothing else.

use fearless_simd::{Level, Simd, dispatch};
use ndarray::Dimension;

use super::{Number, Problem, Target};

/// Elements that one thread takes at a time.
const TASK: usize = 1 << 16;
/// Sums side by side.
const WIDTH: usize = 32;

impl<A: Number, D: Dimension> Problem<A, D> {
    /// Reads both operands.
    pub fn read(&self, target: Target) -> A {
        let (x, t) = self.operands.slices(target);
        read(x, t)
    }

    /// Reads both operands and writes as much as one of them holds.
    pub fn read_and_write(&mut self, target: Target) -> A {
        let (x, t) = self.operands.slices(target);
        let out = self.output.as_slice_mut().expect("standard layout");
        read_and_write(Level::new(), x, t, out);
        A::zero()
    }
}

/// Reads both.
pub fn read<A: Number>(x: &[A], t: &[A]) -> A {
    read_at(Level::new(), x, t)
}

fn read_at<A: Number>(level: Level, x: &[A], t: &[A]) -> A {
    if x.len() <= TASK {
        return dispatch!(level, simd => simd.vectorize(#[inline(always)] || dot(x, t)));
    }
    let ((x0, x1), (t0, t1)) = (x.split_at(x.len() / 2), t.split_at(t.len() / 2));
    let (a, b) = rayon::join(|| read_at(level, x0, t0), || read_at(level, x1, t1));
    a + b
}

fn read_and_write<A: Number>(level: Level, x: &[A], t: &[A], out: &mut [A]) {
    if x.len() <= TASK {
        return dispatch!(level, simd => simd.vectorize(#[inline(always)] || blend(x, t, out)));
    }
    let middle = x.len() / 2;
    let ((x0, x1), (t0, t1)) = (x.split_at(middle), t.split_at(middle));
    let (out0, out1) = out.split_at_mut(middle);
    rayon::join(|| read_and_write(level, x0, t0, out0), || read_and_write(level, x1, t1, out1));
}

#[inline(always)]
fn dot<A: Number>(x: &[A], t: &[A]) -> A {
    let mut sums = [A::zero(); WIDTH];
    let ((x, x_tail), (t, t_tail)) = (x.as_chunks::<WIDTH>(), t.as_chunks::<WIDTH>());
    for (x, t) in x.iter().zip(t) {
        for i in 0..WIDTH {
            sums[i] += x[i] * t[i];
        }
    }
    let tail = x_tail.iter().zip(t_tail).fold(A::zero(), |sum, (&x, &t)| sum + x * t);
    sums.iter().fold(tail, |sum, &part| sum + part)
}

#[inline(always)]
fn blend<A: Number>(x: &[A], t: &[A], out: &mut [A]) {
    for ((out, &x), &t) in out.iter_mut().zip(x).zip(t) {
        *out = x * t + x;
    }
}
