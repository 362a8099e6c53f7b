//! Masses to a few digits, for half the price of exact ones or less: by far most distributions are in order,
//! and this is enough to be certain.

use crate::elementwise::TILE;
use crate::elementwise::fetch;
use crate::elementwise::{FEW_STRIPES, STRIPES};
use crate::number::Float;
use crate::number::Level;
use crate::number::Number;
use crate::number::tree;
use crate::number::{Exp, exp_roughly};

/// What a [rough mass](rough_mass) is summed of.
pub trait Mass<T: Float> {
    /// A usual number whose share counts for nothing.
    const NOTHING: T;
    /// The number's share of the mass, and how strange it is.
    fn share(&self, number: T) -> (T, T::Bits);
    /// Numbers that are stranger than this may be out of range, or their share wrong.
    fn usual(&self) -> T::Bits;
}

/// Probabilities: none is below 0.
pub struct OfProbabilities;

/// Log-probabilities. (One above a tolerance makes a mass that is too large.)
pub struct OfLogProbabilities;

impl<T: Float> Mass<T> for OfProbabilities {
    const NOTHING: T = T::ZERO;

    #[inline(always)]
    fn share(&self, t: T) -> (T, T::Bits) {
        (t, t.above(T::ZERO))
    }

    #[inline(always)]
    fn usual(&self) -> T::Bits {
        T::INFINITY.above(T::ZERO)
    }
}

impl<T: Exp> Mass<T> for OfLogProbabilities {
    const NOTHING: T = T::NOTHING;

    #[inline(always)]
    fn share(&self, x: T) -> (T, T::Bits) {
        exp_roughly(x)
    }

    #[inline(always)]
    fn usual(&self) -> T::Bits {
        T::POWERS
    }
}

/// The mass of at most [`TILE`] usual numbers, wrong by less than a share of [`Exp::ROUGHLY`]; `None`
/// if one was strange. Meanwhile `next` is fetched.
pub fn rough_mass<M: Mass<A::Real>, A: Number>(
    level: Level,
    chunk: &[A],
    next: &[A],
    mass: &M,
) -> Option<f64> {
    level.run(
        #[inline(always)]
        || {
            // Not by `each_share`: added up in its closure the sums are kept in memory, which takes half as long again.
            let mut sums = [A::Real::ZERO; STRIPES];
            let mut strangest = [<A::Real as Float>::Bits::default(); STRIPES];
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
            if !tail.is_empty() {
                let mut numbers = [M::NOTHING; STRIPES];
                numbers.iter_mut().zip(tail).for_each(|(place, number)| *place = number.widen());
                for i in 0..STRIPES {
                    let (share, strangeness) = mass.share(numbers[i]);
                    sums[i] += share;
                    strangest[i] = strangest[i].max(strangeness);
                }
            }
            let strangest = strangest.into_iter().fold(Default::default(), Ord::max);
            (strangest <= mass.usual()).then(|| tree(sums).to_f64())
        },
    )
}

/// The smallest and the largest mass of lanes that lie one behind the other, of few classes each and
/// together at most [`TILE`] numbers; wrong by as much, `None` if a number was strange.
pub fn rough_masses<M: Mass<A::Real>, A: Number>(
    level: Level,
    lanes: &[A],
    next: &[A],
    classes: usize,
    mass: &M,
) -> Option<[f64; 2]> {
    level.run(
        #[inline(always)]
        || {
            let mut room = [A::Real::ZERO; TILE];
            let all_usual = each_share(
                level,
                lanes,
                next,
                mass,
                #[inline(always)]
                |place, shares| room[place..place + STRIPES].copy_from_slice(shares),
            );
            let shares = &room[..lanes.len()];
            let [least, most] = match classes % FEW_STRIPES {
                _ if !all_usual => return None,
                0 => extremes::<_, 0>(shares, classes),
                1 => extremes::<_, 1>(shares, classes),
                2 => extremes::<_, 2>(shares, classes),
                _ => extremes::<_, 3>(shares, classes),
            };
            Some([least.to_f64(), most.to_f64()])
        },
    )
}

/// The smallest and the largest sum of lanes, of whose classes `REST` are left when every stripe has had
/// as many.
#[inline(always)]
fn extremes<T: Float, const REST: usize>(shares: &[T], classes: usize) -> [T; 2] {
    let (mut least, mut most) = (T::INFINITY, T::ZERO);
    for lane in shares.chunks_exact(classes) {
        let (whole, rest) = lane.as_chunks::<FEW_STRIPES>();
        let mut stripes = [T::ZERO; FEW_STRIPES];
        for shares in whole {
            for i in 0..FEW_STRIPES {
                stripes[i] += shares[i];
            }
        }
        for i in 0..REST {
            stripes[i] += rest[i];
        }
        let sum = tree(stripes);
        least = if sum < least { sum } else { least };
        most = if sum > most { sum } else { most };
    }
    [least, most]
}

/// Adds the share of each number to the sum beside it; whether all are usual.
pub fn add_shares<M: Mass<A::Real>, A: Number>(
    level: Level,
    numbers: &[A],
    mass: &M,
    sums: &mut [A::Real],
) -> bool {
    level.run(
        #[inline(always)]
        || {
            each_share(
                level,
                numbers,
                &[],
                mass,
                #[inline(always)]
                |place, shares| match sums.get_mut(place..place + STRIPES) {
                    Some(sums) => {
                        for i in 0..STRIPES {
                            sums[i] += shares[i];
                        }
                    }
                    None => sums[place..].iter_mut().zip(shares).for_each(|(a, &b)| *a += b),
                },
            )
        },
    )
}

/// Gives the shares of each group of numbers to `put`, with the place of the first; the last group is
/// filled up with nothing. Whether all are usual.
#[inline(always)]
fn each_share<M: Mass<A::Real>, A: Number>(
    level: Level,
    numbers: &[A],
    next: &[A],
    mass: &M,
    mut put: impl FnMut(usize, &[A::Real; STRIPES]),
) -> bool {
    let mut strangest = [<A::Real as Float>::Bits::default(); STRIPES];
    let (whole, tail) = numbers.as_chunks::<STRIPES>();
    for (i, numbers) in whole.iter().enumerate() {
        fetch::<_, STRIPES>(next, i * STRIPES);
        put(i * STRIPES, &shares(mass, &A::widen_all(level, numbers), &mut strangest));
    }
    if !tail.is_empty() {
        let mut filled = [M::NOTHING; STRIPES];
        filled.iter_mut().zip(tail).for_each(|(place, number)| *place = number.widen());
        put(numbers.len() - tail.len(), &shares(mass, &filled, &mut strangest));
    }
    strangest.into_iter().fold(<A::Real as Float>::Bits::default(), Ord::max) <= mass.usual()
}

#[inline(always)]
fn shares<M: Mass<T>, T: Float>(
    mass: &M,
    numbers: &[T; STRIPES],
    strangest: &mut [T::Bits; STRIPES],
) -> [T; STRIPES] {
    let mut shares = [T::ZERO; STRIPES];
    for i in 0..STRIPES {
        let (share, strangeness) = mass.share(numbers[i]);
        shares[i] = share;
        strangest[i] = strangest[i].max(strangeness);
    }
    shares
}
