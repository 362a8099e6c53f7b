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
            if all_usual::<K, A>(input, target) {
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
        Factor::Uniform(factor) => each(input, target, out, |x, t| {
            A::narrow(product(x, t, derivative(x, t), factor))
        }),
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
    let comparable = (x == x) & (t == t);
    if (factor == 0.0) & comparable {
        0.0
    } else {
        value
    }
}

/// Whether no pair needs special care: first by the targets alone, then, for zeros among them, by pairs.
#[inline(always)]
fn all_usual<K: Term, A: Element>(input: &[A], target: &[A]) -> bool {
    all(target, target, |t, _| K::is_usual(t)) || all(input, target, K::is_usual_pair)
}

/// Whether `usual` holds for all pairs.
#[inline(always)]
fn all<A: Element>(input: &[A], target: &[A], usual: impl Fn(A::Loss, A::Loss) -> bool) -> bool {
    // A flag as wide as an element: flags of one byte would be shuffled into place.
    let mut odd = [A::Loss::ZERO; WIDTH];
    let (inputs, input_tail) = input.as_chunks::<WIDTH>();
    let (targets, target_tail) = target.as_chunks::<WIDTH>();
    for (x, t) in inputs.iter().zip(targets) {
        for i in 0..WIDTH {
            odd[i] = if usual(x[i].widen(), t[i].widen()) {
                odd[i]
            } else {
                A::Loss::ONE
            };
        }
    }
    odd.iter().all(|&odd| odd == A::Loss::ZERO)
        & input_tail
            .iter()
            .zip(target_tail)
            .all(|(x, t)| usual(x.widen(), t.widen()))
}
