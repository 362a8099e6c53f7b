//! The loss: which criterion, with which settings.

use kldiv::{Error, KLDivLoss, KLDivWithLogitsLoss, Partial, PerDistribution, Sum};
use ndarray::{ArrayD, Axis};

use crate::npy::Number;
use crate::options::Options;

#[derive(Clone, Debug)]
pub struct Measure {
    pub axis: usize,
    pub holds: Holds,
}

/// What the files hold.
#[derive(Clone, Debug)]
pub enum Holds {
    /// ln q, and p or ln p.
    Probabilities { log_target: bool },
    /// Scores of both, to be divided by the temperature.
    Logits { temperature: f64 },
}

impl Measure {
    pub fn new(axis: usize, options: &Options) -> Measure {
        let holds = if options.logits {
            Holds::Logits { temperature: options.temperature }
        } else {
            Holds::Probabilities { log_target: options.log_target }
        };
        Measure { axis, holds }
    }

    /// The partial result of a block, and the divergence of each distribution, weights left out.
    pub fn block<A: Number>(
        &self,
        input: &ArrayD<A>,
        target: &ArrayD<A>,
        weights: Option<&ArrayD<A>>,
    ) -> Result<(Partial, ArrayD<A>), Error> {
        let axis = Axis(self.axis);
        match self.holds {
            Holds::Probabilities { log_target } => {
                let batch = KLDivLoss::new(Sum).axis(axis).log_target(log_target);
                let batch = batch.batch(input, target)?;
                let batch = weights.map_or(Ok(batch), |weights| batch.weights(weights))?;
                let each = KLDivLoss::new(PerDistribution).axis(axis).log_target(log_target);
                Ok((batch.partial()?, each.forward(input, target)?))
            }
            Holds::Logits { temperature } => {
                let batch = KLDivWithLogitsLoss::new(Sum).axis(axis).temperature(temperature);
                let batch = batch.batch(input, target)?;
                let batch = weights.map_or(Ok(batch), |weights| batch.weights(weights))?;
                let each = KLDivWithLogitsLoss::new(PerDistribution).axis(axis);
                let each = each.temperature(temperature);
                Ok((batch.partial()?, each.forward(input, target)?))
            }
        }
    }
}
