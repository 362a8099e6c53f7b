//! Lanes of many classes, one after the other; very long ones part by part, in parallel.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::lane_factors::LaneFactor;
use super::{GradientScratch, MatricesWork, sized};
use crate::elementwise::{Operands, PART, Prefetch, TILE};
use crate::layout::{Matrices, Reader, Scratch, Tile, dense, dense_mut, join, steps, write};
use crate::number::{Float, Number, WIDTH};
use crate::softmax::{Factors, Outputs, Solver};

impl<A: Number> MatricesWork<'_, '_, '_, A> {
    /// Computes each lane.
    pub(super) fn lanes<S: Solver<A>>(mut self, mut solver: S) {
        let (lanes, classes) = self.matrices.input.dim();
        let mut readers = [Reader::new(self.matrices.input), Reader::new(self.matrices.target)];
        let mut scratch = LaneScratch::new();
        let mut each = vec![0.0; if self.has_each() { classes } else { 0 }];
        for lane in 0..lanes {
            let weight = self.weight(lane);
            if weight.is_none_or(|weight| weight != A::Real::ZERO) {
                solver.solve(|solver| pass(&self.matrices, &mut readers, lane, 0..classes, solver));
            }
            self.emit(lane..lane + 1, &mut [solver.divergences()[0]]);
            if self.settings.outputs {
                self.write_lane(lane, &mut solver, &mut readers, &mut scratch, &mut each);
            }
        }
    }

    /// Writes terms and gradients of a lane.
    fn write_lane<S: Solver<A>>(
        &mut self,
        lane: usize,
        solver: &mut S,
        readers: &mut [Reader<'_, A>; 2],
        scratch: &mut LaneScratch<A>,
        each: &mut [f64],
    ) {
        let (classes, weight) = (self.matrices.input.ncols(), self.weight(lane));
        let factor = match self.upstream(lane) {
            Some(upstream) if self.has_each() => {
                let put = |class: usize, factor| each[class] = factor;
                self.scale.of_classes(weight, upstream.iter().copied(), put)
            }
            upstream => self.scale.of_lane(weight, upstream.map(|view| view[0])),
        };
        let each = self.has_each().then_some(&*each);
        let wants_terms = self.wants_terms();
        let wants = [self.matrices.d_input.is_some(), self.matrices.d_target.is_some()];
        if !matches!(factor, LaneFactor::Usual(_)) {
            self.write_unusual(lane, solver, &factor, wants, scratch);
            if !wants_terms || matches!(factor, LaneFactor::Skipped) {
                return;
            }
        }
        let LaneFactor::Usual(factor) = factor else {
            return self.write_blocks(lane, solver, readers, scratch, (1.0, None), [false; 2]);
        };
        if let Some(factors) = each {
            for block in steps(0..classes, TILE) {
                let tile = Tile::part(lane, block.clone(), classes);
                let [input, target] = readers;
                let operands = Operands { input: input.tile(&tile), target: target.tile(&tile) };
                solver.add_upstream(operands, &factors[block]);
            }
        }
        let lanes = self.matrices.input.nrows();
        if lanes == 1 && classes > PART && !wants_terms {
            let matrices = &mut self.matrices;
            let part = OutputPart {
                first: 0,
                matrices: Matrices {
                    classes: None,
                    weights: None,
                    upstream: None,
                    value: None,
                    input: matrices.input,
                    target: matrices.target,
                    d_input: matrices.d_input.as_mut().map(|view| view.view_mut()),
                    d_target: matrices.d_target.as_mut().map(|view| view.view_mut()),
                },
            };
            return part.write(solver, factor, each);
        }
        self.write_blocks(lane, solver, readers, scratch, (factor, each), wants);
    }

    /// Writes the blocks of a lane.
    fn write_blocks<S: Solver<A>>(
        &mut self,
        lane: usize,
        solver: &mut S,
        readers: &mut [Reader<'_, A>; 2],
        scratch: &mut LaneScratch<A>,
        (factor, each): (f64, Option<&[f64]>),
        wants: [bool; 2],
    ) {
        let (classes, wants_terms) = (self.matrices.input.ncols(), self.wants_terms());
        let weighted = self.weighted(self.weight(lane));
        for block in steps(0..classes, TILE) {
            let tile = Tile::part(lane, block.clone(), classes);
            let [input, target] = &mut *readers;
            let operands = Operands { input: input.tile(&tile), target: target.tile(&tile) };
            let factors = match each {
                Some(factors) => Factors::Each(&factors[block.clone()]),
                None => Factors::Lanes(&[factor; WIDTH]),
            };
            let terms = wants_terms.then(|| sized(&mut scratch.terms, block.len()));
            let matrices = &mut self.matrices;
            write_block(matrices, &tile, wants, &mut scratch.gradients, |d_input, d_target| {
                solver.outputs(operands, factors, Outputs { terms, d_input, d_target });
            });
            if let Some(value) = matrices.value.as_mut().filter(|_| wants_terms) {
                let terms = &scratch.terms;
                write(value, &tile.rect, &mut scratch.output, |out| {
                    out.iter_mut().zip(terms).for_each(|(out, &term)| *out = weighted(term));
                });
            }
        }
    }

    /// Writes the gradients of a lane whose factors are 0 or extreme. If the weight is 0, writes its terms too.
    fn write_unusual<S: Solver<A>>(
        &mut self,
        lane: usize,
        solver: &S,
        factor: &LaneFactor,
        wants: [bool; 2],
        scratch: &mut LaneScratch<A>,
    ) {
        let matrices = &mut self.matrices;
        let classes = matrices.input.ncols();
        let rect = (lane..lane + 1, 0..classes);
        if let (LaneFactor::Skipped, Some(value)) = (factor, &mut matrices.value)
            && value.ncols() == classes
        {
            write(value, &rect, &mut scratch.output, |out| out.fill(A::Real::ZERO));
        }
        let GradientScratch { d_input, d_target, copy } = &mut scratch.gradients;
        let found = [d_input, d_target].map(|scratch| sized(scratch, classes));
        let [to_input, to_target] = found;
        let out = [wants[0].then_some(&mut *to_input), wants[1].then_some(&mut *to_target)];
        self.unusual_gradients(lane, factor, solver, out);
        let Matrices { d_input, d_target, .. } = &mut self.matrices;
        for (array, found) in [(d_input, to_input), (d_target, to_target)] {
            if let Some(array) = array {
                write(array, &rect, copy, |out| out.copy_from_slice(found));
            }
        }
    }
}

/// Lanes of more classes are visited part by part in parallel, and nothing of them is kept: it would not fit a cache.
const LONG: usize = 4 * PART;

/// Whether the parts of a lane are visited in parallel. Where there are many lanes, those keep all threads busy.
pub(super) fn is_cut(lanes: usize, classes: usize) -> bool {
    classes > if lanes == 1 { PART } else { LONG }
}

/// One pass over some classes of a lane, part by part.
fn pass<A: Number, S: Solver<A>>(
    matrices: &Matrices<'_, A>,
    readers: &mut [Reader<'_, A>; 2],
    lane: usize,
    classes: Range<usize>,
    solver: &mut S,
) {
    let (lanes, all) = matrices.input.dim();
    let parts = classes.len().div_ceil(PART);
    if parts > 1 && !is_cut(lanes, all) {
        return steps(classes, PART).for_each(|part| pass(matrices, readers, lane, part, solver));
    }
    if parts > 1 {
        let middle = classes.start + parts / 2 * PART;
        let mut next = solver.fork();
        join(
            || pass(matrices, readers, lane, classes.start..middle, solver),
            || {
                let readers = &mut [Reader::new(matrices.input), Reader::new(matrices.target)];
                pass(matrices, readers, lane, middle..classes.end, &mut next);
            },
        );
        return solver.absorb(next);
    }
    for block in steps(classes, TILE) {
        let tile = Tile::part(lane, block.clone(), all);
        let mut prefetch = Prefetch::NOTHING;
        if solver.is_long_pass() {
            // Prefetched: the same classes of the next lane, and this block of a gradient.
            let next = (lane + 1 < lanes).then(|| Tile::part(lane + 1, block, all));
            let [input, target] = readers
                .each_ref()
                .map(|reader| next.as_ref().map_or(&[][..], |next| reader.borrowed_tile(next)));
            let gradient = matrices.d_input.as_ref().or(matrices.d_target.as_ref());
            let place = gradient.and_then(|array| dense(array, &tile.rect)).unwrap_or(&[]);
            prefetch = Prefetch::new([input, target, place]);
        }
        let [input, target] = &mut *readers;
        let operands = Operands { input: input.tile(&tile), target: target.tile(&tile) };
        solver.visit(operands, &mut prefetch);
    }
    solver.end_part();
}

/// Scratch buffers of a lane.
struct LaneScratch<A: Number> {
    terms: Vec<A::Real>,
    gradients: GradientScratch<A>,
    output: Scratch<A::Real>,
}

impl<A: Number> LaneScratch<A> {
    fn new() -> Self {
        let (terms, gradients) = (Vec::new(), GradientScratch::EMPTY);
        LaneScratch { terms, gradients, output: Scratch::EMPTY }
    }
}

/// Lets `work` write the requested gradients of a block: directly to the arrays, or to scratch from which they are copied.
fn write_block<A: Number>(
    matrices: &mut Matrices<'_, A>,
    tile: &Tile,
    [wants_input, wants_target]: [bool; 2],
    scratch: &mut GradientScratch<A>,
    work: impl FnOnce(Option<&mut [A]>, Option<&mut [A]>),
) {
    let GradientScratch { d_input, d_target, copy } = scratch;
    let mut input = matrices.d_input.as_mut().filter(|_| wants_input);
    let mut target = matrices.d_target.as_mut().filter(|_| wants_target);
    let (to_input, input_copied) = place(input.as_deref_mut(), tile, d_input);
    let (to_target, target_copied) = place(target.as_deref_mut(), tile, d_target);
    work(to_input, to_target);
    if let Some(array) = input.filter(|_| input_copied) {
        write(array, &tile.rect, copy, |out| out.copy_from_slice(d_input));
    }
    if let Some(array) = target.filter(|_| target_copied) {
        write(array, &tile.rect, copy, |out| out.copy_from_slice(d_target));
    }
}

/// The slice of a block in an array if it is contiguous, otherwise scratch; and whether it is scratch.
fn place<'a, A: Copy + Default>(
    array: Option<&'a mut ArrayViewMut2<'_, A>>,
    tile: &Tile,
    scratch: &'a mut Vec<A>,
) -> (Option<&'a mut [A]>, bool) {
    let Some(array) = array else { return (None, false) };
    match dense_mut(array, &tile.rect) {
        Some(place) => (Some(place), false),
        None => (Some(sized(scratch, tile.len())), true),
    }
}

/// Some classes of the only lane of matrices, whose gradients are written in parallel.
struct OutputPart<'a, A: Number> {
    /// The number of the first class.
    first: usize,
    matrices: Matrices<'a, A>,
}

impl<A: Number> OutputPart<'_, A> {
    fn write<S: Solver<A>>(self, solver: &S, factor: f64, each: Option<&[f64]>) {
        let OutputPart { first, mut matrices } = self;
        let classes = matrices.input.ncols();
        let parts = classes.div_ceil(PART);
        if parts > 1 {
            let middle = parts / 2 * PART;
            let (a, b) = matrices.split_classes(middle);
            join(
                || OutputPart { first, matrices: a }.write(solver, factor, each),
                || OutputPart { first: first + middle, matrices: b }.write(solver, factor, each),
            );
            return;
        }
        let mut readers = [Reader::new(matrices.input), Reader::new(matrices.target)];
        let mut scratch = GradientScratch::EMPTY;
        let mut solver = solver.fork();
        let wants = [matrices.d_input.is_some(), matrices.d_target.is_some()];
        for block in steps(0..classes, TILE) {
            let tile = Tile::part(0, block.clone(), classes);
            let [input, target] = &mut readers;
            let operands = Operands { input: input.tile(&tile), target: target.tile(&tile) };
            let factors = match each {
                Some(factors) => Factors::Each(&factors[first + block.start..first + block.end]),
                None => Factors::Lanes(&[factor; WIDTH]),
            };
            write_block(&mut matrices, &tile, wants, &mut scratch, |d_input, d_target| {
                solver.outputs(operands, factors, Outputs { terms: None, d_input, d_target });
            });
        }
    }
}
