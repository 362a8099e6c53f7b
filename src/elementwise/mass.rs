//! What the masses of distributions are summed of, and what is counted.

use crate::elementwise::{LaneSum, STRIPES};
use crate::number::Float;
use crate::number::Level;
use crate::number::Number;
use crate::number::{Exp, exp_of_normal};

/// Whether no number is infinite or NaN.
pub fn all_finite<A: Number>(level: Level, numbers: &[A]) -> bool {
    level.run(
        #[inline(always)]
        || {
            // x·0 is 0, or NaN, which stays.
            let mut sums = [A::Real::ZERO; STRIPES];
            let (whole, tail) = numbers.as_chunks::<STRIPES>();
            for numbers in whole {
                let numbers = A::widen_all(level, numbers);
                for i in 0..STRIPES {
                    sums[i] += numbers[i] * A::Real::ZERO;
                }
            }
            for (sum, number) in sums.iter_mut().zip(tail) {
                *sum += number.widen() * A::Real::ZERO;
            }
            !sums.iter().any(|sum| sum.is_nan())
        },
    )
}

/// How many numbers are below 0, and the least of them.
pub fn negative<T: Float>(level: Level, numbers: &[T]) -> Option<(usize, T)> {
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
            (count > 0).then_some((count as usize, least))
        },
    )
}

/// eˣ, and 0 where that is subnormal.
#[inline(always)]
fn exp_or_zero<T: Exp>(x: T) -> T {
    let high = if x > T::HIGHEST { T::INFINITY } else { exp_of_normal(x) };
    let low = if x.is_nan() { x } else { T::ZERO };
    if x >= T::LOWEST { high } else { low }
}

/// eˣ of each, subnormal ones taken for 0; whether any x is above a limit.
pub fn exps<A: Number>(level: Level, x: &[A], limit: A::Real, out: &mut [A::Real]) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut above = false;
            for (out, x) in out.iter_mut().zip(x) {
                let x = x.widen();
                above |= x > limit;
                *out = exp_or_zero(x);
            }
            above
        },
    )
}

/// Each as it is; whether any is below 0.
pub fn copies<A: Number>(level: Level, t: &[A], out: &mut [A::Real]) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut below = false;
            for (out, t) in out.iter_mut().zip(t) {
                let t = t.widen();
                below |= t < A::Real::ZERO;
                *out = t;
            }
            below
        },
    )
}

/// Adds eˣ of each to the sum of a lane, as [`LaneSum::add`] would; whether any x is above a limit.
pub fn add_exps<A: Number>(level: Level, x: &[A], limit: A::Real, sum: &mut LaneSum) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut most = [-A::Real::INFINITY; STRIPES];
            let mut sums = sum.0;
            let (whole, tail) = x.as_chunks::<STRIPES>();
            for x in whole {
                for i in 0..STRIPES {
                    let x = x[i].widen();
                    most[i] = if x > most[i] { x } else { most[i] };
                    sums[i] += exp_or_zero(x).to_f64();
                }
            }
            for i in 0..tail.len() {
                let x = tail[i].widen();
                most[i] = if x > most[i] { x } else { most[i] };
                sums[i] += exp_or_zero(x).to_f64();
            }
            sum.0 = sums;
            most.iter().any(|&most| most > limit)
        },
    )
}

/// Adds each to the sum of a lane, as [`LaneSum::add`] would; whether any is below 0.
pub fn add_copies<A: Number>(level: Level, t: &[A], sum: &mut LaneSum) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut least = [A::Real::ZERO; STRIPES];
            let mut sums = sum.0;
            let (whole, tail) = t.as_chunks::<STRIPES>();
            for t in whole {
                for i in 0..STRIPES {
                    let t = t[i].widen();
                    least[i] = if t < least[i] { t } else { least[i] };
                    sums[i] += t.to_f64();
                }
            }
            for i in 0..tail.len() {
                let t = tail[i].widen();
                least[i] = if t < least[i] { t } else { least[i] };
                sums[i] += t.to_f64();
            }
            sum.0 = sums;
            least.iter().any(|&least| least < A::Real::ZERO)
        },
    )
}
