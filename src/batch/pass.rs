//! One thread's pass over a unit, tile by tile: each tile is read from memory once, and all that is wanted of it is computed
//! while it is in the cache.

use std::ops::Range;

use ndarray::ArrayView2;

use super::factors::FactorScratch;
use super::results::Results;
use super::visit::{Visit, Wanted};
use crate::divergence::Kernel;
use crate::element::Element;
use crate::elementwise::{
    FEW_STRIPES, FOUR, ManySum, Operands, PART, Prefetch, Running, TILE, add_rows, add_to_each,
    d_input, d_target, multiply, needs_prefetch, terms, terms_and_slopes,
};
use crate::exact::ExactSum;
use crate::layout::{
    Reader, Scratch, Tile, Unit, all_tiles, dense, dense_mut, is_by_columns, read, steps, write,
};
use crate::number::{Float, Level};

/// The state of the pass, and scratch buffers for what does not lie in memory as the loops want it.
pub struct Pass<'p, 'v, K, A: Element> {
    kernel: K,
    /// Where the sums of lanes and the terms go.
    pub results: &'p mut Results<'v, A::Loss>,
    operands: [Reader<'p, A>; 2],
    /// A tile's, or a small unit's.
    terms: &'p mut [A::Loss],
    /// Terms of neighbouring lanes that are added together.
    rows: Scratch<A::Loss>,
    slopes: Scratch<A::Loss>,
    padded: [Scratch<A>; 2],
    weights: Scratch<A::Loss>,
    spread: Scratch<A::Loss>,
    upstream: Scratch<A::Loss>,
    factors: FactorScratch,
    output: Scratch<A::Loss>,
    gradient: Scratch<A>,
}

impl<'p, 'v, K: Kernel, A: Element> Pass<'p, 'v, K, A> {
    /// A pass over a unit with these operands.
    #[inline]
    pub fn new(
        kernel: K,
        results: &'p mut Results<'v, A::Loss>,
        operands: [ArrayView2<'p, A>; 2],
        terms: &'p mut [A::Loss],
    ) -> Self {
        Pass {
            kernel,
            results,
            operands: operands.map(Reader::new),
            terms,
            rows: Scratch::EMPTY,
            slopes: Scratch::EMPTY,
            padded: [Scratch::EMPTY; 2],
            weights: Scratch::EMPTY,
            spread: Scratch::EMPTY,
            upstream: Scratch::EMPTY,
            factors: FactorScratch::EMPTY,
            output: Scratch::EMPTY,
            gradient: Scratch::EMPTY,
        }
    }

    /// Visits all tiles.
    pub fn unit(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let visit = self.results.visit;
        let by_columns = is_by_columns(&unit.input, &unit.target) && !is_row_by_row_target(unit);
        if !visit.sums_lanes() && by_columns {
            for lanes in steps(0..lanes, TILE) {
                let columns = (0..classes).map(|class| Tile::column(lanes.clone(), class));
                for (tile, next) in with_next(columns) {
                    self.tile(unit, &tile, next.as_ref(), &mut |_| ());
                }
            }
        } else if !visit.sums_lanes() {
            for (tile, next) in with_next(all_tiles(lanes, classes)) {
                self.tile(unit, &tile, next.as_ref(), &mut |_| ());
            }
        } else if by_columns {
            self.columns(unit);
        } else if classes <= TILE {
            let mut sums = Scratch::EMPTY;
            for (tile, next) in with_next(all_tiles(lanes, classes)) {
                let sums = sums.get(tile.rect.0.len());
                self.tile(unit, &tile, next.as_ref(), &mut |terms| visit.sum_each(terms, sums));
                self.results.emit(&unit.weights, &mut unit.value, tile.rect.0, sums);
            }
        } else {
            for lane in 0..lanes {
                let mut sum = LongSum::default();
                steps(0..classes, PART).for_each(|part| sum.add(self.part(unit, lane, part)));
                let (lanes, sum) = (lane..lane + 1, sum.value());
                self.results.emit(&unit.weights, &mut unit.value, lanes, &mut [sum]);
            }
        }
    }

    /// Neighbouring lanes side by side, class after class. Copied to lanes they would need scratch that grows with the
    /// number of classes.
    fn columns(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let few = self.results.visit.has_few_classes();
        let stripes = if few { FEW_STRIPES } else { ManySum::STRIPES };
        for lanes in steps(0..lanes, TILE) {
            let mut sums = [0.0; TILE];
            let sums = &mut sums[..lanes.len()];
            if classes > PART {
                let mut all = vec![LongSum::default(); lanes.len()];
                for part in steps(0..classes, PART) {
                    self.striped(unit, &lanes, part, 1, stripes, sums);
                    all.iter_mut().zip(&*sums).for_each(|(all, &sum)| all.add(sum));
                }
                sums.iter_mut().zip(&all).for_each(|(sum, all)| *sum = all.value());
            } else {
                self.striped(unit, &lanes, 0..classes, 1, stripes, sums);
            }
            self.results.emit(&unit.weights, &mut unit.value, lanes, sums);
        }
    }

    /// The sums over every `step`th class: of the stripes that those hold, as a tree.
    fn striped(
        &mut self,
        unit: &mut Unit<'_, A>,
        lanes: &Range<usize>,
        classes: Range<usize>,
        step: usize,
        stripes: usize,
        sums: &mut [f64],
    ) {
        let level = self.results.visit.level;
        if step < stripes {
            self.striped(unit, lanes, classes.clone(), 2 * step, stripes, sums);
            let mut more = [0.0; TILE];
            let more = &mut more[..sums.len()];
            let rest = (classes.start + step).min(classes.end)..classes.end;
            self.striped(unit, lanes, rest, 2 * step, stripes, more);
            add_to_each(level, sums, more);
            return;
        }
        sums.fill(0.0);
        let columns = classes.step_by(step).map(|class| Tile::column(lanes.clone(), class));
        let columns = with_next(columns);
        if self.results.visit.has_few_classes() {
            for (tile, next) in columns {
                self.tile(unit, &tile, next.as_ref(), &mut |terms| add_to_each(level, sums, terms));
            }
            return;
        }
        let mut rows = std::mem::replace(&mut self.rows, Scratch::EMPTY);
        let fill = |(tile, next): (Tile, Option<Tile>), row: &mut [A::Loss]| {
            self.tile(unit, &tile, next.as_ref(), &mut |terms| {
                row.copy_from_slice(&terms[..row.len()])
            });
        };
        add_rows(level, columns, fill, rows.get(FOUR * sums.len()), sums);
        self.rows = rows;
    }

    /// The sum over at most [`PART`] classes of a lane.
    pub fn part(&mut self, unit: &mut Unit<'_, A>, lane: usize, classes: Range<usize>) -> f64 {
        let (level, (lanes, all)) = (self.results.visit.level, unit.input.dim());
        let mut sum = ManySum::default();
        let after = (lane + 1 < lanes).then(|| Tile::part(lane + 1, 0..TILE.min(all), all));
        let tiles = steps(classes, TILE).map(|classes| Tile::part(lane, classes, all));
        for (tile, next) in with_next(tiles) {
            let next = if tile.rect.1.end == all { after.as_ref() } else { next.as_ref() };
            self.tile(unit, &tile, next, &mut |terms| sum.add(level, terms, tile.len()));
        }
        sum.value()
    }

    /// Computes what is wanted of one tile, and calls `sum` with the terms, and whatever lies behind them, where lanes are
    /// summed. `next` is prefetched.
    fn tile(
        &mut self,
        unit: &mut Unit<'_, A>,
        tile: &Tile,
        next: Option<&Tile>,
        sum: &mut dyn FnMut(&[A::Loss]),
    ) {
        let Visit { level, wanted, .. } = *self.results.visit;
        let (kernel, len) = (self.kernel, tile.len());
        let after =
            self.operands.each_ref().map(|operand| next.map(|next| operand.borrowed_tile(next)));
        let [input, target] = &mut self.operands;
        let mut operands = Operands { input: input.tile(tile), target: target.tile(tile) };
        let weights = unit
            .weights
            .as_ref()
            .map(|view| read(view, &(tile.rect.0.clone(), 0..1), &mut self.weights));
        if let Some(weights) = weights.filter(|weights| weights.contains(&A::Loss::ZERO)) {
            operands = padded(kernel, operands, weights, &mut self.padded);
        }
        let gradient = unit.d_input.as_ref().or(unit.d_target.as_ref());
        let arrays = [
            after[0].filter(|next| is_to_be_fetched(operands.input, next)).unwrap_or(&[]),
            after[1].filter(|next| is_to_be_fetched(operands.target, next)).unwrap_or(&[]),
            gradient.and_then(|array| dense(array, &tile.rect)).unwrap_or(&[]),
        ];
        let prefetch = Prefetch::new(arrays);

        // Terms that are only written are computed in their place.
        let terms_here =
            unit.value.as_mut().filter(|_| wanted == Wanted::Terms && weights.is_none());
        let in_place = terms_here.and_then(|value| dense_mut(value, &tile.rect));
        let is_in_place = in_place.is_some();
        let places = in_place.unwrap_or(&mut self.terms[..len]);
        if K::D_INPUT_IS_COSTLY && unit.d_input.is_some() {
            let slopes = self.slopes.get(len);
            terms_and_slopes(level, kernel, operands, prefetch, places, slopes);
        } else if wanted != Wanted::Nothing {
            terms(level, kernel, operands, prefetch, places);
        }

        match wanted {
            Wanted::Nothing => {}
            Wanted::Terms => {
                if let Some(value) = unit.value.as_mut().filter(|_| !is_in_place) {
                    let terms = &mut self.terms[..len];
                    weigh(level, weights, terms, &mut self.spread);
                    write(value, &tile.rect, &mut self.output, |out| out.copy_from_slice(terms));
                }
            }
            _ => {
                if self.results.visit.sums_lanes() {
                    sum(self.terms);
                }
                if self.results.visit.totals_terms() {
                    let terms = &mut self.terms[..len];
                    weigh(level, weights, terms, &mut self.spread);
                    self.results.add_terms(terms);
                }
            }
        }
        if unit.d_input.is_none() && unit.d_target.is_none() {
            return;
        }
        let upstream = unit.upstream.as_ref().map(|view| {
            let classes = if view.ncols() == 1 { 0..1 } else { tile.rect.1.clone() };
            read(view, &(tile.rect.0.clone(), classes), &mut self.upstream)
        });
        let scale = self.results.visit.scale;
        let factors = self.factors.of(scale, upstream, weights, &tile.rect);
        if let Some(gradient) = &mut unit.d_input {
            let slopes = &mut self.slopes;
            write(gradient, &tile.rect, &mut self.gradient, |out| match K::D_INPUT_IS_COSTLY {
                true => multiply(level, operands, slopes.get(len), factors, out),
                false => d_input(level, kernel, operands, factors, out),
            });
        }
        if let Some(gradient) = &mut unit.d_target {
            write(gradient, &tile.rect, &mut self.gradient, |out| {
                d_target(level, kernel, operands, factors, out);
            });
        }
    }
}

/// Whether only the target lies row by row, and nothing is written that lies as the input does.
fn is_row_by_row_target<A: Element>(unit: &Unit<'_, A>) -> bool {
    let writes = unit.d_input.is_some() || unit.d_target.is_some();
    let terms = unit.value.as_ref().is_some_and(|value| value.ncols() > 1);
    unit.target.strides()[1] == 1 && unit.input.strides()[1] != 1 && !writes && !terms
}

/// The sum of the parts of a lane: of more than one part, the exact sum.
#[derive(Clone, Default)]
struct LongSum {
    first: Option<f64>,
    all: Option<ExactSum>,
}

impl LongSum {
    fn add(&mut self, part: f64) {
        let Some(first) = self.first else {
            self.first = Some(part);
            return;
        };
        let all = self.all.get_or_insert_with(|| {
            let mut sum = ExactSum::default();
            sum.add(first);
            sum
        });
        all.add(part);
    }

    fn value(&self) -> f64 {
        self.all.as_ref().map_or(self.first.unwrap_or(0.0), ExactSum::value)
    }
}

/// Whether the next tile of an operand does not lie right behind this one, or the machine does not prefetch that by itself.
#[inline]
fn is_to_be_fetched<A>(tile: &[A], next: &[A]) -> bool {
    needs_prefetch() || tile.as_ptr_range().end != next.as_ptr()
}

/// The operands, with neutral pairs in the lanes whose weight is 0.
fn padded<'a, K: Kernel, A: Element>(
    kernel: K,
    operands: Operands<'_, A>,
    weights: &[A::Loss],
    [inputs, targets]: &'a mut [Scratch<A>; 2],
) -> Operands<'a, A> {
    let len = operands.input.len();
    let (inputs, targets) = (inputs.get(len), targets.get(len));
    inputs.copy_from_slice(operands.input);
    targets.copy_from_slice(operands.target);
    let classes = len / weights.len();
    let (input, target) = kernel.neutral::<A::Loss>();
    let lanes = inputs.chunks_exact_mut(classes).zip(targets.chunks_exact_mut(classes));
    for ((x, t), _) in lanes.zip(weights).filter(|(_, weight)| **weight == A::Loss::ZERO) {
        x.fill(A::round(input));
        t.fill(A::round(target));
    }
    Operands { input: inputs, target: targets }
}

/// w·term.
fn weigh<T: Float>(level: Level, weights: Option<&[T]>, terms: &mut [T], spread: &mut Scratch<T>) {
    let Some(weights) = weights else { return };
    let classes = terms.len() / weights.len();
    let spread = spread.get(terms.len());
    for (spread, &weight) in spread.chunks_exact_mut(classes).zip(weights) {
        spread.fill(weight);
    }
    level.run(
        #[inline(always)]
        || terms.iter_mut().zip(&*spread).for_each(|(term, &weight)| *term = *term * weight),
    );
}

/// Each tile and the one after it.
fn with_next(tiles: impl Iterator<Item = Tile>) -> impl Iterator<Item = (Tile, Option<Tile>)> {
    let mut tiles = tiles.peekable();
    std::iter::from_fn(move || {
        let tile = tiles.next()?;
        Some((tile, tiles.peek().cloned()))
    })
}
