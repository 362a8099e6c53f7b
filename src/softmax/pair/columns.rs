//! Lanes beside each other.

use std::iter;

use super::{Pass, balanced, each_lane, scale};
use crate::elementwise::TILE;
use crate::number::Float;
use crate::number::Number;
use crate::softmax::FEW;
use crate::softmax::columns::{Columns, Row};
use crate::softmax::gradient::{
    Beside, Slopes, SlopesEach, UpstreamColumns, d_inputs, d_inputs_each, d_targets,
    d_targets_each, mend,
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
    /// The cells of each class, where terms or gradients are wanted.
    cells: Vec<Cells<A::Real, N>>,
    upstream: UpstreamColumns<N>,
}

impl<A: Number, const N: usize> ColumnPair<A, N> {
    pub fn new(settings: Settings, classes: usize) -> Self {
        debug_assert!(classes <= FEW);
        let cells = iter::repeat_with(Cells::default);
        let cells = cells.take(if settings.outputs { classes } else { 0 });
        // Allocated first, so that the rest is made in place, not copied.
        let cells = cells.collect();
        ColumnPair {
            settings,
            pass: Pass::Peaks,
            columns: Columns::new(A::Real::from_f64(settings.rate)),
            lanes: Lanes::default(),
            cells,
            upstream: UpstreamColumns::new(settings.generalized),
        }
    }

    /// Writes the terms of each class, then calls `gradients` with the class, its cells and where either gradient goes.
    fn each_class(
        &self,
        mut out: Outputs<'_, A>,
        gradients: impl Fn(usize, &Cells<A::Real, N>, Option<&mut [A]>, Option<&mut [A]>),
    ) {
        let (Settings { level, generalized, .. }, lanes) = (self.settings, &self.lanes);
        let shares = out.terms.is_some();
        let shares = shares.then(|| each_lane::<_, N>(level, |i| Shares::new(&lanes.lane(i))));
        for (class, cells) in self.cells.iter().enumerate() {
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
        _: usize,
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
        match self.settings.outputs {
            true => self.columns.add_and_keep(level, target, input, &mut self.cells, next),
            false => self.columns.add(level, target, input, next),
        }
    }

    fn end_part(&mut self) {}

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
        self.columns.improve(level, &self.lanes)
    }

    fn divergences(&mut self) -> &mut [f64] {
        &mut self.lanes.divergence
    }

    fn add_upstream(&mut self, _: usize, _: &[Self::Item], _: &[Self::Item], factors: &[f64]) {
        let Settings { level, rate, .. } = self.settings;
        let (rate, _) = balanced(rate);
        for (cells, factors) in self.cells.iter().zip(factors.as_chunks().0) {
            let factors = factors.map(|factor| factor * rate);
            self.upstream.add(level, &self.lanes, cells, &factors);
        }
    }

    fn outputs(
        &mut self,
        _: &[Self::Item],
        _: &[Self::Item],
        factors: Factors<'_>,
        out: Outputs<'_, A>,
    ) {
        let (Settings { level, rate, generalized, .. }, lanes) = (self.settings, &self.lanes);
        match factors {
            Factors::Lanes(factors) => {
                let lane = |i: usize| (lanes.lane(i), factors[i].times(rate));
                let slope = |i| {
                    let (lane, factor) = lane(i);
                    Slopes::new(&lane, factor)
                };
                let slopes = &each_lane::<_, N>(level, slope);
                let needs_care = slopes.iter().any(|slopes| slopes.needs_care);
                let beside = Beside(slopes);
                self.each_class(out, |_, cells, mut d_input, mut d_target| {
                    if let Some(out) = d_input.as_deref_mut() {
                        d_inputs(level, beside, cells, out);
                    }
                    if let Some(out) = d_target.as_deref_mut() {
                        d_targets(level, beside, cells, out);
                    }
                    if needs_care {
                        mend(beside, lane, cells, [d_input, d_target]);
                    }
                });
            }
            Factors::Each { factors, powers, .. } => {
                let (rate, power) = balanced(rate);
                let sums = |i| self.upstream.value(i);
                let slope = |i: usize| {
                    let power = power + powers.get(i).copied().unwrap_or_default();
                    SlopesEach::new(&lanes.lane(i), sums(i), generalized, power)
                };
                let slopes = &each_lane::<_, N>(level, slope);
                self.each_class(out, |class, cells, d_input, d_target| {
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
