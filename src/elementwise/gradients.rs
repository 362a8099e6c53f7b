//! Gradients of a tile: derivatives of the terms times their factors.

use std::slice::{from_mut, from_ref};

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
    operands.derivatives::<K>(
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
    operands.derivatives::<K>(
        level,
        #[inline(always)]
        |x, t| kernel.d_target::<_, true>(x, t),
        factors,
        out,
    );
}

impl<A: Number> Operands<'_, A> {
    /// Computes a derivative of each pair and multiplies it by its factor.
    ///
    /// A cheap kernel has a second loop, for a uniform factor, which does not store the derivatives
    /// (benches/LIMITS.md).
    #[inline(always)]
    fn derivatives<K: Kernel>(
        &self,
        level: Level,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        factors: Factors<'_>,
        out: &mut [A],
    ) {
        level.run_or(
            (out, derivative),
            #[inline(always)]
            |(out, derivative)| match factors {
                Factors::Uniform(factor) if !K::IN_TWO_LOOPS => self.grouped_derivatives(
                    derivative,
                    out,
                    #[inline(always)]
                    |_, _, slopes, out| A::multiply(level, slopes, factor, out),
                ),
                _ => self.grouped_derivatives(
                    derivative,
                    out,
                    #[inline(always)]
                    |start, group, slopes, out| {
                        group.multiply(level, slopes, factors.from(start), out);
                    },
                ),
            },
            #[inline(always)]
            |(out, derivative)| {
                let pairs = self.input.iter().zip(self.target);
                for (i, ((x, t), out)) in pairs.zip(out).enumerate() {
                    let alone = Operands { input: from_ref(x), target: from_ref(t) };
                    let slope = derivative(x.widen(), t.widen());
                    alone.multiply(level, &[slope], factors.from(i), from_mut(out));
                }
            },
        );
    }

    /// Calls `put` with a start, operands, their derivatives and their outputs, [`DERIVATIVES`] at a time.
    #[inline(always)]
    fn grouped_derivatives(
        &self,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        out: &mut [A],
        put: impl Fn(usize, Operands<'_, A>, &[A::Real; DERIVATIVES], &mut [A; DERIVATIVES]),
    ) {
        // The last ones are copied, so that the derivative is compiled once, for a fixed number.
        let mut last = [[A::default(); DERIVATIVES]; 3];
        let [last_input, last_target, last_out] = &mut last;
        let operands = self.input.chunks(DERIVATIVES).zip(self.target.chunks(DERIVATIVES));
        for (index, ((input, target), out)) in operands.zip(out.chunks_mut(DERIVATIVES)).enumerate()
        {
            let (input, target) = (whole(input, last_input), whole(target, last_target));
            let mut slopes = [A::Real::ZERO; DERIVATIVES];
            for i in 0..DERIVATIVES {
                slopes[i] = derivative(input[i].widen(), target[i].widen());
            }
            let group = Operands { input, target };
            match <&mut [A; DERIVATIVES]>::try_from(&mut *out) {
                Ok(out) => put(index * DERIVATIVES, group, &slopes, out),
                Err(_) => {
                    put(index * DERIVATIVES, group, &slopes, last_out);
                    out.copy_from_slice(&last_out[..out.len()]);
                }
            }
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

/// The group, or a copy of a group that is too short, filled up with arbitrary numbers.
#[inline(always)]
fn whole<'a, A: Number>(group: &'a [A], copy: &'a mut [A; DERIVATIVES]) -> &'a [A; DERIVATIVES] {
    match group.try_into() {
        Ok(group) => group,
        Err(_) => {
            copy[..group.len()].copy_from_slice(group);
            copy
        }
    }
}

impl Factors<'_> {
    /// The factors from this place on.
    #[inline(always)]
    fn from(&self, start: usize) -> Self {
        match *self {
            Factors::Uniform(factor) => Factors::Uniform(factor),
            Factors::Each(factors) => Factors::Each(&factors[start..]),
            Factors::Split(factors) => Factors::Split(&factors[start..]),
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
