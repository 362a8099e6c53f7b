//! Both sides are logits, and the divergence is any.
//!
//! [`LogitTarget`] normalises a lane: its sums give S, ln(1 + x) and with them p = e/S, q and D = ε + ln(1 + x), whose relative
//! accuracy near p = q is that of ε. Another pass computes the terms F(p, D) and their slopes.
//!
//! A divergence is the sum of the terms of the generalized form, since Σp = Σq = 1: nothing cancels near p = q.
//!
//! With g = v·∂F/∂(ln q) and h = v·∂F/∂(ln p): ∂z_q = g − q·Σg, ∂z_p = h − p·Σh, each over its τ. With one factor a lane both
//! forms have the same gradients. Where p is near q, g of the generalized form is small, and that of the plain form cancels;
//! where p is far from q it is the other way round. KL(p ‖ q) of the lane decides.

use super::log_softmax::{add_rows, add_upstream, chain_rule, times};
use super::logit_target::LogitTarget;
use super::{Arrangement, Factors, Outputs, Overlap, Row, Settings, Solver, WIDTH};
use crate::elementwise::{Operands, PairLoops, Pairs, TILE};
use crate::number::{Number, Real, tree};

/// The KL(p ‖ q) above which p and q are far apart.
const FAR: f64 = 1.0;

/// The loops of a divergence.
pub struct Formulas<'l, T: Real> {
    /// Those of the plain form.
    pub plain: &'l dyn PairLoops<T>,
    /// Those of the form of which no term is negative.
    pub generalized: &'l dyn PairLoops<T>,
}

impl<T: Real> Clone for Formulas<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Formulas<'_, T> {}

/// Lanes of logits against lanes of logits, for any divergence.
#[derive(Clone)]
pub struct GeneralTarget<'l, T: Real> {
    formulas: Formulas<'l, T>,
    /// The same over `f64`.
    wide: Formulas<'l, f64>,
    settings: Settings,
    /// The normalisation, which keeps the weights in p and q and ε.
    lanes: LogitTarget<T>,
    /// Whether the lanes are normalised.
    is_normalised: bool,
    /// The sums of the terms, and of the slopes of both sides, of this part.
    sums: [Row<f64>; 3],
    /// The same of each part that has ended in this pass.
    parts: Vec<[Row<f64>; 3]>,
    /// Σterm of the lane at each position.
    divergences: Row<f64>,
    /// Σ∂term/∂(ln q) and Σ∂term/∂(ln p) of the lane at each position.
    slopes: [Row<f64>; 2],
    /// Σg and Σh, where each class has its own factor.
    upstream: [Row<f64>; 2],
    block: Box<Block<T>>,
}

/// What is computed of a block.
#[derive(Clone)]
struct Block<T> {
    pairs: Pairs<T>,
    terms: [T; TILE],
    /// ∂term/∂(ln q) and ∂term/∂(ln p).
    slopes: [[T; TILE]; 2],
}

impl<'l, T: Real + Number<Real = T>> GeneralTarget<'l, T> {
    /// For no lanes of so many classes yet.
    pub fn new(
        formulas: Formulas<'l, T>,
        wide: Formulas<'l, f64>,
        settings: Settings,
        classes: usize,
    ) -> Self {
        let (zeros, tile) = ([0.0; WIDTH], [T::ZERO; TILE]);
        let pairs = Pairs { p: tile, q: tile, log_ratio: tile };
        let of_lanes = Settings { outputs: true, each: true, ..settings };
        GeneralTarget {
            formulas,
            wide,
            settings,
            lanes: LogitTarget::new(of_lanes, classes),
            is_normalised: false,
            sums: [zeros; 3],
            parts: Vec::new(),
            divergences: zeros,
            slopes: [zeros; 2],
            upstream: [zeros; 2],
            block: Box::new(Block { pairs, terms: tile, slopes: [tile; 2] }),
        }
    }

    /// The loops of the form whose terms are asked for.
    fn asked(&self) -> &'l dyn PairLoops<T> {
        if self.settings.generalized { self.formulas.generalized } else { self.formulas.plain }
    }

    /// Computes p, q and D of a block.
    fn fill<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>) -> usize {
        self.lanes.pairs(operands, &mut self.block.pairs);
        operands.input.len()
    }

    /// Computes the terms of a block that is filled.
    fn terms(&mut self, loops: &dyn PairLoops<T>, len: usize) {
        let careful = self.lanes.is_any_careful();
        let out = &mut self.block.terms[..len.next_multiple_of(WIDTH)];
        loops.terms(self.settings.level, careful, &self.block.pairs, out);
    }

    /// Computes the slopes of a block that is filled, for one factor a lane.
    fn slopes_of_lanes(&mut self, len: usize) {
        let far = Solver::<T>::divergences(&self.lanes).map(|kl| if kl > FAR { 1.0 } else { 0.0 });
        let count: f64 = far.iter().sum();
        if count < WIDTH as f64 {
            self.slopes(self.formulas.generalized, len);
        }
        if count == 0.0 {
            return;
        }
        let near = if count < WIDTH as f64 { Some(self.block.slopes) } else { None };
        self.slopes(self.formulas.plain, len);
        for (slopes, near) in self.block.slopes.iter_mut().zip(near.iter().flatten()) {
            let rows =
                slopes.as_chunks_mut::<WIDTH>().0.iter_mut().zip(near.as_chunks::<WIDTH>().0);
            for (slopes, near) in rows.take(len.div_ceil(WIDTH)) {
                for i in 0..WIDTH {
                    slopes[i] = if far[i] == 0.0 { near[i] } else { slopes[i] };
                }
            }
        }
    }

    /// Computes the slopes of a block that is filled.
    fn slopes(&mut self, loops: &dyn PairLoops<T>, len: usize) {
        let careful = self.lanes.is_any_careful();
        let Block { pairs, slopes, .. } = &mut *self.block;
        let out = slopes.each_mut().map(|slopes| &mut slopes[..len.next_multiple_of(WIDTH)]);
        loops.slopes(self.settings.level, careful, pairs, out);
    }

    /// The sum over the 16 positions, if they are one lane's.
    fn of_lanes(&self, sums: Row<f64>) -> Row<f64> {
        match self.settings.arrangement {
            Arrangement::OneLane => [tree(sums); WIDTH],
            Arrangement::Sixteen => sums,
        }
    }
}

impl<'l, T: Real + Number<Real = T>, N: Number<Real = T>> Solver<N> for GeneralTarget<'l, T> {
    const TARGETS_ARE_APART: bool = false;
    type Wide = GeneralTarget<'l, f64>;

    fn wide(&self) -> GeneralTarget<'l, f64> {
        let settings = Settings { arrangement: Arrangement::OneLane, ..self.settings };
        GeneralTarget::new(self.wide, self.wide, settings, TILE)
    }

    fn start(&mut self) {
        Solver::<N>::start(&mut self.lanes);
        self.is_normalised = false;
        self.sums = [[0.0; WIDTH]; 3];
        self.parts.clear();
        self.upstream = [[0.0; WIDTH]; 2];
    }

    fn is_long_pass(&self) -> bool {
        !self.is_normalised && Solver::<N>::is_long_pass(&self.lanes)
    }

    fn visit<M: Overlap>(&mut self, operands: Operands<'_, N>, overlap: &mut M) {
        if !self.is_normalised {
            return self.lanes.visit(operands, overlap);
        }
        let (len, Settings { level, gradients, .. }) = (self.fill(operands), self.settings);
        self.terms(self.formulas.generalized, len);
        add_rows(level, &mut self.sums[0], &self.block.terms[..len]);
        if gradients {
            self.slopes_of_lanes(len);
            let [_, sums @ ..] = &mut self.sums;
            for (sums, slopes) in sums.iter_mut().zip(&self.block.slopes) {
                add_rows(level, sums, &slopes[..len]);
            }
        }
    }

    fn end_part(&mut self) {
        if !self.is_normalised {
            return Solver::<N>::end_part(&mut self.lanes);
        }
        let sums = std::mem::replace(&mut self.sums, [[0.0; WIDTH]; 3]);
        self.parts.push(sums.map(|sums| self.of_lanes(sums)));
    }

    fn end_pass(&mut self) -> bool {
        if !self.is_normalised {
            self.is_normalised = !Solver::<N>::end_pass(&mut self.lanes);
            return true;
        }
        let mut all = [[0.0; WIDTH]; 3];
        for part in self.parts.drain(..) {
            for (all, part) in all.iter_mut().zip(part) {
                (0..WIDTH).for_each(|i| all[i] += part[i]);
            }
        }
        [self.divergences, self.slopes[0], self.slopes[1]] = all;
        false
    }

    fn divergences(&self) -> &Row<f64> {
        &self.divergences
    }

    fn add_upstream(&mut self, operands: Operands<'_, N>, factors: &[f64]) {
        let len = self.fill(operands);
        self.slopes(self.asked(), len);
        let (Settings { level, rates, .. }, block) = (self.settings, &*self.block);
        let is_nan = |at: usize| block.pairs.p[at].is_nan();
        for ((sums, slopes), rate) in self.upstream.iter_mut().zip(&block.slopes).zip(rates.each())
        {
            add_upstream(level, is_nan, slopes, (factors, rate), sums);
        }
    }

    fn outputs<O: Number<Real = T>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    ) {
        let (len, Settings { level, rates, .. }) = (self.fill(operands), self.settings);
        if let Some(out) = out.terms {
            self.terms(self.asked(), len);
            out.copy_from_slice(&self.block.terms[..len]);
        }
        if out.d_input.is_none() && out.d_target.is_none() {
            return;
        }
        match factors {
            Factors::Lanes(_) => self.slopes_of_lanes(len),
            Factors::Each(_) => self.slopes(self.asked(), len),
        }
        let Pairs { p, q, .. } = &self.block.pairs;
        for (side, (out, weights)) in [(out.d_input, q), (out.d_target, p)].into_iter().enumerate()
        {
            let Some(out) = out else { continue };
            let rate = rates.each()[side];
            let sums = match factors {
                Factors::Lanes(factors) => std::array::from_fn(|i| {
                    let slope = self.slopes[side][i];
                    times(slope, factors[i] * rate, slope.is_nan())
                }),
                Factors::Each(_) => self.of_lanes(self.upstream[side]),
            };
            let weight = |at: usize| (weights[at].to_f64(), weights[at].is_nan());
            chain_rule(level, weight, &self.block.slopes[side], (factors, rate), &sums, out);
        }
    }

    fn fork(&self) -> Self {
        let lanes = Solver::<N>::fork(&self.lanes);
        GeneralTarget { lanes, parts: Vec::new(), ..self.clone() }
    }

    fn absorb(&mut self, next: Self) {
        self.parts.extend(next.parts);
        Solver::<N>::absorb(&mut self.lanes, next.lanes);
    }
}
