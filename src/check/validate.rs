//! Whether operands are distributions; where not, the first that is none.

use ndarray::Axis;

use super::inspect::Inspection;
use super::region::Region;
use super::summary::Summary;
use crate::error::{Error, Operand};
use crate::layout::{Unit, steps};
use crate::number::{Level, Number};
use crate::target::Target;

/// How many numbers of each operand are checked before they are visited, while they are in the second-level cache.
const BLOCK: usize = 1 << 15;
/// Lanes that share cache lines where their classes lie apart. No block parts them.
const NEIGHBOURS: usize = 256;

/// What is asked of the operands of a call.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    level: Level,
    /// What the operands that are checked should hold.
    holds: [Option<Target>; 2],
    tolerance: f64,
}

impl Check {
    /// The check of operands that should hold these. Logits are not checked: `None` if both operands hold logits.
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

    /// Checks and visits a unit, block by block; returns false as soon as a distribution is none.
    pub fn each_block<'a, A: Number>(
        &self,
        unit: Unit<'a, A>,
        mut visit: impl FnMut(Unit<'a, A>),
    ) -> bool {
        let (lanes, classes) = unit.input.dim();
        let lie_apart =
            classes > 1 && [&unit.input, &unit.target].iter().any(|view| view.strides()[1] != 1);
        let together = if lie_apart { NEIGHBOURS } else { 1 };
        let tall = BLOCK.div_ceil(classes).next_multiple_of(together);
        let mut rest = unit;
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
