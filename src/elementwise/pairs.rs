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
    /// Computes the terms and ∂term/∂(ln q).
    fn terms_and_d_log_q(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: [&mut [T]; 2]);
    /// Computes ∂term/∂(ln p).
    fn d_log_p(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]);
}

impl<T: Real> Pairs<T> {
    /// Calls `put` with the rows of p, q and D, whole ones, as many as there are places.
    #[inline(always)]
    fn each<P>(&self, places: impl Iterator<Item = P>, put: impl Fn(P, [&[T; WIDTH]; 3])) {
        let [p, q, d] =
            [&self.p, &self.q, &self.log_ratio].map(|all| all.as_chunks::<WIDTH>().0.iter());
        for (place, ((p, q), d)) in places.zip(p.zip(q).zip(d)) {
            put(place, [p, q, d]);
        }
    }

    /// Writes what a function makes of each pair.
    #[inline(always)]
    fn put(&self, out: &mut [T], make: impl Fn(Pair<T>) -> T) {
        self.each(
            out.as_chunks_mut::<WIDTH>().0.iter_mut(),
            #[inline(always)]
            |out, rows| {
                let mut found = [T::ZERO; WIDTH];
                for i in 0..WIDTH {
                    found[i] = make(pair(rows, i));
                }
                *out = found;
            },
        );
    }

    /// Writes both numbers that a function makes of each pair.
    #[inline(always)]
    fn put_two(&self, [a, b]: [&mut [T]; 2], make: impl Fn(Pair<T>) -> (T, T)) {
        let places = a.as_chunks_mut::<WIDTH>().0.iter_mut().zip(b.as_chunks_mut::<WIDTH>().0);
        self.each(
            places,
            #[inline(always)]
            |(a, b), rows| {
                let mut found = [[T::ZERO; WIDTH]; 2];
                for i in 0..WIDTH {
                    (found[0][i], found[1][i]) = make(pair(rows, i));
                }
                [*a, *b] = found;
            },
        );
    }
}

/// The pair at position `i` of rows of p, q and D.
#[inline(always)]
fn pair<T: Real>([p, q, d]: [&[T; WIDTH]; 3], i: usize) -> Pair<T> {
    let log_p = if d[i] == -T::INFINITY { d[i] } else { T::ZERO };
    let log_q = if d[i] == T::INFINITY { -d[i] } else { T::ZERO };
    Pair { p: p[i], q: q[i], log_ratio: d[i], log_p, log_q }
}

impl<F: Formula, T: Real> PairLoops<T> for F {
    fn terms(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]) {
        let formula = *self;
        level.run(
            #[inline(always)]
            || match careful {
                true => pairs.put(
                    out,
                    #[inline(always)]
                    |pair| formula.term::<T, true>(pair),
                ),
                false => pairs.put(
                    out,
                    #[inline(always)]
                    |pair| formula.term::<T, false>(pair),
                ),
            },
        );
    }

    fn terms_and_d_log_q(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: [&mut [T]; 2]) {
        let formula = *self;
        level.run(
            #[inline(always)]
            || match careful {
                true => pairs.put_two(
                    out,
                    #[inline(always)]
                    |pair| formula.term_and_d_log_q::<T, true>(pair),
                ),
                false => pairs.put_two(
                    out,
                    #[inline(always)]
                    |pair| formula.term_and_d_log_q::<T, false>(pair),
                ),
            },
        );
    }

    fn d_log_p(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]) {
        let formula = *self;
        level.run(
            #[inline(always)]
            || match careful {
                true => pairs.put(
                    out,
                    #[inline(always)]
                    |pair| formula.d_log_p::<T, true>(pair),
                ),
                false => pairs.put(
                    out,
                    #[inline(always)]
                    |pair| formula.d_log_p::<T, false>(pair),
                ),
            },
        );
    }
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
