//! What is found of an operand, a distribution at a time.

use super::{Holds, Offender, OperandReport};

/// What was found of some distributions of an operand, read as what it should hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    pub numbers: Numbers,
    pub only_minus_infinity: usize,
    pub reading: Reading,
    /// Distributions of logits that are certain to be probabilities.
    pub probabilities: usize,
}

/// Numbers that are not usual.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub nan: usize,
    pub plus_infinity: usize,
    pub minus_infinity: usize,
    pub out_of_range: usize,
    /// Whether there are numbers above the tolerance, and below 0.
    pub positive: bool,
    pub negative: bool,
}

impl Numbers {
    /// Of these the range is not asked.
    pub fn special(self) -> Self {
        Numbers { out_of_range: 0, ..self }
    }

    fn add(&mut self, other: &Numbers) {
        self.nan += other.nan;
        self.plus_infinity += other.plus_infinity;
        self.minus_infinity += other.minus_infinity;
        self.out_of_range += other.out_of_range;
    }
}

impl Side {
    /// Notes a distribution of so many classes.
    pub fn note(
        &mut self,
        mass: f64,
        numbers: &Numbers,
        classes: usize,
        tolerance: f64,
        index: impl Fn() -> Vec<usize>,
    ) {
        self.numbers.add(numbers);
        self.only_minus_infinity += usize::from(numbers.minus_infinity == classes);
        self.reading.note(mass, numbers, tolerance, index);
    }

    /// Adds what was found elsewhere.
    pub fn merge(&mut self, other: Side) {
        self.numbers.add(&other.numbers);
        self.only_minus_infinity += other.only_minus_infinity;
        self.probabilities += other.probabilities;
        self.reading.merge(other.reading);
    }

    /// What is said of it.
    pub fn report(&self, holds: Holds, distributions: usize) -> OperandReport {
        let Numbers { nan, plus_infinity, minus_infinity, out_of_range, .. } = self.numbers;
        OperandReport {
            holds,
            improper: distributions - self.reading.proper,
            first: self.reading.first.clone(),
            worst: self.reading.worst.clone(),
            out_of_range,
            nan,
            plus_infinity,
            minus_infinity,
            only_minus_infinity: self.only_minus_infinity,
        }
    }
}

/// The masses.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Distributions that are proper.
    pub proper: usize,
    /// Distributions of numbers of both signs.
    pub both_signs: usize,
    /// The smallest mass and the largest of those that are not, NaN left out.
    pub lightest: f64,
    pub heaviest: f64,
    pub first: Option<Offender>,
    pub worst: Option<Offender>,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            proper: 0,
            both_signs: 0,
            lightest: f64::INFINITY,
            heaviest: f64::NEG_INFINITY,
            first: None,
            worst: None,
        }
    }
}

impl Reading {
    /// Notes a distribution.
    pub fn note(
        &mut self,
        mass: f64,
        numbers: &Numbers,
        tolerance: f64,
        index: impl Fn() -> Vec<usize>,
    ) {
        self.both_signs += usize::from(numbers.positive && numbers.negative);
        if (mass - 1.0).abs() <= tolerance && numbers.out_of_range == 0 {
            self.proper += 1;
            return;
        }
        self.lightest = self.lightest.min(mass);
        self.heaviest = self.heaviest.max(mass);
        let offender = Offender { index: vec![], mass };
        let is_worse = |worst: &Offender| offender.distance().total_cmp(&worst.distance()).is_gt();
        let is_first = self.first.is_none();
        if is_first || self.worst.as_ref().is_none_or(is_worse) {
            let offender = Offender { index: index(), mass };
            if is_first {
                self.first = Some(offender.clone());
            }
            self.worst = Some(offender);
        }
    }

    /// Adds what was noted of other distributions.
    pub fn merge(&mut self, other: Reading) {
        self.proper += other.proper;
        self.both_signs += other.both_signs;
        self.lightest = self.lightest.min(other.lightest);
        self.heaviest = self.heaviest.max(other.heaviest);
        let both = self.first.take().into_iter().chain(other.first);
        self.first = both.min_by(|a, b| a.index.cmp(&b.index));
        let both = self.worst.take().into_iter().chain(other.worst);
        self.worst = both.max_by(|a, b| {
            a.distance().total_cmp(&b.distance()).then_with(|| b.index.cmp(&a.index))
        });
    }
}
