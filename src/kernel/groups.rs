//! The loops over groups of pairs side by side, which are taken for [usual](Term::usual) ones.

use super::ahead::Ahead;
use super::aligned::Aligned;
use super::float::Float;
use super::level::Level;
use super::pass::Chunk;
use super::term::Term;
use crate::element::Element;

/// Elements side by side.
pub const WIDTH: usize = 16;

/// Where the last [`WIDTH`] of so many start; at the end where they are a group of their own, or too few.
#[inline(always)]
fn last_start(len: usize) -> usize {
    if len.is_multiple_of(WIDTH) { len } else { len.saturating_sub(WIDTH) }
}

#[inline(always)]
pub fn last_group_mut<T>(places: &mut [T]) -> &mut [[T; WIDTH]] {
    let start = last_start(places.len());
    places[start..].as_chunks_mut().0
}

impl<A: Element> Chunk<'_, A> {
    /// The last [`WIDTH`] pairs, where they are not a group of their own.
    #[inline(always)]
    pub fn last_group(&self) -> Self {
        let start = last_start(self.input.len());
        Chunk { input: &self.input[start..], target: &self.target[start..] }
    }

    /// Puts something of [`WIDTH`] pairs at a time into their places, taking all for usual ones; false if
    /// they were not. What is left at the end is not visited.
    #[inline(always)]
    fn each_usual<K: Term, P>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        places: impl IntoIterator<Item = P>,
        put: impl Fn(P, &[A::Loss; WIDTH], &[A::Loss; WIDTH]),
    ) -> bool {
        let mut room = Aligned([A::Loss::ZERO; WIDTH]);
        let mut strangest = [<A::Loss as Float>::Bits::default(); WIDTH];
        let pairs = self.input.as_chunks().0.iter().zip(self.target.as_chunks().0);
        for (group, ((x, t), place)) in pairs.zip(places).enumerate() {
            ahead.fetch::<WIDTH>(group * WIDTH);
            let (x, t) = (&A::widen_all(level, x), A::widen_to(level, t, &mut room.0));
            for i in 0..WIDTH {
                strangest[i] = strangest[i].max(K::strangeness(x[i], t[i]));
            }
            put(place, x, t);
        }
        let is_usual = |(x, t): (&A, &A)| K::is_usual(x.widen(), t.widen());
        strangest.iter().all(|&strangest| strangest <= K::usual::<A::Loss>())
            || self.input.iter().zip(self.target).all(is_usual)
    }

    /// Puts something of [`WIDTH`] pairs at a time into their places. What is left at the end is not visited.
    #[inline(always)]
    fn each_group<P>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        places: impl IntoIterator<Item = P>,
        put: impl Fn(P, &[A::Loss; WIDTH], &[A::Loss; WIDTH]),
    ) {
        let mut room = Aligned([A::Loss::ZERO; WIDTH]);
        let pairs = self.input.as_chunks().0.iter().zip(self.target.as_chunks().0);
        for (group, ((x, t), place)) in pairs.zip(places).enumerate() {
            ahead.fetch::<WIDTH>(group * WIDTH);
            put(place, &A::widen_all(level, x), A::widen_to(level, t, &mut room.0));
        }
    }

    /// The terms of [`WIDTH`] pairs at a time, taking all for usual ones; false if they were not.
    #[inline(always)]
    pub fn usual_terms<K: Term>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        out: &mut [[A::Loss; WIDTH]],
    ) -> bool {
        let (ahead, later) = ahead.share(K::IN_TWO_LOOPS);
        let usual = self.each_usual::<K, _>(
            level,
            ahead,
            out.iter_mut(),
            // Left out of line, a long one would not be compiled for the level.
            #[inline(always)]
            |out, x, t| {
                for i in 0..WIDTH {
                    let prepared = K::prepare::<_, false>(x[i], t[i]);
                    out[i] = if K::IN_TWO_LOOPS {
                        prepared
                    } else {
                        K::term_of::<_, false>(x[i], t[i], prepared)
                    };
                }
            },
        );
        if K::IN_TWO_LOOPS && usual {
            self.each_group(
                level,
                later,
                out,
                #[inline(always)]
                |out, x, t| {
                    for i in 0..WIDTH {
                        out[i] = K::term_of::<_, false>(x[i], t[i], out[i]);
                    }
                },
            );
        }
        usual
    }

    /// The same with ∂term/∂input.
    #[inline(always)]
    pub fn usual_terms_and_slopes<K: Term>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        out: &mut [[A::Loss; WIDTH]],
        slopes: &mut [[A::Loss; WIDTH]],
    ) -> bool {
        let (ahead, later) = ahead.share(K::IN_TWO_LOOPS);
        let usual = self.each_usual::<K, _>(
            level,
            ahead,
            out.iter_mut().zip(slopes.iter_mut()),
            #[inline(always)]
            |(out, slope), x, t| {
                for i in 0..WIDTH {
                    out[i] = K::prepare::<_, false>(x[i], t[i]);
                    if !K::IN_TWO_LOOPS {
                        slope[i] = K::d_input_of::<_, false>(x[i], t[i], out[i]);
                        out[i] = K::term_of::<_, false>(x[i], t[i], out[i]);
                    }
                }
            },
        );
        if K::IN_TWO_LOOPS && usual {
            self.each_group(
                level,
                later,
                out.iter_mut().zip(slopes),
                #[inline(always)]
                |(out, slope), x, t| {
                    for i in 0..WIDTH {
                        slope[i] = K::d_input_of::<_, false>(x[i], t[i], out[i]);
                        out[i] = K::term_of::<_, false>(x[i], t[i], out[i]);
                    }
                },
            );
        }
        usual
    }
}
