//! Lanes beside each other.

use std::iter;

use super::{Pass, each_lane, scale};
use crate::elementwise::TILE;
use crate::number::Number;
use crate::number::{Float, Level, Real};
use crate::softmax::FEW;
use crate::softmax::columns::{Columns, Row};
use crate::softmax::gradient::{
    Beside, Slopes, SlopesEach, UpstreamColumns, d_inputs, d_inputs_each, d_targets, d_targets_each,
};
use crate::softmax::lane::Lanes;
use crate::softmax::solver::{Factors, Next, Outputs, Settings, Solver};
use crate::softmax::sums::Cells;
use crate::softmax::terms::{Shares, softmax_terms};

/// Lanes beside each other, class after class.
#[derive(Clone, Debug)]
pub struct ColumnPair<A: Number, const N: usize> {
    settings: Settings,
    pass: Pass,
    columns: Columns<A::Real, N>,
    lanes: Lanes<N>,
    cells: ClassCells<A::Real, N>,
    upstream: UpstreamColumns<N>,
}

/// Of all classes, where there are few and gradients are wanted, or of one.
#[derive(Clone, Debug)]
struct ClassCells<T, const N: usize> {
    cells: Vec<Cells<T, N>>,
    kept: bool,
}

impl<T: Real, const N: usize> ClassCells<T, N> {
    /// Those of a class, as they were kept or filled anew.
    #[inline(always)]
    fn of(
        &mut self,
        level: Level,
        columns: &Columns<T, N>,
        class: usize,
        [input, target]: [&Row<T, N>; 2],
    ) -> &Cells<T, N> {
        match self.kept {
            true => &self.cells[class],
            false => columns.filled(level, target, input, &mut self.cells[0]),
        }
    }
}

impl<A: Number, const N: usize> ColumnPair<A, N> {
    pub fn new(settings: Settings, classes: usize) -> Self {
        let kept = settings.outputs && classes <= FEW;
        let cells = iter::repeat_with(Cells::default).take(if kept { classes } else { 1 });
        // Allocated first, so that the rest is made in place, not copied.
        let cells = cells.collect();
        ColumnPair {
            settings,
            pass: Pass::Peaks,
            columns: Columns::new(classes, A::Real::from_f64(settings.rate)),
            lanes: Lanes::default(),
            cells: ClassCells { cells, kept },
            upstream: UpstreamColumns::new(classes, settings.generalized),
        }
    }

    /// Writes the terms of each class, then calls `gradients` with the class, its cells and where either gradient goes.
    fn each_class(
        &mut self,
        input: &[Row<A::Real, N>],
        target: &[Row<A::Real, N>],
        mut out: Outputs<'_, A>,
        gradients: impl Fn(usize, &Cells<A::Real, N>, Option<&mut [A]>, Option<&mut [A]>),
    ) {
        let (Settings { level, generalized, .. }, lanes) = (self.settings, &self.lanes);
        let shares = out.terms.is_some();
        let shares = shares.then(|| each_lane::<_, N>(level, |i| Shares::new(&lanes.lane(i))));
        for (class, (input, target)) in input.iter().zip(target).enumerate() {
            let cells = self.cells.of(level, &self.columns, class, [input, target]);
            let Outputs { terms, d_input, d_target } = out.part(class * N..(class + 1) * N);
            if let Some((out, shares)) = terms.zip(shares.as_ref()) {
                match generalized {
                    true => softmax_terms::<_, true, N>(level, Beside(shares), cells, out),
                    false => softmax_terms::<_, false, N>(level, Beside(shares), cells, out),
                }
            }
            gradients(class, cells, d_input, d_target);
        }
    }
}

impl<A: Number, const N: usize> Solver<A> for ColumnPair<A, N> {
    type Item = Row<A::Real, N>;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.columns.restart();
        self.upstream.clear();
    }

    fn fetches(&self) -> bool {
        self.pass == Pass::Sums
    }

    fn visit(
        &mut self,
        first: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        next: &mut Next<'_, A>,
    ) {
        let level = self.settings.level;
        match self.pass {
            Pass::Peaks => return self.columns.add_peaks::<true>(level, target, input),
            Pass::Unmasked => return self.columns.add_peaks::<false>(level, target, input),
            Pass::Sums => {}
        }
        let ClassCells { cells, kept } = &mut self.cells;
        match kept {
            true => self.columns.add_and_keep(level, target, input, cells, next),
            false => self.columns.add(level, first, target, input, &mut cells[0], next),
        }
    }

    fn end_part(&mut self) {
        if self.pass == Pass::Sums {
            self.columns.end_part(self.settings.level);
        }
    }

    fn end_pass(&mut self) -> bool {
        let level = self.settings.level;
        if self.pass == Pass::Peaks && self.columns.find_masked(level) {
            self.pass = Pass::Unmasked;
            return true;
        }
        if self.pass != Pass::Sums {
            self.columns.shift(level);
            self.pass = Pass::Sums;
            return true;
        }
        self.columns.lanes(level, &mut self.lanes);
        let again = self.columns.improve(level, &self.lanes);
        if again {
            self.columns.clear();
        }
        again
    }

    fn divergences(&mut self) -> &mut [f64] {
        &mut self.lanes.divergence
    }

    fn add_upstream(
        &mut self,
        first: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: &[f64],
    ) {
        let Settings { level, rate, .. } = self.settings;
        let rows = input.iter().zip(target).zip(factors.as_chunks().0).enumerate();
        for (class, ((input, target), factors)) in rows {
            let cells = self.cells.of(level, &self.columns, class, [input, target]);
            let factors = factors.map(|factor| factor * rate);
            self.upstream.add(level, first + class, &self.lanes, cells, &factors);
        }
    }

    fn outputs(
        &mut self,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: Factors<'_>,
        out: Outputs<'_, A>,
    ) {
        let (Settings { level, rate, generalized, .. }, lanes) = (self.settings, &self.lanes);
        match factors {
            Factors::Lanes(factors) => {
                let slope = |i| Slopes::new(&lanes.lane(i), factors[i] * rate);
                let slopes = &each_lane::<_, N>(level, slope);
                self.each_class(input, target, out, |_, cells, d_input, d_target| {
                    let slopes = Beside(slopes);
                    d_input.into_iter().for_each(|out| d_inputs(level, slopes, cells, out));
                    d_target.into_iter().for_each(|out| d_targets(level, slopes, cells, out));
                });
            }
            Factors::Each(factors) => {
                let sums = |i| self.upstream.value(i);
                let slope = |i| SlopesEach::new(&lanes.lane(i), sums(i), generalized);
                let slopes = &each_lane::<_, N>(level, slope);
                self.each_class(input, target, out, |class, cells, d_input, d_target| {
                    let (slopes, mut scaled) = (Beside(slopes), [0.0; TILE]);
                    let factors = scale(&factors[class * N..(class + 1) * N], rate, &mut scaled);
                    if let Some(out) = d_input {
                        d_inputs_each(level, slopes, cells, factors, out);
                    }
                    if let Some(out) = d_target {
                        d_targets_each(level, slopes, cells, factors, out);
                    }
                });
            }
        }
    }
}
