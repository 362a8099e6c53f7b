//! The loops over a chunk of elements that fits the first-level cache.

use super::float::Float;
use super::level::Level;
use super::term::{Real, Term};
use crate::element::Element;

/// How many elements are visited at a time.
pub const CHUNK: usize = 1024;
/// Elements side by side where a loop carries something from one to the next.
const WIDTH: usize = 16;

/// What derivatives are multiplied by.
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a> {
    /// One factor for all.
    Uniform(f64),
    /// One for each element.
    Each(&'a [f64]),
}

/// The terms.
pub fn terms<K: Term, A: Element>(level: Level, input: &[A], target: &[A], out: &mut [A::Loss]) {
    level.run(
        #[inline(always)]
        || {
            if all_usual::<K, A>(input, target) {
                each::<A, A::Loss>(input, target, out, K::term::<A::Loss, false>);
            } else {
                each::<A, A::Loss>(input, target, out, K::term::<A::Loss, true>);
            }
        },
    );
}

/// ∂/∂input, times the factor.
pub fn d_input<K: Term, A: Element>(
    level: Level,
    input: &[A],
    target: &[A],
    factor: Factor<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            if !K::D_INPUT_NEEDS_CARE || all_usual::<K, A>(input, target) {
                scaled(input, target, factor, out, K::d_input::<A::Loss, false>);
            } else {
                scaled(input, target, factor, out, K::d_input::<A::Loss, true>);
            }
        },
    );
}

/// ∂/∂target, times the factor.
pub fn d_target<K: Term, A: Element>(
    level: Level,
    input: &[A],
    target: &[A],
    factor: Factor<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || scaled(input, target, factor, out, K::d_target::<A::Loss, true>),
    );
}

/// values · factors, element by element.
pub fn times<T: Real>(level: Level, values: &mut [T], factors: &[T]) {
    level.run(
        #[inline(always)]
        || {
            for (value, &factor) in values.iter_mut().zip(factors) {
                *value = *value * factor;
            }
        },
    );
}

#[inline(always)]
fn each<A: Element, O>(
    input: &[A],
    target: &[A],
    out: &mut [O],
    f: impl Fn(A::Loss, A::Loss) -> O,
) {
    for ((out, x), t) in out.iter_mut().zip(input).zip(target) {
        *out = f(x.widen(), t.widen());
    }
}

#[inline(always)]
fn scaled<A: Element>(
    input: &[A],
    target: &[A],
    factor: Factor<'_>,
    out: &mut [A],
    derivative: impl Fn(A::Loss, A::Loss) -> A::Loss,
) {
    match factor {
        Factor::Uniform(factor) if factor != 0.0 => {
            each(input, target, out, |x, t| A::narrow(derivative(x, t).to_f64() * factor));
        }
        Factor::Uniform(factor) => {
            each(input, target, out, |x, t| A::narrow(product(x, t, derivative(x, t), factor)));
        }
        Factor::Each(factors) => {
            for (((out, x), t), &factor) in out.iter_mut().zip(input).zip(target).zip(factors) {
                let (x, t) = (x.widen(), t.widen());
                *out = A::narrow(product(x, t, derivative(x, t), factor));
            }
        }
    }
}

/// derivative · factor, where a factor of 0 gives 0 unless an operand is NaN.
#[inline(always)]
fn product<T: Real>(x: T, t: T, derivative: T, factor: f64) -> f64 {
    let value = derivative.to_f64() * factor;
    let comparable = !(x.is_nan() | t.is_nan());
    if (factor == 0.0) & comparable { 0.0 } else { value }
}

/// Whether no pair needs special care: first by the targets alone, then, for zeros among them, by pairs.
#[inline(always)]
fn all_usual<K: Term, A: Element>(input: &[A], target: &[A]) -> bool {
    let (least, most) = K::usual::<A::Loss>();
    let (mut low, mut high) = ([most; WIDTH], [least; WIDTH]);
    let (whole, tail) = target.as_chunks::<WIDTH>();
    let mut last = [most; WIDTH];
    last.iter_mut().zip(tail).for_each(|(last, t)| *last = t.widen());
    for i in 0..WIDTH {
        low[i] = if last[i] < low[i] { last[i] } else { low[i] };
        high[i] = if last[i] > high[i] { last[i] } else { high[i] };
    }
    for targets in whole {
        for i in 0..WIDTH {
            let t = targets[i].widen();
            low[i] = if t < low[i] { t } else { low[i] };
            high[i] = if t > high[i] { t } else { high[i] };
        }
    }
    let usual = low.iter().all(|&low| low >= least) & high.iter().all(|&high| high <= most);
    usual || input.iter().zip(target).all(|(x, t)| K::is_usual(x.widen(), t.widen()))
}
