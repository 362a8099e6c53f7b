//! What memory allows: a multiply-add over the operands that does nothing else.

use fearless_simd::{Level, Simd, dispatch};
use ndarray::Dimension;

use crate::{Problem, Real, Stored, Target};

/// Elements that one thread takes at a time.
const TASK: usize = 1 << 16;
/// Sums side by side.
const WIDTH: usize = 32;

/// `f32` of as many bytes as operands of 16 bits have, to be read and written in their place: no conversion takes time.
pub(crate) struct StandIn {
    operands: [Vec<f32>; 2],
    output: Vec<f32>,
}

impl StandIn {
    /// For operands of so many elements, if they have 16 bits.
    pub(crate) fn of<A>(elements: usize) -> Option<StandIn> {
        // Ones, because zeros may be one page of memory again and again.
        let ones = || vec![1.0; elements.div_ceil(2)];
        (size_of::<A>() == 2).then(|| StandIn { operands: [ones(), ones()], output: ones() })
    }
}

impl<A: Stored, D: Dimension> Problem<A, D> {
    /// Reads both operands.
    pub fn read(&self, target: Target) -> A::Loss {
        if let Some(StandIn { operands: [x, t], .. }) = &self.stand_in {
            return A::Loss::of(read(x, t).into());
        }
        let (x, t) = self.operands.slices(target);
        read(x, t)
    }

    /// Reads both operands and writes as much as one of them holds.
    pub fn read_and_write(&mut self, target: Target) -> A::Loss {
        if let Some(StandIn { operands: [x, t], output }) = &mut self.stand_in {
            read_and_write(Level::new(), x, t, output);
        } else {
            let (x, t) = self.operands.slices(target);
            let out = self.output.as_slice_mut().expect("standard layout");
            read_and_write(Level::new(), x, t, out);
        }
        A::Loss::of(0.0)
    }
}

/// The instruction set that is found on this machine.
pub fn level() -> String {
    let level = format!("{:?}", Level::new());
    level.split('(').next().unwrap_or(&level).to_owned()
}

/// Reads both.
pub fn read<A: Stored>(x: &[A], t: &[A]) -> A::Loss {
    read_at(Level::new(), x, t)
}

fn read_at<A: Stored>(level: Level, x: &[A], t: &[A]) -> A::Loss {
    if x.len() <= TASK {
        return dispatch!(level, simd => simd.vectorize(#[inline(always)] || dot(x, t)));
    }
    let ((x0, x1), (t0, t1)) = (x.split_at(x.len() / 2), t.split_at(t.len() / 2));
    let (a, b) = rayon::join(|| read_at(level, x0, t0), || read_at(level, x1, t1));
    a + b
}

fn read_and_write<A: Stored>(level: Level, x: &[A], t: &[A], out: &mut [A]) {
    if x.len() <= TASK {
        return dispatch!(level, simd => simd.vectorize(#[inline(always)] || blend(x, t, out)));
    }
    let middle = x.len() / 2;
    let ((x0, x1), (t0, t1)) = (x.split_at(middle), t.split_at(middle));
    let (out0, out1) = out.split_at_mut(middle);
    rayon::join(|| read_and_write(level, x0, t0, out0), || read_and_write(level, x1, t1, out1));
}

#[inline(always)]
fn dot<A: Stored>(x: &[A], t: &[A]) -> A::Loss {
    let mut sums = [A::Loss::of(0.0); WIDTH];
    let ((x, x_tail), (t, t_tail)) = (x.as_chunks::<WIDTH>(), t.as_chunks::<WIDTH>());
    for (x, t) in x.iter().zip(t) {
        for i in 0..WIDTH {
            sums[i] += x[i].widen() * t[i].widen();
        }
    }
    let tail =
        x_tail.iter().zip(t_tail).fold(A::Loss::of(0.0), |sum, (x, t)| sum + x.widen() * t.widen());
    sums.iter().fold(tail, |sum, &part| sum + part)
}

#[inline(always)]
fn blend<A: Stored>(x: &[A], t: &[A], out: &mut [A]) {
    for ((out, &x), &t) in out.iter_mut().zip(x).zip(t) {
        *out = A::round(x.widen() * t.widen() + x.widen());
    }
}
