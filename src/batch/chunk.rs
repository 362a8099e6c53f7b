//! The work on one chunk, which fits the first-level cache and is read from memory once.

use ndarray::ArrayView2;

use super::tally::Tally;
use super::visit::{Visit, Wanted};
use crate::divergence::Term;
use crate::element::Element;
use crate::elementwise;
use crate::elementwise::{
    Ahead, CHUNK, Chunk, Factor, d_input, d_target, prefetches_adjacent, terms_and_slopes, times,
};
use crate::layout::{Reader, Rect, Scratch, Unit, dense, read, write};
use crate::number::{Float, Level, Real};

/// Room for what is computed of a chunk, and for the parts of arrays that are not dense where they are.
pub struct Room<'v, A: Element> {
    /// Where terms go that are not summed by distribution, and the sums of those that are.
    pub tally: Tally<'v, A::Loss>,
    terms: &'v mut [A::Loss; CHUNK],
    slopes: Scratch<A::Loss>,
    operands: [Reader<'v, A>; 2],
    masked: [Scratch<A>; 2],
    weights: Scratch<A::Loss>,
    spread: Scratch<A::Loss>,
    output: Scratch<A::Loss>,
    gradients: Gradients<A>,
}

/// Room for gradients.
struct Gradients<A: Element> {
    upstream: Scratch<A::Loss>,
    factors: Scratch<f64>,
    gradient: Scratch<A>,
}

impl<'v, A: Element> Room<'v, A> {
    #[inline(always)]
    pub fn new(
        tally: Tally<'v, A::Loss>,
        operands: [ArrayView2<'v, A>; 2],
        terms: &'v mut [A::Loss; CHUNK],
    ) -> Self {
        Room {
            tally,
            terms,
            slopes: Scratch::EMPTY,
            operands: operands.map(Reader::new),
            masked: [Scratch::EMPTY; 2],
            weights: Scratch::EMPTY,
            spread: Scratch::EMPTY,
            output: Scratch::EMPTY,
            gradients: Gradients {
                upstream: Scratch::EMPTY,
                factors: Scratch::EMPTY,
                gradient: Scratch::EMPTY,
            },
        }
    }

    /// Does what is wanted with one chunk; where lanes are summed, `sum` is given the terms, and what lies
    /// behind them. `next` is the chunk that will follow.
    #[inline]
    pub fn chunk<K: Term>(
        &mut self,
        unit: &mut Unit<'_, A>,
        rect: &Rect,
        next: &Rect,
        sum: impl FnOnce(&[A::Loss]),
    ) {
        let visit = self.tally.visit;
        let Visit { level, wanted, .. } = *visit;
        let len = rect.0.len() * rect.1.len();
        let after = [self.operands[0].dense(next), self.operands[1].dense(next)];
        let [input, target] = &mut self.operands;
        let (input, target) = (input.read(rect), target.read(rect));
        let weights = unit.weights;
        let weights =
            weights.as_ref().map(|view| read(view, &(rect.0.clone(), 0..1), &mut self.weights));
        let mut chunk = Chunk { input, target };
        let ahead = ahead(unit, chunk, after, rect, wanted);
        if let Some(weights) = weights.filter(|weights| weights.contains(&A::Loss::ZERO)) {
            chunk =
                masked::<K, A>(chunk, weights, self.masked.each_mut().map(|room| room.get(len)));
        }

        let terms = &mut self.terms[..len];
        let slopes = room_for_slopes::<K, _>(unit.d_input.is_some(), len, &mut self.slopes);
        let slopes = compute::<K, A>(level, chunk, ahead, wanted, terms, slopes);
        match (wanted, &mut unit.value) {
            (Wanted::Nothing, _) => {}
            (Wanted::Terms, Some(value)) => {
                weigh(level, weights, terms, &mut self.spread);
                write(value, rect, &mut self.output, |out| out.copy_from_slice(terms));
            }
            _ => {
                if visit.sums_lanes() {
                    sum(&*self.terms);
                }
                if visit.totals_terms() {
                    let terms = &mut self.terms[..len];
                    weigh(level, weights, terms, &mut self.spread);
                    self.tally.total.add_block(level, terms);
                }
            }
        }

        if unit.d_input.is_some() || unit.d_target.is_some() {
            self.gradients.write::<K>(visit, unit, chunk, slopes, weights, rect);
        }
    }
}

impl<A: Element> Gradients<A> {
    /// Writes those of a chunk.
    #[inline]
    fn write<K: Term>(
        &mut self,
        visit: &Visit,
        unit: &mut Unit<'_, A>,
        chunk: Chunk<'_, A>,
        slopes: Option<&[A::Loss]>,
        weights: Option<&[A::Loss]>,
        rect: &Rect,
    ) {
        let Visit { level, scale, .. } = *visit;
        let upstream = unit.upstream.as_ref().map(|view| {
            let classes = if view.ncols() == 1 { 0..1 } else { rect.1.clone() };
            read(view, &(rect.0.clone(), classes), &mut self.upstream)
        });
        let factor = factor(scale, upstream, weights, rect, &mut self.factors);
        if let Some(gradient) = &mut unit.d_input {
            write(gradient, rect, &mut self.gradient, |out| {
                d_input::<K, A>(level, chunk, slopes, factor, out)
            });
        }
        if let Some(gradient) = &mut unit.d_target {
            write(gradient, rect, &mut self.gradient, |out| {
                d_target::<K, A>(level, chunk, factor, out)
            });
        }
    }
}

/// What will be asked for once the terms are computed.
#[inline]
fn ahead<'a, A: Element>(
    unit: &'a Unit<'_, A>,
    chunk: Chunk<'_, A>,
    [input, target]: [Option<&'a [A]>; 2],
    rect: &Rect,
    wanted: Wanted,
) -> Ahead<'a, A> {
    let gradient = unit.d_input.as_ref().or(unit.d_target.as_ref());
    let arrays = [
        input.filter(|next| is_to_be_fetched(chunk.input, next)),
        target.filter(|next| is_to_be_fetched(chunk.target, next)),
        gradient.and_then(|array| dense(array, rect)),
    ];
    let output = match &unit.value {
        Some(value) if wanted == Wanted::Terms => dense(value, rect).unwrap_or(&[]),
        _ => &[],
    };
    Ahead::new(arrays.map(|array| array.unwrap_or(&[])), output)
}

/// Whether the next chunk of an operand is not right behind this one, or the machine does not
/// [prefetch](prefetches_adjacent) that by itself.
#[inline]
fn is_to_be_fetched<A>(chunk: &[A], next: &[A]) -> bool {
    prefetches_adjacent() || chunk.as_ptr_range().end != next.as_ptr()
}

/// Room for the slopes, where they are wanted and come with the terms.
#[inline]
pub fn room_for_slopes<K: Term, L: Float>(
    wanted: bool,
    len: usize,
    scratch: &mut Scratch<L>,
) -> Option<&mut [L]> {
    if K::D_INPUT_IS_COSTLY && wanted { Some(scratch.get(len)) } else { None }
}

/// The terms, if they are wanted, and the slopes, if there is room for them.
#[inline]
pub fn compute<'r, K: Term, A: Element>(
    level: Level,
    chunk: Chunk<'_, A>,
    ahead: Ahead<'_, A>,
    wanted: Wanted,
    terms: &mut [A::Loss],
    slopes: Option<&'r mut [A::Loss]>,
) -> Option<&'r [A::Loss]> {
    match slopes {
        Some(slopes) => {
            terms_and_slopes::<K, A>(level, chunk, ahead, terms, slopes);
            Some(slopes)
        }
        None => {
            if wanted != Wanted::Nothing {
                elementwise::terms::<K, A>(level, chunk, ahead, terms);
            }
            None
        }
    }
}

/// The operands, with neutral pairs in the lanes whose weight is 0.
fn masked<'a, K: Term, A: Element>(
    chunk: Chunk<'_, A>,
    weights: &[A::Loss],
    [inputs, targets]: [&'a mut [A]; 2],
) -> Chunk<'a, A> {
    inputs.copy_from_slice(chunk.input);
    targets.copy_from_slice(chunk.target);
    let classes = inputs.len() / weights.len();
    let (input, target) = K::neutral::<A::Loss>();
    let lanes = inputs.chunks_exact_mut(classes).zip(targets.chunks_exact_mut(classes));
    for ((x, t), _) in lanes.zip(weights).filter(|(_, weight)| **weight == A::Loss::ZERO) {
        x.fill(A::narrow(input.to_f64()));
        t.fill(A::narrow(target.to_f64()));
    }
    Chunk { input: inputs, target: targets }
}

/// w·term.
fn weigh<T: Element<Loss = T> + Real>(
    level: Level,
    weights: Option<&[T]>,
    terms: &mut [T],
    spread: &mut Scratch<T>,
) {
    let Some(weights) = weights else { return };
    let classes = terms.len() / weights.len();
    let spread = spread.get(terms.len());
    for (spread, &weight) in spread.chunks_exact_mut(classes).zip(weights) {
        spread.fill(weight);
    }
    times(level, terms, spread);
}

/// (scale · u) · w for each element.
fn factor<'a, L: Float>(
    scale: f64,
    upstream: Option<&[L]>,
    weights: Option<&[L]>,
    (lanes, classes): &Rect,
    factors: &'a mut Scratch<f64>,
) -> Factor<'a> {
    if upstream.is_none() && weights.is_none() {
        return Factor::Uniform(scale);
    }
    let factors = factors.get(lanes.len() * classes.len());
    factors.fill(scale);
    for values in [upstream, weights].into_iter().flatten() {
        let repeat = factors.len() / values.len();
        for (factors, value) in factors.chunks_exact_mut(repeat).zip(values) {
            for factor in factors {
                *factor *= value.to_f64();
            }
        }
    }
    for (factors, weight) in
        factors.chunks_exact_mut(factors.len() / lanes.len()).zip(weights.unwrap_or(&[]))
    {
        if *weight == L::ZERO {
            factors.fill(0.0);
        }
    }
    if lanes.len() == 1 && upstream.is_none_or(|upstream| upstream.len() == 1) {
        return Factor::Uniform(factors[0]);
    }
    Factor::Each(factors)
}
