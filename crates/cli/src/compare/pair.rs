//! The library's calls for a candidate beside the reference.

use kldiv::{
    Diagnosis, Divergence, Error, KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Target,
};
use ndarray::{ArrayD, Axis};

use super::holds::Holds;
use crate::formats::Float;

/// A candidate beside the reference.
#[derive(Clone, Copy)]
pub struct Pair<'b, A> {
    /// The candidate: log-probabilities or logits.
    pub input: &'b ArrayD<A>,
    /// The reference.
    pub target: &'b ArrayD<A>,
    /// What each of them holds.
    pub holds: [Holds; 2],
    /// 1 for each row that counts, 0 for the others.
    pub mask: Option<&'b ArrayD<f32>>,
    pub axis: Axis,
    /// What logits are divided by: the candidate's and the reference's.
    pub temperatures: [f64; 2],
}

impl<A: Float> Pair<'_, A> {
    /// A divergence of each row. With a tolerance, rows that are no distributions are an error.
    pub fn divergence(
        &self,
        divergence: Divergence,
        tolerance: Option<f64>,
    ) -> Result<ArrayD<A>, Error> {
        let mask = self.mask.map(|mask| mask.mapv(Into::<A>::into));
        if self.are_logits() {
            let loss = self.of_logits().divergence(divergence);
            let loss = tolerance.map_or(loss, |tolerance| loss.validated(tolerance));
            let batch = loss.batch(self.input, self.target)?;
            return mask.as_ref().map_or(Ok(batch), |mask| batch.weights(mask))?.forward();
        }
        let loss = self.of_logarithms().divergence(divergence);
        let loss = tolerance.map_or(loss, |tolerance| loss.validated(tolerance));
        let batch = loss.batch(self.input, self.target)?;
        mask.as_ref().map_or(Ok(batch), |mask| batch.weights(mask))?.forward()
    }

    /// What is wrong with either side.
    pub fn diagnosis(&self, tolerance: f64) -> Result<Diagnosis, Error> {
        let mask = self.mask.map(|mask| mask.mapv(Into::<A>::into));
        if self.are_logits() {
            let batch = self.of_logits().validated(tolerance).batch(self.input, self.target)?;
            return Ok(mask.as_ref().map_or(Ok(batch), |mask| batch.weights(mask))?.diagnose());
        }
        let batch = self.of_logarithms().validated(tolerance).batch(self.input, self.target)?;
        Ok(mask.as_ref().map_or(Ok(batch), |mask| batch.weights(mask))?.diagnose())
    }

    /// Whether either side is logits. Log-probabilities of the other are logits too: their softmax are the probabilities.
    fn are_logits(&self) -> bool {
        self.holds.contains(&Holds::Logits)
    }

    fn of_logits(&self) -> KLDivWithLogitsLoss<PerDistribution> {
        let [temperature, of_target] = self.temperatures;
        let loss = KLDivWithLogitsLoss::new(PerDistribution).axis(self.axis);
        loss.temperature(temperature).target_temperature(of_target).target(match self.holds[1] {
            Holds::Logits => Target::Logits,
            Holds::LogProbabilities => Target::LogProbabilities,
            Holds::Probabilities => Target::Probabilities,
        })
    }

    fn of_logarithms(&self) -> KLDivLoss<PerDistribution> {
        let is_log = self.holds[1] == Holds::LogProbabilities;
        KLDivLoss::new(PerDistribution).axis(self.axis).log_target(is_log)
    }
}
