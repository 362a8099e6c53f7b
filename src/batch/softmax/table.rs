//! The panel that is visited, and what is written of it.

use std::ops::Range;

use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis};

use super::Panels;
use super::panel::{Panel, Room};
use super::rooms::Rooms;
use crate::batch::results::Results;
use crate::batch::visit::Wanted;
use crate::element::Element;
use crate::elementwise::PART;
use crate::elementwise::Prefetch;
use crate::layout::steps;
use crate::layout::{Rect, Scratch, Unit, dense, dense_mut};
use crate::number::Float;
use crate::softmax::{FEW, Factors, Next, Outputs, Solver};

/// A lane without upstream: its gradients are 0, or NaN if one of its numbers is.
#[derive(Clone, Copy)]
pub struct Silent {
    lane: usize,
    nan: bool,
}

/// A panel of lanes, and room for its blocks.
pub struct Table<'v, A: Element, P: Panel<A>> {
    panels: Panels<'v>,
    lanes: Range<usize>,
    weights: Option<Vec<A::Loss>>,
    /// What gradients are multiplied by, one factor a lane,
    factors: Vec<f64>,
    /// or, where the upstream has one for each class, each: room for a block.
    pub each: Option<Vec<f64>>,
    pub silent: Vec<Silent>,
    rooms: Rooms<'v, A, P>,
    terms: Vec<A::Loss>,
    d_input: Vec<A>,
    d_target: Vec<A>,
    scratch: Scratch<A>,
    output: Scratch<A::Loss>,
}

impl<'v, A: Element, P: Panel<A>> Table<'v, A, P> {
    /// Apart, so that it is made where it stays: copied there, the value of 32 × 10 took 3 % longer.
    #[inline(never)]
    pub fn new(panels: Panels<'v>, operands: [ArrayView2<'v, A>; 2]) -> Self {
        Table {
            panels,
            lanes: 0..0,
            weights: None,
            factors: Vec::new(),
            each: None,
            silent: Vec::new(),
            rooms: Rooms::new(panels.visit.level, operands),
            terms: Vec::new(),
            d_input: Vec::new(),
            d_target: Vec::new(),
            scratch: Scratch::EMPTY,
            output: Scratch::EMPTY,
        }
    }

    /// Other lanes from here on.
    pub fn turn_to(&mut self, unit: &Unit<'_, A>, lanes: Range<usize>) {
        let column = |view: &ArrayView2<'_, A::Loss>| -> Vec<A::Loss> {
            lanes.clone().map(|lane| view[[lane, 0]]).collect()
        };
        self.weights = unit.weights.as_ref().map(column);
        let weights = self.weights.iter().flatten().enumerate();
        let without = weights.filter(|(_, w)| **w == A::Loss::ZERO).map(|(lane, _)| lane);
        self.rooms.skipped.clear();
        self.rooms.skipped.extend(without);

        self.factors.clear();
        self.factors.resize(P::LANES, self.panels.visit.scale.value() * self.panels.softmax.factor);
        let by_class = |view: &&ArrayView2<'_, A::Loss>| view.ncols() > 1;
        self.each = unit.upstream.as_ref().filter(by_class).map(|_| Vec::new());
        let upstream = unit.upstream.as_ref().filter(|_| self.each.is_none()).map(column);
        for values in [&upstream, &self.weights].into_iter().flatten() {
            let factors = self.factors.iter_mut().zip(values);
            factors.for_each(|(factor, value)| *factor *= value.to_f64());
        }
        self.rooms.skipped.iter().for_each(|&lane| self.factors[lane] = 0.0);
        self.lanes = lanes;
        self.rooms.clear();
        self.silent.clear();
    }

    /// Finds the lanes whose upstream, or all of it, is 0.
    pub fn find_silent(&mut self, unit: &Unit<'_, A>) {
        if unit.d_input.is_none() && unit.d_target.is_none() {
            return;
        }
        if self.each.is_none() && !self.factors.contains(&0.0) {
            return;
        }
        let each = unit.upstream.as_ref().filter(|_| self.each.is_some());
        let numbers = [&unit.input, &unit.target];
        for (lane, row) in self.lanes.clone().enumerate() {
            let nothing = |view: &ArrayView2<'_, A::Loss>| {
                view.row(row).iter().all(|upstream| *upstream == A::Loss::ZERO)
            };
            if self.factors[lane] == 0.0 || each.is_some_and(nothing) {
                let is_nan = |view: &&ArrayView2<'_, A>| {
                    view.row(row).iter().any(|number| number.widen().is_nan())
                };
                let nan = !self.rooms.skipped.contains(&lane) && numbers.iter().any(is_nan);
                self.silent.push(Silent { lane, nan });
            }
        }
    }

    /// The blocks of some classes, each with the number of its first class in its part.
    fn blocks(&self, classes: Range<usize>) -> impl Iterator<Item = (usize, Rect)> + use<A, P> {
        let lanes = self.lanes.clone();
        steps(classes, P::CLASSES)
            .map(move |classes| (classes.start % PART, (lanes.clone(), classes)))
    }

    /// The same classes of the next lane, and where a gradient goes, fetched while this lane is summed. (On every
    /// machine: the first pass over the next one would wait for memory, and Zen 4 took a third longer too.)
    fn ahead<'a>(&self, unit: &'a Unit<'_, A>, (lanes, classes): &Rect) -> Prefetch<'a, A>
    where
        'v: 'a,
    {
        if P::LANES > 1 {
            return Prefetch::NOTHING;
        }
        let next = (lanes.end..lanes.end + 1, classes.clone());
        let lane = |room: &Room<'v, A, _>| match lanes.end < unit.input.nrows() {
            true => room.operand.dense(&next).unwrap_or(&[]),
            false => &[],
        };
        let [input, target] = &self.rooms.each;
        let gradient = unit.d_input.as_ref().or(unit.d_target.as_ref());
        let place = gradient.and_then(|array| dense(array, &(lanes.clone(), classes.clone())));
        Prefetch::new([lane(input), lane(target), place.unwrap_or(&[])])
    }

    /// As many [pieces] as there are classes: of the next lanes of either side, and of where a gradient of these goes;
    /// none where those lanes are copied.
    fn beside<'a>(&self, unit: &'a Unit<'_, A>, here: &Rect) -> Vec<[&'a [A]; 3]> {
        let (after, few) = (after(unit, here), unit.input.ncols() <= FEW);
        if P::LANES == 1 || !few || self.rooms.may_copy() || after.0.len() < P::LANES {
            return Vec::new();
        }
        let gradient = unit.d_input.as_ref().or(unit.d_target.as_ref());
        let (input, target) = (pieces(&unit.input, &after), pieces(&unit.target, &after));
        let place = gradient.map(|array| pieces(array, here));
        let three = |i| [input(i), target(i), place.as_ref().map_or(&[], |place| place(i))];
        (0..here.1.len()).map(three).collect()
    }

    /// One pass over some classes.
    pub fn pass(
        &mut self,
        unit: &Unit<'_, A>,
        classes: Range<usize>,
        solver: &mut impl Solver<A, Item = P::Item>,
    ) {
        for part in steps(classes, PART) {
            for (first, rect) in self.blocks(part) {
                let (lane, rows, after) = match solver.fetches() {
                    true => (
                        self.ahead(unit, &rect),
                        self.beside(unit, &rect),
                        Some(after(unit, &rect)),
                    ),
                    false => (Prefetch::NOTHING, Vec::new(), None),
                };
                let level = self.rooms.level;
                let ([input, target], coming) = self.rooms.load_with_next(&rect, after);
                let mut next = Next { lane, rows: &rows, coming };
                solver.visit(first, input, target, &mut next);
                if let Some(coming) = &mut next.coming {
                    coming.finish(level);
                }
            }
            solver.end_part();
        }
    }

    /// Hands on the divergences.
    pub fn emit(
        &mut self,
        unit: &mut Unit<'_, A>,
        divergences: &mut [f64],
        tally: &mut Results<'_, A::Loss>,
    ) {
        if !self.panels.visit.sums_lanes() {
            return;
        }
        let factor = self.panels.softmax.factor;
        let divergences = &mut divergences[..self.lanes.len()];
        divergences.iter_mut().for_each(|divergence| *divergence *= factor);
        tally.emit(&unit.weights, &mut unit.value, self.lanes.clone(), divergences);
    }

    /// Writes terms and gradients of some classes.
    pub fn deliver(
        &mut self,
        unit: &mut Unit<'_, A>,
        classes: Range<usize>,
        solver: &mut impl Solver<A, Item = P::Item>,
    ) {
        let terms = self.panels.visit.wanted == Wanted::Terms && unit.value.is_some();
        if !terms && unit.d_input.is_none() && unit.d_target.is_none() {
            return;
        }
        if self.each.is_some() {
            for (_, rect) in self.blocks(classes.clone()) {
                self.factor_each(unit, &rect);
                let [input, target] = self.rooms.load(&rect);
                let factors = self.each.as_deref().unwrap_or_default();
                solver.add_upstream(rect.1.start, input, target, factors);
            }
        }
        for (_, rect) in self.blocks(classes) {
            self.factor_each(unit, &rect);
            self.compute(unit, &rect, terms, solver);
            self.write(unit, &rect, terms);
        }
    }

    /// The factors of a block, if each class has its own.
    fn factor_each(&mut self, unit: &Unit<'_, A>, (lanes, classes): &Rect) {
        let (Some(each), Some(upstream)) = (&mut self.each, &unit.upstream) else { return };
        each.clear();
        each.resize(P::LANES * classes.len(), 0.0);
        for (lane, row) in lanes.clone().enumerate() {
            for (class, column) in classes.clone().enumerate() {
                let factor = self.factors[lane] * upstream[[row, column]].to_f64();
                each[P::place_of(lane, class)] = factor;
            }
        }
    }

    fn compute(
        &mut self,
        unit: &mut Unit<'_, A>,
        rect: &Rect,
        terms: bool,
        solver: &mut impl Solver<A, Item = P::Item>,
    ) {
        let len = P::LANES * rect.1.len();
        let [input, target] = self.rooms.load(rect);
        let factors = match &self.each {
            Some(each) => Factors::Each(each),
            None => Factors::Lanes(&self.factors),
        };
        let in_place = P::LANES == 1 && self.silent.is_empty();
        let outputs = Outputs {
            terms: terms.then(|| sized(&mut self.terms, len)),
            d_input: gradient(unit.d_input.as_mut(), rect, in_place, &mut self.d_input, len),
            d_target: gradient(unit.d_target.as_mut(), rect, in_place, &mut self.d_target, len),
        };
        solver.outputs(input, target, factors, outputs);
    }

    fn write(&mut self, unit: &mut Unit<'_, A>, rect: &Rect, terms: bool) {
        let (level, classes) = (self.rooms.level, rect.1.len());
        if let Some(value) = unit.value.as_mut().filter(|_| terms) {
            self.weigh(classes);
            P::place(level, value, rect, &self.terms, &mut self.output);
        }
        for &Silent { lane, nan } in &self.silent {
            let gradient = A::narrow(if nan { f64::NAN } else { 0.0 });
            for class in 0..classes {
                let place = P::place_of(lane, class);
                for gradients in [&mut self.d_input, &mut self.d_target] {
                    gradients.get_mut(place).into_iter().for_each(|out| *out = gradient);
                }
            }
        }
        if let Some(array) = unit.d_input.as_mut().filter(|_| !self.d_input.is_empty()) {
            P::place(level, array, rect, &self.d_input, &mut self.scratch);
        }
        if let Some(array) = unit.d_target.as_mut().filter(|_| !self.d_target.is_empty()) {
            P::place(level, array, rect, &self.d_target, &mut self.scratch);
        }
    }

    /// Terms times factor and weight.
    fn weigh(&mut self, classes: usize) {
        let factor = A::Loss::from_f64(self.panels.softmax.factor);
        if factor != A::Loss::ONE {
            self.terms.iter_mut().for_each(|term| *term = *term * factor);
        }
        for (lane, &weight) in self.weights.iter().flatten().enumerate() {
            for class in 0..classes {
                let term = &mut self.terms[P::place_of(lane, class)];
                *term = if weight == A::Loss::ZERO { weight } else { *term * weight };
            }
        }
    }
}

/// The same classes of as many lanes behind these, or of those that are left.
fn after<A: Element>(unit: &Unit<'_, A>, (lanes, classes): &Rect) -> Rect {
    let end = unit.input.nrows().min(lanes.end + lanes.len());
    (lanes.end..end, classes.clone())
}

/// A rectangle in as many pieces as it has classes, each as long as it has lanes, in the order in which they lie: one
/// class of all lanes, or whatever comes next; empty where there are gaps.
fn pieces<'a, A>(array: &'a ArrayRef2<A>, rect: &Rect) -> impl Fn(usize) -> &'a [A] {
    let (lanes, classes) = rect.clone();
    let by_class = array.strides()[0] == 1;
    let all = if by_class { None } else { dense(array, rect) };
    move |i| match all {
        _ if by_class => {
            let class = array.index_axis(Axis(1), classes.start + i);
            class.to_slice().map_or(&[], |class| &class[lanes.clone()])
        }
        Some(all) => &all[i * lanes.len()..(i + 1) * lanes.len()],
        None => &[],
    }
}

/// Where a gradient is computed: in place, or in `room`, which is left empty otherwise.
fn gradient<'a, A: Copy + Default>(
    array: Option<&'a mut ArrayViewMut2<'_, A>>,
    rect: &Rect,
    in_place: bool,
    room: &'a mut Vec<A>,
    len: usize,
) -> Option<&'a mut [A]> {
    match dense_mut(array?, rect).filter(|_| in_place) {
        Some(place) => {
            room.clear();
            Some(place)
        }
        None => Some(sized(room, len)),
    }
}

/// The vector's first `len`, which are overwritten.
fn sized<T: Copy + Default>(vector: &mut Vec<T>, len: usize) -> &mut [T] {
    vector.resize(len, T::default());
    vector
}
