//! The probabilities that masses are summed of, and counts of negative terms.

use crate::elementwise::STRIPES;
use crate::number::{Exp, Float, Level, Number, exp, exp_of_normal};

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
        || {
            let (not_finite, largest) = exps_fast(level, x, out);
            let too_large = not_finite | (largest > A::Real::HIGHEST);
            if too_large && x.iter().any(|x| !(x.widen() <= A::Real::HIGHEST)) {
                exps_with_care(x, out);
            }
            Irregular { not_finite, out_of_range: largest > limit }
        },
    )
}

/// Whether some number is infinite or NaN, and the largest. eˣ is right of numbers up to [`Exp::HIGHEST`].
#[inline(always)]
fn exps_fast<A: Number>(level: Level, x: &[A], out: &mut [A::Real]) -> (bool, A::Real) {
    // x·0 is 0, or NaN, which stays.
    let (mut products, mut largest) = ([A::Real::ZERO; WIDTH], [-A::Real::INFINITY; WIDTH]);
    let (whole, tail) = x.as_chunks::<WIDTH>();
    let (groups, rest) = out.as_chunks_mut::<WIDTH>();
    for (x, out) in whole.iter().zip(groups) {
        exps_of_group(&A::widen_all(level, x), out, &mut products, &mut largest);
    }
    if !tail.is_empty() {
        // It does no harm that the first number of the tail comes several times.
        let (mut numbers, mut out) = ([tail[0].widen(); WIDTH], [A::Real::ZERO; WIDTH]);
        numbers.iter_mut().zip(tail).for_each(|(place, number)| *place = number.widen());
        exps_of_group(&numbers, &mut out, &mut products, &mut largest);
        rest.copy_from_slice(&out[..rest.len()]);
    }
    let mut largest_of_all = -A::Real::INFINITY;
    for largest in largest {
        largest_of_all = if largest > largest_of_all { largest } else { largest_of_all };
    }
    (products.iter().any(|product| product.is_nan()), largest_of_all)
}

#[inline(always)]
fn exps_of_group<T: Exp>(
    x: &[T; WIDTH],
    out: &mut [T; WIDTH],
    products: &mut [T; WIDTH],
    largest: &mut [T; WIDTH],
) {
    for i in 0..WIDTH {
        products[i] = x[i].mul_add(T::ZERO, products[i]);
        largest[i] = if x[i] > largest[i] { x[i] } else { largest[i] };
    }
    for i in 0..WIDTH {
        out[i] = if x[i] < T::LOWEST { T::ZERO } else { exp_of_normal(x[i]) };
    }
}

#[cold]
#[inline(never)]
fn exps_with_care<A: Number>(x: &[A], out: &mut [A::Real]) {
    for (x, out) in x.iter().zip(out) {
        let x = x.widen();
        *out = if x < A::Real::LOWEST { A::Real::ZERO } else { exp(x) };
    }
}

/// Whether some number is below 0.
pub fn has_negative<T: Float>(level: Level, numbers: &[T]) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut least = [T::ZERO; WIDTH];
            let (whole, tail) = numbers.as_chunks::<WIDTH>();
            for numbers in whole {
                for i in 0..WIDTH {
                    least[i] = if numbers[i] < least[i] { numbers[i] } else { least[i] };
                }
            }
            least.iter().chain(tail).any(|&number| number < T::ZERO)
        },
    )
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
