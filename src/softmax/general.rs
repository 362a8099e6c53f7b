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

use super::kept::Kept;
use super::log_softmax::{add_rows, add_upstream, chain_rule, times};
use super::logit_target::LogitTarget;
use super::{Arrangement, Factors, Outputs, Overlap, Row, Settings, Solver, WIDTH};
use super::{each_row, put_row};
use crate::elementwise::{Operands, PairLoops, Pairs, TILE};
use crate::number::{Number, Real, tree};

/// The KL(p ‖ q) above which p and q are far apart.
const FAR: f64 = 1.0;

/// The loops of a divergence.
pub struct Formulas<'l, T: Real> {
    /// Those of the form that is asked for.
    pub asked: &'l dyn PairLoops<T>,
    /// Those of the generalized form.
    pub near: &'l dyn PairLoops<T>,
    /// Terms of the generalized form, slopes of the plain one.
    pub far: &'l dyn PairLoops<T>,
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
    /// The blocks visited in the last pass: after only one, the slopes are those of the whole lane.
    blocks: usize,
    kept: Kept<T>,
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
    /// Made when it is first filled: the passes that normalise need none.
    block: Option<Box<Block<T>>>,
}

/// What is computed of a block.
#[derive(Clone)]
struct Block<T> {
    pairs: Pairs<T>,
    terms: [T; TILE],
    /// ∂term/∂(ln q) and ∂term/∂(ln p).
    slopes: [[T; TILE]; 2],
    /// Slopes of near lanes, while those of far lanes are computed.
    near: [[T; TILE]; 2],
}

impl<T: Real> Block<T> {
    /// Zeros. Never inlined: the compiler would make them before it asks whether they are needed.
    #[cold]
    #[inline(never)]
    fn zeros() -> Box<Self> {
        let tile = [T::ZERO; TILE];
        let pairs = Pairs { p: tile, q: tile, log_ratio: tile };
        Box::new(Block { pairs, terms: tile, slopes: [tile; 2], near: [tile; 2] })
    }
}

/// The block, made now if it was not yet.
fn made<T: Real>(block: &mut Option<Box<Block<T>>>) -> &mut Block<T> {
    block.get_or_insert_with(Block::zeros)
}

impl<'l, T: Real + Number<Real = T>> GeneralTarget<'l, T> {
    /// For no lanes yet. Of lanes of up to so many classes nothing is computed again for outputs.
    pub fn new(
        formulas: Formulas<'l, T>,
        wide: Formulas<'l, f64>,
        settings: Settings,
        kept: usize,
    ) -> Self {
        let zeros = [0.0; WIDTH];
        let of_lanes = Settings { outputs: true, each: false, pairs: true, ..settings };
        GeneralTarget {
            formulas,
            wide,
            settings,
            // Where slopes are kept, what they are made of is not.
            lanes: LogitTarget::new(
                of_lanes,
                if settings.sides == [false; 2] { kept } else { TILE },
            ),
            is_normalised: false,
            blocks: 0,
            kept: if settings.each { Kept::nothing() } else { Kept::new(kept) },
            sums: [zeros; 3],
            parts: Vec::new(),
            divergences: zeros,
            slopes: [zeros; 2],
            upstream: [zeros; 2],
            block: None,
        }
    }

    /// Computes p, q and D of a block.
    fn fill<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>) -> usize {
        self.lanes.pairs(operands, &mut made(&mut self.block).pairs);
        operands.input.len()
    }

    /// Computes the terms of a block that is filled, and the slopes with respect to the sides that are wanted.
    fn compute(&mut self, loops: &dyn PairLoops<T>, len: usize, [of_q, of_p]: [bool; 2]) {
        let (level, careful) = (self.settings.level, self.lanes.is_any_careful());
        let Block { pairs, terms, slopes: [d_log_q, d_log_p], .. } = made(&mut self.block);
        let len = len.next_multiple_of(WIDTH);
        match of_q {
            true => {
                let out = [&mut terms[..len], &mut d_log_q[..len]];
                loops.terms_and_d_log_q(level, careful, pairs, out);
            }
            false => loops.terms(level, careful, pairs, &mut terms[..len]),
        }
        if of_p {
            loops.d_log_p(level, careful, pairs, &mut d_log_p[..len]);
        }
    }

    /// Computes the terms of the generalized form, and the slopes for one factor a lane.
    fn compute_for_lanes(&mut self, len: usize) {
        let (sides, Formulas { near, far, .. }) = (self.settings.sides, self.formulas);
        let is_far = Solver::<T>::divergences(&self.lanes).map(|kl| kl > FAR);
        if sides == [false; 2] || near.has_one_form() || is_far == [false; WIDTH] {
            return self.compute(near, len, sides);
        }
        if is_far == [true; WIDTH] {
            return self.compute(far, len, sides);
        }
        let rows = ..len.next_multiple_of(WIDTH);
        self.compute(near, len, sides);
        let Block { slopes, near, .. } = made(&mut self.block);
        for (near, slopes) in near.iter_mut().zip(slopes) {
            near[rows].copy_from_slice(&slopes[rows]);
        }
        self.compute(far, len, sides);
        let Block { slopes, near, .. } = made(&mut self.block);
        for (slopes, near) in slopes.iter_mut().zip(near) {
            let near = near[rows].as_chunks::<WIDTH>().0;
            for (slopes, near) in slopes[rows].as_chunks_mut::<WIDTH>().0.iter_mut().zip(near) {
                for i in 0..WIDTH {
                    slopes[i] = if is_far[i] { slopes[i] } else { near[i] };
                }
            }
        }
    }

    /// The sum over the 16 positions, if they are one lane's.
    fn of_lanes(&self, sums: Row<f64>) -> Row<f64> {
        match self.settings.arrangement {
            Arrangement::OneLane => [tree(sums); WIDTH],
            Arrangement::Sixteen => sums,
        }
    }

    /// The gradients of one side of a block for one factor a lane.
    fn gradients<O: Number<Real = T>>(&mut self, side: usize, factors: &Row<f64>, out: &mut [O]) {
        let Settings { level, rates, .. } = self.settings;
        let (weights, slopes) = match self.kept.next(side) {
            Some(kept) => kept,
            None => {
                let Block { pairs: Pairs { p, q, .. }, slopes, .. } = &*made(&mut self.block);
                (if side == 0 { q } else { p }, &slopes[side])
            }
        };
        let (weights, slopes) = (weights.as_chunks().0, slopes.as_chunks().0);
        let (mut factor, mut sum) = ([T::ZERO; WIDTH], [T::ZERO; WIDTH]);
        for i in 0..WIDTH {
            let (v, slope) = (factors[i] * rates.each()[side], self.slopes[side][i]);
            factor[i] = T::from_f64(v);
            sum[i] = T::from_f64(times(slope, v, slope.is_nan()));
        }
        level.run(
            #[inline(always)]
            || {
                each_row(
                    out,
                    #[inline(always)]
                    |out, start| {
                        let (weight, slope): (&Row<T>, &Row<T>) =
                            (&weights[start / WIDTH], &slopes[start / WIDTH]);
                        let mut found = [T::ZERO; WIDTH];
                        for i in 0..WIDTH {
                            let own = slope[i] * factor[i];
                            // 0 · ±∞ = 0.
                            let vanishes = (weight[i] == T::ZERO) & !sum[i].is_nan();
                            let others = if vanishes { T::ZERO } else { weight[i] * sum[i] };
                            // An infinite slope is the limit itself.
                            let is_limit = (own.abs() == T::INFINITY) & !weight[i].is_nan();
                            let all = slope[i].mul_add(factor[i], -others);
                            found[i] = if is_limit { own } else { all };
                        }
                        put_row(out, &found);
                    },
                );
            },
        );
    }

    /// The gradients of one side of a block where each class has its own factor.
    fn gradients_each<O: Number<Real = T>>(&mut self, side: usize, factors: &[f64], out: &mut [O]) {
        let Settings { level, rates, .. } = self.settings;
        let sums = self.of_lanes(self.upstream[side]);
        let Block { pairs: Pairs { p, q, .. }, slopes, .. } = made(&mut self.block);
        chain_rule(
            level,
            #[inline(always)]
            |weight| weight,
            [if side == 0 { q } else { p }; 2],
            &slopes[side],
            (Factors::Each(factors), rates.each()[side]),
            &sums,
            out,
        );
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
        self.blocks = 0;
        self.kept.start();
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
        let (len, Settings { level, sides, .. }) = (self.fill(operands), self.settings);
        self.blocks += 1;
        self.compute_for_lanes(len);
        let Block { pairs, terms, slopes, .. } = made(&mut self.block);
        add_rows(level, &mut self.sums[0], &terms[..len]);
        for side in [0, 1].into_iter().filter(|&side| sides[side]) {
            add_rows(level, &mut self.sums[side + 1], &slopes[side][..len]);
        }
        let kept_sides = sides.map(|wanted| wanted && self.kept.is_some());
        for side in [0, 1].into_iter().filter(|&side| kept_sides[side]) {
            let weights = if side == 0 { &pairs.q } else { &pairs.p };
            self.kept.put(side, self.blocks - 1, weights, &slopes[side]);
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
        let (len, Settings { level, rates, sides, .. }) = (self.fill(operands), self.settings);
        self.compute(self.formulas.asked, len, sides);
        let Block { pairs, slopes, .. } = made(&mut self.block);
        for side in [0, 1].into_iter().filter(|&side| sides[side]) {
            let (sums, rate) = (&mut self.upstream[side], rates.each()[side]);
            add_upstream(level, [&pairs.p; 2], &slopes[side], (factors, rate), sums);
        }
    }

    fn outputs<O: Number<Real = T>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    ) {
        let len = operands.input.len();
        let wanted = [out.d_input.is_some(), out.d_target.is_some()];
        let is_there = self.blocks == 1 || self.kept.is_some();
        if out.terms.is_some() || !is_there || matches!(factors, Factors::Each(_)) {
            self.fill(operands);
            if let Some(out) = out.terms {
                self.compute(self.formulas.asked, len, [false; 2]);
                out.copy_from_slice(&made(&mut self.block).terms[..len]);
            }
            match factors {
                _ if wanted == [false; 2] => return,
                Factors::Lanes(_) if !is_there => self.compute_for_lanes(len),
                Factors::Lanes(_) => {}
                Factors::Each(_) => self.compute(self.formulas.asked, len, wanted),
            }
        }
        for (side, out) in [out.d_input, out.d_target].into_iter().enumerate() {
            let Some(out) = out else { continue };
            match factors {
                Factors::Lanes(factors) => self.gradients(side, factors, out),
                Factors::Each(factors) => self.gradients_each(side, factors, out),
            }
        }
        self.kept.advance();
    }

    fn fork(&self) -> Self {
        let lanes = Solver::<N>::fork(&self.lanes);
        let kept = Kept::nothing();
        GeneralTarget { lanes, parts: Vec::new(), block: None, kept, ..*self }
    }

    fn absorb(&mut self, next: Self) {
        self.blocks += next.blocks;
        self.parts.extend(next.parts);
        Solver::<N>::absorb(&mut self.lanes, next.lanes);
    }
}
