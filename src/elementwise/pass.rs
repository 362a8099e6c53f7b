//! The loops over a chunk of elements that fits the first-level cache.
//!
//! The loops take every pair for a [usual](Term::usual) one, keep the strangest they meet, and have
//! no branches, so that they are compiled to vectors. Only if one was too strange are all looked at again, and if
//! that one was not usual either, the chunk is done again with care.
//!
//! Meanwhile the next chunk is prefetched, a cache line of each operand at a time: a chunk's arithmetic takes
//! about as long as its way from memory, and some machines would do one after the other. Others prefetch what
//! lies right behind by themselves, and are [left to it](super::ahead::prefetches_adjacent).

use super::groups::last_group_mut;
use crate::divergence::Term;
use crate::elementwise::Ahead;
use crate::exact::Adder;
use crate::number::Float;
use crate::number::Level;
use crate::number::Number;
use crate::number::Real;
use crate::number::WIDTH;

/// How many elements are visited at a time.
pub const CHUNK: usize = 1024;

/// Derivatives that are computed before they are multiplied.
const GROUP: usize = 64;

/// A chunk of both operands.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a, A> {
    /// x.
    pub input: &'a [A],
    /// t or y.
    pub target: &'a [A],
}

/// What derivatives are multiplied by.
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a> {
    /// One factor for all.
    Uniform(f64),
    /// One for each element.
    Each(&'a [f64]),
}

impl<A: Number> Chunk<'_, A> {
    /// Puts something of each pair into its place.
    #[inline(always)]
    fn each<P>(&self, places: impl IntoIterator<Item = P>, put: impl Fn(P, A::Real, A::Real)) {
        let pairs = self.input.iter().zip(self.target);
        for (place, (x, t)) in places.into_iter().zip(pairs) {
            put(place, x.widen(), t.widen());
        }
    }

    /// The terms, every pair looked at.
    #[inline(always)]
    fn any_terms<K: Term>(&self, out: &mut [A::Real]) {
        self.each(
            out,
            #[inline(always)]
            |out, x, t| *out = K::term::<_, true>(x, t),
        );
    }

    /// A derivative of each pair times the factor.
    #[inline(always)]
    fn scaled(
        &self,
        level: Level,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        factor: Factor<'_>,
        out: &mut [A],
    ) {
        match factor {
            Factor::Uniform(factor) if factor != 0.0 => {
                self.multiply(level, derivative, factor, out);
            }
            _ => scaled(self.derivatives(derivative), factor, out),
        }
    }

    /// A derivative of each pair times a factor that is not 0. (In one loop the wider numbers would halve the vectors of
    /// the narrower.)
    #[inline(always)]
    fn multiply(
        &self,
        level: Level,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
        factor: f64,
        out: &mut [A],
    ) {
        let (inputs, input) = self.input.as_chunks::<GROUP>();
        let (targets, target) = self.target.as_chunks::<GROUP>();
        let (groups, rest) = out.as_chunks_mut::<GROUP>();
        for ((x, t), out) in inputs.iter().zip(targets).zip(groups) {
            let mut slopes = [A::Real::ZERO; GROUP];
            for i in 0..GROUP {
                slopes[i] = derivative(x[i].widen(), t[i].widen());
            }
            A::multiply(level, &slopes, factor, out);
        }
        let mut slopes = [A::Real::ZERO; GROUP];
        for ((slope, x), t) in slopes.iter_mut().zip(input).zip(target) {
            *slope = derivative(x.widen(), t.widen());
        }
        A::multiply(level, &slopes[..rest.len()], factor, rest);
    }

    /// A derivative of each pair, beside the pair.
    #[inline(always)]
    fn derivatives(
        &self,
        derivative: impl Fn(A::Real, A::Real) -> A::Real,
    ) -> impl Iterator<Item = (A::Real, &A, &A)> {
        let pairs = self.input.iter().zip(self.target);
        pairs.map(
            #[inline(always)]
            move |(x, t)| (derivative(x.widen(), t.widen()), x, t),
        )
    }
}

/// The terms.
pub fn terms<K: Term, A: Number>(
    level: Level,
    chunk: Chunk<'_, A>,
    ahead: Ahead<'_, A>,
    out: &mut [A::Real],
) {
    if out.len() < WIDTH {
        return few_terms::<K, A>(level, chunk, out);
    }
    level.run(
        #[inline(always)]
        || {
            let usual = chunk.usual_terms::<K>(level, ahead, out.as_chunks_mut().0) && {
                let (last, groups) = (chunk.last_group(), last_group_mut(out));
                last.usual_terms::<K>(level, Ahead::NOTHING, groups)
            };
            if !usual {
                chunk.any_terms::<K>(out);
            }
        },
    );
}

/// The same, and what comes of adding them meanwhile; `None` where nothing does, and they are to be added from `out`.
/// (Vectors of AVX2 are too few: it took 11 to 17 % longer than one after the other, of AVX-512 4 to 11 % less; with numbers
/// to widen, of 16 bits, up to 6 % longer.)
pub fn terms_added<K: Term, A: Number, S: Adder<A::Real>, R>(
    level: Level,
    chunk: Chunk<'_, A>,
    ahead: Ahead<'_, A>,
    out: &mut [A::Real],
    result: impl FnOnce(&S) -> R,
) -> Option<R> {
    let widens = size_of::<A>() < size_of::<A::Real>();
    if !level.is_wide() || widens || K::IN_TWO_LOOPS || !out.len().is_multiple_of(WIDTH) {
        terms::<K, A>(level, chunk, ahead, out);
        return None;
    }
    level.run(
        #[inline(always)]
        || match chunk.usual_terms_added::<K, S>(level, ahead, out.as_chunks_mut().0) {
            Some(sums) => Some(result(&sums)),
            None => {
                chunk.any_terms::<K>(out);
                None
            }
        },
    )
}

/// The terms of fewer pairs than are computed side by side.
fn few_terms<K: Term, A: Number>(level: Level, chunk: Chunk<'_, A>, out: &mut [A::Real]) {
    let (input, target) = K::neutral::<A::Real>();
    let [mut input, mut target] = [input, target].map(|x| [A::narrow(x.to_f64()); WIDTH]);
    input[..out.len()].copy_from_slice(chunk.input);
    target[..out.len()].copy_from_slice(chunk.target);
    let mut room = [A::Real::ZERO; WIDTH];
    let chunk = Chunk { input: &input, target: &target };
    terms::<K, A>(level, chunk, Ahead::NOTHING, &mut room);
    out.copy_from_slice(&room[..out.len()]);
}

/// The terms and ∂term/∂input.
pub fn terms_and_slopes<K: Term, A: Number>(
    level: Level,
    chunk: Chunk<'_, A>,
    ahead: Ahead<'_, A>,
    out: &mut [A::Real],
    slopes: &mut [A::Real],
) {
    level.run(
        #[inline(always)]
        || {
            let (groups, places) = (out.as_chunks_mut().0, slopes.as_chunks_mut().0);
            let usual = chunk.usual_terms_and_slopes::<K>(level, ahead, groups, places) && {
                let (groups, places) = (last_group_mut(out), last_group_mut(slopes));
                let last = chunk.last_group();
                last.usual_terms_and_slopes::<K>(level, Ahead::NOTHING, groups, places)
            };
            if !usual || out.len() < WIDTH {
                chunk.each(
                    out.iter_mut().zip(slopes),
                    #[inline(always)]
                    |(out, slope), x, t| {
                        *out = K::term::<_, true>(x, t);
                        *slope = K::d_input::<_, true>(x, t);
                    },
                );
            }
        },
    );
}

/// ∂/∂input, times the factor; from the slopes where they have been computed with the terms.
pub fn d_input<K: Term, A: Number>(
    level: Level,
    chunk: Chunk<'_, A>,
    slopes: Option<&[A::Real]>,
    factor: Factor<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || match (slopes, factor) {
            (None, _) => chunk.scaled(level, K::d_input::<_, true>, factor, out),
            (Some(slopes), Factor::Uniform(factor)) if factor != 0.0 => {
                A::multiply(level, slopes, factor, out);
            }
            (Some(slopes), _) => {
                let slopes = slopes.iter().zip(chunk.input).zip(chunk.target);
                scaled(slopes.map(|((&slope, x), t)| (slope, x, t)), factor, out);
            }
        },
    );
}

/// ∂/∂target, times the factor.
pub fn d_target<K: Term, A: Number>(
    level: Level,
    chunk: Chunk<'_, A>,
    factor: Factor<'_>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || chunk.scaled(level, K::d_target::<_, true>, factor, out),
    );
}

/// values · factors, element by element.
pub fn times<T: Real>(level: Level, values: &mut [T], factors: &[T]) {
    level.run(
        #[inline(always)]
        || {
            for (value, &factor) in values.iter_mut().zip(factors) {
                *value = *value * factor;
            }
        },
    );
}

/// Derivatives times factors, where a factor of 0 gives 0 unless an operand is NaN.
#[inline(always)]
fn scaled<'a, A: Number>(
    derivatives: impl Iterator<Item = (A::Real, &'a A, &'a A)>,
    factor: Factor<'_>,
    out: &mut [A],
) {
    match factor {
        // (Any but 0 is multiplied in groups.)
        Factor::Uniform(factor) => {
            let out = out.iter_mut().zip(derivatives);
            out.for_each(|(out, (slope, x, t))| *out = product(x, t, slope, factor));
        }
        Factor::Each(factors) => {
            out.iter_mut().zip(derivatives).zip(factors).for_each(
                |((out, (slope, x, t)), &factor)| {
                    *out = product(x, t, slope, factor);
                },
            );
        }
    }
}

#[inline(always)]
fn product<A: Number>(x: &A, t: &A, derivative: A::Real, factor: f64) -> A {
    let comparable = !(x.widen().is_nan() | t.widen().is_nan());
    let vanishes = (factor == 0.0) & comparable;
    A::narrow(if vanishes { 0.0 } else { derivative.to_f64() * factor })
}
