//! The traversal of a batch: the arrays of a call are cut into matrices, in parallel, and each is computed.

use ndarray::{ArrayRef, Dimension};

use crate::check::Check;
use crate::element::Element;
use crate::engine::{Request, Rule, Values, merged};
use crate::exact::{ExactSum, SUM_BLOCK};
use crate::layout::{Arrays, Matrices, map_reduce, without};
use crate::number::{Float, Level, Number};
use crate::partial::BufferedMoments;
use crate::partial::moments::Moments;

impl Request {
    /// Computes everything and returns the total, if there is one. Returns `None` if a check failed on the way.
    pub fn run<A: Element, D: Dimension>(
        &self,
        mut arrays: Arrays<'_, A, D>,
        axis: usize,
        check: Option<Check>,
    ) -> Option<ExactSum> {
        if arrays.input.is_empty() {
            if let Some(value) = &mut arrays.value {
                value.fill(A::Loss::default());
            }
            return Some(ExactSum::default());
        }
        let by_lane = arrays.weights.is_some()
            || check.is_some()
            || arrays.upstream.as_ref().is_some_and(|view| view.ndim() < arrays.input.ndim())
            || matches!(self.rule, Rule::Logits { .. })
            || self.sums_lanes();
        let class_axis = by_lane.then_some(axis);
        let map = |matrices: Matrices<'_, A>| {
            let Some(check) = check else { return Some(A::compute(self, matrices, None)) };
            let mut total = ExactSum::default();
            let fine =
                check.each_block(matrices, |block| total.merge(&A::compute(self, block, None)));
            fine.then_some(total)
        };
        let only_totals = self.values == Values::Total
            && !matches!(self.rule, Rule::Logits { .. })
            && check.is_none()
            && arrays.weights.is_none()
            && arrays.d_input.is_none();
        map_reduce(arrays, class_axis, only_totals, &map, &|a, b| Some(merged(a?, b?)))
    }

    /// Returns the total and the moments of the divergences, or `None` if a check failed on the way.
    pub fn partial<A: Element, D: Dimension>(
        &self,
        arrays: Arrays<'_, A, D>,
        axis: usize,
        check: Option<Check>,
    ) -> Option<(ExactSum, Moments)> {
        if arrays.input.is_empty() {
            return Some((ExactSum::default(), moments_of_nothing(self.level, &arrays, axis)));
        }
        let map = |matrices: Matrices<'_, A>| {
            let (mut moments, mut loss) = (BufferedMoments::default(), ExactSum::default());
            let mut add = |matrices| loss.merge(&A::compute(self, matrices, Some(&mut moments)));
            let fine = match check {
                Some(check) => check.each_block(matrices, add),
                None => {
                    add(matrices);
                    true
                }
            };
            fine.then_some((loss, moments.moments))
        };
        map_reduce(arrays, Some(axis), false, &map, &|a, b| {
            let ((a, mut moments), (b, more)) = (a?, b?);
            moments.merge(&more);
            Some((merged(a, b), moments))
        })
    }
}

/// The moments of distributions without classes. Their divergences are 0.
pub(super) fn moments_of_nothing<A: Element, D: Dimension>(
    level: Level,
    arrays: &Arrays<'_, A, D>,
    axis: usize,
) -> Moments {
    let mut moments = Moments::default();
    match arrays.weights {
        None => {
            moments.add_zeros(without(arrays.input.shape(), axis).iter().product::<usize>() as u64)
        }
        Some(weights) => {
            for weight in weights.iter().filter(|&&weight| weight != A::Loss::ZERO) {
                moments.add_weighted(level, &[0.0], &[weight.to_f64()]);
            }
        }
    }
    moments
}

/// The exact sum of all numbers of an array.
pub fn total<T: Number, D: Dimension>(level: Level, array: &ArrayRef<T, D>) -> ExactSum {
    let (mut sum, mut block) = (ExactSum::default(), Vec::with_capacity(SUM_BLOCK));
    for number in array {
        block.push(number.widen());
        if block.len() == SUM_BLOCK {
            sum.add_block(level, &block);
            block.clear();
        }
    }
    sum.add_block(level, &block);
    sum
}
