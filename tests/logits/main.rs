//! The loss from logits: against a naive oracle, and the laws of every loss.

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod laws;
mod naive;
mod near;
mod special;

use common::{Number, Random, bits};
use kldiv::{AnyReduction, Batch, KLDivWithLogitsLoss, Target};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, RemoveAxis};

pub const TARGETS: [Target; 3] = [Target::Logits, Target::Probabilities, Target::LogProbabilities];

/// The settings of a call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub reduction: AnyReduction,
    pub axis: usize,
    pub target: Target,
    pub temperature: f64,
    pub squared: bool,
    pub generalized: bool,
}

impl Settings {
    pub fn criterion(&self) -> KLDivWithLogitsLoss<AnyReduction> {
        KLDivWithLogitsLoss::new(self.reduction)
            .axis(Axis(self.axis))
            .target(self.target)
            .temperature(self.temperature)
            .times_temperature_squared(self.squared)
            .generalized(self.generalized)
    }
}

/// Logits, a target of the kind, weights of which some are 0, and an upstream.
#[derive(Clone, Debug)]
pub struct Operands<A> {
    pub input: ArrayD<A>,
    pub target: ArrayD<A>,
    pub weights: ArrayD<A>,
    pub upstream: ArrayD<A>,
}

impl<A: Number<Wide = A>> Operands<A> {
    pub fn random(shape: &[usize], settings: &Settings) -> Self {
        let mut random = Random(shape.iter().fold(11, |seed, &n| seed * 37 + n as u64));
        let mut logit = |spread: f64| {
            let unit = random.unit() - random.unit();
            // Some classes are absent.
            if random.below(50) == 0 { f64::NEG_INFINITY } else { spread * unit }
        };
        let target = ArrayD::from_shape_simple_fn(shape, || match settings.target {
            Target::Logits => logit(9.0),
            Target::Probabilities => logit(9.0).exp().min(1.0),
            Target::LogProbabilities => logit(9.0).min(0.0),
        });
        let mut number = |from: f64, to: f64| A::of(from + (to - from) * random.unit());
        let input = ArrayD::from_shape_simple_fn(shape, || number(-8.0, 8.0));
        let lanes = IxDyn(shape).remove_axis(Axis(settings.axis));
        let mut count = 0;
        let weights = ArrayD::from_shape_simple_fn(lanes.clone(), || {
            count += 1;
            if count % 3 == 0 { A::of(0.0) } else { number(0.1, 2.0) }
        });
        let shape = match settings.reduction {
            AnyReduction::Pointwise => IxDyn(shape),
            AnyReduction::PerDistribution => lanes,
            _ => IxDyn(&[]),
        };
        let upstream = ArrayD::from_shape_simple_fn(shape, || number(-2.0, 3.0));
        Operands { input, target: target.mapv(A::of), weights, upstream }
    }
}

/// Everything that can be asked of a batch, in bits.
pub fn answers<A: Number<Wide = A>>(
    batch: &Batch<'_, AnyReduction, A, IxDyn>,
    upstream: &ArrayViewD<'_, A>,
) -> [Vec<u64>; 5] {
    let value = batch.forward().unwrap();
    let (same, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(upstream).unwrap();
    [bits(&value), bits(&same), bits(&gradient), bits(&gradients.input), bits(&gradients.target)]
}
