//! Derivatives of the terms of a tile, times the factors that the upstream, the weights and the divisor come to.

use super::terms::Operands;
use crate::divergence::Kernel;
use crate::number::{Float, Level, Number};

/// How many derivatives are computed before they are multiplied. (In one loop the wider numbers of the products would halve
/// the vectors of the narrower.)
const GROUP: usize = 64;

/// What derivatives are multiplied by.
#[derive(Clone, Copy, Debug)]
pub enum Factors<'a> {
    /// One factor for all elements, finite and not 0.
    Uniform(f64),
    /// One factor for each element.
    Each(&'a [f64]),
    /// Two factors for each element, whose product may be out of the range of an `f64`. The second is a power of 2.
    Split(&'a [[f64; 2]]),
}

/// Computes ∂/∂input, times the factors, from the slopes where those were computed with the terms.
pub fn d_input<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    slopes: Option<&[A::Real]>,
    factors: Factors<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || match slopes {
            Some(slopes) => operands.multiply(level, slopes, factors, out),
            None => operands.derivatives(
                level,
                #[inline(always)]
                |x, t| kernel.d_input::<_, true>(x, t),
                factors,
                out,
            ),
        },
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
    level.run(
        #[inline(always)]
        || {
            operands.derivatives(
                level,
                #[inline(always)]
                |x, t| kernel.d_target::<_, true>(x, t),
                factors,
                out,
            )
        },
    );
}

impl<A: Number> Operands<'_, A> {
    /// A derivative of each pair times its factor, a group at a time.
    #[inline(always)]
    fn derivatives(
        &self,
        level: Level,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        factors: Factors<'_>,
        out: &mut [A],
    ) {
        let mut slopes = [A::Real::ZERO; GROUP];
        let pairs = self.input.chunks(GROUP).zip(self.target.chunks(GROUP));
        for (i, ((input, target), out)) in pairs.zip(out.chunks_mut(GROUP)).enumerate() {
            let group = Operands { input, target };
            match (input.first_chunk::<GROUP>(), target.first_chunk::<GROUP>()) {
                (Some(x), Some(t)) => {
                    for i in 0..GROUP {
                        slopes[i] = derivative(x[i].widen(), t[i].widen());
                    }
                }
                _ => group.each(
                    slopes.iter_mut(),
                    #[inline(always)]
                    |slope, x, t| *slope = derivative(x, t),
                ),
            }
            let elements = i * GROUP..i * GROUP + out.len();
            let factors = match factors {
                Factors::Uniform(_) => factors,
                Factors::Each(factors) => Factors::Each(&factors[elements]),
                Factors::Split(factors) => Factors::Split(&factors[elements]),
            };
            group.multiply(level, &slopes[..out.len()], factors, out);
        }
    }

    /// Derivatives of these pairs times their factors, each product rounded once.
    #[inline(always)]
    fn multiply(&self, level: Level, slopes: &[A::Real], factors: Factors<'_>, out: &mut [A]) {
        match factors {
            Factors::Uniform(factor) => A::multiply(level, slopes, factor, out),
            Factors::Each(factors) => self.each(
                out.iter_mut().zip(slopes).zip(factors),
                #[inline(always)]
                |((out, slope), &factor), x, t| *out = product::<A>(x, t, *slope, [factor, 1.0]),
            ),
            Factors::Split(factors) => self
                .each(out.iter_mut().zip(slopes).zip(factors), |((out, slope), &factors), x, t| {
                    *out = product::<A>(x, t, *slope, factors)
                }),
        }
    }
}

/// slope·a·b, b a power of 2. A slope or factor of exactly 0 gives 0, unless an operand is NaN.
#[inline(always)]
fn product<A: Number>(x: A::Real, t: A::Real, slope: A::Real, [a, b]: [f64; 2]) -> A {
    let comparable = !(x.is_nan() | t.is_nan());
    let zero_slope = (slope == A::Real::ZERO) & (a.abs() == f64::INFINITY);
    let vanishes = ((a == 0.0) | zero_slope) & comparable;
    A::narrow(if vanishes { 0.0 } else { slope.to_f64() * a * b })
}
