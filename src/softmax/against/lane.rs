//! One lane against a target.

use super::{Block, Pass};
use crate::divergence::Kernel;
use crate::elementwise::{LaneSum, Running};
use crate::number::Float;
use crate::number::Number;
use crate::softmax::given::{Total, TotalSum};
use crate::softmax::gradient::One;
use crate::softmax::lane::Peaks;
use crate::softmax::solver::{Factors, Fork, Next, Outputs, Settings, Solver};

/// One lane against a target, its classes behind each other.
#[derive(Clone, Debug)]
pub struct LaneAgainst<K, A: Number> {
    kernel: K,
    settings: Settings,
    pass: Pass,
    peaks: Peaks<A::Real>,
    totals: TotalSum,
    sum: LaneSum,
    mass: LaneSum,
    /// S, or the sums of the terms and of −t, part by part.
    parts: Vec<[f64; 2]>,
    total: Total<A::Real>,
    divergence: f64,
    /// −Σt.
    lost: f64,
    upstream: LaneSum,
    block: Box<Block<A::Real>>,
}

impl<K: Kernel, A: Number> LaneAgainst<K, A> {
    pub fn new(kernel: K, settings: Settings) -> Self {
        LaneAgainst {
            kernel,
            settings,
            pass: Pass::Peaks,
            peaks: Peaks::default(),
            totals: TotalSum::default(),
            sum: LaneSum::default(),
            mass: LaneSum::default(),
            parts: Vec::new(),
            total: Total::default(),
            divergence: 0.0,
            lost: 0.0,
            upstream: LaneSum::default(),
            block: Box::new(Block::new()),
        }
    }

    fn fill(&mut self, input: &[A], target: &[A]) {
        let target = target.iter().map(|target| target.widen());
        self.block.fill::<K, A>(self.kernel, self.settings, One(self.total), input, target);
    }
}

impl<K: Kernel, A: Number> Solver<A> for LaneAgainst<K, A> {
    type Item = A;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = Peaks::default();
        self.parts.clear();
        self.upstream = LaneSum::default();
    }

    fn visit(&mut self, _: usize, input: &[A], target: &[A], _: &mut Next<'_, A>) {
        let Settings { level, rate, gradients, .. } = self.settings;
        match self.pass {
            Pass::Peaks => self.peaks.add::<A, true>(level, input),
            Pass::Totals => {
                let (peak, rate) = (self.peaks.value(level), A::Real::from_f64(rate));
                self.totals.add(level, input, peak, rate, &mut self.block.terms);
            }
            Pass::Terms => {
                self.fill(input, target);
                self.sum.add(level, &self.block.terms[..input.len()]);
                if gradients {
                    self.mass.add(level, &self.block.slopes[..input.len()]);
                }
            }
        }
    }

    fn end_part(&mut self) {
        match self.pass {
            Pass::Peaks => {}
            Pass::Totals => self.parts.push([self.totals.value(), 0.0]),
            Pass::Terms => self.parts.push([self.sum.value(), self.mass.value()]),
        }
        self.totals = TotalSum::default();
        (self.sum, self.mass) = (LaneSum::default(), LaneSum::default());
    }

    fn end_pass(&mut self) -> bool {
        let parts = self.parts.drain(..);
        let [sum, mass] = parts.fold([0.0; 2], |sums, part| [sums[0] + part[0], sums[1] + part[1]]);
        match self.pass {
            Pass::Peaks => self.pass = Pass::Totals,
            Pass::Totals => {
                let Settings { level, rate, .. } = self.settings;
                let rate = A::Real::from_f64(rate);
                self.total = Total::new(self.peaks.value(level), rate, sum);
                self.pass = Pass::Terms;
            }
            Pass::Terms => {
                (self.divergence, self.lost) = (sum, mass);
                return false;
            }
        }
        true
    }

    fn divergences(&mut self) -> &mut [f64] {
        std::slice::from_mut(&mut self.divergence)
    }

    fn add_upstream(&mut self, _: usize, input: &[A], target: &[A], factors: &[f64]) {
        let Settings { level, rate, .. } = self.settings;
        self.fill(input, target);
        let shares = self.block.share(|i| factors[i] * rate, input.len());
        self.upstream.add(level, shares);
    }

    fn outputs(&mut self, input: &[A], target: &[A], factors: Factors<'_>, out: Outputs<'_, A>) {
        self.fill(input, target);
        let (settings, len) = (self.settings, input.len());
        match factors {
            Factors::Lanes(factors) => {
                let sum = One(-self.lost * (factors[0] * settings.rate));
                self.block.outputs::<K, A>(self.kernel, settings, sum, |_| factors[0], len, out);
            }
            Factors::Each(factors) => {
                let sum = One(self.upstream.value());
                self.block.outputs::<K, A>(self.kernel, settings, sum, |i| factors[i], len, out);
            }
        }
    }
}

impl<K: Kernel, A: Number> Fork for LaneAgainst<K, A> {
    fn fork(&self) -> Self {
        LaneAgainst { peaks: self.peaks, parts: Vec::new(), ..self.clone() }
    }

    fn absorb(&mut self, next: Self) {
        self.parts.extend(next.parts);
        self.peaks.merge(&next.peaks);
    }
}
