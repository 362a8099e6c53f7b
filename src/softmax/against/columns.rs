//! Lanes beside each other against their targets.

use super::{Block, Pass, Product};
use crate::divergence::Kernel;
use crate::elementwise::add_to_each;
use crate::number::Float;
use crate::number::Number;
use crate::softmax::columns::Row;
use crate::softmax::given::{Total, TotalColumns};
use crate::softmax::gradient::Beside;
use crate::softmax::lane::greater;
use crate::softmax::pair::{balanced, each_lane};
use crate::softmax::solver::{Factors, Next, Outputs, Settings, Solver};

/// Lanes beside each other, class after class.
#[derive(Clone, Debug)]
pub struct ColumnsAgainst<K, A: Number, const N: usize> {
    kernel: K,
    settings: Settings,
    pass: Pass,
    peaks: Row<A::Real, N>,
    totals: TotalColumns<N>,
    total: Row<Total<A::Real>, N>,
    /// The sums of the terms.
    divergences: Row<f64, N>,
    /// −Σt.
    lost: Row<f64, N>,
    /// Σvt, where each class has its own factor.
    upstream: Row<f64, N>,
    block: Box<Block<A::Real>>,
}

impl<K: Kernel, A: Number, const N: usize> ColumnsAgainst<K, A, N> {
    pub fn new(kernel: K, settings: Settings) -> Self {
        let zeros = [0.0; N];
        ColumnsAgainst {
            kernel,
            settings,
            pass: Pass::Peaks,
            peaks: [-A::Real::INFINITY; N],
            totals: TotalColumns(zeros),
            total: [Total::default(); N],
            divergences: zeros,
            lost: zeros,
            upstream: zeros,
            block: Box::new(Block::new()),
        }
    }

    fn fill(&mut self, input: &Row<A::Real, N>, target: &Row<A::Real, N>) {
        let total = Beside(&self.total);
        self.block.fill(self.kernel, self.settings, total, input, target.iter().copied());
    }
}

impl<K: Kernel, A: Number, const N: usize> Solver<A> for ColumnsAgainst<K, A, N> {
    type Item = Row<A::Real, N>;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = [-A::Real::INFINITY; N];
        let sums = [&mut self.totals.0, &mut self.divergences, &mut self.lost, &mut self.upstream];
        sums.into_iter().for_each(|sums| *sums = [0.0; N]);
    }

    fn visit(
        &mut self,
        _: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        _: &mut Next<'_, A>,
    ) {
        let Settings { level, rate, gradients, .. } = self.settings;
        for (input, target) in input.iter().zip(target) {
            match self.pass {
                Pass::Peaks => {
                    let peaks = self.peaks.iter_mut().zip(input);
                    peaks.for_each(|(peak, &logit)| *peak = greater(*peak, logit));
                }
                Pass::Totals => {
                    let rate = A::Real::from_f64(rate);
                    self.totals.add(level, input, &self.peaks, rate);
                }
                Pass::Terms => {
                    self.fill(input, target);
                    add_to_each(level, &mut self.divergences, &self.block.terms[..N]);
                    if gradients {
                        add_to_each(level, &mut self.lost, &self.block.slopes[..N]);
                    }
                }
            }
        }
    }

    fn end_part(&mut self) {}

    fn end_pass(&mut self) -> bool {
        match self.pass {
            Pass::Peaks => self.pass = Pass::Totals,
            Pass::Totals => {
                let rate = A::Real::from_f64(self.settings.rate);
                let (peaks, weights) = (&self.peaks, &self.totals.0);
                let total = |i: usize| Total::new(peaks[i], rate, weights[i]);
                self.total = each_lane(self.settings.level, total);
                self.pass = Pass::Terms;
            }
            Pass::Terms => return false,
        }
        true
    }

    fn divergences(&mut self) -> &mut [f64] {
        &mut self.divergences
    }

    fn add_upstream(
        &mut self,
        _: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: &[f64],
    ) {
        let Settings { level, rate, .. } = self.settings;
        let (rate, _) = balanced(rate);
        let rows = input.iter().zip(target).zip(factors.chunks(N));
        for ((input, target), factors) in rows {
            self.fill(input, target);
            let shares = self.block.share(|i| factors[i] * rate, N);
            add_to_each(level, &mut self.upstream, shares);
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
        let (rate, power) = balanced(settings.rate);
        let nothing = Product { logit: (0.0, 0), target: 0.0, exact: None };
        let mut products: Row<Product, N> = [nothing; N];
        let mut sums: Row<f64, N> = [0.0; N];
        match factors {
            Factors::Lanes(factors) => {
                for (i, factor) in factors.iter().enumerate().take(N) {
                    products[i] = Product::of_lane(*factor, settings.rate);
                    sums[i] = -self.lost[i] * products[i].logit.0;
                }
            }
            Factors::Each { .. } => sums = self.upstream,
        }
        for (class, (input, target)) in input.iter().zip(target).enumerate() {
            self.fill(input, target);
            let row = class * N..(class + 1) * N;
            let out = out.part(row.clone());
            let factor = |i: usize| match factors {
                Factors::Lanes(_) => products[i],
                Factors::Each { factors, powers, exact } => {
                    let place = row.start + i;
                    let power = power + powers.get(i).copied().unwrap_or_default();
                    let (factor, exact) = (factors[place], exact.get(place).copied());
                    Product { logit: (factor * rate, power), target: factor, exact }
                }
            };
            self.block.outputs(self.kernel, settings, Beside(&sums), factor, N, out);
        }
    }
}
