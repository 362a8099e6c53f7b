//! The loops over classes of which p, q and D are known already, as they are from logits.

use std::marker::PhantomData;

use super::terms::TILE;
use crate::divergence::{Divergence, Forms, Formula, Pair, Work};
use crate::number::{Level, Real, WIDTH};

/// p, q and D of the classes of a block.
///
/// D is ±∞ only if one side excludes the class. If both exclude it, all three are 0.
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
    /// Whether the plain form and the generalized one are the same.
    fn has_one_form(&self) -> bool;
    /// Computes the terms.
    fn terms(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]);
    /// Computes the terms and ∂term/∂(ln q).
    fn terms_and_d_log_q(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: [&mut [T]; 2]);
    /// Computes ∂term/∂(ln p).
    fn d_log_p(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]);
}

impl<T: Real> Pairs<T> {
    /// Writes what a function makes of each pair: `careful` or `fast`.
    #[inline(always)]
    fn put<const N: usize>(
        &self,
        level: Level,
        is_careful: bool,
        out: [&mut [T]; N],
        careful: impl Fn(Pair<T>) -> [T; N],
        fast: impl Fn(Pair<T>) -> [T; N],
    ) {
        level.run(
            #[inline(always)]
            || match is_careful {
                true => self.put_with(out, careful),
                false => self.put_with(out, fast),
            },
        );
    }

    /// Writes the numbers that a function makes of each pair, whole rows.
    #[inline(always)]
    fn put_with<const N: usize>(&self, out: [&mut [T]; N], make: impl Fn(Pair<T>) -> [T; N]) {
        let [p, q, d] = [&self.p, &self.q, &self.log_ratio].map(|all| all.as_chunks().0);
        for start in (0..out[0].len()).step_by(WIDTH) {
            let rows = [p, q, d].map(|rows| &rows[start / WIDTH]);
            let mut found = [[T::ZERO; WIDTH]; N];
            for i in 0..WIDTH {
                let made = make(pair(rows, i));
                for n in 0..N {
                    found[n][i] = made[n];
                }
            }
            for n in 0..N {
                out[n][start..start + WIDTH].copy_from_slice(&found[n]);
            }
        }
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
    fn has_one_form(&self) -> bool {
        Formula::has_one_form(*self)
    }

    fn terms(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]) {
        let formula = *self;
        pairs.put(
            level,
            careful,
            [out],
            #[inline(always)]
            |pair| [formula.term::<T, true>(pair)],
            #[inline(always)]
            |pair| [formula.term::<T, false>(pair)],
        );
    }

    fn terms_and_d_log_q(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: [&mut [T]; 2]) {
        let formula = *self;
        pairs.put(
            level,
            careful,
            out,
            #[inline(always)]
            |pair| formula.term_and_d_log_q::<T, true>(pair).into(),
            #[inline(always)]
            |pair| formula.term_and_d_log_q::<T, false>(pair).into(),
        );
    }

    fn d_log_p(&self, level: Level, careful: bool, pairs: &Pairs<T>, out: &mut [T]) {
        let formula = *self;
        pairs.put(
            level,
            careful,
            [out],
            #[inline(always)]
            |pair| [formula.d_log_p::<T, true>(pair)],
            #[inline(always)]
            |pair| [formula.d_log_p::<T, false>(pair)],
        );
    }
}

/// The loops of a divergence over the computing type and over `f64`.
pub struct BothLoops<T: Real>(pub Box<dyn PairLoops<T>>, pub Box<dyn PairLoops<f64>>);

/// The loops over pairs of these forms of a divergence. There are none, and none are compiled, where it has a
/// [closed form](Formula::HAS_CLOSED_FORM).
pub fn pair_loops<T: Real>(divergence: Divergence, forms: Forms) -> Option<BothLoops<T>> {
    divergence.with_formula(forms, MakeLoops(PhantomData))
}

/// Makes the loops of any formula.
struct MakeLoops<T>(PhantomData<T>);

impl<T: Real> Work for MakeLoops<T> {
    type Output = Option<BothLoops<T>>;

    #[inline]
    fn run<F: Formula>(self, formula: F) -> Self::Output {
        match F::HAS_CLOSED_FORM {
            true => None,
            false => Some(BothLoops(Box::new(formula), Box::new(formula))),
        }
    }
}
