//! One visit to all elements: what is wanted of them, and how the work is shared between threads.

use ndarray::{ArrayRef, Dimension};

use super::pass::Pass;
use super::results::Results;
use super::softmax::{Softmax, visit_unit};
use super::validate::Check;
use crate::divergence::{Choice, Kernel, Work};
use crate::element::Element;
use crate::elementwise::{FEW, Operands, PART, Prefetch, TILE, sum_each, sum_each_of_many, terms};
use crate::exact::{BLOCK, ExactSum, RUN, block_sum};
use crate::layout::{Arrays, Unit, for_each_unit, join, without};
use crate::number::{Aligned, Float, Level, Number, Scaled};
use crate::partial::BufferedMoments;
use crate::partial::moments::Moments;

/// What the operands hold and which divergence is computed of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Log-probabilities against probabilities or log-probabilities.
    LogProbabilities {
        /// The divergence.
        divergence: Choice,
        /// Whether the target holds log-probabilities.
        log_target: bool,
    },
    /// Logits against whatever the target holds.
    Logits(Softmax),
}

/// What is wanted of the terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// Nothing: gradients only.
    Nothing,
    /// Each term.
    Terms,
    /// The sum of each distribution.
    Distributions,
    /// The sum of all.
    Total,
    /// The sum of all, and the moments of the distributions' sums.
    Partial,
}

/// The settings of a visit.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The instruction set.
    pub level: Level,
    /// What the operands hold and which divergence is computed.
    pub rule: Rule,
    /// What is wanted.
    pub wanted: Wanted,
    /// What every gradient is multiplied by.
    pub scale: Scaled,
    /// The number of classes.
    pub classes: usize,
}

/// Up to so many elements of a small total, less scratch is cleared.
const SMALL: usize = 128;
/// Up to so many elements of a unit, less scratch is cleared.
const MODERATE: usize = 384;

impl Visit {
    /// Visits everything, and returns the total if that is wanted; `None` if a check on the way failed.
    pub fn all<A: Element, D: Dimension>(
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
            || matches!(self.rule, Rule::Logits(_))
            || self.sums_lanes();
        let class_axis = by_lane.then_some(axis);
        let visit = |unit: Unit<'_, A>| {
            let Some(check) = check else { return Some(A::visit(self, unit, None)) };
            let mut total = ExactSum::default();
            let fine = check.each_block(unit, |block| total.merge(&A::visit(self, block, None)));
            fine.then_some(total)
        };
        let only_totals = self.wanted == Wanted::Total
            && !matches!(self.rule, Rule::Logits(_))
            && check.is_none()
            && arrays.weights.is_none()
            && arrays.d_input.is_none();
        for_each_unit(arrays, class_axis, only_totals, &visit, &|a, b| Some(merged(a?, b?)))
    }

    /// Visits everything distribution by distribution, and returns the total and the moments of the distributions' sums;
    /// `None` if a check on the way failed.
    pub fn partial<A: Element, D: Dimension>(
        &self,
        arrays: Arrays<'_, A, D>,
        axis: usize,
        check: Option<Check>,
    ) -> Option<(ExactSum, Moments)> {
        if arrays.input.is_empty() {
            return Some((ExactSum::default(), moments_of_nothing(self.level, &arrays, axis)));
        }
        let visit = |unit: Unit<'_, A>| {
            let (mut moments, mut loss) = (BufferedMoments::default(), ExactSum::default());
            let mut add = |unit| loss.merge(&A::visit(self, unit, Some(&mut moments)));
            let fine = match check {
                Some(check) => check.each_block(unit, add),
                None => {
                    add(unit);
                    true
                }
            };
            fine.then_some((loss, moments.moments))
        };
        for_each_unit(arrays, Some(axis), false, &visit, &|a, b| {
            let ((a, mut moments), (b, more)) = (a?, b?);
            moments.merge(&more);
            Some((merged(a, b), moments))
        })
    }

    /// Visits a unit and returns its total. [`Element::visit`] is this for each type: compiled here, so that no crate that
    /// calls has to compile the loops again.
    pub fn unit_of<A: Element>(
        &self,
        unit: Unit<'_, A>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        match self.rule {
            Rule::LogProbabilities { divergence, log_target } => {
                divergence.with_kernel(log_target, UnitWork { visit: self, unit, moments })
            }
            Rule::Logits(softmax) => {
                let mut results = Results::new(self, moments);
                visit_unit(softmax, unit, &mut results);
                results.finish()
            }
        }
    }

    /// The total of a small batch whose operands lie as the loops want them, whole distributions one behind the other unless
    /// they have few classes: without units, buffers, and the limbs of an exact sum. [`Element::total`] is this for each type.
    pub fn total_of<A: Element>(&self, operands: Operands<'_, A>) -> Option<f64> {
        let Rule::LogProbabilities { divergence, log_target } = self.rule else { return None };
        Some(divergence.with_kernel(log_target, TotalWork { visit: self, operands }))
    }

    /// Whether the sums of distributions are needed.
    pub fn sums_lanes(&self) -> bool {
        match self.wanted {
            Wanted::Nothing | Wanted::Terms => false,
            Wanted::Distributions | Wanted::Partial => true,
            Wanted::Total => !self.adds_terms(),
        }
    }

    /// Whether the total is wanted, and is the sum of the terms.
    pub fn totals_terms(&self) -> bool {
        self.totals() && self.adds_terms()
    }

    /// Whether the total is wanted, and is the sum of the distributions' sums.
    pub fn totals_lanes(&self) -> bool {
        self.totals() && !self.adds_terms()
    }

    fn totals(&self) -> bool {
        matches!(self.wanted, Wanted::Total | Wanted::Partial)
    }

    fn adds_terms(&self) -> bool {
        self.has_few_classes() && !matches!(self.rule, Rule::Logits(_))
    }

    /// Whether there are so few classes that the total is the sum of the terms.
    pub fn has_few_classes(&self) -> bool {
        self.classes <= FEW
    }

    /// The sums of distributions that lie one behind the other and fit a tile.
    pub fn sum_each<T: Float>(&self, terms: &[T], sums: &mut [f64]) {
        match self.has_few_classes() {
            true => sum_each(self.level, terms, self.classes, sums),
            false => sum_each_of_many(self.level, terms, self.classes, sums),
        }
    }
}

/// A visit to a unit.
struct UnitWork<'w, 'a, A: Element> {
    visit: &'w Visit,
    unit: Unit<'a, A>,
    moments: Option<&'w mut BufferedMoments>,
}

impl<A: Element> Work for UnitWork<'_, '_, A> {
    type Output = ExactSum;

    fn run<K: Kernel>(self, kernel: K) -> ExactSum {
        match self.unit.input.len() {
            ..=MODERATE => self.in_scratch(kernel, &mut scratch::<A::Loss, MODERATE>().0),
            _ => self.in_scratch(kernel, &mut scratch::<A::Loss, TILE>().0),
        }
    }
}

impl<A: Element> UnitWork<'_, '_, A> {
    fn in_scratch<K: Kernel>(self, kernel: K, scratch: &mut [A::Loss]) -> ExactSum {
        let UnitWork { visit, mut unit, moments } = self;
        let mut results = Results::new(visit, moments);
        let mut pass = Pass::new(kernel, &mut results, [unit.input, unit.target], scratch);
        if unit.input.ncols() > PART && unit.input.nrows() == 1 {
            let mut value = if visit.sums_lanes() { unit.value.take() } else { None };
            let weights = unit.weights;
            let sum = parts(visit, kernel, unit);
            pass.results.emit(&weights, &mut value, 0..1, &mut [sum.value()]);
        } else {
            pass.unit(&mut unit);
        }
        results.finish()
    }
}

/// The exact sum of the sums of parts of [`PART`] classes of one lane, computed in parallel.
fn parts<K: Kernel, A: Element>(visit: &Visit, kernel: K, mut lane: Unit<'_, A>) -> ExactSum {
    let classes = lane.input.ncols();
    let count = classes.div_ceil(PART);
    if count > 1 {
        let (a, b) = lane.split_classes(count / 2 * PART);
        let (a, b) = join(|| parts(visit, kernel, a), || parts(visit, kernel, b));
        return merged(a, b);
    }
    let (mut results, mut terms) = (Results::new(visit, None), scratch::<A::Loss, TILE>());
    let mut pass = Pass::new(kernel, &mut results, [lane.input, lane.target], &mut terms.0);
    let mut total = ExactSum::default();
    total.add(pass.part(&mut lane, 0, 0..classes));
    total
}

/// The total of a small batch.
struct TotalWork<'w, A> {
    visit: &'w Visit,
    operands: Operands<'w, A>,
}

impl<A: Element> Work for TotalWork<'_, A> {
    type Output = f64;

    fn run<K: Kernel>(self, kernel: K) -> f64 {
        match self.operands.input.len() {
            ..=SMALL => self.in_scratch(kernel, &mut scratch::<A::Loss, SMALL>().0),
            _ => self.in_scratch(kernel, &mut scratch::<A::Loss, TILE>().0),
        }
    }
}

impl<A: Element> TotalWork<'_, A> {
    fn in_scratch<K: Kernel>(self, kernel: K, scratch: &mut [A::Loss]) -> f64 {
        let Visit { level, classes, .. } = *self.visit;
        let len = self.operands.input.len();
        terms(level, kernel, self.operands, Prefetch::NOTHING, &mut scratch[..len]);
        if self.visit.has_few_classes() {
            // Zeros at the end are cheaper than a tail.
            return block_sum(level, &scratch[..len.next_multiple_of(RUN)]);
        }
        let mut sums = [0.0; TILE / FEW];
        let sums = &mut sums[..len / classes];
        self.visit.sum_each(&scratch[..len], sums);
        block_sum(level, sums)
    }
}

/// Scratch for terms.
#[inline(always)]
fn scratch<T: Default + Copy, const N: usize>() -> Aligned<[T; N]> {
    Aligned([T::default(); N])
}

/// The moments of distributions without classes, whose divergence is 0.
fn moments_of_nothing<A: Element, D: Dimension>(
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

fn merged(mut a: ExactSum, b: ExactSum) -> ExactSum {
    a.merge(&b);
    a
}

/// The exact sum of all numbers of an array.
pub fn total<T: Number, D: Dimension>(level: Level, array: &ArrayRef<T, D>) -> ExactSum {
    let (mut sum, mut block) = (ExactSum::default(), Vec::with_capacity(BLOCK));
    for number in array {
        block.push(number.widen());
        if block.len() == BLOCK {
            sum.add_block(level, &block);
            block.clear();
        }
    }
    sum.add_block(level, &block);
    sum
}
