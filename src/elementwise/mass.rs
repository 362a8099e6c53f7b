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

/// Numbers that are computed side by side.
const WIDTH: usize = 16;

/// Writes eˣ of each log-probability, subnormal ones as 0. Those above `limit` are out of range.
pub fn exps<A: Number>(level: Level, x: &[A], limit: A::Real, out: &mut [A::Real]) -> Irregular {
    level.run(
        #[inline(always)]
        || probabilities::<A, true>(level, x, limit, out),
    )
}

/// Writes each probability as it is. Those below 0 are out of range.
pub fn copies<A: Number>(level: Level, t: &[A], out: &mut [A::Real]) -> Irregular {
    level.run(
        #[inline(always)]
        || probabilities::<A, false>(level, t, A::Real::ZERO, out),
    )
}

/// Writes the probability of each number. Numbers, or with `LOG` false −numbers, above the limit are out of range.
#[inline(always)]
fn probabilities<A: Number, const LOG: bool>(
    level: Level,
    numbers: &[A],
    limit: A::Real,
    out: &mut [A::Real],
) -> Irregular {
    // x·0 is 0, or NaN, which stays.
    let (mut products, mut largest) = ([A::Real::ZERO; WIDTH], [-A::Real::INFINITY; WIDTH]);
    let (whole, tail) = numbers.as_chunks::<WIDTH>();
    let (groups, rest) = out.as_chunks_mut::<WIDTH>();
    for (numbers, out) in whole.iter().zip(groups) {
        let numbers = A::widen_all(level, numbers);
        group::<_, LOG>(&numbers, out, &mut products, &mut largest);
    }
    if !tail.is_empty() {
        // It does no harm that the first number of the tail comes several times.
        let (mut numbers, mut out) = ([tail[0].widen(); WIDTH], [A::Real::ZERO; WIDTH]);
        numbers.iter_mut().zip(tail).for_each(|(place, number)| *place = number.widen());
        group::<_, LOG>(&numbers, &mut out, &mut products, &mut largest);
        rest.copy_from_slice(&out[..rest.len()]);
    }
    Irregular {
        not_finite: products.iter().any(|product| product.is_nan()),
        out_of_range: largest.iter().any(|&number| number > limit),
    }
}

#[inline(always)]
fn group<T: Exp, const LOG: bool>(
    numbers: &[T; WIDTH],
    out: &mut [T; WIDTH],
    products: &mut [T; WIDTH],
    largest: &mut [T; WIDTH],
) {
    for i in 0..WIDTH {
        products[i] += numbers[i] * T::ZERO;
        let number = if LOG { numbers[i] } else { -numbers[i] };
        largest[i] = if number > largest[i] { number } else { largest[i] };
    }
    for i in 0..WIDTH {
        out[i] = if LOG { exp_or_zero(numbers[i]) } else { numbers[i] };
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
