//! The check of a batch whose calls are validated.

use ndarray::Dimension;

use super::Batch;
use crate::check::{Check, Region};
use crate::element::Element;
use crate::error::Error;
use crate::reduction::Reduction;

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// The check of the operands, if calls are validated and there is something to check.
    fn check(&self) -> Option<Check> {
        let tolerance = self.tolerance.filter(|_| self.distributions() > 0)?;
        Check::new(self.level, self.rule.holds(), tolerance)
    }

    /// The check that a traversal can make block by block.
    pub(super) fn check_on_the_way(&self) -> Option<Check> {
        self.check().filter(|check| !self.input.is_empty() && check.has_both())
    }

    /// Checks that both operands are distributions, if calls are validated.
    ///
    /// # Errors
    /// [`Error::NotADistribution`]
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.check().map_or(Ok(()), |check| check.batch(&self.region()))
    }

    /// The whole batch as a region, which knows the indices of its distributions.
    pub(super) fn region(&self) -> Region<'_, A> {
        Region::new([self.input, self.target], self.weights, self.axis)
    }
}
