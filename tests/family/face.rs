//! A call: what its operands hold, and its settings.

use kldiv::{Batch, Divergence, Error, KLDivLoss, KLDivWithLogitsLoss, Reduction, Target};
use ndarray::{Array2, ArrayRef, Axis, Dimension};

use super::common::Number;

/// What the two operands hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Face {
    /// The input holds log-probabilities.
    Given(Target),
    /// The input holds logits.
    Logits(Target),
}

pub const FACES: [Face; 5] = [
    Face::Given(Target::Probabilities),
    Face::Given(Target::LogProbabilities),
    Face::Logits(Target::Logits),
    Face::Logits(Target::Probabilities),
    Face::Logits(Target::LogProbabilities),
];

/// Log-probabilities on both sides.
pub const LOGS: Face = Face::Given(Target::LogProbabilities);
/// Logits on both sides.
pub const LOGITS: Face = Face::Logits(Target::Logits);

/// The settings of a call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub divergence: Divergence,
    pub generalized: bool,
    pub face: Face,
    /// Of the input and the target.
    pub temperatures: [f64; 2],
    pub squared: bool,
}

impl Settings {
    pub fn new(divergence: Divergence, face: Face) -> Self {
        Settings { divergence, generalized: false, face, temperatures: [1.0; 2], squared: false }
    }

    pub fn generalized(self, generalized: bool) -> Self {
        Settings { generalized, ..self }
    }

    pub fn given<R: Reduction>(&self, reduction: R) -> KLDivLoss<R> {
        KLDivLoss::new(reduction)
            .divergence(self.divergence)
            .generalized(self.generalized)
            .log_target(self.face == LOGS)
    }

    pub fn logits<R: Reduction>(&self, reduction: R, target: Target) -> KLDivWithLogitsLoss<R> {
        KLDivWithLogitsLoss::new(reduction)
            .divergence(self.divergence)
            .generalized(self.generalized)
            .target(target)
            .temperature(self.temperatures[0])
            .target_temperature(self.temperatures[1])
            .times_temperature_squared(self.squared)
    }

    pub fn batch<'a, R: Reduction, A: Number, D: Dimension>(
        &self,
        reduction: R,
        axis: Axis,
        input: &'a ArrayRef<A, D>,
        target: &'a ArrayRef<A, D>,
    ) -> Result<Batch<'a, R, A, D>, Error> {
        match self.face {
            Face::Given(_) => self.given(reduction).axis(axis).batch(input, target),
            Face::Logits(kind) => self.logits(reduction, kind).axis(axis).batch(input, target),
        }
    }

    /// A call over rows of classes.
    pub fn rows<'a, R: Reduction, A: Number>(
        &self,
        reduction: R,
        input: &'a Array2<A>,
        target: &'a Array2<A>,
    ) -> Batch<'a, R, A, ndarray::Ix2> {
        self.batch(reduction, Axis(1), input, target).unwrap()
    }
}
