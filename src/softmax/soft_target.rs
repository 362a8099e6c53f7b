//! The target is given in its own space: the passes over a lane.
//!
//! ln q = (z − max z)/τ − ln S, S = Σe^((z − max z)/τ), with ln S in two parts of the computing type: its error is that of
//! (z − max z)/τ, three roundings, and of the last subtraction. With ln q at hand the rest is the term of a log-probability,
//! of which the loss from log-probabilities is made.
//!
//! With g_j = v_j·∂term/∂(ln q_j): ∂z_q = g − q·Σg.

use super::log_softmax::{Block, LogSoftmax, add_rows, times};
use super::shift::Peaks;
use super::{Arrangement, Row, WIDTH};
use super::{Factors, Outputs, Overlap, Settings, Solver};
use crate::elementwise::{Factors as OfEach, Loops, Operands, Prefetch};
use crate::number::{Number, Real, tree};

/// The pass that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    Totals,
    Terms,
}

/// Lanes of logits against targets in their own space.
#[derive(Clone)]
pub struct SoftTarget<'l, T: Number> {
    loops: &'l dyn Loops<T>,
    /// The same loops over `f64`.
    wide: &'l dyn Loops<f64>,
    settings: Settings,
    pass: Pass,
    peaks: Peaks<T>,
    softmax: LogSoftmax<T>,
    /// S, or the sums of the terms, of this part.
    sums: Row<f64>,
    /// The sums of the slopes of this part.
    slopes: Row<f64>,
    /// Both sums of each part that has ended in this pass.
    parts: Vec<[Row<f64>; 2]>,
    /// Σterm of the lane at each position.
    divergences: Row<f64>,
    /// Σ∂term/∂(ln q) of the lane at each position.
    slope: Row<f64>,
    /// Σg, where each class has its own factor.
    upstream: Row<f64>,
    block: Box<Block<T>>,
}

impl<'l, T: Real + Number<Real = T>> SoftTarget<'l, T> {
    /// A solver that has seen no lane yet.
    pub fn new(loops: &'l dyn Loops<T>, wide: &'l dyn Loops<f64>, settings: Settings) -> Self {
        let zeros = [0.0; WIDTH];
        SoftTarget {
            loops,
            wide,
            settings,
            pass: Pass::Peaks,
            peaks: Peaks::default(),
            softmax: LogSoftmax::new(settings),
            sums: zeros,
            slopes: zeros,
            parts: Vec::new(),
            divergences: zeros,
            slope: zeros,
            upstream: zeros,
            block: Box::new(Block::new()),
        }
    }

    /// Computes ln q, the terms, and the slopes where gradients are wanted.
    fn fill<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>) -> usize {
        let (Settings { level, sides, .. }, len) = (self.settings, operands.input.len());
        let gradients = sides != [false; 2];
        let block = &mut *self.block;
        block.read(&self.softmax, operands);
        let operands = Operands { input: &block.log_q[..len], target: &block.target[..len] };
        let (loops, nothing) = (self.loops, Prefetch::NOTHING);
        let (out, slopes) = (&mut block.terms[..len], &mut block.slopes[..len]);
        match gradients {
            true => loops.terms_and_slopes(level, operands, nothing, [out, slopes]),
            false => loops.terms(level, operands, nothing, out),
        }
        len
    }

    /// ∂target in its own space.
    fn d_targets<O: Number<Real = T>>(&mut self, factors: Factors<'_>, out: &mut [O]) {
        let (Settings { level, .. }, len) = (self.settings, out.len());
        let block = &mut *self.block;
        let operands = Operands { input: &block.log_q[..len], target: &block.target[..len] };
        let slopes = &mut block.terms[..len];
        self.loops.d_target(level, operands, OfEach::Uniform(1.0), slopes);
        block.d_target(level, factors, out);
    }
}

impl<'l, T: Real + Number<Real = T>, N: Number<Real = T>> Solver<N> for SoftTarget<'l, T> {
    const TARGETS_ARE_APART: bool = true;
    type Wide = SoftTarget<'l, f64>;

    fn wide(&self) -> SoftTarget<'l, f64> {
        let settings = Settings { arrangement: Arrangement::OneLane, ..self.settings };
        SoftTarget::new(self.wide, self.wide, settings)
    }

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = Peaks::default();
        self.parts.clear();
        (self.sums, self.slopes) = ([0.0; WIDTH], [0.0; WIDTH]);
        self.upstream = [0.0; WIDTH];
    }

    fn is_long_pass(&self) -> bool {
        self.pass == Pass::Terms
    }

    fn visit<M: Overlap>(&mut self, operands: Operands<'_, N>, overlap: &mut M) {
        let level = self.settings.level;
        match self.pass {
            Pass::Peaks => level.run(
                #[inline(always)]
                || self.peaks.add(level, operands.input),
            ),
            Pass::Totals => self.softmax.add_weights(operands.input, &mut self.sums),
            Pass::Terms => {
                let len = self.fill(operands);
                add_rows(level, &mut self.sums, &self.block.terms[..len]);
                if self.settings.sides != [false; 2] {
                    add_rows(level, &mut self.slopes, &self.block.slopes[..len]);
                }
                level.run(
                    #[inline(always)]
                    || (0..len).step_by(WIDTH).for_each(|start| overlap.step(level, start)),
                );
            }
        }
    }

    fn end_part(&mut self) {
        if self.pass != Pass::Peaks {
            let found = [self.sums, self.slopes].map(|sums| match self.settings.arrangement {
                Arrangement::OneLane => [tree(sums); WIDTH],
                Arrangement::Sixteen => sums,
            });
            self.parts.push(found);
            (self.sums, self.slopes) = ([0.0; WIDTH], [0.0; WIDTH]);
        }
    }

    fn end_pass(&mut self) -> bool {
        let arrangement = self.settings.arrangement;
        let mut all = [[0.0; WIDTH]; 2];
        for part in self.parts.drain(..) {
            for (all, part) in all.iter_mut().zip(part) {
                (0..WIDTH).for_each(|i| all[i] += part[i]);
            }
        }
        match self.pass {
            Pass::Peaks => {
                self.softmax.take_peaks(self.peaks.greatest(arrangement));
                self.pass = Pass::Totals;
            }
            Pass::Totals => {
                self.softmax.take_totals(&all[0]);
                self.pass = Pass::Terms;
            }
            Pass::Terms => {
                [self.divergences, self.slope] = all;
                return false;
            }
        }
        true
    }

    fn divergences(&self) -> &Row<f64> {
        &self.divergences
    }

    fn add_upstream(&mut self, operands: Operands<'_, N>, factors: &[f64]) {
        self.fill(operands);
        let Settings { level, rates, .. } = self.settings;
        self.block.add_upstream(level, rates.common, factors, &mut self.upstream);
    }

    fn outputs<O: Number<Real = T>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    ) {
        let len = self.fill(operands);
        if let Some(out) = out.terms {
            out.copy_from_slice(&self.block.terms[..len]);
        }
        if let Some(out) = out.d_input {
            let sums = match (factors, self.settings.arrangement) {
                (Factors::Lanes(factors), _) => std::array::from_fn(|i| {
                    times(
                        self.slope[i],
                        factors[i] * self.settings.rates.common,
                        self.slope[i].is_nan(),
                    )
                }),
                (Factors::Each(_), Arrangement::OneLane) => [tree(self.upstream); WIDTH],
                (Factors::Each(_), Arrangement::Sixteen) => self.upstream,
            };
            self.block.d_logits(self.settings, factors, &sums, out);
        }
        if let Some(out) = out.d_target {
            self.d_targets(factors, out);
        }
    }

    fn fork(&self) -> Self {
        SoftTarget { parts: Vec::new(), ..self.clone() }
    }

    fn absorb(&mut self, next: Self) {
        self.parts.extend(next.parts);
        self.peaks.merge(&next.peaks);
    }
}
