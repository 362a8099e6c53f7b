//! The target is given in its own space: the passes over a lane. With ln q at hand the rest is the term of
//! a log-probability, of which the loss from log-probabilities is made.

use super::cell::Logit;
use super::columns::{Row, folded};
use super::given::{Total, TotalColumns, TotalSum, d_logits, log_softmax};
use super::gradient::{Beside, One, PerLane};
use super::lane::{Peaks, greater};
use super::pair::each_lane;
use super::solver::{Factors, Fork, Outputs, Settings, Solver};
use super::{FEW, Level};
use crate::element::Element;
use crate::kernel::{
    Ahead, CHUNK, Chunk, Factor, Float, LaneSum, STRIPES, Term, add_to_each, d_target, terms,
    terms_and_slopes,
};

/// The pass that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    Totals,
    Terms,
}

/// ln q and what is computed of it and of as many targets.
#[derive(Clone, Debug)]
struct Block<T> {
    log_q: [T; CHUNK],
    target: [T; CHUNK],
    terms: [T; CHUNK],
    /// −t.
    slopes: [T; CHUNK],
    shares: [f64; CHUNK],
}

impl<T: Logit + Element<Loss = T>> Block<T> {
    fn new() -> Self {
        let (zeros, wide) = ([T::ZERO; CHUNK], [0.0; CHUNK]);
        Block { log_q: zeros, target: zeros, terms: zeros, slopes: zeros, shares: wide }
    }

    /// Computes the terms, and −t if gradients are wanted.
    fn fill<K: Term, A: Element<Loss = T>>(
        &mut self,
        settings: Settings,
        total: impl PerLane<Total<T>>,
        input: &[A],
        target: impl Iterator<Item = T>,
    ) {
        let (level, len) = (settings.level, input.len());
        log_softmax(level, total, input, &mut self.log_q[..len]);
        self.target.iter_mut().zip(target).for_each(|(to, target)| *to = target);
        let chunk = Chunk { input: &self.log_q[..len], target: &self.target[..len] };
        let ahead = Ahead { arrays: [&[]; 3], output: &[] };
        if settings.gradients {
            let slopes = &mut self.slopes[..len];
            terms_and_slopes::<K, T>(level, chunk, ahead, &mut self.terms[..len], slopes);
        } else {
            terms::<K, T>(level, chunk, ahead, &mut self.terms[..len]);
        }
    }

    /// Factors times t.
    fn share(&mut self, factor: impl Fn(usize) -> f64, len: usize) -> &[f64] {
        for (i, (share, slope)) in self.shares[..len].iter_mut().zip(&self.slopes).enumerate() {
            *share = -slope.to_f64() * factor(i);
        }
        &self.shares[..len]
    }

    /// Terms and gradients: `sums` holds Σ factor·t of each lane.
    fn outputs<K: Term, A: Element<Loss = T>>(
        &mut self,
        settings: Settings,
        sums: impl PerLane<f64>,
        factor: impl Fn(usize) -> f64,
        len: usize,
        out: Outputs<'_, A>,
    ) {
        let Settings { level, rate, .. } = settings;
        if let Some(out) = out.terms {
            out.copy_from_slice(&self.terms[..len]);
        }
        if let Some(out) = out.d_input {
            self.share(|i| factor(i) * rate, len);
            d_logits(level, sums, &self.log_q[..len], &self.shares[..len], out);
        }
        if let Some(out) = out.d_target {
            let chunk = Chunk { input: &self.log_q[..len], target: &self.target[..len] };
            let slopes = &mut self.terms[..len];
            d_target::<K, T>(level, chunk, Factor::Uniform(1.0), slopes);
            for (i, (out, slope)) in out.iter_mut().zip(slopes).enumerate() {
                let (factor, nan) = (factor(i), self.log_q[i].is_nan() | self.target[i].is_nan());
                // 0 · ∞ = 0, and rounded once.
                let vanishes = (factor == 0.0) & !nan;
                *out = A::narrow(if vanishes { 0.0 } else { slope.to_f64() * factor });
            }
        }
    }
}

/// One lane against a target, its classes behind each other.
#[derive(Clone, Debug)]
pub struct LaneAgainst<K, A: Element> {
    kind: std::marker::PhantomData<K>,
    settings: Settings,
    pass: Pass,
    peaks: Peaks<A::Loss>,
    totals: TotalSum,
    sum: LaneSum,
    mass: LaneSum,
    /// S, or the sums of the terms and of −t, part by part.
    parts: Vec<[f64; 2]>,
    total: Total<A::Loss>,
    divergence: f64,
    /// −Σt.
    lost: f64,
    upstream: LaneSum,
    block: Box<Block<A::Loss>>,
}

impl<K: Term, A: Element<Loss: Logit>> LaneAgainst<K, A> {
    pub fn new(settings: Settings) -> Self {
        LaneAgainst {
            kind: std::marker::PhantomData,
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
        self.block.fill::<K, A>(self.settings, One(self.total), input, target);
    }
}

impl<K: Term, A: Element<Loss: Logit>> Solver<A> for LaneAgainst<K, A> {
    type Item = A;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = Peaks::default();
        self.parts.clear();
        self.upstream = LaneSum::default();
    }

    fn visit(&mut self, _: usize, input: &[A], target: &[A]) {
        let Settings { level, rate, gradients, .. } = self.settings;
        match self.pass {
            Pass::Peaks => self.peaks.add(level, input),
            Pass::Totals => {
                let (peak, rate) = (self.peaks.value(level), A::Loss::from_f64(rate));
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
                let rate = A::Loss::from_f64(rate);
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

    fn divergences(&self) -> &[f64] {
        std::slice::from_ref(&self.divergence)
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
                self.block.outputs::<K, A>(settings, sum, |_| factors[0], len, out);
            }
            Factors::Each(factors) => {
                let sum = One(self.upstream.value());
                self.block.outputs::<K, A>(settings, sum, |i| factors[i], len, out);
            }
        }
    }
}

impl<K: Term, A: Element<Loss: Logit>> Fork for LaneAgainst<K, A> {
    fn fork(&self) -> Self {
        LaneAgainst { peaks: self.peaks, parts: Vec::new(), ..self.clone() }
    }

    fn absorb(&mut self, next: Self) {
        self.parts.extend(next.parts);
        self.peaks.merge(&next.peaks);
    }
}

/// Sums of lanes beside each other, by stripes, as [`LaneSum`] has them of one.
#[derive(Clone, Debug)]
struct ColumnSum<const N: usize>(Vec<Row<f64, N>>);

impl<const N: usize> ColumnSum<N> {
    fn new(classes: usize) -> Self {
        ColumnSum(vec![[0.0; N]; if classes <= FEW { 1 } else { STRIPES }])
    }

    fn add<T: Float>(&mut self, level: Level, class: usize, values: &[T]) {
        let stripe = class % self.0.len();
        add_to_each(level, &mut self.0[stripe], values);
    }

    /// Adds the sums to `sums`, and starts anew.
    fn end(&mut self, sums: &mut Row<f64, N>) {
        sums.iter_mut().enumerate().for_each(|(i, sum)| *sum += folded(&self.0, i));
        self.0.fill([0.0; N]);
    }
}

/// Lanes beside each other, class after class.
#[derive(Clone, Debug)]
pub struct ColumnsAgainst<K, A: Element, const N: usize> {
    kind: std::marker::PhantomData<K>,
    settings: Settings,
    pass: Pass,
    peaks: Row<A::Loss, N>,
    totals: TotalColumns<N>,
    sum: ColumnSum<N>,
    mass: ColumnSum<N>,
    /// S.
    weights: Row<f64, N>,
    total: Row<Total<A::Loss>, N>,
    divergences: Row<f64, N>,
    /// −Σt.
    lost: Row<f64, N>,
    upstream: ColumnSum<N>,
    block: Box<Block<A::Loss>>,
}

impl<K: Term, A: Element<Loss: Logit>, const N: usize> ColumnsAgainst<K, A, N> {
    pub fn new(settings: Settings, classes: usize) -> Self {
        let zeros = [0.0; N];
        ColumnsAgainst {
            kind: std::marker::PhantomData,
            settings,
            pass: Pass::Peaks,
            peaks: [-A::Loss::INFINITY; N],
            totals: TotalColumns::new(classes),
            sum: ColumnSum::new(classes),
            mass: ColumnSum::new(classes),
            weights: zeros,
            total: [Total::default(); N],
            divergences: zeros,
            lost: zeros,
            upstream: ColumnSum::new(classes),
            block: Box::new(Block::new()),
        }
    }

    fn fill(&mut self, input: &Row<A::Loss, N>, target: &Row<A::Loss, N>) {
        let total = Beside(&self.total);
        self.block.fill::<K, A::Loss>(self.settings, total, input, target.iter().copied());
    }
}

impl<K: Term, A: Element<Loss: Logit>, const N: usize> Solver<A> for ColumnsAgainst<K, A, N> {
    type Item = Row<A::Loss, N>;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = [-A::Loss::INFINITY; N];
        self.totals.clear();
        for sums in [&mut self.sum, &mut self.mass, &mut self.upstream] {
            sums.0.fill([0.0; N]);
        }
        for sums in [&mut self.weights, &mut self.divergences, &mut self.lost] {
            *sums = [0.0; N];
        }
    }

    fn visit(&mut self, first: usize, input: &[Self::Item], target: &[Self::Item]) {
        let Settings { level, rate, gradients, .. } = self.settings;
        for (class, (input, target)) in (first..).zip(input.iter().zip(target)) {
            match self.pass {
                Pass::Peaks => {
                    let peaks = self.peaks.iter_mut().zip(input);
                    peaks.for_each(|(peak, &logit)| *peak = greater(*peak, logit));
                }
                Pass::Totals => {
                    let rate = A::Loss::from_f64(rate);
                    self.totals.add(level, class, input, &self.peaks, rate);
                }
                Pass::Terms => {
                    self.fill(input, target);
                    self.sum.add(level, class, &self.block.terms[..N]);
                    if gradients {
                        self.mass.add(level, class, &self.block.slopes[..N]);
                    }
                }
            }
        }
    }

    fn end_part(&mut self) {
        match self.pass {
            Pass::Peaks => {}
            Pass::Totals => {
                let parts = self.weights.iter_mut().enumerate();
                parts.for_each(|(i, weight)| *weight += self.totals.value(i));
                self.totals.clear();
            }
            Pass::Terms => {
                self.sum.end(&mut self.divergences);
                self.mass.end(&mut self.lost);
            }
        }
    }

    fn end_pass(&mut self) -> bool {
        match self.pass {
            Pass::Peaks => self.pass = Pass::Totals,
            Pass::Totals => {
                let rate = A::Loss::from_f64(self.settings.rate);
                let (peaks, weights) = (&self.peaks, &self.weights);
                let total = |i: usize| Total::new(peaks[i], rate, weights[i]);
                self.total = each_lane(self.settings.level, total);
                self.pass = Pass::Terms;
            }
            Pass::Terms => return false,
        }
        true
    }

    fn divergences(&self) -> &[f64] {
        &self.divergences
    }

    fn add_upstream(
        &mut self,
        first: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: &[f64],
    ) {
        let Settings { level, rate, .. } = self.settings;
        let rows = input.iter().zip(target).zip(factors.chunks(N));
        for (class, ((input, target), factors)) in (first..).zip(rows) {
            self.fill(input, target);
            let shares = self.block.share(|i| factors[i] * rate, N);
            self.upstream.add(level, class, shares);
        }
    }

    fn outputs(
        &mut self,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: Factors<'_>,
        mut out: Outputs<'_, A>,
    ) {
        let settings = self.settings;
        let sums: Row<f64, N> = match factors {
            Factors::Lanes(factors) => {
                std::array::from_fn(|i| -self.lost[i] * (factors[i] * settings.rate))
            }
            Factors::Each(_) => std::array::from_fn(|i| folded(&self.upstream.0, i)),
        };
        for (class, (input, target)) in input.iter().zip(target).enumerate() {
            self.fill(input, target);
            let row = class * N..(class + 1) * N;
            let out = Outputs {
                terms: out.terms.as_mut().map(|out| &mut out[row.clone()]),
                d_input: out.d_input.as_mut().map(|out| &mut out[row.clone()]),
                d_target: out.d_target.as_mut().map(|out| &mut out[row.clone()]),
            };
            let factor = |i: usize| match factors {
                Factors::Lanes(factors) => factors[i],
                Factors::Each(factors) => factors[row.start + i],
            };
            self.block.outputs::<K, A>(settings, Beside(&sums), factor, N, out);
        }
    }
}
