//! A lane from its logits to its divergence and gradients, pass by pass, whichever way it lies.

use std::ops::Range;

use super::coming::Coming;
use crate::elementwise::Prefetch;
use crate::number::Level;
use crate::number::Number;

/// What holds for all lanes of a call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub level: Level,
    /// 1/τ.
    pub rate: f64,
    /// Whether terms or gradients will be asked for,
    pub outputs: bool,
    /// gradients among them.
    pub gradients: bool,
    /// Whether terms are p·φ(D) instead of p·D; a lane's sum is the same if its target is logits.
    pub generalized: bool,
}

/// What will be asked for next, to be brought near meanwhile.
#[derive(Debug)]
pub struct Next<'a, A: Number> {
    /// Of a lane alone: the same classes of the next one, and this block's place in a gradient.
    pub lane: Prefetch<'a, A>,
    /// Of lanes beside each other: the next ones of either side, and these lanes' place in a gradient, in as many pieces
    /// as there are classes, each as long as there are lanes, in whichever order they lie.
    pub rows: &'a [[&'a [A]; 3]],
    /// Lanes beside each other that are copied, as far as the visit gets.
    pub coming: Option<Coming<'a, A>>,
}

#[cfg(test)]
impl<A: Number> Next<'_, A> {
    /// Nothing is known of what comes.
    pub fn nothing() -> Self {
        Next { lane: Prefetch::NOTHING, rows: &[], coming: None }
    }
}

/// What outputs are multiplied by, 1/τ apart.
#[derive(Clone, Copy, Debug)]
pub enum Factors<'a> {
    /// One factor a lane.
    Lanes(&'a [f64]),
    /// One for each class of each lane; [`Solver::add_upstream`] has seen them all.
    Each(&'a [f64]),
}

/// Where outputs go: a number for each class of each lane, in the order of the items.
#[derive(Debug)]
pub struct Outputs<'a, A: Number> {
    /// The terms, without a factor.
    pub terms: Option<&'a mut [A::Real]>,
    /// ∂/∂z_q.
    pub d_input: Option<&'a mut [A]>,
    /// ∂/∂z_p, or ∂/∂target in its own space.
    pub d_target: Option<&'a mut [A]>,
}

impl<A: Number> Outputs<'_, A> {
    /// Where those of some of the items go.
    pub fn part(&mut self, items: Range<usize>) -> Outputs<'_, A> {
        Outputs {
            terms: self.terms.as_mut().map(|out| &mut out[items.clone()]),
            d_input: self.d_input.as_mut().map(|out| &mut out[items.clone()]),
            d_target: self.d_target.as_mut().map(|out| &mut out[items.clone()]),
        }
    }
}

/// Lanes that are visited together, block by block of their classes, as often as they ask for it.
///
/// A block starts at a multiple of [`STRIPES`](crate::elementwise::STRIPES) classes, of a lane alone at a multiple of
/// [`EARLY`](super::sums::EARLY); the items are then logits, of lanes beside each other they are [rows](super::Row).
pub trait Solver<A: Number> {
    /// What a block is a slice of.
    type Item: Copy;

    /// Other lanes from here on.
    fn start(&mut self);
    /// Whether [`visit`](Self::visit) brings near what comes next in this pass; otherwise it is told nothing of it.
    fn fetches(&self) -> bool {
        false
    }
    /// Visits the next block, whose first class is number `first` of its part.
    fn visit(
        &mut self,
        first: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        next: &mut Next<'_, A>,
    );
    /// Ends a part of the lanes.
    fn end_part(&mut self);
    /// Ends a pass over all classes; whether another one is needed.
    fn end_pass(&mut self) -> bool;
    /// The divergences, once no pass is needed; nothing else is made of them, so they are the caller's.
    fn divergences(&mut self) -> &mut [f64];
    /// Visits a block that starts at class `first` once more, for gradients with a factor for each class; of every
    /// lane class 0 comes first.
    fn add_upstream(
        &mut self,
        first: usize,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: &[f64],
    );
    /// Terms and gradients of a block.
    fn outputs(
        &mut self,
        input: &[Self::Item],
        target: &[Self::Item],
        factors: Factors<'_>,
        out: Outputs<'_, A>,
    );
}

/// A solver of one lane, whose parts can be visited beside each other.
pub trait Fork: Sized + Send {
    /// One more for the same pass.
    fn fork(&self) -> Self;
    /// Adds what the one for the following parts has found.
    fn absorb(&mut self, next: Self);
}
