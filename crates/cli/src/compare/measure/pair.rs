//! The library's calls for a candidate beside the reference.

use kldiv::{
    Batch, Diagnosis, Divergence, Error, KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Tail,
    Target,
};
use ndarray::{ArrayD, ArrayView1, Axis, IxDyn, ShapeBuilder};

use crate::compare::input::Holds;
use crate::formats::Float;

/// A candidate beside the reference.
#[derive(Clone, Copy)]
pub struct Pair<'b, A> {
    /// The candidate: log-probabilities or logits.
    pub input: &'b ArrayD<A>,
    /// The reference.
    pub target: &'b ArrayD<A>,
    /// The classes that the reference names, if those are not all, and what it says of the others.
    pub classes: Option<(&'b ArrayD<i64>, Tail)>,
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
        match self.classes {
            Some((classes, tail)) => self.of_named(divergence, tolerance, classes, tail),
            None => self.with_batch(divergence, tolerance, |batch| batch.forward()),
        }
    }

    /// Whether [`forward_and_variation`](Self::forward_and_variation) is right.
    pub fn tells_variation(&self) -> bool {
        self.classes.is_none() && self.holds == [Holds::Logits; 2] && self.temperatures[0] == 1.0
    }

    /// KL(p ‖ q) of each row, and the total variation in the same pass: the derivative of the former with respect to the candidate's
    /// logits is the difference q − p.
    pub fn forward_and_variation(
        &self,
        tolerance: Option<f64>,
        difference: &mut ArrayD<A>,
    ) -> Result<(ArrayD<A>, ArrayD<f64>), Error> {
        if difference.shape() != self.input.shape() || difference.strides() != self.input.strides()
        {
            let order = self.input.raw_dim().set_f(!self.input.is_standard_layout());
            *difference = ArrayD::zeros(order);
        }
        self.with_batch(Divergence::Forward, tolerance, |batch| {
            let forward = batch.value_and_grad_into(difference)?;
            Ok((forward, difference.map_axis(self.axis, |lane| 0.5 * size(lane))))
        })
    }

    /// The same beside a reference that names some classes.
    fn of_named(
        &self,
        divergence: Divergence,
        tolerance: Option<f64>,
        classes: &ArrayD<i64>,
        tail: Tail,
    ) -> Result<ArrayD<A>, Error> {
        let batch = if self.holds.contains(&Holds::Logits) {
            let loss = self.of_logits().divergence(divergence).tail(tail);
            let loss = tolerance.map_or(loss, |tolerance| loss.validated(tolerance));
            loss.sparse_batch(self.input, classes, self.target)?
        } else {
            let loss = self.of_logarithms().divergence(divergence).tail(tail);
            let loss = tolerance.map_or(loss, |tolerance| loss.validated(tolerance));
            loss.sparse_batch(self.input, classes, self.target)?
        };
        match self.mask {
            Some(mask) => batch.weights(&mask.mapv(Into::<A>::into))?.forward(),
            None => batch.forward(),
        }
    }

    /// What is wrong with either side.
    pub fn diagnosis(&self, tolerance: f64) -> Result<Diagnosis, Error> {
        self.with_batch(Divergence::Forward, Some(tolerance), |batch| Ok(batch.diagnose()))
    }

    fn with_batch<T>(
        &self,
        divergence: Divergence,
        tolerance: Option<f64>,
        work: impl FnOnce(Batch<'_, PerDistribution, A, IxDyn>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let batch = if self.holds.contains(&Holds::Logits) {
            let loss = self.of_logits().divergence(divergence);
            let loss = tolerance.map_or(loss, |tolerance| loss.validated(tolerance));
            loss.batch(self.input, self.target)?
        } else {
            let loss = self.of_logarithms().divergence(divergence);
            let loss = tolerance.map_or(loss, |tolerance| loss.validated(tolerance));
            loss.batch(self.input, self.target)?
        };
        match self.mask {
            Some(mask) => work(batch.weights(&mask.mapv(Into::<A>::into))?),
            None => work(batch),
        }
    }

    /// For a side of logits. Log-probabilities of the other are logits too: their softmax are the probabilities.
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

/// Σ|x|: sixteen sums of eight numbers each, and the sum of those in `f64`.
fn size<A: Float>(lane: ArrayView1<'_, A>) -> f64 {
    let sum = |numbers: &[A]| {
        let mut sums = [A::zero(); 16];
        for row in numbers.chunks(16) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.abs());
        }
        sums.iter().map(|&sum| Into::<f64>::into(sum)).sum::<f64>()
    };
    match lane.to_slice() {
        Some(lane) => lane.chunks(128).map(sum).sum(),
        None => lane.axis_chunks_iter(Axis(0), 128).map(|part| sum(&part.to_vec())).sum(),
    }
}
