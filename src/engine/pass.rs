//! One pass over matrices, tile by tile. Each tile is read from memory once, and all its values and gradients are computed while it
//! is in the cache.

use std::ops::Range;

use ndarray::ArrayView2;

use super::factors::FactorScratch;
use super::request::{Request, Values};
use super::results::Results;
use crate::elementwise::{
    FEW_STRIPES, Loops, ManySum, Operands, PART, PRESUMMED, Prefetch, TILE, add_rows, add_to_each,
    multiply, needs_prefetch,
};
use crate::exact::ExactSum;
use crate::layout::{
    Matrices, Reader, Scratch, Tile, all_tiles, dense, dense_mut, is_by_columns, read, steps,
    with_next, write,
};
use crate::number::{Float, Level, Number};

/// The state of a pass, and scratch buffers for tiles that are not contiguous.
pub struct Pass<'p, 'v, A: Number> {
    loops: &'p dyn Loops<A>,
    /// The results, which receive the terms and the sums of lanes.
    pub results: &'p mut Results<'v, A::Real>,
    operands: [Reader<'p, A>; 2],
    /// Room for the terms of a tile, or of few elements.
    terms: &'p mut [A::Real],
    /// Rows of terms of neighbouring lanes, which are added together.
    rows: Scratch<A::Real>,
    slopes: Scratch<A::Real>,
    padded: [Scratch<A>; 2],
    weights: Scratch<A::Real>,
    spread: Scratch<A::Real>,
    upstream: Scratch<A::Real>,
    factors: FactorScratch,
    output: Scratch<A::Real>,
    gradient: Scratch<A>,
}

impl<'p, 'v, A: Number> Pass<'p, 'v, A> {
    /// A pass over matrices with these operands.
    #[inline]
    pub fn new(
        loops: &'p dyn Loops<A>,
        results: &'p mut Results<'v, A::Real>,
        operands: [ArrayView2<'p, A>; 2],
        terms: &'p mut [A::Real],
    ) -> Self {
        Pass {
            loops,
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

    /// Computes all tiles.
    pub fn run(&mut self, matrices: &mut Matrices<'_, A>) {
        let (lanes, classes) = matrices.input.dim();
        let request = self.results.request;
        let by_columns =
            is_by_columns(&matrices.input, &matrices.target) && !is_row_by_row_target(matrices);
        if !request.sums_lanes() && by_columns {
            for lanes in steps(0..lanes, TILE) {
                let columns = (0..classes).map(|class| Tile::column(lanes.clone(), class));
                for (tile, next) in with_next(columns) {
                    self.tile(matrices, &tile, next.as_ref(), &mut |_| ());
                }
            }
        } else if !request.sums_lanes() {
            for (tile, next) in with_next(all_tiles(lanes, classes)) {
                self.tile(matrices, &tile, next.as_ref(), &mut |_| ());
            }
        } else if by_columns {
            self.columns(matrices);
        } else if classes <= TILE {
            let mut sums = Scratch::EMPTY;
            for (tile, next) in with_next(all_tiles(lanes, classes)) {
                let sums = sums.get(tile.rect.0.len());
                self.tile(matrices, &tile, next.as_ref(), &mut |terms| {
                    request.sum_each(terms, sums)
                });
                self.results.emit(&matrices.weights, &mut matrices.value, tile.rect.0, sums);
            }
        } else {
            for lane in 0..lanes {
                let mut sum = LongSum::default();
                steps(0..classes, PART).for_each(|part| sum.add(self.part(matrices, lane, part)));
                let (lanes, sum) = (lane..lane + 1, sum.value());
                self.results.emit(&matrices.weights, &mut matrices.value, lanes, &mut [sum]);
            }
        }
    }

    /// Sums neighbouring lanes together, class after class. Copying the lanes first would need scratch that grows with the number of
    /// classes.
    fn columns(&mut self, matrices: &mut Matrices<'_, A>) {
        let (lanes, classes) = matrices.input.dim();
        let few = self.results.request.has_few_classes();
        let stripes = if few { FEW_STRIPES } else { ManySum::STRIPES };
        for lanes in steps(0..lanes, TILE) {
            let mut sums = [0.0; TILE];
            let sums = &mut sums[..lanes.len()];
            if classes > PART {
                let mut all = vec![LongSum::default(); lanes.len()];
                for part in steps(0..classes, PART) {
                    self.striped(matrices, &lanes, part, 1, stripes, sums);
                    all.iter_mut().zip(&*sums).for_each(|(all, &sum)| all.add(sum));
                }
                sums.iter_mut().zip(&all).for_each(|(sum, all)| *sum = all.value());
            } else {
                self.striped(matrices, &lanes, 0..classes, 1, stripes, sums);
            }
            self.results.emit(&matrices.weights, &mut matrices.value, lanes, sums);
        }
    }

    /// Sums every `step`th class: the stripes that these classes belong to, added as a tree.
    fn striped(
        &mut self,
        matrices: &mut Matrices<'_, A>,
        lanes: &Range<usize>,
        classes: Range<usize>,
        step: usize,
        stripes: usize,
        sums: &mut [f64],
    ) {
        let level = self.results.request.level;
        if step < stripes {
            self.striped(matrices, lanes, classes.clone(), 2 * step, stripes, sums);
            let mut more = [0.0; TILE];
            let more = &mut more[..sums.len()];
            let rest = (classes.start + step).min(classes.end)..classes.end;
            self.striped(matrices, lanes, rest, 2 * step, stripes, more);
            add_to_each(level, sums, more);
            return;
        }
        sums.fill(0.0);
        let columns = classes.step_by(step).map(|class| Tile::column(lanes.clone(), class));
        let columns = with_next(columns);
        if self.results.request.has_few_classes() {
            for (tile, next) in columns {
                self.tile(matrices, &tile, next.as_ref(), &mut |terms| {
                    add_to_each(level, sums, terms)
                });
            }
            return;
        }
        let mut rows = std::mem::replace(&mut self.rows, Scratch::EMPTY);
        let fill = |(tile, next): (Tile, Option<Tile>), row: &mut [A::Real]| {
            self.tile(matrices, &tile, next.as_ref(), &mut |terms| {
                row.copy_from_slice(&terms[..row.len()])
            });
        };
        add_rows(level, columns, fill, rows.get(PRESUMMED * sums.len()), sums);
        self.rows = rows;
    }

    /// The sum over at most [`PART`] classes of a lane.
    pub fn part(
        &mut self,
        matrices: &mut Matrices<'_, A>,
        lane: usize,
        classes: Range<usize>,
    ) -> f64 {
        let (level, (lanes, all)) = (self.results.request.level, matrices.input.dim());
        let mut sum = ManySum::default();
        let after = (lane + 1 < lanes).then(|| Tile::part(lane + 1, 0..TILE.min(all), all));
        let tiles = steps(classes, TILE).map(|classes| Tile::part(lane, classes, all));
        for (tile, next) in with_next(tiles) {
            let next = if tile.rect.1.end == all { after.as_ref() } else { next.as_ref() };
            self.tile(matrices, &tile, next, &mut |terms| sum.add(level, terms, tile.len()));
        }
        sum.value()
    }

    /// Computes the values and gradients of one tile, and prefetches `next`. If lanes are summed, it calls `sum` with the buffer: the
    /// terms, followed by arbitrary numbers.
    fn tile(
        &mut self,
        matrices: &mut Matrices<'_, A>,
        tile: &Tile,
        next: Option<&Tile>,
        sum: &mut dyn FnMut(&[A::Real]),
    ) {
        let Request { level, values, .. } = *self.results.request;
        let (loops, len) = (self.loops, tile.len());
        let after =
            self.operands.each_ref().map(|operand| next.map(|next| operand.borrowed_tile(next)));
        let [input, target] = &mut self.operands;
        let mut operands = Operands { input: input.tile(tile), target: target.tile(tile) };
        let weights = matrices
            .weights
            .as_ref()
            .map(|view| read(view, &(tile.rect.0.clone(), 0..1), &mut self.weights));
        if let Some(weights) = weights.filter(|weights| weights.contains(&A::Real::ZERO)) {
            operands = padded(loops, operands, weights, &mut self.padded);
        }
        let gradient = matrices.d_input.as_ref().or(matrices.d_target.as_ref());
        let arrays = [
            after[0].filter(|next| is_to_be_fetched(operands.input, next)).unwrap_or(&[]),
            after[1].filter(|next| is_to_be_fetched(operands.target, next)).unwrap_or(&[]),
            gradient.and_then(|array| dense(array, &tile.rect)).unwrap_or(&[]),
        ];
        let prefetch = Prefetch::new(arrays);

        // Terms that are only written are computed in their place.
        let terms_here =
            matrices.value.as_mut().filter(|_| values == Values::Terms && weights.is_none());
        let in_place = terms_here.and_then(|value| dense_mut(value, &tile.rect));
        let is_in_place = in_place.is_some();
        let places = in_place.unwrap_or(&mut self.terms[..len]);
        if loops.is_d_input_costly() && matrices.d_input.is_some() {
            let slopes = self.slopes.get(len);
            loops.terms_and_slopes(level, operands, prefetch, [places, slopes]);
        } else if values != Values::Nothing {
            loops.terms(level, operands, prefetch, places);
        }

        match values {
            Values::Nothing => {}
            Values::Terms => {
                if let Some(value) = matrices.value.as_mut().filter(|_| !is_in_place) {
                    let terms = &mut self.terms[..len];
                    weigh(level, weights, terms, &mut self.spread);
                    write(value, &tile.rect, &mut self.output, |out| out.copy_from_slice(terms));
                }
            }
            _ => {
                if self.results.request.sums_lanes() {
                    sum(self.terms);
                }
                if self.results.request.totals_terms() {
                    let terms = &mut self.terms[..len];
                    weigh(level, weights, terms, &mut self.spread);
                    self.results.add_terms(terms);
                }
            }
        }
        if matrices.d_input.is_none() && matrices.d_target.is_none() {
            return;
        }
        let upstream = matrices.upstream.as_ref().map(|view| {
            let classes = if view.ncols() == 1 { 0..1 } else { tile.rect.1.clone() };
            read(view, &(tile.rect.0.clone(), classes), &mut self.upstream)
        });
        let scale = self.results.request.scale;
        let factors = self.factors.of(scale, upstream, weights, &tile.rect);
        if let Some(gradient) = &mut matrices.d_input {
            let slopes = &mut self.slopes;
            write(gradient, &tile.rect, &mut self.gradient, |out| {
                match loops.is_d_input_costly() {
                    true => multiply(level, operands, slopes.get(len), factors, out),
                    false => loops.d_input(level, operands, factors, out),
                }
            });
        }
        if let Some(gradient) = &mut matrices.d_target {
            write(gradient, &tile.rect, &mut self.gradient, |out| {
                loops.d_target(level, operands, factors, out);
            });
        }
    }
}

/// Whether only the target is contiguous along the classes, and no output has the layout of the input.
fn is_row_by_row_target<A: Number>(matrices: &Matrices<'_, A>) -> bool {
    let writes = matrices.d_input.is_some() || matrices.d_target.is_some();
    let terms = matrices.value.as_ref().is_some_and(|value| value.ncols() > 1);
    matrices.target.strides()[1] == 1 && matrices.input.strides()[1] != 1 && !writes && !terms
}

/// The exact sum of the parts of a lane. A single part is kept as it is.
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

/// Whether the next tile of an operand needs software prefetching: it does not lie right behind this one, or the machine does not
/// prefetch that by itself.
#[inline]
fn is_to_be_fetched<A>(tile: &[A], next: &[A]) -> bool {
    needs_prefetch() || tile.as_ptr_range().end != next.as_ptr()
}

/// The operands, with neutral pairs in place of the lanes whose weight is 0.
fn padded<'a, A: Number>(
    loops: &dyn Loops<A>,
    operands: Operands<'_, A>,
    weights: &[A::Real],
    [inputs, targets]: &'a mut [Scratch<A>; 2],
) -> Operands<'a, A> {
    let len = operands.input.len();
    let (inputs, targets) = (inputs.get(len), targets.get(len));
    inputs.copy_from_slice(operands.input);
    targets.copy_from_slice(operands.target);
    let classes = len / weights.len();
    let [input, target] = loops.neutral();
    let lanes = inputs.chunks_exact_mut(classes).zip(targets.chunks_exact_mut(classes));
    for ((x, t), _) in lanes.zip(weights).filter(|(_, weight)| **weight == A::Real::ZERO) {
        x.fill(input);
        t.fill(target);
    }
    Operands { input: inputs, target: targets }
}

/// Multiplies each term by the weight of its lane.
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
