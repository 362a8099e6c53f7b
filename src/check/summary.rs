//! Findings in distributions, as values that merge.

use super::OperandReport;
use crate::number::{Float, Number};
use crate::target::Target;

/// A result of some lanes, which merges with the result of others. The default is the result of no lanes.
pub trait Merge: Default + Send {
    /// Adds the result of other lanes.
    fn merge(&mut self, other: Self);

    /// The result of both.
    fn merged(mut self, other: Self) -> Self {
        self.merge(other);
        self
    }
}

/// The findings in some distributions of a batch.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The number of distributions whose weight is not 0.
    pub lanes: usize,
    /// The number of terms below 0.
    pub negative_terms: usize,
    /// The least term, or 0 if none is negative.
    pub least_term: f64,
    /// The number of divergences below 0, rounded as they are returned.
    pub negative_divergences: usize,
    /// The least divergence, or 0 if none is negative.
    pub least_divergence: f64,
    /// The findings in the input and in the target.
    pub operands: [OperandSummary; 2],
}

impl Merge for Summary {
    fn merge(&mut self, other: Summary) {
        self.lanes += other.lanes;
        self.negative_terms += other.negative_terms;
        self.least_term = self.least_term.min(other.least_term);
        self.negative_divergences += other.negative_divergences;
        self.least_divergence = self.least_divergence.min(other.least_divergence);
        for (summary, other) in self.operands.iter_mut().zip(other.operands) {
            summary.merge(other);
        }
    }
}

/// The findings in some distributions of an operand, compared with what it should hold.
#[derive(Clone, Debug)]
pub struct OperandSummary {
    /// The number of distributions that are proper.
    pub proper: usize,
    /// The number of distributions of logits that look like probabilities.
    pub probabilities: usize,
    /// The number of distributions with numbers above the tolerance and numbers below 0.
    pub both_signs: usize,
    /// The number of distributions of −∞ alone.
    pub only_minus_infinity: usize,
    /// The smallest mass of the improper distributions, NaN left out.
    pub lightest: f64,
    /// The largest mass of the improper distributions, NaN left out.
    pub heaviest: f64,
    /// The mass of an improper distribution that is farthest from 1.
    pub worst: Option<f64>,
    /// The counts of unusual numbers.
    pub numbers: NumberCounts,
}

impl Default for OperandSummary {
    fn default() -> Self {
        OperandSummary {
            proper: 0,
            probabilities: 0,
            both_signs: 0,
            only_minus_infinity: 0,
            lightest: f64::INFINITY,
            heaviest: f64::NEG_INFINITY,
            worst: None,
            numbers: NumberCounts::default(),
        }
    }
}

impl Merge for OperandSummary {
    fn merge(&mut self, other: OperandSummary) {
        self.proper += other.proper;
        self.probabilities += other.probabilities;
        self.both_signs += other.both_signs;
        self.only_minus_infinity += other.only_minus_infinity;
        self.lightest = self.lightest.min(other.lightest);
        self.heaviest = self.heaviest.max(other.heaviest);
        let both = self.worst.into_iter().chain(other.worst);
        self.worst = both.max_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        self.numbers.merge(other.numbers);
    }
}

impl OperandSummary {
    /// Adds a distribution of this mass and these unusual numbers.
    pub fn add(&mut self, mass: f64, numbers: NumberCounts, classes: usize, tolerance: f64) {
        self.both_signs += usize::from(numbers.has_positive && numbers.has_negative);
        self.only_minus_infinity += usize::from(classes > 0 && numbers.minus_infinity == classes);
        self.numbers.merge(numbers);
        if distance(mass) <= tolerance && numbers.out_of_range == 0 {
            self.proper += 1;
            return;
        }
        self.lightest = self.lightest.min(mass);
        self.heaviest = self.heaviest.max(mass);
        let farther = |worst| distance(mass).total_cmp(&distance(worst)).is_gt();
        if self.worst.is_none_or(farther) {
            self.worst = Some(mass);
        }
    }

    /// The report without the places of offenders.
    pub fn report(&self, holds: Target, distributions: usize) -> OperandReport {
        let NumberCounts { nan, plus_infinity, minus_infinity, out_of_range, .. } = self.numbers;
        OperandReport {
            holds,
            improper: distributions - self.proper,
            first: None,
            worst: None,
            out_of_range,
            nan,
            plus_infinity,
            minus_infinity,
            only_minus_infinity: self.only_minus_infinity,
        }
    }
}

/// The distance of a mass from 1. By `total_cmp`, the distance of NaN is larger than ∞.
pub fn distance(mass: f64) -> f64 {
    (mass - 1.0).abs()
}

/// Counts of unusual numbers of an operand.
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberCounts {
    /// The number of NaN.
    pub nan: usize,
    /// The number of +∞.
    pub plus_infinity: usize,
    /// The number of −∞.
    pub minus_infinity: usize,
    /// The number of numbers outside the range of a distribution.
    pub out_of_range: usize,
    /// Whether some number is above the tolerance.
    pub has_positive: bool,
    /// Whether some number is below 0.
    pub has_negative: bool,
}

impl NumberCounts {
    /// Counts the unusual numbers of an operand that should hold this.
    pub fn of<'n, A: Number>(
        numbers: impl IntoIterator<Item = &'n A>,
        holds: Target,
        tolerance: f64,
    ) -> Self {
        let mut counts = NumberCounts::default();
        for number in numbers {
            let number = number.widen().to_f64();
            let (is_positive, is_negative) = (number > tolerance, number < 0.0);
            counts.nan += usize::from(number.is_nan());
            counts.plus_infinity += usize::from(number == f64::INFINITY);
            counts.minus_infinity += usize::from(number == f64::NEG_INFINITY);
            counts.out_of_range += usize::from(match holds {
                Target::Probabilities => is_negative,
                Target::LogProbabilities => is_positive,
                Target::Logits => false,
            });
            counts.has_positive |= is_positive;
            counts.has_negative |= is_negative;
        }
        counts
    }

    /// Whether a distribution of logits with these numbers has a softmax.
    pub fn has_softmax(&self, classes: usize) -> bool {
        self.nan + self.plus_infinity == 0 && self.minus_infinity < classes
    }

    /// Adds the counts of other numbers.
    fn merge(&mut self, other: NumberCounts) {
        self.nan += other.nan;
        self.plus_infinity += other.plus_infinity;
        self.minus_infinity += other.minus_infinity;
        self.out_of_range += other.out_of_range;
        self.has_positive |= other.has_positive;
        self.has_negative |= other.has_negative;
    }
}
