//! Units of logits: lanes are laid before a solver pass by pass, then what is wanted is written.

mod panel;

use std::ops::Range;

use ndarray::ArrayView2;

use super::visit::{PART, Visit, Wanted};
use super::worker::{Worker, is_by_columns, steps};
use crate::element::Element;
use crate::kernel::softmax::{
    COLUMNS, ColumnPair, ColumnsAgainst, FEW, Factors, Fork, LaneAgainst, LanePair, Outputs, Row,
    Settings, Solver,
};
use crate::kernel::{
    Float, GeneralizedLogProbability, GeneralizedProbability, LogProbability, Probability, Term,
};
use crate::lanes::{Rect, Scratch, Unit, join};
use crate::logits::Target;
use panel::{Alone, Beside, Panel, Room};

/// The rule of a loss from logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    pub target: Target,
    /// 1/τ.
    pub rate: f64,
    /// What values, terms and gradients are multiplied by: 1, or τ².
    pub factor: f64,
    /// Whether terms are generalized.
    pub generalized: bool,
}

/// Visits a unit.
pub fn visit_unit<A: Element>(
    visit: &Visit,
    softmax: Softmax,
    unit: Unit<'_, A>,
    worker: &mut Worker<'_, A>,
) {
    let gradients = unit.d_input.is_some() || unit.d_target.is_some();
    let Softmax { rate, generalized, .. } = softmax;
    let settings = Settings { level: visit.level, rate, gradients, generalized };
    let classes = unit.input.ncols();
    let panels = Panels { visit, softmax };
    if classes <= FEW || is_by_columns(&unit.input, &unit.target) {
        return match unit.input.nrows() {
            ..=FEW_COLUMNS => panels.columns::<A, FEW_COLUMNS>(settings, unit, worker),
            _ => panels.columns::<A, COLUMNS>(settings, unit, worker),
        };
    }
    match softmax.target {
        Target::Logits => panels.alone(LanePair::new(settings), unit, worker),
        Target::Probabilities if generalized => {
            panels.alone(LaneAgainst::<GeneralizedProbability, A>::new(settings), unit, worker)
        }
        Target::Probabilities => {
            panels.alone(LaneAgainst::<Probability, A>::new(settings), unit, worker)
        }
        Target::LogProbabilities if generalized => {
            panels.alone(LaneAgainst::<GeneralizedLogProbability, A>::new(settings), unit, worker)
        }
        Target::LogProbabilities => {
            panels.alone(LaneAgainst::<LogProbability, A>::new(settings), unit, worker)
        }
    }
}

/// Lanes beside each other where there are no more.
const FEW_COLUMNS: usize = 32;

#[derive(Clone, Copy)]
struct Panels<'v> {
    visit: &'v Visit,
    softmax: Softmax,
}

impl Panels<'_> {
    /// Panels of N lanes beside each other.
    fn columns<A: Element, const N: usize>(
        self,
        settings: Settings,
        unit: Unit<'_, A>,
        worker: &mut Worker<'_, A>,
    ) {
        let classes = unit.input.ncols();
        match self.softmax.target {
            Target::Logits => self.beside(ColumnPair::<A, N>::new(settings, classes), unit, worker),
            Target::Probabilities if settings.generalized => {
                self.beside_against::<GeneralizedProbability, A, N>(settings, unit, worker)
            }
            Target::Probabilities => {
                self.beside_against::<Probability, A, N>(settings, unit, worker)
            }
            Target::LogProbabilities if settings.generalized => {
                self.beside_against::<GeneralizedLogProbability, A, N>(settings, unit, worker)
            }
            Target::LogProbabilities => {
                self.beside_against::<LogProbability, A, N>(settings, unit, worker)
            }
        }
    }

    fn beside_against<K: Term, A: Element, const N: usize>(
        self,
        settings: Settings,
        unit: Unit<'_, A>,
        worker: &mut Worker<'_, A>,
    ) {
        let solver = ColumnsAgainst::<K, A, N>::new(settings, unit.input.ncols());
        self.beside(solver, unit, worker);
    }

    fn beside<A: Element, const N: usize>(
        self,
        mut solver: impl Solver<A, Item = Row<A::Loss, N>>,
        mut unit: Unit<'_, A>,
        worker: &mut Worker<'_, A>,
    ) {
        let mut table = Table::<A, Beside<N>>::new(self);
        for lanes in steps(0..unit.input.nrows(), N) {
            let classes = 0..unit.input.ncols();
            table.turn_to(&unit, lanes);
            solver.start();
            loop {
                table.pass(&unit, classes.clone(), &mut solver);
                if !solver.end_pass() {
                    break;
                }
            }
            table.emit(&mut unit, solver.divergences(), worker);
            table.find_silent(&unit);
            table.deliver(&mut unit, classes, &mut solver);
        }
    }

    /// Lanes one by one; very long ones part by part, in parallel.
    fn alone<A, S>(self, mut solver: S, mut unit: Unit<'_, A>, worker: &mut Worker<'_, A>)
    where
        A: Element,
        S: Solver<A, Item = A> + Fork + Sync,
    {
        let mut table = Table::<A, Alone>::new(self);
        let (lanes, classes) = unit.input.dim();
        for lane in 0..lanes {
            table.turn_to(&unit, lane..lane + 1);
            solver.start();
            loop {
                self.part(&unit, lane, 0..classes, &mut solver, &mut table);
                if !solver.end_pass() {
                    break;
                }
            }
            table.emit(&mut unit, solver.divergences(), worker);
            table.find_silent(&unit);
            if lanes == 1 && classes > PART && table.each.is_none() {
                if self.visit.wanted != Wanted::Terms {
                    unit.value = None;
                }
                return self.deliver_parts(unit, &solver, &table.silent);
            }
            table.deliver(&mut unit, 0..classes, &mut solver);
        }
    }

    /// A pass over some classes of a lane; parts are visited beside each other.
    fn part<A, S>(
        self,
        unit: &Unit<'_, A>,
        lane: usize,
        classes: Range<usize>,
        solver: &mut S,
        table: &mut Table<'_, A, Alone>,
    ) where
        A: Element,
        S: Solver<A, Item = A> + Fork + Sync,
    {
        let parts = classes.len().div_ceil(PART);
        if parts <= 1 {
            return table.pass(unit, classes, solver);
        }
        let middle = classes.start + parts / 2 * PART;
        let mut next = solver.fork();
        join(
            || self.part(unit, lane, classes.start..middle, solver, table),
            || {
                let mut table = Table::new(self);
                table.turn_to(unit, lane..lane + 1);
                self.part(unit, lane, middle..classes.end, &mut next, &mut table);
            },
        );
        solver.absorb(next);
    }

    /// Outputs of a lane part by part.
    fn deliver_parts<A, S>(self, unit: Unit<'_, A>, solver: &S, silent: &[Silent])
    where
        A: Element,
        S: Solver<A, Item = A> + Fork + Sync,
    {
        let parts = unit.input.ncols().div_ceil(PART);
        if parts > 1 {
            let (a, b) = unit.split_classes(parts / 2 * PART);
            let deliver = |part| self.deliver_parts(part, solver, silent);
            join(|| deliver(a), || deliver(b));
            return;
        }
        let mut unit = unit;
        let mut table = Table::<A, Alone>::new(self);
        table.turn_to(&unit, 0..1);
        // A part does not know of a NaN in another.
        table.silent = silent.to_vec();
        let classes = 0..unit.input.ncols();
        table.deliver(&mut unit, classes, &mut solver.fork());
    }
}

/// A lane without upstream: its gradients are 0, or NaN if one of its numbers is.
#[derive(Clone, Copy)]
struct Silent {
    lane: usize,
    nan: bool,
}

/// A panel of lanes, and room for its blocks.
struct Table<'v, A: Element, P: Panel<A>> {
    panels: Panels<'v>,
    lanes: Range<usize>,
    /// Lanes of weight 0.
    skipped: Vec<usize>,
    weights: Option<Vec<A::Loss>>,
    /// What gradients are multiplied by, one factor a lane,
    factors: Vec<f64>,
    /// or, where the upstream has one for each class, each: room for a block.
    each: Option<Vec<f64>>,
    silent: Vec<Silent>,
    rooms: [Room<A, P::Item>; 2],
    terms: Vec<A::Loss>,
    d_input: Vec<A>,
    d_target: Vec<A>,
    scratch: Scratch<A>,
    output: Scratch<A::Loss>,
}

impl<'v, A: Element, P: Panel<A>> Table<'v, A, P> {
    fn new(panels: Panels<'v>) -> Self {
        Table {
            panels,
            lanes: 0..0,
            skipped: Vec::new(),
            weights: None,
            factors: Vec::new(),
            each: None,
            silent: Vec::new(),
            rooms: Default::default(),
            terms: Vec::new(),
            d_input: Vec::new(),
            d_target: Vec::new(),
            scratch: Scratch::EMPTY,
            output: Scratch::EMPTY,
        }
    }

    /// Other lanes from here on.
    fn turn_to(&mut self, unit: &Unit<'_, A>, lanes: Range<usize>) {
        let column = |view: &ArrayView2<'_, A::Loss>| -> Vec<A::Loss> {
            lanes.clone().map(|lane| view[[lane, 0]]).collect()
        };
        self.weights = unit.weights.as_ref().map(column);
        let weights = self.weights.iter().flatten().enumerate();
        self.skipped.clear();
        self.skipped.extend(weights.filter(|(_, w)| **w == A::Loss::ZERO).map(|(lane, _)| lane));

        self.factors.clear();
        self.factors.resize(P::LANES, self.panels.visit.scale * self.panels.softmax.factor);
        let by_class = |view: &&ArrayView2<'_, A::Loss>| view.ncols() > 1;
        self.each = unit.upstream.as_ref().filter(by_class).map(|_| Vec::new());
        let upstream = unit.upstream.as_ref().filter(|_| self.each.is_none()).map(column);
        for values in [&upstream, &self.weights].into_iter().flatten() {
            let factors = self.factors.iter_mut().zip(values);
            factors.for_each(|(factor, value)| *factor *= value.to_f64());
        }
        self.skipped.iter().for_each(|&lane| self.factors[lane] = 0.0);
        self.lanes = lanes;
        self.rooms.iter_mut().for_each(Room::clear);
        self.silent.clear();
    }

    /// Finds the lanes whose upstream, or all of it, is 0.
    fn find_silent(&mut self, unit: &Unit<'_, A>) {
        if unit.d_input.is_none() && unit.d_target.is_none() {
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
                let nan = !self.skipped.contains(&lane) && numbers.iter().any(is_nan);
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

    fn load<'a>(
        rooms: &'a mut [Room<A, P::Item>; 2],
        skipped: &[usize],
        unit: &'a Unit<'_, A>,
        rect: &Rect,
    ) -> [&'a [P::Item]; 2] {
        let [input, target] = rooms;
        [P::load(&unit.input, rect, skipped, input), P::load(&unit.target, rect, skipped, target)]
    }

    /// One pass over some classes.
    fn pass(
        &mut self,
        unit: &Unit<'_, A>,
        classes: Range<usize>,
        solver: &mut impl Solver<A, Item = P::Item>,
    ) {
        for part in steps(classes, PART) {
            for (first, rect) in self.blocks(part) {
                let [input, target] = Self::load(&mut self.rooms, &self.skipped, unit, &rect);
                solver.visit(first, input, target);
            }
            solver.end_part();
        }
    }

    /// Hands on the divergences.
    fn emit(&self, unit: &mut Unit<'_, A>, divergences: &[f64], worker: &mut Worker<'_, A>) {
        if !self.panels.visit.sums_lanes() {
            return;
        }
        let mut sums = [0.0; COLUMNS];
        let sums = &mut sums[..self.lanes.len()];
        let factor = self.panels.softmax.factor;
        sums.iter_mut().zip(divergences).for_each(|(sum, divergence)| *sum = divergence * factor);
        worker.emit(&unit.weights, &mut unit.value, self.lanes.clone(), sums);
    }

    /// Writes terms and gradients of some classes.
    fn deliver(
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
                let [input, target] = Self::load(&mut self.rooms, &self.skipped, unit, &rect);
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
        unit: &Unit<'_, A>,
        rect: &Rect,
        terms: bool,
        solver: &mut impl Solver<A, Item = P::Item>,
    ) {
        let len = P::LANES * rect.1.len();
        let [input, target] = Self::load(&mut self.rooms, &self.skipped, unit, rect);
        let factors = match &self.each {
            Some(each) => Factors::Each(each),
            None => Factors::Lanes(&self.factors),
        };
        let outputs = Outputs {
            terms: terms.then(|| sized(&mut self.terms, len)),
            d_input: unit.d_input.is_some().then(|| sized(&mut self.d_input, len)),
            d_target: unit.d_target.is_some().then(|| sized(&mut self.d_target, len)),
        };
        solver.outputs(input, target, factors, outputs);
    }

    fn write(&mut self, unit: &mut Unit<'_, A>, rect: &Rect, terms: bool) {
        let classes = rect.1.len();
        if let Some(value) = unit.value.as_mut().filter(|_| terms) {
            self.weigh(classes);
            P::place(value, rect, &self.terms, &mut self.output);
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
        if let Some(array) = &mut unit.d_input {
            P::place(array, rect, &self.d_input, &mut self.scratch);
        }
        if let Some(array) = &mut unit.d_target {
            P::place(array, rect, &self.d_target, &mut self.scratch);
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

/// The vector's first `len`, which are overwritten.
fn sized<T: Copy + Default>(vector: &mut Vec<T>, len: usize) -> &mut [T] {
    vector.resize(len, T::default());
    vector
}
