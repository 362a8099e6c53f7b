//! What the masses of distributions are summed of.

use super::ahead::fetch;
use super::exp::{Exp, exp_of_normal};
use super::float::Float;
use super::level::Level;
use super::pass::CHUNK;
use super::sum::{LaneSum, STRIPES, tree};
use crate::element::Element;

/// What a [rough mass](rough_mass) is summed of.
pub trait Mass<T: Float> {
    /// The number's share of the mass, and how strange it is.
    fn share(&self, number: T) -> (T, T::Bits);
    /// Numbers that are stranger than this may be out of range, or their share wrong.
    fn usual(&self) -> T::Bits;
}

/// Probabilities: none is below 0.
pub struct OfProbabilities;

/// Log-probabilities: none reaches this.
pub struct OfLogProbabilities<T>(pub T);

impl<T: Float> Mass<T> for OfProbabilities {
    #[inline(always)]
    fn share(&self, t: T) -> (T, T::Bits) {
        (t, t.above(T::ZERO))
    }

    #[inline(always)]
    fn usual(&self) -> T::Bits {
        T::INFINITY.above(T::ZERO)
    }
}

impl<T: Exp> Mass<T> for OfLogProbabilities<T> {
    #[inline(always)]
    fn share(&self, x: T) -> (T, T::Bits) {
        (exp_of_normal(x), T::LOWEST.above(x - self.0))
    }

    #[inline(always)]
    fn usual(&self) -> T::Bits {
        T::LOWEST.above(-T::ZERO)
    }
}

/// The mass of a lane of usual numbers, wrong by less than a share of 2^(6−p); `None` if one was strange.
/// Meanwhile `next` is fetched.
pub fn rough_mass<M: Mass<A::Loss>, A: Element>(
    level: Level,
    lane: &[A],
    next: &[A],
    mass: &M,
) -> Option<f64> {
    let mut chunks = lane.chunks(CHUNK).enumerate();
    chunks.try_fold(0.0, |sum, (i, chunk)| {
        let next = next.get(i * CHUNK..).unwrap_or(&[]);
        Some(sum + rough_mass_of_chunk(level, chunk, next, mass)?)
    })
}

fn rough_mass_of_chunk<M: Mass<A::Loss>, A: Element>(
    level: Level,
    chunk: &[A],
    next: &[A],
    mass: &M,
) -> Option<f64> {
    level.run(
        #[inline(always)]
        || {
            let mut sums = [A::Loss::ZERO; STRIPES];
            let mut strangest = [<A::Loss as Float>::Bits::default(); STRIPES];
            let (whole, tail) = chunk.as_chunks::<STRIPES>();
            for (group, numbers) in whole.iter().enumerate() {
                fetch::<_, STRIPES>(next, group * STRIPES);
                let numbers = A::widen_all(level, numbers);
                for i in 0..STRIPES {
                    let (share, strangeness) = mass.share(numbers[i]);
                    sums[i] += share;
                    strangest[i] = strangest[i].max(strangeness);
                }
            }
            let mut sums = sums.map(Float::to_f64);
            let mut all_usual = strangest.iter().all(|&strangest| strangest <= mass.usual());
            for (sum, number) in sums.iter_mut().zip(tail) {
                let (share, strangeness) = mass.share(number.widen());
                *sum += share.to_f64();
                all_usual &= strangeness <= mass.usual();
            }
            all_usual.then(|| tree(sums))
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
pub fn exps<A: Element>(level: Level, x: &[A], limit: A::Loss, out: &mut [A::Loss]) -> bool {
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
pub fn copies<A: Element>(level: Level, t: &[A], out: &mut [A::Loss]) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut below = false;
            for (out, t) in out.iter_mut().zip(t) {
                let t = t.widen();
                below |= t < A::Loss::ZERO;
                *out = t;
            }
            below
        },
    )
}

/// Adds eˣ of each to the sum of a lane, as [`LaneSum::add`] would; whether any x is above a limit.
pub fn add_exps<A: Element>(level: Level, x: &[A], limit: A::Loss, sum: &mut LaneSum) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut most = [-A::Loss::INFINITY; STRIPES];
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
pub fn add_copies<A: Element>(level: Level, t: &[A], sum: &mut LaneSum) -> bool {
    level.run(
        #[inline(always)]
        || {
            let mut least = [A::Loss::ZERO; STRIPES];
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
            least.iter().any(|&least| least < A::Loss::ZERO)
        },
    )
}
