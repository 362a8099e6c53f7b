//! Both sides are logits: the passes over a lane.

use std::iter;

use super::FEW;
use super::cell::Logit;
use super::columns::{Columns, Row};
use super::gradient::{
    Beside, One, Slopes, SlopesEach, UpstreamColumns, UpstreamSums, d_inputs, d_inputs_each,
    d_targets, d_targets_each,
};
use super::lane::{Lane, Lanes, Part, Peaks};
use super::shift::Shift;
use super::solver::{Factors, Fork, Next, Outputs, Settings, Solver};
use super::sums::{Cells, Sums};
use super::terms::{Shares, softmax_terms};
use crate::element::Element;
use crate::kernel::{CHUNK, Chunk, Float, Level};

/// The pass that is under way; there may be several for the sums, about better centres.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    Sums,
}

/// One lane against another, its classes behind each other.
#[derive(Clone, Debug)]
pub struct LanePair<A: Element> {
    settings: Settings,
    pass: Pass,
    /// Of the input and the target.
    peaks: [Peaks<A::Loss>; 2],
    shift: Shift<A::Loss>,
    sums: Sums,
    parts: Vec<Part>,
    cells: Box<Cells<A::Loss>>,
    /// Visited in this pass: after one block the cells are those of the whole lane.
    blocks: usize,
    lane: Lane,
    upstream: UpstreamSums,
}

impl<A: Element<Loss: Logit>> LanePair<A> {
    pub fn new(settings: Settings) -> Self {
        LanePair {
            settings,
            pass: Pass::Peaks,
            peaks: Default::default(),
            shift: Shift::default(),
            sums: Sums::default(),
            parts: Vec::new(),
            cells: Box::default(),
            blocks: 0,
            lane: Lane::default(),
            upstream: UpstreamSums::new(settings.generalized),
        }
    }

    fn fill(&mut self, input: &[A], target: &[A]) {
        if self.blocks != 1 {
            self.cells.refill(self.settings.level, Chunk { input, target }, &self.shift);
        }
    }
}

impl<A: Element<Loss: Logit>> Solver<A> for LanePair<A> {
    type Item = A;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = [Peaks::default(), Peaks::default()];
        self.blocks = 0;
        self.parts.clear();
    }

    fn fetches(&self) -> bool {
        self.pass == Pass::Sums
    }

    fn visit(&mut self, _: usize, input: &[A], target: &[A], next: Next<'_, A>) {
        let Settings { level, outputs, .. } = self.settings;
        if self.pass == Pass::Peaks {
            self.peaks[0].add(level, input);
            self.peaks[1].add(level, target);
        } else {
            self.blocks += 1;
            let chunk = Chunk { input, target };
            self.sums.add(level, chunk, next.lane, &self.shift, &mut self.cells, outputs);
        }
    }

    fn end_part(&mut self) {
        if self.pass != Pass::Peaks {
            self.parts.push(self.sums.part());
            self.sums = Sums::default();
        }
    }

    fn end_pass(&mut self) -> bool {
        let level = self.settings.level;
        let [q, p] = [self.peaks[0].span(level), self.peaks[1].span(level)];
        if self.pass == Pass::Peaks {
            let rate = A::Loss::from_f64(self.settings.rate);
            self.shift = Shift::between(p, q, rate);
            self.pass = Pass::Sums;
            return true;
        }
        let mut whole = Part::default();
        self.parts.drain(..).for_each(|part| whole.join(&part));
        self.lane = level.run(
            #[inline(always)]
            || whole.lane(p[1], q[1]),
        );
        let better = self.shift.better(&self.lane);
        if let Some(better) = better {
            (self.shift, self.blocks) = (better, 0);
        }
        better.is_some()
    }

    fn divergences(&mut self) -> &mut [f64] {
        std::slice::from_mut(&mut self.lane.divergence)
    }

    fn add_upstream(&mut self, first: usize, input: &[A], target: &[A], factors: &[f64]) {
        if first == 0 {
            self.upstream = UpstreamSums::new(self.settings.generalized);
        }
        self.fill(input, target);
        let mut scaled = [0.0; CHUNK];
        let scaled = scale(factors, self.settings.rate, &mut scaled);
        self.upstream.add(self.settings.level, &self.lane, &self.cells, scaled);
    }

    fn outputs(&mut self, input: &[A], target: &[A], factors: Factors<'_>, out: Outputs<'_, A>) {
        self.fill(input, target);
        let (Settings { level, rate, .. }, cells, lane) = (self.settings, &self.cells, &self.lane);
        if let Some(out) = out.terms {
            let shares = One(Shares::new(lane));
            match self.settings.generalized {
                true => softmax_terms::<_, true, CHUNK>(level, shares, cells, out),
                false => softmax_terms::<_, false, CHUNK>(level, shares, cells, out),
            }
        }
        match factors {
            Factors::Lanes(factors) => {
                let slopes = One(Slopes::new(lane, factors[0] * rate));
                out.d_input.into_iter().for_each(|out| d_inputs(level, slopes, cells, out));
                out.d_target.into_iter().for_each(|out| d_targets(level, slopes, cells, out));
            }
            Factors::Each(factors) => {
                let mut scaled = [0.0; CHUNK];
                let factors = scale(factors, rate, &mut scaled);
                let slopes =
                    One(SlopesEach::new(lane, self.upstream.value(), self.settings.generalized));
                if let Some(out) = out.d_input {
                    d_inputs_each(level, slopes, cells, factors, out);
                }
                if let Some(out) = out.d_target {
                    d_targets_each(level, slopes, cells, factors, out);
                }
            }
        }
    }
}

impl<A: Element<Loss: Logit>> Fork for LanePair<A> {
    fn fork(&self) -> Self {
        LanePair {
            peaks: Default::default(),
            sums: Sums::default(),
            parts: Vec::new(),
            ..self.clone()
        }
    }

    fn absorb(&mut self, next: Self) {
        self.blocks += next.blocks;
        self.parts.extend(next.parts);
        self.peaks.iter_mut().zip(&next.peaks).for_each(|(peaks, next)| peaks.merge(next));
    }
}

/// factors · rate.
fn scale<'a>(factors: &[f64], rate: f64, room: &'a mut [f64; CHUNK]) -> &'a [f64] {
    let scaled = &mut room[..factors.len()];
    scaled.iter_mut().zip(factors).for_each(|(scaled, factor)| *scaled = factor * rate);
    scaled
}

/// Lanes beside each other, class after class.
#[derive(Clone, Debug)]
pub struct ColumnPair<A: Element, const N: usize> {
    settings: Settings,
    pass: Pass,
    columns: Columns<A::Loss, N>,
    lanes: Lanes<N>,
    /// Of one class, or of all where there are few and gradients are wanted.
    cells: Vec<Cells<A::Loss, N>>,
    kept: bool,
    upstream: UpstreamColumns<N>,
}

impl<A: Element<Loss: Logit>, const N: usize> ColumnPair<A, N> {
    pub fn new(settings: Settings, classes: usize) -> Self {
        let kept = settings.outputs && classes <= FEW;
        let cells = iter::repeat_with(Cells::default).take(if kept { classes } else { 1 });
        // Before the rest, which is then made where it stays.
        let cells = cells.collect();
        ColumnPair {
            settings,
            pass: Pass::Peaks,
            columns: Columns::new(classes, A::Loss::from_f64(settings.rate)),
            lanes: Lanes::default(),
            cells,
            kept,
            upstream: UpstreamColumns::new(classes, settings.generalized),
        }
    }
}

impl<A: Element<Loss: Logit>, const N: usize> Solver<A> for ColumnPair<A, N> {
    type Item = Row<A::Loss, N>;

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
        next: Next<'_, A>,
    ) {
        let level = self.settings.level;
        if self.pass == Pass::Peaks {
            self.columns.add_peaks(level, target, input);
        } else if self.kept {
            self.columns.add_and_keep(level, target, input, &mut self.cells, next.rows);
        } else {
            self.columns.add(level, first, target, input, &mut self.cells[0], next.rows);
        }
    }

    fn end_part(&mut self) {
        if self.pass != Pass::Peaks {
            self.columns.end_part(self.settings.level);
        }
    }

    fn end_pass(&mut self) -> bool {
        let level = self.settings.level;
        if self.pass == Pass::Peaks {
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
            let cells = match self.kept {
                true => &self.cells[class],
                false => self.columns.filled(level, target, input, &mut self.cells[0]),
            };
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
                    let (slopes, mut scaled) = (Beside(slopes), [0.0; CHUNK]);
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

impl<A: Element<Loss: Logit>, const N: usize> ColumnPair<A, N> {
    /// Writes the terms of each class, and has `gradients` written: given the class, its cells and where either goes.
    fn each_class(
        &mut self,
        input: &[Row<A::Loss, N>],
        target: &[Row<A::Loss, N>],
        mut out: Outputs<'_, A>,
        gradients: impl Fn(usize, &Cells<A::Loss, N>, Option<&mut [A]>, Option<&mut [A]>),
    ) {
        let (Settings { level, generalized, .. }, lanes) = (self.settings, &self.lanes);
        let shares = out.terms.is_some();
        let shares = shares.then(|| each_lane::<_, N>(level, |i| Shares::new(&lanes.lane(i))));
        for (class, (input, target)) in input.iter().zip(target).enumerate() {
            let cells = match self.kept {
                true => &self.cells[class],
                false => self.columns.filled(level, target, input, &mut self.cells[0]),
            };
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

/// Something of each lane.
pub fn each_lane<S: Copy + Default, const N: usize>(
    level: Level,
    of: impl Fn(usize) -> S,
) -> Row<S, N> {
    let mut all = [S::default(); N];
    level.run(
        #[inline(always)]
        || {
            for i in 0..N {
                all[i] = of(i);
            }
        },
    );
    all
}
