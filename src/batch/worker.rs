//! The work on one unit: cut into chunks that fit the first-level cache, each read once.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::visit::{PART, Visit, Wanted};
use crate::element::Element;
use crate::exact::{BLOCK, ExactSum};
use crate::kernel::{
    CHUNK, Factor, Float, LaneSum, STRIPES, Term, add_to_each, d_input, d_target, sum_each, terms,
    times,
};
use crate::lanes::{Rect, Scratch, Unit, read, write};

const _: () = assert!(CHUNK <= BLOCK);

/// Neighbouring lanes whose stripes are summed beside each other.
const COLUMNS: usize = 64;

/// One thread's room and running total.
pub struct Worker<'v, A: Element> {
    visit: &'v Visit,
    total: &'v mut ExactSum,
    terms: &'v mut [A::Loss; CHUNK],
    /// Sums of distributions that are not in `total` yet.
    pending: Scratch<f64>,
    waiting: usize,
    input: Scratch<A>,
    target: Scratch<A>,
    gradient: Scratch<A>,
    output: Scratch<A::Loss>,
    spread: Scratch<A::Loss>,
    weights: Scratch<A::Loss>,
    upstream: Scratch<A::Loss>,
    factors: Scratch<f64>,
    masked: (Scratch<A>, Scratch<A>),
}

impl<'v, A: Element> Worker<'v, A> {
    pub fn new(visit: &'v Visit, total: &'v mut ExactSum, terms: &'v mut [A::Loss; CHUNK]) -> Self {
        Worker {
            visit,
            total,
            terms,
            pending: Scratch::EMPTY,
            waiting: 0,
            input: Scratch::EMPTY,
            target: Scratch::EMPTY,
            gradient: Scratch::EMPTY,
            output: Scratch::EMPTY,
            spread: Scratch::EMPTY,
            weights: Scratch::EMPTY,
            upstream: Scratch::EMPTY,
            factors: Scratch::EMPTY,
            masked: (Scratch::EMPTY, Scratch::EMPTY),
        }
    }

    /// Visits a unit.
    pub fn unit<K: Term>(&mut self, mut unit: Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let columns = is_by_columns(&unit.input, &unit.target);
        if !self.visit.sums_lanes() {
            let (tall, wide) = if columns { (CHUNK, 1) } else { tile(classes) };
            for rect in tiles(lanes, classes, tall, wide) {
                self.chunk::<K>(&mut unit, &rect, |_| ());
            }
        } else if columns {
            self.columns::<K>(&mut unit);
        } else if self.visit.few() {
            self.short_lanes::<K>(&mut unit);
        } else {
            self.long_lanes::<K>(&mut unit);
        }
    }

    /// Many lanes of few classes at a time.
    fn short_lanes<K: Term>(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let level = self.visit.level;
        let (mut sums, mut wide) = (Scratch::EMPTY, Scratch::EMPTY);
        for rect in tiles(lanes, classes, tile(classes).0, classes) {
            let sums = sums.get(rect.0.len());
            let wide = wide.get(rect.0.len() * classes);
            self.chunk::<K>(unit, &rect, |terms| sum_each(level, terms, classes, wide, sums));
            self.emit(&unit.weights, &mut unit.value, rect.0, sums);
        }
    }

    /// One lane of many classes at a time.
    fn long_lanes<K: Term>(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        for lane in 0..lanes {
            let sum = if classes <= PART {
                self.part::<K>(unit, lane, 0..classes)
            } else {
                let mut sum = ExactSum::default();
                for part in steps(classes, PART) {
                    sum.add(self.part::<K>(unit, lane, part));
                }
                sum.value()
            };
            self.emit(&unit.weights, &mut unit.value, lane..lane + 1, &mut [sum]);
        }
    }

    /// The sum over at most [`PART`] classes of a lane.
    pub fn part<K: Term>(
        &mut self,
        unit: &mut Unit<'_, A>,
        lane: usize,
        classes: Range<usize>,
    ) -> f64 {
        let level = self.visit.level;
        let mut sum = LaneSum::default();
        for step in steps(classes.len(), CHUNK) {
            let rect = (lane..lane + 1, classes.start + step.start..classes.start + step.end);
            self.chunk::<K>(unit, &rect, |terms| sum.add(level, terms));
        }
        sum.value()
    }

    /// Neighbouring lanes beside each other, class after class.
    fn columns<K: Term>(&mut self, unit: &mut Unit<'_, A>) {
        let (lanes, classes) = unit.input.dim();
        let (width, stripes) = if self.visit.few() { (CHUNK, 1) } else { (COLUMNS, STRIPES) };
        let level = self.visit.level;
        for rect in steps(lanes, width) {
            let mut parts = vec![ExactSum::default(); if classes > PART { rect.len() } else { 0 }];
            let mut sums = [0.0; CHUNK];
            for part in steps(classes, PART) {
                let mut striped = [0.0; CHUNK];
                for class in part {
                    let stripe = &mut striped[class % stripes * width..][..rect.len()];
                    self.chunk::<K>(unit, &(rect.clone(), class..class + 1), |terms| {
                        add_to_each(level, stripe, terms);
                    });
                }
                for (lane, sum) in sums[..rect.len()].iter_mut().enumerate() {
                    *sum = if stripes == 1 {
                        striped[lane]
                    } else {
                        LaneSum(std::array::from_fn(|stripe| striped[stripe * width + lane]))
                            .value()
                    };
                    parts.get_mut(lane).into_iter().for_each(|part| part.add(*sum));
                }
            }
            for (sum, part) in sums.iter_mut().zip(&parts) {
                *sum = part.value();
            }
            self.emit(&unit.weights, &mut unit.value, rect.clone(), &mut sums[..rect.len()]);
        }
    }

    /// Hands on the sums of distributions.
    pub fn emit(
        &mut self,
        weights: &Option<ArrayView2<'_, A::Loss>>,
        value: &mut Option<ArrayViewMut2<'_, A::Loss>>,
        lanes: Range<usize>,
        sums: &mut [f64],
    ) {
        let rect = (lanes, 0..1);
        if let Some(weights) = weights {
            let weights = read(weights, &rect, &mut self.weights);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum *= weight.to_f64();
            }
        }
        match (self.visit.wanted, value) {
            (Wanted::Distributions, Some(value)) => {
                write(value, &rect, &mut self.output, |out| {
                    for (out, &sum) in out.iter_mut().zip(&*sums) {
                        *out = A::Loss::from_f64(sum);
                    }
                });
            }
            (Wanted::Total, _) => self.wait(sums),
            _ => {}
        }
    }

    /// Keeps sums until there are enough to be added at once.
    fn wait(&mut self, sums: &[f64]) {
        if self.waiting + sums.len() > CHUNK {
            self.flush();
        }
        let end = self.waiting + sums.len();
        self.pending.get(CHUNK)[self.waiting..end].copy_from_slice(sums);
        self.waiting = end;
    }

    /// Adds what still waits to the total.
    pub fn flush(&mut self) {
        if self.waiting > 0 {
            self.total.add_block(self.visit.level, &self.pending.get(CHUNK)[..self.waiting]);
        }
        self.waiting = 0;
    }

    /// Does what is wanted with one chunk; where lanes are summed, `sum` is given the terms.
    fn chunk<K: Term>(
        &mut self,
        unit: &mut Unit<'_, A>,
        rect: &Rect,
        sum: impl FnOnce(&[A::Loss]),
    ) {
        let Visit { level, wanted, .. } = *self.visit;
        let lanes = rect.0.len();
        let len = lanes * rect.1.len();
        let mut x = read(&unit.input, rect, &mut self.input);
        let mut t = read(&unit.target, rect, &mut self.target);
        let weights = unit.weights.as_ref();
        let weights = weights.map(|view| read(view, &(rect.0.clone(), 0..1), &mut self.weights));
        if let Some(weights) = weights.filter(|weights| weights.contains(&A::Loss::ZERO)) {
            let (inputs, targets) = &mut self.masked;
            (x, t) = masked::<K, A>(x, t, weights, inputs.get(len), targets.get(len));
        }
        match (wanted, &mut unit.value) {
            (Wanted::Nothing, _) => {}
            (Wanted::Terms, Some(value)) => write(value, rect, &mut self.output, |out| {
                terms::<K, A>(level, x, t, out);
                weigh(level, weights, out, &mut self.spread);
            }),
            _ => {
                let block = &mut self.terms[..len];
                terms::<K, A>(level, x, t, block);
                if self.visit.sums_lanes() {
                    sum(block);
                } else {
                    weigh(level, weights, block, &mut self.spread);
                    self.total.add_block(level, block);
                }
            }
        }
        if unit.d_input.is_none() && unit.d_target.is_none() {
            return;
        }
        let upstream = unit.upstream.as_ref().map(|view| {
            let classes = if view.ncols() == 1 { 0..1 } else { rect.1.clone() };
            read(view, &(rect.0.clone(), classes), &mut self.upstream)
        });
        let factor = factor(self.visit.scale, upstream, weights, rect, &mut self.factors);
        if let Some(gradient) = &mut unit.d_input {
            write(gradient, rect, &mut self.gradient, |out| {
                d_input::<K, A>(level, x, t, factor, out)
            });
        }
        if let Some(gradient) = &mut unit.d_target {
            write(gradient, rect, &mut self.gradient, |out| {
                d_target::<K, A>(level, x, t, factor, out)
            });
        }
    }
}

/// Whether the classes of a lane lie apart but those of neighbouring lanes together.
fn is_by_columns<A>(input: &ArrayView2<'_, A>, target: &ArrayView2<'_, A>) -> bool {
    let steps = |view: &ArrayView2<'_, A>| (view.strides()[0], view.strides()[1]);
    let apart = |(lane, class): (isize, isize)| lane == 1 && class != 1;
    input.nrows() >= 16
        && input.ncols() > 1
        && (apart(steps(input)) || apart(steps(target)) && steps(input).1 != 1)
}

/// Lanes and classes of a chunk of whole lanes, or of a part of one.
fn tile(classes: usize) -> (usize, usize) {
    if classes <= CHUNK { (CHUNK / classes, classes) } else { (1, CHUNK) }
}

/// All rectangles of at most tall × wide.
fn tiles(lanes: usize, classes: usize, tall: usize, wide: usize) -> impl Iterator<Item = Rect> {
    steps(lanes, tall)
        .flat_map(move |lanes| steps(classes, wide).map(move |classes| (lanes.clone(), classes)))
}

/// 0..len in steps.
fn steps(len: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(step).map(move |start| start..len.min(start + step))
}

/// The operands, with neutral pairs in the lanes whose weight is 0.
fn masked<'a, K: Term, A: Element>(
    x: &[A],
    t: &[A],
    weights: &[A::Loss],
    inputs: &'a mut [A],
    targets: &'a mut [A],
) -> (&'a [A], &'a [A]) {
    inputs.copy_from_slice(x);
    targets.copy_from_slice(t);
    let classes = x.len() / weights.len();
    let (input, target) = K::neutral::<A::Loss>();
    let lanes = inputs.chunks_exact_mut(classes).zip(targets.chunks_exact_mut(classes));
    for ((x, t), _) in lanes.zip(weights).filter(|(_, weight)| **weight == A::Loss::ZERO) {
        x.fill(A::narrow(input.to_f64()));
        t.fill(A::narrow(target.to_f64()));
    }
    (inputs, targets)
}

/// w·term.
fn weigh<T: Element<Loss = T> + crate::kernel::Real>(
    level: crate::kernel::Level,
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
