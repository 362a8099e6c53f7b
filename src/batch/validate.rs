//! Whether the operands of a batch are distributions, if that is asked.

use ndarray::Dimension;

use super::Batch;
pub(super) use crate::check::Check;
use crate::check::Region;
use crate::element::Element;
use crate::error::Error;
use crate::reduction::Reduction;

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// What is to be checked, if anything is.
    fn check(&self) -> Option<Check> {
        let tolerance = self.tolerance.filter(|_| self.distributions() > 0)?;
        Check::new(self.level, self.rule.holds(), tolerance)
    }

    /// The check that a visit can make on its way, where nothing is lost if it fails.
    pub(super) fn check_on_the_way(&self) -> Option<Check> {
        self.check().filter(|check| !self.input.is_empty() && check.has_both())
    }

    /// Checks that both operands are distributions, if that was asked for.
    ///
    /// # Errors
    /// [`Error::NotADistribution`]
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.check().map_or(Ok(()), |check| check.batch(&self.region()))
    }

    /// The whole batch, for what is said of a distribution by its index.
    pub(super) fn region(&self) -> Region<'_, A> {
        Region::new([self.input, self.target], self.weights, self.axis)
    }
}
