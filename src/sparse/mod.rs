//! Targets of which only k classes of each distribution are given.
//!
//! A divergence is Σ F(p, q) with an F that is homogeneous: F(a·p, a·q) = a·F(p, q). So classes with the same ratio of p and q
//! contribute what one class with the sums of their p and of their q does. With every [`Tail`] but `Uniform` the classes that are
//! not named are such a **bucket**: a lane of C classes becomes a lane of k + 1, its loss and its gradient are computed by the
//! loops for dense targets, and the gradient of the bucket is shared out among its classes as q is.
//!
//! - [`entries`]: the named classes of a lane in ascending order, so that their order changes no bit, and the mass that is left.
//! - [`bucket`]: q of the bucket is summed over its classes in one pass, with its own maximum: never 1 − Σ.
//! - [`gathered`]: lanes of k + 1 classes, computed in `f64`.
//! - [`spread`]: whole lanes of targets in scratch, a few at a time, where q of the classes matters one by one, or is quicker.

mod bucket;
mod check;
mod entries;
mod gathered;
mod index;
mod spread;

pub(crate) use check::{Fault, SparseCheck, ValueCheck};
pub use index::ClassIndex;

use crate::engine::{Request, Rule};
use crate::exact::ExactSum;
use crate::layout::Matrices;
use crate::number::Number;
use crate::partial::BufferedMoments;
use crate::softmax::FEW;
use crate::tail::Tail;
use crate::target::Target;
use entries::Entries;

/// What a call with a sparse target asks for.
#[derive(Clone, Copy, Debug)]
pub struct SparseRequest {
    /// What a dense call would ask for.
    pub request: Request,
    /// What the classes get that are not named.
    pub tail: Tail,
    /// The number of named classes.
    pub named: usize,
    /// Whether the target is a label, with p = 1.
    pub is_label: bool,
}

impl SparseRequest {
    /// Computes matrices and returns their total.
    ///
    /// [`Element::compute_sparse`](crate::Element::compute_sparse) calls it for each type.
    pub fn compute<A: Number>(
        &self,
        matrices: Matrices<'_, A>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        match self.is_spread() {
            true => spread::compute(self, matrices, moments),
            false => gathered::compute(self, matrices, moments),
        }
    }

    /// Whether whole lanes of targets are made. With few classes the loops for dense targets, 16 lanes at a time, are faster.
    fn is_spread(&self) -> bool {
        let Request { classes, .. } = self.request;
        let has_nothing_left = self.tail == Tail::Renormalized;
        self.named == classes || self.tail == Tail::Uniform || has_nothing_left && classes <= FEW
    }

    /// What the values are.
    fn holds(&self) -> Target {
        self.request.rule.holds()[1]
    }

    /// 1/τ of the input.
    fn rate(&self) -> f64 {
        match self.request.rule {
            Rule::Logits { softmax, .. } => 1.0 / softmax.temperatures[0],
            Rule::LogProbabilities { .. } => 1.0,
        }
    }

    /// Reads the named classes of a lane, and gives them the target that the tail makes of their values.
    fn read<A: Number>(&self, matrices: &Matrices<'_, A>, lane: usize, entries: &mut Entries) {
        let values = (!self.is_label).then_some(&matrices.target);
        match &matrices.classes {
            Some(classes) => entries.read(classes, values, lane),
            None => entries.clear(),
        }
        if self.tail == Tail::Renormalized && !self.is_label {
            entries.renormalize(self.request.level, self.holds());
        }
    }
}
