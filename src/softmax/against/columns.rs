//! Lanes beside each other against their targets.

use super::{Block, Pass};
use crate::divergence::Kernel;
use crate::elementwise::{STRIPES, add_to_each};
use crate::number::Float;
use crate::number::Number;
use crate::softmax::columns::{Row, add_folded, folded};
use crate::softmax::given::{Total, TotalColumns};
use crate::softmax::gradient::Beside;
use crate::softmax::lane::greater;
use crate::softmax::pair::each_lane;
use crate::softmax::solver::{Factors, Next, Outputs, Settings, Solver};
use crate::softmax::{FEW, Level};

/// Sums of lanes beside each other, by stripes, as [`LaneSum`](crate::elementwise::LaneSum) has them of one.
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
        add_folded::<STRIPES, N>(sums, &self.0);
        self.0.fill([0.0; N]);
    }
}

/// Lanes beside each other, class after class.
#[derive(Clone, Debug)]
pub struct ColumnsAgainst<K, A: Number, const N: usize> {
    kernel: K,
    settings: Settings,
    pass: Pass,
    peaks: Row<A::Real, N>,
    totals: TotalColumns<N>,
    sum: ColumnSum<N>,
    mass: ColumnSum<N>,
    /// S.
    weights: Row<f64, N>,
    total: Row<Total<A::Real>, N>,
    divergences: Row<f64, N>,
    /// −Σt.
    lost: Row<f64, N>,
    upstream: ColumnSum<N>,
    block: Box<Block<A::Real>>,
}

impl<K: Kernel, A: Number, const N: usize> ColumnsAgainst<K, A, N> {
    pub fn new(kernel: K, settings: Settings, classes: usize) -> Self {
        let zeros = [0.0; N];
        ColumnsAgainst {
            kernel,
            settings,
            pass: Pass::Peaks,
            peaks: [-A::Real::INFINITY; N],
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

    fn fill(&mut self, input: &Row<A::Real, N>, target: &Row<A::Real, N>) {
        let total = Beside(&self.total);
        self.block.fill::<K, A::Real>(
            self.kernel,
            self.settings,
            total,
            input,
            target.iter().copied(),
        );
    }
}

impl<K: Kernel, A: Number, const N: usize> Solver<A> for ColumnsAgainst<K, A, N> {
    type Item = Row<A::Real, N>;

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = [-A::Real::INFINITY; N];
        self.totals.clear();
        for sums in [&mut self.sum, &mut self.mass, &mut self.upstream] {
            sums.0.fill([0.0; N]);
        }
        for sums in [&mut self.weights, &mut self.divergences, &mut self.lost] {
            *sums = [0.0; N];
        }
    }

    fn visit(
        &mut self,
        first: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        _: &mut Next<'_, A>,
    ) {
        let Settings { level, rate, gradients, .. } = self.settings;
        for (class, (input, target)) in (first..).zip(input.iter().zip(target)) {
            match self.pass {
                Pass::Peaks => {
                    let peaks = self.peaks.iter_mut().zip(input);
                    peaks.for_each(|(peak, &logit)| *peak = greater(*peak, logit));
                }
                Pass::Totals => {
                    let rate = A::Real::from_f64(rate);
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
                let rate = A::Real::from_f64(self.settings.rate);
                let (peaks, weights) = (&self.peaks, &self.weights);
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
            Factors::Each(_) => std::array::from_fn(|i| folded::<STRIPES, N>(&self.upstream.0, i)),
        };
        for (class, (input, target)) in input.iter().zip(target).enumerate() {
            self.fill(input, target);
            let row = class * N..(class + 1) * N;
            let out = out.part(row.clone());
            let factor = |i: usize| match factors {
                Factors::Lanes(factors) => factors[i],
                Factors::Each(factors) => factors[row.start + i],
            };
            self.block.outputs::<K, A>(self.kernel, settings, Beside(&sums), factor, N, out);
        }
    }
}
