//! Lanes of few classes, a panel at a time. A panel is copied to rows: a row is one class of a group of 16 lanes.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::copier::{Columns, Copier, PANEL};
use super::lane_factors::LaneFactor;
use super::{GradientScratch, MatricesWork, sized};
use crate::elementwise::{Operands, Prefetch, fetch_rest, transpose, transpose_back};
use crate::layout::{Reader, Scratch, dense, steps, write};
use crate::number::{Float, Level, Number, WIDTH};
use crate::softmax::{Factors, Outputs, Overlap, Solver};

/// The number of classes by which outputs are prefetched ahead. Memory takes as long as computing that many.
const WRITE_AHEAD: usize = 4;

/// The rows of a panel.
struct Panel<A: Number> {
    input: Vec<A::Real>,
    target: Vec<A::Real>,
    terms: Vec<A::Real>,
    gradients: GradientScratch<A>,
    output: Scratch<A::Real>,
    /// The factor of each class of each lane, in rows.
    each: Vec<f64>,
    wide: Vec<A::Real>,
}

impl<A: Number> MatricesWork<'_, '_, '_, A> {
    /// Computes each panel.
    pub(super) fn panels<S: Solver<A::Real>>(mut self, mut solver: S) {
        let (lanes, classes) = self.matrices.input.dim();
        let (level, operands) = (self.settings.level, [self.matrices.input, self.matrices.target]);
        let mut readers = operands.map(Reader::new);
        let columns = Columns::of(operands);
        let mut panel = Panel::<A> {
            input: Vec::new(),
            target: Vec::new(),
            terms: Vec::new(),
            gradients: GradientScratch::EMPTY,
            output: Scratch::EMPTY,
            each: Vec::new(),
            wide: Vec::new(),
        };
        let (mut next_input, mut next_target) = (Vec::new(), Vec::new());
        let mut is_copied = false;
        for here in steps(0..lanes, PANEL) {
            if is_copied {
                std::mem::swap(&mut panel.input, &mut next_input);
                std::mem::swap(&mut panel.target, &mut next_target);
            } else {
                let Panel { input, target, wide, .. } = &mut panel;
                load(level, &mut readers[0], (&here, classes), input, wide);
                load(level, &mut readers[1], (&here, classes), target, wide);
            }
            let next = here.end..here.end + PANEL;
            is_copied = next.end <= lanes && columns.is_some();
            let mut divergences = [[0.0; WIDTH]; PANEL / WIDTH];
            let groups = here.len().div_ceil(WIDTH);
            if let Some(columns) = columns.as_ref().filter(|_| is_copied) {
                let len = PANEL * classes;
                let to = [sized(&mut next_input, len), sized(&mut next_target, len)];
                let mut copier = Copier::new(columns, next, to);
                for (group, divergences) in divergences.iter_mut().take(groups).enumerate() {
                    *divergences = self.group(&mut solver, &mut panel, &here, group, &mut copier);
                }
                copier.finish(level);
            } else {
                let after = (next, 0..classes);
                let is_whole = after.0.end <= lanes;
                let dense = readers
                    .each_ref()
                    .map(|reader| if is_whole { reader.dense(&after) } else { None });
                let [input, target] = dense.map(Option::unwrap_or_default);
                let place = self.gradient_place(&here);
                let fetched = Fetched([input, target, place]);
                for (group, divergences) in divergences.iter_mut().take(groups).enumerate() {
                    let mut fetch = fetched.group(group, classes);
                    *divergences = self.group(&mut solver, &mut panel, &here, group, &mut fetch);
                }
            }
            self.emit(here.clone(), &mut divergences.as_flattened_mut()[..here.len()]);
            if self.settings.outputs {
                self.place(&mut panel, &here);
            }
        }
    }
}

impl<A: Number> MatricesWork<'_, '_, '_, A> {
    /// The slice of some lanes in a gradient, if they are contiguous.
    fn gradient_place(&self, lanes: &Range<usize>) -> &[A] {
        let rect = (lanes.clone(), 0..self.matrices.input.ncols());
        let gradient = self.matrices.d_input.as_ref().or(self.matrices.d_target.as_ref());
        gradient.and_then(|array| dense(array, &rect)).unwrap_or(&[])
    }

    /// Computes a group, and returns its divergences.
    fn group<S: Solver<A::Real>>(
        &self,
        solver: &mut S,
        panel: &mut Panel<A>,
        here: &Range<usize>,
        group: usize,
        overlap: &mut impl Overlap,
    ) -> [f64; WIDTH] {
        let operands = panel.operands(group, self.matrices.input.ncols());
        solver.solve(|solver| {
            match solver.is_long_pass() {
                true => solver.visit(operands, overlap),
                false => solver.visit(operands, &mut Prefetch::<A>::NOTHING.clone()),
            }
            solver.end_part();
        });
        if self.settings.outputs {
            self.group_outputs(solver, panel, here, group);
        }
        *solver.divergences()
    }

    /// Computes terms and gradients of a group.
    fn group_outputs<S: Solver<A::Real>>(
        &self,
        solver: &mut S,
        panel: &mut Panel<A>,
        here: &Range<usize>,
        group: usize,
    ) {
        let (classes, wants_terms) = (self.matrices.input.ncols(), self.wants_terms());
        let rows = group * classes * WIDTH..(group + 1) * classes * WIDTH;
        let lanes = here.start + group * WIDTH..here.end.min(here.start + (group + 1) * WIDTH);
        let factors = self.group_factors(lanes.clone(), &mut panel.each);
        let usual = std::array::from_fn(|i| match factors[i] {
            LaneFactor::Usual(factor) => factor,
            _ => 0.0,
        });
        let Panel { input, target, terms, gradients, each, .. } = panel;
        let operands = Operands { input: &input[rows.clone()], target: &target[rows.clone()] };
        let len = here.len().div_ceil(WIDTH) * classes * WIDTH;
        let d_input = self.matrices.d_input.is_some().then(|| sized(&mut gradients.d_input, len));
        let d_target =
            self.matrices.d_target.is_some().then(|| sized(&mut gradients.d_target, len));
        let terms = wants_terms.then(|| sized(terms, len));
        let mut out = Outputs {
            terms: terms.map(|out| &mut out[rows.clone()]),
            d_input: d_input.map(|out| &mut out[rows.clone()]),
            d_target: d_target.map(|out| &mut out[rows.clone()]),
        };
        let of = match self.has_each() {
            true => {
                solver.add_upstream(operands, each);
                Factors::Each(each)
            }
            false => Factors::Lanes(&usual),
        };
        solver.outputs(operands, of, out.reborrow());
        if let Some(terms) = out.terms.take() {
            self.weigh(lanes.clone(), terms);
        }
        for (i, lane) in lanes.enumerate() {
            if !matches!(factors[i], LaneFactor::Usual(_)) {
                self.replace_gradients(solver, (lane, i), &factors[i], out.reborrow());
            }
        }
    }

    /// The factors of the lanes of a group, and in rows those of each class, if they have their own.
    fn group_factors(&self, lanes: Range<usize>, each: &mut Vec<f64>) -> [LaneFactor; WIDTH] {
        if self.matrices.weights.is_none() && self.matrices.upstream.is_none() {
            let factor = self.scale.of_lane::<A::Real>(None, None);
            return std::array::from_fn(|_| factor.clone());
        }
        if self.has_each() {
            sized(each, self.matrices.input.ncols() * WIDTH).fill(0.0);
        }
        std::array::from_fn(|i| {
            let lane = lanes.start + i;
            if lane >= lanes.end {
                return LaneFactor::Usual(0.0);
            }
            let (weight, upstream) = (self.weight(lane), self.upstream(lane));
            match upstream {
                Some(upstream) if self.has_each() => {
                    let put = |class: usize, factor| each[class * WIDTH + i] = factor;
                    self.scale.of_classes(weight, upstream.iter().copied(), put)
                }
                upstream => self.scale.of_lane(weight, upstream.map(|view| view[0])),
            }
        })
    }

    /// Terms times factor and weight.
    fn weigh(&self, lanes: Range<usize>, terms: &mut [A::Real]) {
        if self.matrices.weights.is_none() {
            if self.factor != 1.0 {
                let weighted = self.weighted(None);
                terms.iter_mut().for_each(|term| *term = weighted(*term));
            }
            return;
        }
        for (i, lane) in lanes.enumerate() {
            let weighted = self.weighted(self.weight(lane));
            terms[i..].iter_mut().step_by(WIDTH).for_each(|term| *term = weighted(*term));
        }
    }

    /// Replaces the gradients of a lane whose factors are 0 or extreme.
    fn replace_gradients<S: Solver<A::Real>>(
        &self,
        solver: &S,
        (lane, position): (usize, usize),
        factor: &LaneFactor,
        out: Outputs<'_, A>,
    ) {
        let classes = self.matrices.input.ncols();
        let mut found = [vec![A::default(); classes], vec![A::default(); classes]];
        let places = [out.d_input, out.d_target];
        let [d_input, d_target] = &mut found;
        let wanted = [
            places[0].is_some().then_some(&mut d_input[..]),
            places[1].is_some().then_some(&mut d_target[..]),
        ];
        self.unusual_gradients(lane, factor, solver, wanted);
        for (places, found) in places.into_iter().zip(found) {
            let places =
                places.into_iter().flat_map(|out| out[position..].iter_mut().step_by(WIDTH));
            places.zip(found).for_each(|(place, found)| *place = found);
        }
    }

    /// Copies the results of a panel to the outputs.
    fn place(&mut self, panel: &mut Panel<A>, here: &Range<usize>) {
        let (level, classes) = (self.settings.level, self.matrices.input.ncols());
        let wants_terms = self.wants_terms();
        let GradientScratch { d_input, d_target, copy } = &mut panel.gradients;
        if let Some(array) = self.matrices.value.as_mut().filter(|_| wants_terms) {
            place(level, array, here, classes, &panel.terms, &mut panel.output);
        }
        if let Some(array) = &mut self.matrices.d_input {
            place(level, array, here, classes, d_input, copy);
        }
        if let Some(array) = &mut self.matrices.d_target {
            place(level, array, here, classes, d_target, copy);
        }
    }
}

impl<A: Number> Panel<A> {
    /// The rows of a group.
    fn operands(&self, group: usize, classes: usize) -> Operands<'_, A::Real> {
        let rows = group * classes * WIDTH..(group + 1) * classes * WIDTH;
        Operands { input: &self.input[rows.clone()], target: &self.target[rows] }
    }
}

/// The next panel of either operand, and this panel of a gradient, if they are contiguous.
struct Fetched<'a, A>([&'a [A]; 3]);

impl<'a, A: Number> Fetched<'a, A> {
    /// The part that is prefetched while a group is computed.
    fn group(&self, group: usize, classes: usize) -> Prefetch<'a, A> {
        let len = classes * WIDTH;
        Prefetch::new(self.0.map(|array| array.get(group * len..(group + 1) * len).unwrap_or(&[])))
    }
}

/// Copies lanes of an operand to rows. If a group has fewer than 16 lanes, the others are zeros.
fn load<A: Number>(
    level: Level,
    reader: &mut Reader<'_, A>,
    (lanes, classes): (&Range<usize>, usize),
    rows: &mut Vec<A::Real>,
    wide: &mut Vec<A::Real>,
) {
    let len = lanes.len().div_ceil(WIDTH) * classes * WIDTH;
    let rows = sized(rows, len);
    if !reader.lanes_lie_together() {
        let numbers = A::widened(level, reader.read(&(lanes.clone(), 0..classes)), wide);
        let groups = numbers.chunks(classes * WIDTH).zip(rows.chunks_exact_mut(classes * WIDTH));
        groups.for_each(|(lanes, rows)| {
            transpose::<_, WIDTH>(level, lanes, rows.as_chunks_mut().0);
        });
        return;
    }
    for class in 0..classes {
        let column = reader.read(&(lanes.clone(), class..class + 1));
        for (group, column) in column.chunks(WIDTH).enumerate() {
            let row = &mut rows[(group * classes + class) * WIDTH..][..WIDTH];
            row.iter_mut().zip(column).for_each(|(to, from)| *to = from.widen());
            row[column.len()..].fill(A::Real::ZERO);
        }
    }
}

/// Copies the rows of a panel back to its lanes.
fn place<T: Number>(
    level: Level,
    matrix: &mut ArrayViewMut2<'_, T>,
    lanes: &Range<usize>,
    classes: usize,
    numbers: &[T],
    scratch: &mut Scratch<T>,
) {
    let (rows, rect) = (numbers.as_chunks::<WIDTH>().0, (lanes.clone(), 0..classes));
    if matrix.strides()[0] != 1 {
        return write(matrix, &rect, scratch, |out| {
            let groups = rows.chunks(classes).zip(out.chunks_mut(classes * WIDTH));
            groups.for_each(|(rows, lanes)| transpose_back(level, rows, lanes));
        });
    }
    let column = |class| (lanes.clone(), class..class + 1);
    for class in 0..classes {
        if class + WRITE_AHEAD < classes {
            fetch_rest(dense(matrix, &column(class + WRITE_AHEAD)).unwrap_or(&[]), 0);
        }
        write(matrix, &column(class), scratch, |out| {
            for (group, out) in out.chunks_mut(WIDTH).enumerate() {
                out.copy_from_slice(&rows[group * classes + class][..out.len()]);
            }
        });
    }
}
