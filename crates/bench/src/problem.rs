//! Operands and calls: what is measured.

use kldiv::{BatchMean, KLDivLoss, PerDistribution, Pointwise};
use ndarray::{Array, Axis, Dimension, NdProducer};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::roofline::StandIn;
use crate::{Number, Shape, Stored};

/// What the target holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    Probability,
    LogProbability,
}

impl Target {
    pub const ALL: [Target; 2] = [Target::Probability, Target::LogProbability];

    pub fn name(self) -> &'static str {
        match self {
            Target::Probability => "probability",
            Target::LogProbability => "log target",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    BatchMean,
    PerDistribution,
    Pointwise,
    ValueAndGrad,
}

impl Work {
    pub const ALL: [Work; 4] =
        [Work::BatchMean, Work::PerDistribution, Work::Pointwise, Work::ValueAndGrad];

    pub fn name(self) -> &'static str {
        match self {
            Work::BatchMean => "batchmean",
            Work::PerDistribution => "per distribution",
            Work::Pointwise => "pointwise",
            Work::ValueAndGrad => "value and gradient",
        }
    }

    /// Whether as much is written as an operand holds.
    pub fn writes(self) -> bool {
        matches!(self, Work::Pointwise | Work::ValueAndGrad)
    }
}

/// An input, and the same target in both guises.
pub struct Operands<A, D: Dimension> {
    pub input: Array<A, D>,
    pub probabilities: Array<A, D>,
    pub log_probabilities: Array<A, D>,
}

impl<A, D: Dimension> Operands<A, D> {
    pub fn pair(&self, target: Target) -> (&Array<A, D>, &Array<A, D>) {
        match target {
            Target::Probability => (&self.input, &self.probabilities),
            Target::LogProbability => (&self.input, &self.log_probabilities),
        }
    }

    /// The pair, in the order of memory.
    pub fn slices(&self, target: Target) -> (&[A], &[A]) {
        let (x, t) = self.pair(target);
        (x.as_slice().expect("standard layout"), t.as_slice().expect("standard layout"))
    }
}

/// Operands, and the buffers that results are written to again and again.
pub struct Problem<A: Stored, D: Dimension> {
    pub axis: Axis,
    pub operands: Operands<A, D>,
    pub divergences: Array<A::Loss, D::Smaller>,
    pub output: Array<A, D>,
    pub(crate) stand_in: Option<StandIn>,
}

impl<A: Stored, D: Dimension> Problem<A, D> {
    /// Softmaxes of normal scores.
    pub fn new(shape: &Shape) -> Self {
        Self::with_targets(shape, &Target::ALL)
    }

    /// The same with fewer targets: the arrays of the others are empty.
    pub fn with_targets(shape: &Shape, targets: &[Target]) -> Self {
        let (axis, input) = (Axis(shape.axis), log_probabilities::<D>(shape, 1).mapv(A::narrow));
        let log = log_probabilities::<D>(shape, 2);
        let target = |target, number: fn(f64) -> f64| match targets.contains(&target) {
            true => log.mapv(|log| A::narrow(number(log))),
            false => Array::default(D::zeros(input.ndim())),
        };
        let operands = Operands {
            probabilities: target(Target::Probability, f64::exp),
            log_probabilities: target(Target::LogProbability, |log| log),
            input,
        };
        Problem {
            axis,
            divergences: Array::zeros(operands.input.lanes(axis).raw_dim()),
            output: Array::default(operands.input.raw_dim()),
            stand_in: StandIn::of::<A>(operands.input.len()),
            operands,
        }
    }

    /// The length of axis 0, by which a batch mean divides.
    pub fn rows(&self) -> f64 {
        self.operands.input.shape()[0] as f64
    }

    /// Lanes that alternate in memory.
    pub(crate) fn inner(&self) -> usize {
        self.operands.input.shape()[self.axis.0 + 1..].iter().product()
    }

    /// The numbers of as many lanes.
    pub(crate) fn block(&self) -> usize {
        self.inner() * self.operands.input.len_of(self.axis)
    }
}

/// Logarithms of softmaxes of normal scores.
pub fn log_probabilities<D: Dimension>(shape: &Shape, seed: u64) -> Array<f64, D> {
    let mut random = SmallRng::seed_from_u64(seed);
    let scores = Array::random_using(shape.lengths.clone(), StandardNormal, &mut random);
    let mut scores = scores.into_dimensionality::<D>().expect("the rank of the shape");
    for mut lane in scores.lanes_mut(Axis(shape.axis)) {
        let sum: f64 = lane.iter().map(|score: &f64| score.exp()).sum();
        lane -= sum.ln();
    }
    scores
}

impl<A: Number, D: Dimension> Problem<A, D> {
    /// This crate's answer, a number or in the buffers.
    pub fn ours(&mut self, work: Work, target: Target) -> A {
        self.answer(work, target).expect("operands that fit")
    }

    fn answer(&mut self, work: Work, target: Target) -> Result<A, kldiv::Error> {
        let (axis, log) = (self.axis, target == Target::LogProbability);
        let (x, t) = self.operands.pair(target);
        let mean = KLDivLoss::new(BatchMean).axis(axis).log_target(log);
        match work {
            Work::BatchMean => return mean.forward(x, t),
            Work::ValueAndGrad => return mean.batch(x, t)?.value_and_grad_into(&mut self.output),
            Work::PerDistribution => {
                let each = KLDivLoss::new(PerDistribution).axis(axis).log_target(log);
                each.batch(x, t)?.forward_into(&mut self.divergences)?;
            }
            Work::Pointwise => {
                let terms = KLDivLoss::new(Pointwise).axis(axis).log_target(log);
                terms.batch(x, t)?.forward_into(&mut self.output)?;
            }
        }
        Ok(A::zero())
    }
}
