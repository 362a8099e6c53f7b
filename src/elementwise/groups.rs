//! The loops over groups of pairs side by side, which are taken for [usual](Term::usual) ones.

use crate::divergence::Term;
use crate::elementwise::Ahead;
use crate::elementwise::Chunk;
use crate::exact::Adder;
use crate::number::Aligned;
use crate::number::Float;
use crate::number::Level;
use crate::number::Number;
use crate::number::WIDTH;

/// So many groups behind the last, terms are added: they are there by then, and do not wait in line with those that are
/// not. (Added at once, on Zen 4 they took up to a fourth longer than in a loop of their own.)
const BEHIND: usize = 8;

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

impl<A: Number> Chunk<'_, A> {
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
        mut put: impl FnMut(P, &[A::Real; WIDTH], &[A::Real; WIDTH]),
    ) -> bool {
        let mut room = Aligned([A::Real::ZERO; WIDTH]);
        let mut strangest = [<A::Real as Float>::Bits::default(); WIDTH];
        let pairs = self.input.as_chunks().0.iter().zip(self.target.as_chunks::<WIDTH>().0);
        for (group, ((x, t), place)) in pairs.zip(places).enumerate() {
            ahead.fetch::<WIDTH>(group * WIDTH);
            let (x, t) = (&A::widen_all(level, x), A::widen_to(level, t, &mut room.0));
            for i in 0..WIDTH {
                strangest[i] = strangest[i].max(K::strangeness(x[i], t[i]));
            }
            put(place, x, t);
        }
        strangest.iter().all(|&strangest| strangest <= K::usual::<A::Real>())
            || self.all_usual::<K>(level)
    }

    /// Whether all are usual, as targets of 0 are where inputs are finite, though strange at first sight. (One after the
    /// other, up to the first that is not, that took 15 times as long as the terms where half of the targets were 0.)
    #[inline(always)]
    fn all_usual<K: Term>(&self, level: Level) -> bool {
        let mut strange = [A::Real::ZERO; WIDTH];
        let (inputs, targets) =
            (self.input.as_chunks::<WIDTH>().0, self.target.as_chunks::<WIDTH>().0);
        for (x, t) in inputs.iter().zip(targets) {
            let (x, t) = (A::widen_all(level, x), A::widen_all(level, t));
            for i in 0..WIDTH {
                strange[i] = if K::is_usual(x[i], t[i]) { strange[i] } else { A::Real::ONE };
            }
        }
        strange == [A::Real::ZERO; WIDTH]
    }

    /// Puts something of [`WIDTH`] pairs at a time into their places. What is left at the end is not visited.
    #[inline(always)]
    fn each_group<P>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        places: impl IntoIterator<Item = P>,
        put: impl Fn(P, &[A::Real; WIDTH], &[A::Real; WIDTH]),
    ) {
        let mut room = Aligned([A::Real::ZERO; WIDTH]);
        let pairs = self.input.as_chunks().0.iter().zip(self.target.as_chunks::<WIDTH>().0);
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
        out: &mut [[A::Real; WIDTH]],
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

    /// The same, in one loop, and the terms added meanwhile; `None` if they were not usual.
    #[inline(always)]
    pub fn usual_terms_added<K: Term, S: Adder<A::Real>>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        out: &mut [[A::Real; WIDTH]],
    ) -> Option<S> {
        let mut sums = S::default();
        let usual = self.each_usual::<K, _>(
            level,
            ahead,
            0..out.len(),
            #[inline(always)]
            |group, x, t| {
                if let Some(terms) = group.checked_sub(BEHIND).and_then(|group| out.get(group)) {
                    sums.add(terms);
                }
                for i in 0..WIDTH {
                    out[group][i] = K::term::<_, false>(x[i], t[i]);
                }
            },
        );
        for terms in &out[out.len().saturating_sub(BEHIND)..] {
            sums.add(terms);
        }
        usual.then_some(sums)
    }

    /// The same with ∂term/∂input.
    #[inline(always)]
    pub fn usual_terms_and_slopes<K: Term>(
        &self,
        level: Level,
        ahead: Ahead<'_, A>,
        out: &mut [[A::Real; WIDTH]],
        slopes: &mut [[A::Real; WIDTH]],
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
