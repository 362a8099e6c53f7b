//! The check of a validated call: whether the operands are distributions, and which is the first that is not.

use ndarray::Axis;

use super::inspect::Inspection;
use super::region::Region;
use super::summary::Summary;
use crate::error::{Error, Operand};
use crate::layout::{Matrices, steps};
use crate::number::{Level, Number};
use crate::target::Target;

/// The size of a block that is checked and then computed with. The block of each operand fits the second-level cache.
const CHECKED_NUMBERS: usize = 1 << 15;
/// If the classes of a lane are not contiguous, blocks are cut at multiples of this number of lanes, which share cache lines.
const CHECKED_LANES: usize = 256;

/// A check that operands hold distributions.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    level: Level,
    /// What each operand should hold. `None` if it is not checked.
    holds: [Option<Target>; 2],
    tolerance: f64,
}

impl Check {
    /// The check of operands that should hold these. Logits are not checked; returns `None` if both operands hold logits.
    pub fn new(level: Level, holds: [Target; 2], tolerance: f64) -> Option<Check> {
        let holds = holds.map(|holds| Some(holds).filter(|&holds| holds != Target::Logits));
        let is_needed = holds.iter().any(Option::is_some);
        is_needed.then_some(Check { level, holds, tolerance })
    }

    /// Whether both operands are checked.
    pub fn has_both(&self) -> bool {
        self.holds.iter().all(Option::is_some)
    }

    /// Checks a batch.
    ///
    /// # Errors
    /// [`Error::NotADistribution`]
    pub fn batch<A: Number>(&self, batch: &Region<'_, A>) -> Result<(), Error> {
        let fails = |region: &Region<'_, A>| self.fails(&region.summary(&self.inspection()));
        if !fails(batch) {
            return Ok(());
        }
        let first = batch.clone().first(false, &fails);
        let summary = first.summary(&self.inspection());
        let operands = [Operand::Input, Operand::Target].into_iter().zip(summary.operands);
        let offender =
            operands.into_iter().find_map(|(operand, found)| Some((operand, found.worst?)));
        offender.map_or(Ok(()), |(operand, mass)| {
            Err(Error::NotADistribution { operand, index: first.lane_index(), mass })
        })
    }

    /// Calls `visit` with the lanes, block by block, each block after it was checked. Returns false at the first block that fails.
    pub fn each_block<'a, A: Number>(
        &self,
        matrices: Matrices<'a, A>,
        mut visit: impl FnMut(Matrices<'a, A>),
    ) -> bool {
        let (lanes, classes) = matrices.input.dim();
        let not_contiguous = classes > 1
            && [&matrices.input, &matrices.target].iter().any(|view| view.strides()[1] != 1);
        let together = if not_contiguous { CHECKED_LANES } else { 1 };
        let tall = CHECKED_NUMBERS.div_ceil(classes).next_multiple_of(together);
        let mut rest = matrices;
        for block in steps(0..lanes, tall) {
            let (block, after) = rest.split_at(Axis(0), block.len());
            if self.fails(&self.inspection().of(&block)) {
                return false;
            }
            visit(block);
            rest = after;
        }
        true
    }

    fn inspection<A: Number>(&self) -> Inspection<'static, A> {
        let Check { level, holds, tolerance } = *self;
        Inspection { level, holds, tolerance, terms: None }
    }

    fn fails(&self, summary: &Summary) -> bool {
        summary.operands.iter().any(|operand| operand.worst.is_some())
    }
}
