//! Lanes from their logits to their divergences and gradients, pass by pass.

use super::{Arrangement, Row};
use crate::elementwise::{Operands, Prefetch};
use crate::number::{Level, Number};

/// What holds for all lanes of a call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The instruction set.
    pub level: Level,
    /// How the lanes lie at the positions of a row.
    pub arrangement: Arrangement,
    /// 1/τ.
    pub rate: f64,
    /// Whether terms or gradients will be asked for.
    pub outputs: bool,
    /// Whether gradients will be asked for.
    pub gradients: bool,
    /// Whether gradients will be asked for with a factor for each class.
    pub each: bool,
    /// Whether terms are p·φ(D) instead of p·D. The sum of a lane is the same if its target is logits.
    pub generalized: bool,
}

/// What a long pass does besides, so that memory and computation overlap.
pub trait Overlap {
    /// Does what belongs to the row that starts at `start` in the block.
    fn step(&mut self, level: Level, start: usize);
}

impl<A: Number> Overlap for Prefetch<'_, A> {
    #[inline(always)]
    fn step(&mut self, _: Level, start: usize) {
        self.fetch::<{ super::WIDTH }>(start);
    }
}

/// What outputs are multiplied by. Gradients of logits are multiplied by 1/τ besides.
#[derive(Clone, Copy, Debug)]
pub enum Factors<'a> {
    /// One factor for the lane at each position.
    Lanes(&'a Row<f64>),
    /// One for each class of each lane; [`Solver::add_upstream`] has seen them all.
    Each(&'a [f64]),
}

/// Where the outputs of a block go. Any of them may not be wanted.
#[derive(Debug)]
pub struct Outputs<'a, O: Number> {
    /// The terms, without a factor.
    pub terms: Option<&'a mut [O::Real]>,
    /// The gradients with respect to the input.
    pub d_input: Option<&'a mut [O]>,
    /// The gradients with respect to the target, in its own space.
    pub d_target: Option<&'a mut [O]>,
}

impl<O: Number> Outputs<'_, O> {
    /// The same places, for a while.
    pub fn reborrow(&mut self) -> Outputs<'_, O> {
        Outputs {
            terms: self.terms.as_deref_mut(),
            d_input: self.d_input.as_deref_mut(),
            d_target: self.d_target.as_deref_mut(),
        }
    }
}

/// Lanes that are visited together, block by block of their classes, in as many passes as they ask for.
///
/// A block is at most one tile of rows. A row holds the numbers at the 16 positions, one behind the other. Only the last row
/// of a lane alone may be shorter.
pub trait Solver<N: Number>: Clone + Send + Sync {
    /// Whether the derivative with respect to a class of the target depends on that class's factor alone.
    const TARGETS_ARE_APART: bool;
    /// The same in `f64`.
    type Wide: Solver<f64>;
    /// The same in `f64`, for one lane at a time whose factors leave the range of the computing type.
    fn wide(&self) -> Self::Wide;
    /// Begins with other lanes.
    fn start(&mut self);
    /// Whether this pass computes so much that [`Overlap`] is worth it.
    fn is_long_pass(&self) -> bool;
    /// Goes over other lanes in as many passes as are needed; `pass` visits all their blocks, and ends each part.
    fn solve(&mut self, mut pass: impl FnMut(&mut Self)) {
        self.start();
        loop {
            pass(self);
            if !self.end_pass() {
                return;
            }
        }
    }
    /// Visits the next block.
    fn visit<M: Overlap>(&mut self, operands: Operands<'_, N>, overlap: &mut M);
    /// Ends a part of the lanes.
    fn end_part(&mut self);
    /// Ends a pass over all classes; returns whether another one is needed.
    fn end_pass(&mut self) -> bool;
    /// The divergence of the lane at each position, once no pass is needed.
    fn divergences(&self) -> &Row<f64>;
    /// Visits a block once more, for gradients with a factor for each class.
    fn add_upstream(&mut self, operands: Operands<'_, N>, factors: &[f64]);
    /// Writes terms and gradients of a block.
    fn outputs<O: Number<Real = N::Real>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    );
    /// One more of the same for another part of the same lane in the same pass.
    fn fork(&self) -> Self;
    /// Adds what the one for the following parts has found.
    fn absorb(&mut self, next: Self);
}
