//! The checks that the calls of a batch make.

use ndarray::{ArrayBase, Axis, Dimension, Ix2, IxDyn, RawData, indices};

use super::{Batch, SparseBatch};
use crate::check::{Check, Region};
use crate::element::Element;
use crate::engine::Values;
use crate::error::{Error, Operand};
use crate::layout::{AxisChange, Matrices, map_reduce, without};
use crate::reduction::Reduction;
use crate::sparse::{ClassIndex, Fault, SparseCheck, SparseRequest, ValueCheck};
use crate::tail::Tail;
use crate::target::Target;

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

impl<R: Reduction, A: Element, D: Dimension, I: ClassIndex> SparseBatch<'_, R, A, D, I> {
    /// Checks classes and, if calls are validated, the operands.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Batch { input, weights, axis, level, tolerance, .. } = self.batch;
        if input.is_empty() {
            return Ok(());
        }
        let holds = self.batch.rule.holds();
        if let Some(tolerance) = tolerance {
            let of_input = Check::new(level, [holds[0], Target::Logits], tolerance);
            let region = || Region::new([input, input], weights, axis);
            of_input.map_or(Ok(()), |check| check.batch(&region()))?;
        }
        let classes = input.len_of(Axis(axis));
        let SparseRequest { named, is_label, .. } = self.request(Values::Nothing, 1.0, 1.0);
        let least = |tolerance| match self.tail {
            Tail::Renormalized => f64::MIN_POSITIVE,
            _ if named == classes => 1.0 - tolerance,
            _ => 0.0,
        };
        let is_checked = !is_label && holds[1] != Target::Logits;
        let values = tolerance.filter(|_| is_checked).map(|tolerance| ValueCheck {
            holds: holds[1],
            least: least(tolerance),
            tolerance,
        });
        let check = SparseCheck { level, classes, values };
        let map = |matrices: Matrices<'_, A>| check.fault(&matrices).is_none();
        let fine = self.arrays(None, None, None, |arrays| {
            map_reduce(arrays, Some(axis), false, &map, &|a, b| a & b)
        });
        if fine { Ok(()) } else { self.first_fault(&check) }
    }

    /// The error of the first distribution that has a fault.
    fn first_fault(&self, check: &SparseCheck) -> Result<(), Error> {
        let class_axis = self.batch.axis;
        for index in indices(IxDyn(&without(self.batch.input.shape(), class_axis))) {
            let index = index.slice();
            let (fault, found) = self.arrays(None, None, None, |arrays| {
                let classes = arrays.classes.clone();
                let lane =
                    arrays.views(Some(Axis(class_axis))).with_axes(&Lane { index, class_axis });
                let fault = check.fault(&lane);
                let entry = if let Some(Fault::OutOfRange { entry }) = fault { entry } else { 0 };
                let mut place = index.to_vec();
                place.insert(class_axis, entry);
                (fault, classes.and_then(|classes| classes.at(&place)))
            });
            let index = index.to_vec();
            match fault {
                None => {}
                Some(Fault::OutOfRange { entry }) => {
                    let (class, classes) = (found.unwrap_or_default(), check.classes);
                    return Err(Error::ClassOutOfRange { index, entry, class, classes });
                }
                Some(Fault::Repeated { class }) => {
                    return Err(Error::RepeatedClass { index, class });
                }
                Some(Fault::Improper { mass }) => {
                    return Err(Error::NotADistribution { operand: Operand::Target, index, mass });
                }
            }
        }
        Ok(())
    }
}

/// One lane, by its index without the class axis.
struct Lane<'i> {
    index: &'i [usize],
    class_axis: usize,
}

impl AxisChange<IxDyn, Ix2> for Lane<'_> {
    fn apply<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, Ix2> {
        let (before, after) = self.index.split_at(self.class_axis);
        let mut lane = array;
        for &i in before {
            lane = lane.index_axis_move(Axis(0), i);
        }
        for &i in after {
            lane = lane.index_axis_move(Axis(1), i);
        }
        let lane = lane.insert_axis(Axis(0));
        lane.into_dimensionality().unwrap_or_else(|_| unreachable!("the class axis and a new one"))
    }
}
