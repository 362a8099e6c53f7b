//! The divergence of two softmaxes, and its gradients, from logits.
//!
//! **Mathematics.** p = softmax(z_p/τ), q = softmax(z_q/τ). With any number s, and
//! - ε = (z_p − z_q)/τ − s, formed before anything is rounded away,
//! - weights e = exp((z_p − max z_p)/τ), S = Σe, and x = Σe·expm1(−ε)/S = F − a, a = Σeε/S,
//!
//! the weights of q sum to S·(1 + x), so D = ln p − ln q = ε + ln(1 + x) and, with F = Σe·φ(ε)/S, φ(ε) = e^(−ε) − 1 + ε ≥ 0,
//!
//! KL = F − (x − ln(1 + x)).
//!
//! It holds whatever s is, and for any weights: a relative error of the weights or of ε changes KL by as much relatively,
//! also near p = q, where KL is of the order of ε². One pass after the maxima does. s = (max z_p − max z_q)/τ; where F is much
//! more than KL, that was a poor choice, and another pass takes s − ln(1 + x), which makes ε = D.
//!
//! **Two ways.** Where no logit of a lane lies far below the greatest, and s is not much larger than ε, a class takes some
//! forty operations without a branch. Any other lane is computed the careful way, which takes nearly twice as many.
//! [`contribution`] has both.
//!
//! **Layouts.** Everything is computed in rows of 16 numbers: 16 classes of one lane, or one class of 16 lanes. One loop serves
//! both. It only matters where the sums at the 16 positions end: as a tree where they are one lane's.
//!
//! **Order of sums.** Up to [`FEW`] classes: one after the other. Beyond, class c is in sum c mod 16, and the sums of parts of a
//! lane are added in turn. Eight are added in the computing type, and those sums in `f64`.

mod contribution;
mod general;
mod kept;
mod log_softmax;
mod logit_target;
mod normalizers;
mod shift;
mod slopes;
mod soft_target;
mod sums;
#[cfg(test)]
mod tests;

pub use general::{Formulas, GeneralTarget};
pub use log_softmax::LogSoftmax;
pub use logit_target::LogitTarget;
pub use shift::Peaks;
pub use soft_target::SoftTarget;

use crate::elementwise::{Operands, Prefetch};
use crate::number::{Level, Number, WIDTH};

/// Lanes of so many classes are computed 16 at a time, longer ones alone.
pub const FEW: usize = 64;

/// The numbers at the 16 positions.
pub type Row<T> = [T; WIDTH];

/// How lanes lie at the positions of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrangement {
    /// One lane: class c stands at position c mod 16 of its row.
    OneLane,
    /// Sixteen lanes, one a position; each row is a class.
    Sixteen,
}

/// What holds for all lanes of a call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The instruction set.
    pub level: Level,
    /// How the lanes lie at the positions of a row.
    pub arrangement: Arrangement,
    /// How logits become (z − max z)/τ.
    pub rates: Rates,
    /// Whether terms or gradients will be asked for.
    pub outputs: bool,
    /// Whether gradients with respect to the input and to the target will be asked for.
    pub sides: [bool; 2],
    /// Whether gradients will be asked for with a factor for each class.
    pub each: bool,
    /// Whether p and q of each class will be asked for.
    pub pairs: bool,
    /// Whether terms are p·φ(D) instead of p·D. The sum of a lane is the same if its target is logits.
    pub generalized: bool,
}

/// 1/τ of both sides. A side whose temperature is the greater one is multiplied by the ratio of the two at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// One over the lesser temperature.
    pub common: f64,
    /// What the input and the target are multiplied by at first: 1, or the lesser temperature over the greater one.
    pub ratios: [f64; 2],
}

impl Rates {
    /// Those of these temperatures of input and target.
    pub fn new([input, target]: [f64; 2]) -> Self {
        let common = if input <= target { input } else { target };
        Rates { common: 1.0 / common, ratios: [common / input, common / target] }
    }

    /// 1/τ of the input and the target.
    pub fn each(self) -> [f64; 2] {
        self.ratios.map(|ratio| self.common * ratio)
    }
}

/// What a long pass does besides, so that memory and computation overlap.
pub trait Overlap {
    /// Does what belongs to the row that starts at `start` in the block.
    fn step(&mut self, level: Level, start: usize);
}

impl<A: Number> Overlap for Prefetch<'_, A> {
    #[inline(always)]
    fn step(&mut self, _: Level, start: usize) {
        self.fetch::<{ WIDTH }>(start);
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

/// The end of a lane, filled up with its first number.
#[inline(always)]
fn padded<N: Number>(tail: &[N]) -> [N; WIDTH] {
    let mut row = [tail[0]; WIDTH];
    row[..tail.len()].copy_from_slice(tail);
    row
}

/// A row of factors; behind the end of a lane, zeros.
#[inline(always)]
fn filled(factors: &[f64]) -> Row<f64> {
    match <&Row<f64>>::try_from(factors) {
        Ok(row) => *row,
        Err(_) => {
            let mut row = [0.0; WIDTH];
            row[..factors.len()].copy_from_slice(factors);
            row
        }
    }
}

/// Calls `put` with each row of places, of which the last may be shorter, and the position of its first in the block.
#[inline(always)]
fn each_row<O>(out: &mut [O], mut put: impl FnMut(&mut [O], usize)) {
    for (row, out) in out.chunks_mut(WIDTH).enumerate() {
        put(out, row * WIDTH);
    }
}

/// Rounds a row to its place, which may be shorter.
#[inline(always)]
fn put_row<O: Number>(out: &mut [O], found: &Row<O::Real>) {
    match <&mut Row<O>>::try_from(&mut *out) {
        Ok(out) => {
            for i in 0..WIDTH {
                out[i] = O::round(found[i]);
            }
        }
        Err(_) => out.iter_mut().zip(found).for_each(|(out, &found)| *out = O::round(found)),
    }
}

/// Narrows a row to its place, which may be shorter.
#[inline(always)]
fn narrow_row<O: Number>(out: &mut [O], found: &Row<f64>) {
    match <&mut [O; WIDTH]>::try_from(&mut *out) {
        Ok(out) => {
            for i in 0..WIDTH {
                out[i] = O::narrow(found[i]);
            }
        }
        Err(_) => out.iter_mut().zip(found).for_each(|(out, &found)| *out = O::narrow(found)),
    }
}
