//! Gradients of a tile: derivatives of the terms times their factors.

use super::terms::Operands;
use crate::divergence::Kernel;
use crate::number::{Float, Level, Number};

/// The number of derivatives that are computed before they are multiplied. A loop of its own multiplies them, because the products
/// are wider numbers, which would halve the vectors of the derivatives.
const DERIVATIVES: usize = 64;

/// The factors of derivatives.
#[derive(Clone, Copy, Debug)]
pub enum Factors<'a> {
    /// One factor for all elements, finite and not 0.
    Uniform(f64),
    /// One finite factor for each element.
    Each(&'a [f64]),
    /// Two factors for each element, whose product may be out of the range of an `f64`. The second is a power of 2.
    Split(&'a [[f64; 2]]),
}

/// Multiplies the slopes of the terms by the factors.
pub fn multiply<A: Number>(
    level: Level,
    operands: Operands<'_, A>,
    slopes: &[A::Real],
    factors: Factors<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || operands.multiply(level, slopes, factors, out),
    );
}

/// Computes ∂/∂input, times the factors.
pub fn d_input<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    factors: Factors<'_>,
    out: &mut [A],
) {
    operands.derivatives(
        level,
        #[inline(always)]
        |x, t| kernel.d_input::<_, true>(x, t),
        factors,
        out,
    );
}

/// Computes ∂/∂target, times the factors.
pub fn d_target<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    factors: Factors<'_>,
    out: &mut [A],
) {
    operands.derivatives(
        level,
        #[inline(always)]
        |x, t| kernel.d_target::<_, true>(x, t),
        factors,
        out,
    );
}

impl<A: Number> Operands<'_, A> {
    /// Computes a derivative of each pair and multiplies it by its factor.
    #[inline(always)]
    fn derivatives(
        &self,
        level: Level,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        factors: Factors<'_>,
        out: &mut [A],
    ) {
        level.run(
            #[inline(always)]
            || match factors {
                Factors::Uniform(factor) => self.grouped_derivatives(
                    derivative,
                    out,
                    #[inline(always)]
                    |_, _, slopes, out| A::multiply(level, slopes, factor, out),
                ),
                _ => self.grouped_derivatives(
                    derivative,
                    out,
                    #[inline(always)]
                    |i, group, slopes, out| group.multiply(level, slopes, factors.group(i), out),
                ),
            },
        );
    }

    /// Calls `put` with an index, operands, their derivatives and their places, [`DERIVATIVES`] at a time. The last of them may be
    /// fewer.
    #[inline(always)]
    fn grouped_derivatives(
        &self,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        out: &mut [A],
        put: impl Fn(usize, Operands<'_, A>, &[A::Real], &mut [A]),
    ) {
        let (inputs, input) = self.input.as_chunks::<DERIVATIVES>();
        let (targets, target) = self.target.as_chunks::<DERIVATIVES>();
        let (outs, out) = out.as_chunks_mut::<DERIVATIVES>();
        for (i, ((x, t), out)) in inputs.iter().zip(targets).zip(outs).enumerate() {
            let mut slopes = [A::Real::ZERO; DERIVATIVES];
            for i in 0..DERIVATIVES {
                slopes[i] = derivative(x[i].widen(), t[i].widen());
            }
            put(i, Operands { input: x, target: t }, &slopes, out);
        }
        if !out.is_empty() {
            let rest = Operands { input, target };
            let mut slopes = [A::Real::ZERO; DERIVATIVES];
            rest.each(
                slopes.iter_mut(),
                #[inline(always)]
                |slope, x, t| *slope = derivative(x, t),
            );
            put(inputs.len(), rest, &slopes[..out.len()], out);
        }
    }

    /// Multiplies derivatives of these pairs by their factors. Each product is rounded once.
    #[inline(always)]
    fn multiply(&self, level: Level, slopes: &[A::Real], factors: Factors<'_>, out: &mut [A]) {
        match factors {
            Factors::Uniform(factor) => A::multiply(level, slopes, factor, out),
            Factors::Each(factors) => self.each(
                out.iter_mut().zip(slopes).zip(factors),
                #[inline(always)]
                |((out, slope), &factor), x, t| {
                    let vanishes = (factor == 0.0) & !(x.is_nan() | t.is_nan());
                    *out = A::narrow(if vanishes { 0.0 } else { slope.to_f64() * factor });
                },
            ),
            Factors::Split(factors) => self
                .each(out.iter_mut().zip(slopes).zip(factors), |((out, slope), &factors), x, t| {
                    *out = product::<A>(x, t, *slope, factors)
                }),
        }
    }
}

impl Factors<'_> {
    /// The factors from the group with this index on.
    #[inline(always)]
    fn group(&self, index: usize) -> Self {
        match *self {
            Factors::Uniform(factor) => Factors::Uniform(factor),
            Factors::Each(factors) => Factors::Each(&factors[index * DERIVATIVES..]),
            Factors::Split(factors) => Factors::Split(&factors[index * DERIVATIVES..]),
        }
    }
}

/// The product slope·a·b, where b is a power of 2. A slope or factor of exactly 0 gives 0, unless an operand is NaN.
#[inline(always)]
fn product<A: Number>(x: A::Real, t: A::Real, slope: A::Real, [a, b]: [f64; 2]) -> A {
    let comparable = !(x.is_nan() | t.is_nan());
    let zero_slope = (slope == A::Real::ZERO) & (a.abs() == f64::INFINITY);
    let vanishes = ((a == 0.0) | zero_slope) & comparable;
    A::narrow(if vanishes { 0.0 } else { slope.to_f64() * a * b })
}
