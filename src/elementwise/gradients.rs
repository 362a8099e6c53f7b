//! Gradients of a tile: derivatives of the terms, and their products with factors.

use super::terms::Operands;
use crate::divergence::Kernel;
use crate::number::{Float, Level, Number};

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

/// Computes ∂term/∂input.
pub fn d_input<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    out: &mut [A::Real],
) {
    level.run(
        #[inline(always)]
        || {
            operands.each(
                out,
                #[inline(always)]
                |out, x, t| *out = kernel.d_input::<_, true>(x, t),
            );
        },
    );
}

/// Computes ∂term/∂target.
pub fn d_target<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    out: &mut [A::Real],
) {
    level.run(
        #[inline(always)]
        || {
            operands.each(
                out,
                #[inline(always)]
                |out, x, t| *out = kernel.d_target::<_, true>(x, t),
            );
        },
    );
}

/// Multiplies derivatives of these pairs by their factors. Each product is rounded once.
pub fn multiply<A: Number>(
    level: Level,
    operands: Operands<'_, A>,
    slopes: &[A::Real],
    factors: Factors<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || match factors {
            Factors::Uniform(factor) => A::multiply(level, slopes, factor, out),
            Factors::Each(factors) => operands.each(
                out.iter_mut().zip(slopes).zip(factors),
                #[inline(always)]
                |((out, slope), &factor), x, t| {
                    let vanishes = (factor == 0.0) & !(x.is_nan() | t.is_nan());
                    *out = A::narrow(if vanishes { 0.0 } else { slope.to_f64() * factor });
                },
            ),
            Factors::Split(factors) => operands
                .each(out.iter_mut().zip(slopes).zip(factors), |((out, slope), &factors), x, t| {
                    *out = product::<A>(x, t, *slope, factors)
                }),
        },
    );
}

/// The product slope·a·b, where b is a power of 2. A slope or factor of exactly 0 gives 0, unless an operand is NaN.
#[inline(always)]
fn product<A: Number>(x: A::Real, t: A::Real, slope: A::Real, [a, b]: [f64; 2]) -> A {
    let comparable = !(x.is_nan() | t.is_nan());
    let zero_slope = (slope == A::Real::ZERO) & (a.abs() == f64::INFINITY);
    let vanishes = ((a == 0.0) | zero_slope) & comparable;
    A::narrow(if vanishes { 0.0 } else { slope.to_f64() * a * b })
}
