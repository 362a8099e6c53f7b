//! A block of a batch that knows its position, so that a distribution in it can be named by its index.

use ndarray::{ArrayRef, ArrayView1, ArrayViewD, Axis, Dimension};

use super::inspect::Inspection;
use super::summary::{Merge, Summary};
use crate::layout::{Arrays, join, map_reduce, without};
use crate::number::{Float, Number};
use crate::target::Target;

/// The most numbers of an operand in a block that is searched, unless they are one distribution.
const SEARCHED_NUMBERS: usize = 1 << 16;

/// A block of a batch: views of the arrays, and the position of the block.
#[derive(Clone)]
pub struct Region<'a, A: Number> {
    /// The input.
    pub input: ArrayViewD<'a, A>,
    /// The target, of the same shape.
    pub target: ArrayViewD<'a, A>,
    /// The weights, one for each distribution, if there are weights.
    pub weights: Option<ArrayViewD<'a, A::Real>>,
    /// The class axis.
    pub axis: usize,
    /// The first index, the class axis included.
    pub origin: Vec<usize>,
}

impl<'a, A: Number> Region<'a, A> {
    /// The region that is the whole batch.
    pub fn new<D: Dimension>(
        [input, target]: [&'a ArrayRef<A, D>; 2],
        weights: Option<&'a ArrayRef<A::Real, D::Smaller>>,
        axis: usize,
    ) -> Self {
        let origin = vec![0; input.ndim()];
        let [input, target] = [input, target].map(|array| array.view().into_dyn());
        Region {
            input,
            target,
            weights: weights.map(|array| array.view().into_dyn()),
            axis,
            origin,
        }
    }

    /// The index of the first distribution.
    pub fn lane_index(&self) -> Vec<usize> {
        without(&self.origin, self.axis)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.input.len_of(Axis(self.axis))
    }

    /// The same region with one operand in place of both.
    pub fn only(&self, operand: usize) -> Self {
        let array = if operand == 0 { &self.input } else { &self.target };
        Region { input: array.clone(), target: array.clone(), ..self.clone() }
    }

    /// The number of distributions, those of weight 0 included.
    pub fn distributions(&self) -> usize {
        without(self.input.shape(), self.axis).iter().product()
    }

    /// Inspects the distributions.
    pub fn summary(&self, inspection: &Inspection<'_, A>) -> Summary {
        if self.input.is_empty() {
            return self.summary_of_nothing(inspection);
        }
        let arrays = Arrays {
            input: &*self.input,
            target: &*self.target,
            classes: None,
            weights: self.weights.as_deref(),
            upstream: None,
            value: None,
            d_input: None,
            d_target: None,
        };
        map_reduce(
            arrays,
            Some(self.axis),
            false,
            &|matrices| inspection.of(&matrices),
            &Summary::merged,
        )
    }

    /// The summary of distributions without classes, whose mass is 0.
    fn summary_of_nothing(&self, inspection: &Inspection<'_, A>) -> Summary {
        let counts = |weight: &&A::Real| **weight != A::Real::ZERO;
        let weighted = |weights: &ArrayViewD<'_, A::Real>| weights.iter().filter(counts).count();
        let lanes = self.weights.as_ref().map_or_else(|| self.distributions(), weighted);
        let mut summary = Summary { lanes, ..Summary::default() };
        if lanes > 0 {
            for (operand, holds) in summary.operands.iter_mut().zip(inspection.holds) {
                let has_mass = holds.is_some_and(|holds| holds != Target::Logits);
                let mass = if has_mass { 0.0 } else { 1.0 };
                operand.add(mass, Default::default(), 0, inspection.tolerance);
                operand.proper *= lanes;
            }
        }
        summary
    }

    /// Cuts the region into blocks along its distributions, and inspects each, in parallel.
    pub fn blocks(self, inspection: &Inspection<'_, A>) -> Vec<(Self, Summary)> {
        let shape = self.input.shape();
        let others = (0..shape.len()).filter(|&axis| axis != self.axis && shape[axis] > 1);
        match others.max_by_key(|&axis| shape[axis]).filter(|_| self.input.len() > SEARCHED_NUMBERS)
        {
            Some(axis) => {
                let (a, b) = self.halves(axis);
                let (mut a, b) = join(|| a.blocks(inspection), || b.blocks(inspection));
                a.extend(b);
                a
            }
            None => {
                let summary = self.summary(inspection);
                vec![(self, summary)]
            }
        }
    }

    /// The first distribution for which `holds` is true, or with `single_classes` the first element. There must be one.
    ///
    /// `holds` returns whether it is true for any distribution or element of a region.
    pub fn first(self, single_classes: bool, holds: &impl Fn(&Self) -> bool) -> Self {
        let shape = self.input.shape();
        let is_cut = |axis: &usize| shape[*axis] > 1 && (single_classes || *axis != self.axis);
        match (0..shape.len()).find(is_cut) {
            Some(axis) => {
                let (a, b) = self.halves(axis);
                let half = if holds(&a) { a } else { b };
                half.first(single_classes, holds)
            }
            None => self,
        }
    }

    /// Both halves along an axis.
    fn halves(&self, axis: usize) -> (Self, Self) {
        let middle = self.input.len_of(Axis(axis)) / 2;
        let (input, input_b) = self.input.clone().split_at(Axis(axis), middle);
        let (target, target_b) = self.target.clone().split_at(Axis(axis), middle);
        let cut = |weights: ArrayViewD<'a, A::Real>| match axis == self.axis {
            true => (weights.clone(), weights),
            false => weights.split_at(Axis(axis - usize::from(axis > self.axis)), middle),
        };
        let (weights, weights_b) = self.weights.clone().map(cut).unzip();
        let (origin, mut origin_b) = (self.origin.clone(), self.origin.clone());
        origin_b[axis] += middle;
        (
            Region { input, target, weights, axis: self.axis, origin },
            Region {
                input: input_b,
                target: target_b,
                weights: weights_b,
                axis: self.axis,
                origin: origin_b,
            },
        )
    }

    /// The distributions of the input whose weight is not 0.
    pub fn lanes(&self) -> impl Iterator<Item = ArrayView1<'_, A>> {
        let mut weights = self.weights.as_ref().map(|weights| weights.iter());
        self.input.lanes(Axis(self.axis)).into_iter().filter(move |_| match &mut weights {
            None => true,
            Some(weights) => weights.next().is_some_and(|&weight| weight != A::Real::ZERO),
        })
    }
}
