//! The loops over a tile that fits the first-level cache: terms, and slopes with them.
//!
//! The loops compute [`WIDTH`] pairs side by side and have no branches, so the compiler turns them into vectors. They treat
//! every pair as [regular](Kernel::is_regular) and keep the largest irregularity. Only if that exceeds the bound is every pair
//! examined, and only if one is not regular is the tile computed again with special care.
//!
//! Meanwhile they prefetch the next tile, a cache line of each operand at a time.
//!
//! A divergence that reads q takes [two loops](Kernel::IN_TWO_LOOPS). In one loop, the chain of dependent operations would be longer
//! than a processor's reorder window, and it would stall.

use super::prefetch::Prefetch;
use crate::divergence::Kernel;
use crate::number::{Aligned, Float, Level, Number, WIDTH};

/// The number of elements of a tile.
pub const TILE: usize = 1024;

/// A tile of both operands.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a, A> {
    /// The inputs x.
    pub input: &'a [A],
    /// The targets: probabilities t or log-probabilities y.
    pub target: &'a [A],
}

/// Computes the terms.
pub fn terms<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    prefetch: Prefetch<'_, A>,
    out: &mut [A::Real],
) {
    if out.len() < WIDTH {
        return few_terms(level, kernel, operands, out);
    }
    level.run_or(
        out,
        #[inline(always)]
        |out| {
            let regular = operands.whole_and_last(
                prefetch,
                #[inline(always)]
                |operands, start, prefetch| {
                    operands.regular_terms(level, kernel, prefetch, out[start..].as_chunks_mut().0)
                },
            );
            if !regular {
                operands.careful_terms(kernel, out);
            }
        },
        #[inline(always)]
        |out| operands.careful_terms(kernel, out),
    );
}

/// Computes the terms of fewer than [`WIDTH`] pairs.
fn few_terms<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    out: &mut [A::Real],
) {
    let (input, target) = kernel.neutral::<A::Real>();
    let [mut input, mut target] = [input, target].map(|x| [A::round(x); WIDTH]);
    input[..out.len()].copy_from_slice(operands.input);
    target[..out.len()].copy_from_slice(operands.target);
    let mut scratch = [A::Real::ZERO; WIDTH];
    let operands = Operands { input: &input, target: &target };
    terms(level, kernel, operands, Prefetch::NOTHING, &mut scratch);
    out.copy_from_slice(&scratch[..out.len()]);
}

/// Computes the terms and ∂term/∂input.
pub fn terms_and_slopes<K: Kernel, A: Number>(
    level: Level,
    kernel: K,
    operands: Operands<'_, A>,
    prefetch: Prefetch<'_, A>,
    out: &mut [A::Real],
    slopes: &mut [A::Real],
) {
    level.run_or(
        [out, slopes],
        #[inline(always)]
        |[out, slopes]| {
            let regular = operands.whole_and_last(
                prefetch,
                #[inline(always)]
                |operands, start, prefetch| {
                    let places =
                        [out[start..].as_chunks_mut().0, slopes[start..].as_chunks_mut().0];
                    operands.regular_terms_and_slopes(level, kernel, prefetch, places)
                },
            );
            if !regular || out.len() < WIDTH {
                operands.careful_terms_and_slopes(kernel, [out, slopes]);
            }
        },
        #[inline(always)]
        |places| operands.careful_terms_and_slopes(kernel, places),
    );
}

impl<A: Number> Operands<'_, A> {
    /// Calls `compute` with the operands; and, if the loop over whole groups of [`WIDTH`] leaves some over, with the last group.
    /// With each goes its start. Stops after one that is not regular, and returns whether all were.
    #[inline(always)]
    fn whole_and_last(
        &self,
        prefetch: Prefetch<'_, A>,
        mut compute: impl FnMut(Operands<'_, A>, usize, Prefetch<'_, A>) -> bool,
    ) -> bool {
        let len = self.input.len();
        let last = if len.is_multiple_of(WIDTH) { len } else { len.saturating_sub(WIDTH) };
        // One loop of two turns compiles its body once.
        let mut turn = Some((0, prefetch));
        while let Some((start, prefetch)) = turn {
            let part = Operands { input: &self.input[start..], target: &self.target[start..] };
            if !compute(part, start, prefetch) {
                return false;
            }
            turn = (start < last).then_some((last, Prefetch::NOTHING));
        }
        true
    }

    /// Computes terms one by one, with special care.
    #[inline(always)]
    fn careful_terms<K: Kernel>(&self, kernel: K, out: &mut [A::Real]) {
        self.each(
            out,
            #[inline(always)]
            |out, x, t| *out = kernel.term::<_, true>(x, t),
        );
    }

    /// Computes terms and ∂term/∂input one by one, with special care.
    #[inline(always)]
    fn careful_terms_and_slopes<K: Kernel>(&self, kernel: K, [out, slopes]: [&mut [A::Real]; 2]) {
        self.each(
            out.iter_mut().zip(slopes),
            #[inline(always)]
            |(out, slope), x, t| (*out, *slope) = kernel.term_and_slope::<_, true>(x, t),
        );
    }

    /// Calls `put` with each place and its pair.
    #[inline(always)]
    pub(super) fn each<P>(
        &self,
        places: impl IntoIterator<Item = P>,
        put: impl Fn(P, A::Real, A::Real),
    ) {
        let pairs = self.input.iter().zip(self.target);
        for (place, (x, t)) in places.into_iter().zip(pairs) {
            put(place, x.widen(), t.widen());
        }
    }

    /// Calls `put` with [`WIDTH`] pairs at a time. Pairs that are left over at the end are ignored.
    #[inline(always)]
    fn each_group<P>(
        &self,
        level: Level,
        prefetch: Prefetch<'_, A>,
        places: impl IntoIterator<Item = P>,
        mut put: impl FnMut(P, &[A::Real; WIDTH], &[A::Real; WIDTH]),
    ) {
        let mut scratch = Aligned([A::Real::ZERO; WIDTH]);
        let pairs = self.input.as_chunks().0.iter().zip(self.target.as_chunks::<WIDTH>().0);
        for (group, ((x, t), place)) in pairs.zip(places).enumerate() {
            prefetch.fetch::<WIDTH>(group * WIDTH);
            put(place, &A::widen_all(level, x), A::widen_to(level, t, &mut scratch.0));
        }
    }

    /// Calls `put` with [`WIDTH`] pairs at a time, as if all were regular. Returns false if one was not.
    #[inline(always)]
    fn each_regular<K: Kernel, P>(
        &self,
        level: Level,
        kernel: K,
        prefetch: Prefetch<'_, A>,
        places: impl IntoIterator<Item = P>,
        put: impl Fn(P, &[A::Real; WIDTH], &[A::Real; WIDTH]),
    ) -> bool {
        let mut largest = [<A::Real as Float>::Bits::default(); WIDTH];
        self.each_group(
            level,
            prefetch,
            places,
            // Not inlined, a long closure would not be compiled for the level.
            #[inline(always)]
            |place, x, t| {
                for i in 0..WIDTH {
                    largest[i] = largest[i].max(kernel.irregularity(x[i], t[i]));
                }
                put(place, x, t);
            },
        );
        let bound = kernel.regular_bound::<A::Real>();
        largest.iter().all(|&irregularity| irregularity <= bound) || self.all_regular(level, kernel)
    }

    /// Whether all pairs are regular in spite of a large irregularity, as a target of 0 with a finite input is.
    #[inline(always)]
    fn all_regular<K: Kernel>(&self, level: Level, kernel: K) -> bool {
        let mut irregular = [A::Real::ZERO; WIDTH];
        let (inputs, targets) =
            (self.input.as_chunks::<WIDTH>().0, self.target.as_chunks::<WIDTH>().0);
        for (x, t) in inputs.iter().zip(targets) {
            let (x, t) = (A::widen_all(level, x), A::widen_all(level, t));
            for i in 0..WIDTH {
                irregular[i] =
                    if kernel.is_regular(x[i], t[i]) { irregular[i] } else { A::Real::ONE };
            }
        }
        irregular == [A::Real::ZERO; WIDTH]
    }

    /// Computes terms as if all pairs were regular. Returns false if one was not.
    #[inline(always)]
    fn regular_terms<K: Kernel>(
        &self,
        level: Level,
        kernel: K,
        prefetch: Prefetch<'_, A>,
        out: &mut [[A::Real; WIDTH]],
    ) -> bool {
        let (prefetch, later) = prefetch.share(K::IN_TWO_LOOPS);
        let regular = self.each_regular(
            level,
            kernel,
            prefetch,
            out.iter_mut(),
            #[inline(always)]
            |out, x, t| {
                for i in 0..WIDTH {
                    let first = kernel.first_step::<_, false>(x[i], t[i]);
                    out[i] = match K::IN_TWO_LOOPS {
                        true => first,
                        false => kernel.regular_term(x[i], t[i], first),
                    };
                }
            },
        );
        if K::IN_TWO_LOOPS && regular {
            self.each_group(
                level,
                later,
                out,
                #[inline(always)]
                |out, x, t| {
                    for i in 0..WIDTH {
                        out[i] = kernel.regular_term(x[i], t[i], out[i]);
                    }
                },
            );
        }
        regular
    }

    /// Computes terms and ∂term/∂input as if all pairs were regular. Returns false if one was not.
    #[inline(always)]
    fn regular_terms_and_slopes<K: Kernel>(
        &self,
        level: Level,
        kernel: K,
        prefetch: Prefetch<'_, A>,
        [out, slopes]: [&mut [[A::Real; WIDTH]]; 2],
    ) -> bool {
        let (prefetch, later) = prefetch.share(K::IN_TWO_LOOPS);
        let regular = self.each_regular(
            level,
            kernel,
            prefetch,
            out.iter_mut().zip(slopes.iter_mut()),
            #[inline(always)]
            |(out, slope), x, t| {
                for i in 0..WIDTH {
                    out[i] = kernel.first_step::<_, true>(x[i], t[i]);
                    if !K::IN_TWO_LOOPS {
                        (out[i], slope[i]) = kernel.regular_term_and_slope(x[i], t[i], out[i]);
                    }
                }
            },
        );
        if K::IN_TWO_LOOPS && regular {
            self.each_group(
                level,
                later,
                out.iter_mut().zip(slopes),
                #[inline(always)]
                |(out, slope), x, t| {
                    for i in 0..WIDTH {
                        (out[i], slope[i]) = kernel.regular_term_and_slope(x[i], t[i], out[i]);
                    }
                },
            );
        }
        regular
    }
}
