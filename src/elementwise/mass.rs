//! The probabilities whose sums are masses, and the counts of negative terms.

use crate::number::{Exp, Float, Level, Number, WIDTH, exp, exp_of_normal};

/// Whether the numbers of an operand must be examined one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Irregular {
    /// Whether some number is infinite or NaN.
    pub not_finite: bool,
    /// Whether some number may be outside the range of a distribution.
    pub out_of_range: bool,
}

/// Writes eˣ of each log-probability x; subnormal results become 0. An x above `limit` is out of range.
pub fn exps<A: Number>(level: Level, x: &[A], limit: A::Real, out: &mut [A::Real]) -> Irregular {
    level.run(
        #[inline(always)]
        || {
            let (not_finite, largest) = exps_fast(level, x, out);
            let too_large = not_finite | (largest > A::Real::HIGHEST);
            if too_large && !x.iter().all(|x| x.widen() <= A::Real::HIGHEST) {
                exps_with_care(x, out);
            }
            Irregular { not_finite, out_of_range: largest > limit }
        },
    )
}

/// Writes eˣ, which is right for x up to [`Exp::HIGHEST`]. Returns whether some x is infinite or NaN, and the largest x.
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
        // The first number of the tail may be repeated: that changes no result.
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

/// The number of counters that run side by side.
const COUNTERS: usize = 32;

/// The count of numbers below 0, and the least number, or 0 if none is below 0.
pub fn negative<T: Float>(level: Level, numbers: &[T]) -> (usize, T) {
    level.run(
        #[inline(always)]
        || {
            let (mut counts, mut least) = ([0_u32; COUNTERS], [T::ZERO; COUNTERS]);
            let (whole, tail) = numbers.as_chunks::<COUNTERS>();
            for numbers in whole {
                for i in 0..COUNTERS {
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
