//! The probabilities that masses are summed of, and counts of negative terms.

use crate::elementwise::STRIPES;
use crate::number::{Exp, Float, Level, Number, exp_of_normal};

/// Whether some numbers of an operand need to be looked at one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Irregular {
    /// Some number is infinite or NaN.
    pub not_finite: bool,
    /// Some number may be one that no distribution has.
    pub out_of_range: bool,
}

/// Writes eˣ of each log-probability, subnormal ones as 0. Those above `limit` are out of range.
pub fn exps<A: Number>(level: Level, x: &[A], limit: A::Real, out: &mut [A::Real]) -> Irregular {
    level.run(
        #[inline(always)]
        || {
            each_probability(
                level,
                x,
                out,
                #[inline(always)]
                |x| (exp_or_zero(x), x > limit),
            )
        },
    )
}

/// Writes each probability as it is. Those below 0 are out of range.
pub fn copies<A: Number>(level: Level, t: &[A], out: &mut [A::Real]) -> Irregular {
    level.run(
        #[inline(always)]
        || {
            each_probability(
                level,
                t,
                out,
                #[inline(always)]
                |t| (t, t < A::Real::ZERO),
            )
        },
    )
}

/// Writes the probability of each number; the function says too whether the number is out of range.
#[inline(always)]
fn each_probability<A: Number>(
    level: Level,
    numbers: &[A],
    out: &mut [A::Real],
    probability: impl Fn(A::Real) -> (A::Real, bool),
) -> Irregular {
    // x·0 is 0, or NaN, which stays.
    let mut products = [A::Real::ZERO; STRIPES];
    let mut out_of_range = [A::Real::ZERO; STRIPES];
    let (whole, tail) = numbers.as_chunks::<STRIPES>();
    let (groups, rest) = out.as_chunks_mut::<STRIPES>();
    for (numbers, out) in whole.iter().zip(groups) {
        let numbers = A::widen_all(level, numbers);
        for i in 0..STRIPES {
            let (value, is_out) = probability(numbers[i]);
            out[i] = value;
            products[i] += numbers[i] * A::Real::ZERO;
            out_of_range[i] = if is_out { A::Real::ONE } else { out_of_range[i] };
        }
    }
    for (i, (number, out)) in tail.iter().zip(rest).enumerate() {
        let number = number.widen();
        let (value, is_out) = probability(number);
        *out = value;
        products[i] += number * A::Real::ZERO;
        out_of_range[i] = if is_out { A::Real::ONE } else { out_of_range[i] };
    }
    Irregular {
        not_finite: products.iter().any(|product| product.is_nan()),
        out_of_range: out_of_range != [A::Real::ZERO; STRIPES],
    }
}

/// eˣ, and 0 where that is subnormal.
#[inline(always)]
fn exp_or_zero<T: Exp>(x: T) -> T {
    let high = if x > T::HIGHEST { T::INFINITY } else { exp_of_normal(x) };
    let low = if x.is_nan() { x } else { T::ZERO };
    if x >= T::LOWEST { high } else { low }
}

/// How many numbers are below 0, and the least of them and 0.
pub fn negative<T: Float>(level: Level, numbers: &[T]) -> (usize, T) {
    level.run(
        #[inline(always)]
        || {
            let (mut counts, mut least) = ([0_u32; STRIPES], [T::ZERO; STRIPES]);
            let (whole, tail) = numbers.as_chunks::<STRIPES>();
            for numbers in whole {
                for i in 0..STRIPES {
                    counts[i] += u32::from(numbers[i] < T::ZERO);
                    least[i] = if numbers[i] < least[i] { numbers[i] } else { least[i] };
                }
            }
            for ((count, least), &number) in counts.iter_mut().zip(&mut least).zip(tail) {
                *count += u32::from(number < T::ZERO);
                *least = if number < *least { number } else { *least };
            }
            let count: u32 = counts.iter().sum();
            let least = least.into_iter().fold(T::ZERO, |a, b| if b < a { b } else { a });
            (count as usize, least)
        },
    )
}
