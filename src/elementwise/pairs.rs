//! The loops over classes of which p, q and D are known already, as they are from logits.

use std::marker::PhantomData;

use super::terms::TILE;
use crate::divergence::{Divergence, Formula, Pair, Work};
use crate::number::{Level, Real, WIDTH};

/// p, q and D of the classes of a block.
///
/// D is ±∞ only where one side excludes the class. Of a class that both exclude all three are 0.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Pairs<T> {
    /// p.
    pub p: [T; TILE],
    /// q.
    pub q: [T; TILE],
    /// D = ln p − ln q.
    pub log_ratio: [T; TILE],
}

/// The loops of a divergence over pairs. Without special care every p and q must be normal and D finite.
pub trait PairLoops<T: Real>: Sync {
    /// Computes the terms.
    fn terms(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]);
    /// Computes ∂term/∂(ln q) and ∂term/∂(ln p).
    fn slopes(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: [&mut [T]; 2]);
}

impl<T: Real> Pairs<T> {
    /// Calls `put` with the pairs of each row, whole ones, as many as there are places.
    #[inline(always)]
    fn each<P>(&self, places: impl Iterator<Item = P>, put: impl Fn(P, &[Pair<T>; WIDTH])) {
        let rows = self.p.as_chunks::<WIDTH>().0.iter().zip(self.q.as_chunks::<WIDTH>().0);
        for ((p, q), (d, place)) in
            rows.zip(self.log_ratio.as_chunks::<WIDTH>().0.iter().zip(places))
        {
            let zero = Pair { p: p[0], q: q[0], log_ratio: d[0], log_p: T::ZERO, log_q: T::ZERO };
            let mut pairs = [zero; WIDTH];
            for i in 0..WIDTH {
                let log_p = if d[i] == -T::INFINITY { d[i] } else { T::ZERO };
                let log_q = if d[i] == T::INFINITY { -d[i] } else { T::ZERO };
                pairs[i] = Pair { p: p[i], q: q[i], log_ratio: d[i], log_p, log_q };
            }
            put(place, &pairs);
        }
    }
}

impl<F: Formula, T: Real> PairLoops<T> for F {
    fn terms(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]) {
        level.run(
            #[inline(always)]
            || match careful {
                true => terms::<F, T, true>(*self, pairs, out),
                false => terms::<F, T, false>(*self, pairs, out),
            },
        );
    }

    fn slopes(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: [&mut [T]; 2]) {
        level.run(
            #[inline(always)]
            || match careful {
                true => slopes::<F, T, true>(*self, pairs, out),
                false => slopes::<F, T, false>(*self, pairs, out),
            },
        );
    }
}

#[inline(always)]
fn terms<F: Formula, T: Real, const CAREFUL: bool>(formula: F, pairs: &Pairs<T>, out: &mut [T]) {
    pairs.each(
        out.as_chunks_mut::<WIDTH>().0.iter_mut(),
        #[inline(always)]
        |out, pairs| {
            for i in 0..WIDTH {
                out[i] = formula.term::<T, CAREFUL>(pairs[i]);
            }
        },
    );
}

#[inline(always)]
fn slopes<F: Formula, T: Real, const CAREFUL: bool>(
    formula: F,
    pairs: &Pairs<T>,
    [of_q, of_p]: [&mut [T]; 2],
) {
    let places = of_q.as_chunks_mut::<WIDTH>().0.iter_mut().zip(of_p.as_chunks_mut::<WIDTH>().0);
    pairs.each(
        places,
        #[inline(always)]
        |(of_q, of_p), pairs| {
            for i in 0..WIDTH {
                of_q[i] = formula.d_log_q::<T, CAREFUL>(pairs[i]);
                of_p[i] = formula.d_log_p::<T, CAREFUL>(pairs[i]);
            }
        },
    );
}

/// The loops of one divergence over the computing type and over `f64`.
pub struct BothLoops<'l, T: Real>(pub &'l dyn PairLoops<T>, pub &'l dyn PairLoops<f64>);

/// Calls `work` with the loops over pairs of a divergence, or of its generalized form.
#[inline]
pub fn with_pair_loops<T: Real, R>(
    divergence: Divergence,
    generalized: bool,
    work: impl FnOnce(BothLoops<'_, T>) -> R,
) -> R {
    divergence.with_formula(generalized, WithPairLoops { work, number: PhantomData })
}

/// What is done with the loops of any formula.
struct WithPairLoops<T, W> {
    work: W,
    number: PhantomData<T>,
}

impl<T: Real, R, W: FnOnce(BothLoops<'_, T>) -> R> Work for WithPairLoops<T, W> {
    type Output = R;

    #[inline]
    fn run<F: Formula>(self, formula: F) -> R {
        (self.work)(BothLoops(&formula, &formula))
    }
}
