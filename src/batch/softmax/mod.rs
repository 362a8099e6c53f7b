//! Units of logits: lanes are laid before a solver pass by pass, then what is wanted is written.

mod panel;
mod rooms;
mod table;

use std::ops::Range;

use super::results::Results;
use super::visit::{Visit, Wanted};
use crate::divergence::{Choice, Kernel, Work};
use crate::element::Element;
use crate::elementwise::PART;
use crate::layout::{Unit, join};
use crate::layout::{is_by_columns, steps};
use crate::softmax::{
    COLUMNS, ColumnPair, ColumnsAgainst, FEW, Fork, LaneAgainst, LanePair, Row, Settings, Solver,
};
use crate::target::Target;
use panel::{Alone, Beside};
use table::{Silent, Table};

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
    softmax: Softmax,
    unit: Unit<'_, A>,
    tally: &mut Results<'_, A::Loss>,
) {
    let visit = tally.visit;
    let gradients = unit.d_input.is_some() || unit.d_target.is_some();
    let Softmax { rate, generalized, .. } = softmax;
    let outputs = gradients || (visit.wanted == Wanted::Terms && unit.value.is_some());
    let settings = Settings { level: visit.level, rate, outputs, gradients, generalized };
    let classes = unit.input.ncols();
    let panels = Panels { visit, softmax };
    if classes <= FEW || is_by_columns(&unit.input, &unit.target) {
        return match unit.input.nrows() {
            ..=FEW_COLUMNS => panels.columns::<A, FEW_COLUMNS>(settings, unit, tally),
            _ => panels.columns::<A, COLUMNS>(settings, unit, tally),
        };
    }
    match softmax.target {
        Target::Logits => panels.alone(LanePair::new(settings), unit, tally),
        _ => panels.against::<A, 0>(settings, unit, tally),
    }
}

/// A target that is given as it is, lane by lane or N lanes side by side.
struct Against<'p, 'v, 'a, 't, A: Element, const N: usize> {
    panels: Panels<'v>,
    settings: Settings,
    unit: Unit<'a, A>,
    tally: &'p mut Results<'t, A::Loss>,
}

impl<A: Element, const N: usize> Work for Against<'_, '_, '_, '_, A, N> {
    type Output = ();

    fn run<K: Kernel>(self, kernel: K) {
        let Against { panels, settings, unit, tally } = self;
        match N {
            0 => panels.alone(LaneAgainst::<K, A>::new(kernel, settings), unit, tally),
            _ => {
                let classes = unit.input.ncols();
                let solver = ColumnsAgainst::<K, A, N>::new(kernel, settings, classes);
                panels.beside(solver, unit, tally);
            }
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
        tally: &mut Results<'_, A::Loss>,
    ) {
        let classes = unit.input.ncols();
        match self.softmax.target {
            Target::Logits => self.beside(ColumnPair::<A, N>::new(settings, classes), unit, tally),
            _ => self.against::<A, N>(settings, unit, tally),
        }
    }

    fn against<A: Element, const N: usize>(
        self,
        settings: Settings,
        unit: Unit<'_, A>,
        tally: &mut Results<'_, A::Loss>,
    ) {
        let divergence =
            if settings.generalized { Choice::GeneralizedForward } else { Choice::Forward };
        let log_target = self.softmax.target == Target::LogProbabilities;
        let work = Against::<A, N> { panels: self, settings, unit, tally };
        divergence.with_kernel(log_target, work);
    }

    fn beside<A: Element, const N: usize>(
        self,
        mut solver: impl Solver<A, Item = Row<A::Loss, N>>,
        mut unit: Unit<'_, A>,
        tally: &mut Results<'_, A::Loss>,
    ) {
        let mut table = Table::<A, Beside<N>>::new(self, [unit.input, unit.target]);
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
            table.emit(&mut unit, solver.divergences(), tally);
            table.find_silent(&unit);
            table.deliver(&mut unit, classes, &mut solver);
        }
    }

    /// Lanes one by one; very long ones part by part, in parallel.
    fn alone<A, S>(self, mut solver: S, mut unit: Unit<'_, A>, tally: &mut Results<'_, A::Loss>)
    where
        A: Element,
        S: Solver<A, Item = A> + Fork + Sync,
    {
        let mut table = Table::<A, Alone>::new(self, [unit.input, unit.target]);
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
            table.emit(&mut unit, solver.divergences(), tally);
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
                let mut table = Table::new(self, [unit.input, unit.target]);
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
        let mut table = Table::<A, Alone>::new(self, [unit.input, unit.target]);
        table.turn_to(&unit, 0..1);
        // A part does not know of a NaN in another.
        table.silent = silent.to_vec();
        let classes = 0..unit.input.ncols();
        table.deliver(&mut unit, classes, &mut solver.fork());
    }
}
