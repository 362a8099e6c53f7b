//! One visit to all the elements: what is wanted of them, and who does it.

use ndarray::{ArrayRef, Dimension};

use super::Rule;
use super::chunk::Room;
use super::softmax::{Softmax, visit_unit};
use super::tally::Tally;
use super::validate::Check;
use super::waiting::Waiting;
use super::worker::Worker;
use crate::divergence::{
    GeneralizedLogProbability, GeneralizedProbability, LogProbability, Probability, Term,
};
use crate::element::Element;
use crate::elementwise::{CHUNK, FEW, PART, sum_each, sum_each_of_many};
use crate::exact::{BLOCK, ExactSum};
use crate::layout::{Arrays, Unit, for_each_unit, join, without};
use crate::number::{Aligned, Float, Level};
use crate::partial::moments::Moments;

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
    /// That, and what is summed of each distribution.
    Partial,
}

/// The settings of a visit.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub level: Level,
    pub rule: Rule,
    pub wanted: Wanted,
    /// What every gradient is multiplied by.
    pub scale: f64,
    pub classes: usize,
}

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
        for_each_unit(arrays, class_axis, &visit, &|a, b| Some(merged(a?, b?)))
    }

    /// Visits a unit, whatever the rule. [`Element::visit`] is this for each type: compiled here, so that no
    /// crate that calls has to compile the kernel again.
    pub fn unit_of<A: Element>(
        &self,
        unit: Unit<'_, A>,
        moments: Option<&mut Waiting>,
    ) -> ExactSum {
        match self.rule {
            Rule::Probabilities => self.unit::<Probability, A>(unit, moments),
            Rule::LogProbabilities => self.unit::<LogProbability, A>(unit, moments),
            Rule::GeneralizedProbabilities => self.unit::<GeneralizedProbability, A>(unit, moments),
            Rule::GeneralizedLogProbabilities => {
                self.unit::<GeneralizedLogProbability, A>(unit, moments)
            }
            Rule::Logits(softmax) => self.logits(softmax, unit, moments),
        }
    }

    fn logits<A: Element>(
        &self,
        softmax: Softmax,
        unit: Unit<'_, A>,
        moments: Option<&mut Waiting>,
    ) -> ExactSum {
        let mut total = ExactSum::default();
        let mut tally = Tally::new(self, &mut total, moments);
        visit_unit(softmax, unit, &mut tally);
        tally.flush();
        total
    }

    /// Visits everything distribution by distribution, and returns the total and what was summed of each;
    /// `None` if a check on the way failed.
    pub fn partial<A: Element, D: Dimension>(
        &self,
        arrays: Arrays<'_, A, D>,
        axis: usize,
        check: Option<Check>,
    ) -> Option<(ExactSum, Moments)> {
        if arrays.input.is_empty() {
            return Some((ExactSum::default(), nothing(self.level, &arrays, axis)));
        }
        let visit = |unit: Unit<'_, A>| {
            let (mut waiting, mut loss) = (Waiting::new(), ExactSum::default());
            let mut add = |unit| loss.merge(&A::visit(self, unit, Some(&mut waiting)));
            let fine = match check {
                Some(check) => check.each_block(unit, add),
                None => {
                    add(unit);
                    true
                }
            };
            fine.then_some((loss, waiting.moments))
        };
        for_each_unit(arrays, Some(axis), &visit, &|a, b| {
            let ((a, mut moments), (b, more)) = (a?, b?);
            moments.merge(&more);
            Some((merged(a, b), moments))
        })
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
        self.few() && !matches!(self.rule, Rule::Logits(_))
    }

    /// The sums of distributions that lie one behind the other and fit a chunk.
    pub fn sum_each<T: Float>(&self, terms: &[T], sums: &mut [f64]) {
        match self.few() {
            true => sum_each(self.level, terms, self.classes, sums),
            false => sum_each_of_many(self.level, terms, self.classes, sums),
        }
    }

    /// Whether there are so few classes that the total is the sum of the terms.
    pub fn few(&self) -> bool {
        self.classes <= FEW
    }

    fn unit<K: Term, A: Element>(
        &self,
        mut unit: Unit<'_, A>,
        moments: Option<&mut Waiting>,
    ) -> ExactSum {
        let mut room = room::<A>();
        if let Some(total) = self.direct::<K, A>(&mut unit, &mut room.0) {
            return total;
        }
        let mut total = ExactSum::default();
        let long = unit.input.ncols() > PART && unit.input.nrows() == 1;
        let tally = Tally::new(self, &mut total, moments);
        let mut worker = Worker::new(Room::new(tally, [unit.input, unit.target], &mut room.0));
        if long {
            self.long_lane::<K, A>(unit, &mut worker);
        } else {
            worker.unit::<K>(unit);
        }
        worker.room.tally.flush();
        total
    }

    /// A distribution of very many classes, in parallel.
    fn long_lane<K: Term, A: Element>(&self, mut lane: Unit<'_, A>, worker: &mut Worker<'_, A>) {
        let mut value = None;
        if self.sums_lanes() {
            std::mem::swap(&mut value, &mut lane.value);
        }
        let weights = lane.weights;
        let sum = self.parts::<K, A>(lane);
        worker.room.tally.emit(&weights, &mut value, 0..1, &mut [sum.value()]);
    }

    /// The exact sum of the sums of parts of [`PART`] classes.
    fn parts<K: Term, A: Element>(&self, lane: Unit<'_, A>) -> ExactSum {
        let parts = lane.input.ncols().div_ceil(PART);
        if parts > 1 {
            let (a, b) = lane.split_classes(parts / 2 * PART);
            let (a, b) = join(|| self.parts::<K, A>(a), || self.parts::<K, A>(b));
            return merged(a, b);
        }
        let classes = 0..lane.input.ncols();
        let mut lane = lane;
        let (mut total, mut room) = (ExactSum::default(), room::<A>());
        let tally = Tally::new(self, &mut total, None);
        let mut worker = Worker::new(Room::new(tally, [lane.input, lane.target], &mut room.0));
        let sum = worker.part::<K>(&mut lane, 0, classes);
        total.add(sum);
        total
    }
}

/// Distributions without classes, whose divergence is 0.
fn nothing<A: Element, D: Dimension>(
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

/// For the terms of a chunk.
#[inline(always)]
fn room<A: Element>() -> Aligned<[A::Loss; CHUNK]> {
    Aligned([A::Loss::default(); CHUNK])
}

fn merged(mut a: ExactSum, b: ExactSum) -> ExactSum {
    a.merge(&b);
    a
}

/// The exact sum of all numbers of an array.
pub fn total<T: Element, D: Dimension>(level: Level, array: &ArrayRef<T, D>) -> ExactSum {
    if array.is_empty() {
        return ExactSum::default();
    }
    let only = Arrays {
        input: array,
        target: array,
        weights: None,
        upstream: None,
        value: None,
        d_input: None,
        d_target: None,
    };
    let add = |unit: Unit<'_, T>| {
        let mut sum = ExactSum::default();
        let mut block = [T::Loss::default(); BLOCK];
        let mut numbers = unit.input.iter().map(|number| number.widen());
        loop {
            let filled = block.iter_mut().zip(&mut numbers).map(|(to, number)| *to = number);
            match filled.count() {
                0 => break,
                count => sum.add_block(level, &block[..count]),
            }
        }
        sum
    };
    for_each_unit(only, None, &add, &merged)
}
