//! One lane against another.

use super::{Pass, scale};
use crate::elementwise::{Operands, TILE};
use crate::number::Float;
use crate::number::Number;
use crate::softmax::gradient::{
    One, Slopes, SlopesEach, UpstreamSums, d_inputs, d_inputs_each, d_targets, d_targets_each,
};
use crate::softmax::lane::{Lane, Part, Peaks};
use crate::softmax::shift::Shift;
use crate::softmax::solver::{Factors, Fork, Next, Outputs, Settings, Solver};
use crate::softmax::sums::{Cells, Sums};
use crate::softmax::terms::{Shares, softmax_terms};

/// One lane against another, its classes behind each other.
#[derive(Clone, Debug)]
pub struct LanePair<A: Number> {
    settings: Settings,
    pass: Pass,
    /// Of the input and the target.
    peaks: [Peaks<A::Real>; 2],
    shift: Shift<A::Real>,
    sums: Sums,
    parts: Vec<Part>,
    cells: Box<Cells<A::Real>>,
    /// Visited in this pass: after one block the cells are those of the whole lane.
    blocks: usize,
    lane: Lane,
    upstream: UpstreamSums,
}

impl<A: Number> LanePair<A> {
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

    /// Ends a pass over the sums; whether another one is needed.
    fn end_sums(&mut self, peak_p: A::Real, peak_q: A::Real) -> bool {
        let mut whole = Part::default();
        self.parts.drain(..).for_each(|part| whole.join(&part));
        self.lane = self.settings.level.run(
            #[inline(always)]
            || whole.lane(peak_p, peak_q),
        );
        let better = self.shift.better(&self.lane);
        if let Some(better) = better {
            (self.shift, self.blocks) = (better, 0);
        }
        better.is_some()
    }

    fn fill(&mut self, input: &[A], target: &[A]) {
        if self.blocks != 1 {
            self.cells.refill(self.settings.level, Operands { input, target }, &self.shift);
        }
    }
}

impl<A: Number> Solver<A> for LanePair<A> {
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

    fn visit(&mut self, _: usize, input: &[A], target: &[A], next: &mut Next<'_, A>) {
        let Settings { level, outputs, .. } = self.settings;
        let [q, p] = &mut self.peaks;
        match self.pass {
            Pass::Peaks => {
                q.add::<A, true>(level, input);
                p.add::<A, true>(level, target);
            }
            Pass::Unmasked => {
                q.add::<A, false>(level, input);
                p.add::<A, false>(level, target);
            }
            Pass::Sums => {
                self.blocks += 1;
                let chunk = Operands { input, target };
                self.sums.add(level, chunk, next.lane, &self.shift, &mut self.cells, outputs);
            }
        }
    }

    fn end_part(&mut self) {
        if self.pass == Pass::Sums {
            self.parts.push(self.sums.part());
            self.sums = Sums::default();
        }
    }

    fn end_pass(&mut self) -> bool {
        let level = self.settings.level;
        let [q, p] = [self.peaks[0].span(level), self.peaks[1].span(level)];
        let rate = A::Real::from_f64(self.settings.rate);
        match self.pass {
            Pass::Peaks if Shift::is_masked(p, q, rate) => {
                self.pass = Pass::Unmasked;
                self.peaks = Default::default();
                return true;
            }
            Pass::Peaks => self.shift = Shift::between(p, q, rate, false),
            Pass::Unmasked => self.shift = Shift::between(p, q, rate, true),
            Pass::Sums => return self.end_sums(p[1], q[1]),
        }
        self.pass = Pass::Sums;
        true
    }

    fn divergences(&mut self) -> &mut [f64] {
        std::slice::from_mut(&mut self.lane.divergence)
    }

    fn add_upstream(&mut self, first: usize, input: &[A], target: &[A], factors: &[f64]) {
        if first == 0 {
            self.upstream = UpstreamSums::new(self.settings.generalized);
        }
        self.fill(input, target);
        let mut scaled = [0.0; TILE];
        let scaled = scale(factors, self.settings.rate, &mut scaled);
        self.upstream.add(self.settings.level, &self.lane, &self.cells, scaled);
    }

    fn outputs(&mut self, input: &[A], target: &[A], factors: Factors<'_>, out: Outputs<'_, A>) {
        self.fill(input, target);
        let (Settings { level, rate, .. }, cells, lane) = (self.settings, &self.cells, &self.lane);
        if let Some(out) = out.terms {
            let shares = One(Shares::new(lane));
            match self.settings.generalized {
                true => softmax_terms::<_, true, TILE>(level, shares, cells, out),
                false => softmax_terms::<_, false, TILE>(level, shares, cells, out),
            }
        }
        match factors {
            Factors::Lanes(factors) => {
                let slopes = One(Slopes::new(lane, factors[0] * rate));
                out.d_input.into_iter().for_each(|out| d_inputs(level, slopes, cells, out));
                out.d_target.into_iter().for_each(|out| d_targets(level, slopes, cells, out));
            }
            Factors::Each(factors) => {
                let mut scaled = [0.0; TILE];
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

impl<A: Number> Fork for LanePair<A> {
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
