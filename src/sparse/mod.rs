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
mod request;
mod spread;

pub(crate) use check::{Fault, SparseCheck, ValueCheck};
pub use index::ClassIndex;
pub use request::SparseRequest;

use crate::exact::ExactSum;
use crate::layout::Matrices;
use crate::number::Number;
use crate::partial::BufferedMoments;

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
}
