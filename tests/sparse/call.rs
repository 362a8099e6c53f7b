//! Calls with sparse targets: their settings, and random operands.

use kldiv::{
    Divergence, Error, KLDivLoss, KLDivWithLogitsLoss, Reduction, SparseBatch, Tail, Target,
};
use ndarray::{Array2, ArrayRef, Axis, Dimension};

use super::common::{Number, Random};

pub const TAILS: [Tail; 4] = [Tail::Bucket, Tail::Uniform, Tail::Renormalized, Tail::Dropped];

/// Every divergence.
pub const FAMILY: [Divergence; 9] = [
    Divergence::Forward,
    Divergence::Reverse,
    Divergence::Symmetric(0.3),
    Divergence::Jeffreys,
    Divergence::JensenShannon(0.3),
    Divergence::JensenShannon(0.5),
    Divergence::Skew(0.1),
    Divergence::SkewReverse(0.1),
    Divergence::TotalVariation,
];

/// The settings of a call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether the input holds logits.
    pub logits: bool,
    /// What the values are.
    pub holds: Target,
    pub tail: Tail,
    pub divergence: Divergence,
    pub generalized: bool,
    pub axis: usize,
    /// τ, and the target's own; values are then multiplied by their product.
    pub temperatures: [f64; 2],
    pub validated: Option<f64>,
}

impl Settings {
    pub fn new(logits: bool, holds: Target, tail: Tail) -> Self {
        let divergence = Divergence::Forward;
        let temperatures = [1.0; 2];
        Settings {
            logits,
            holds,
            tail,
            divergence,
            generalized: false,
            axis: 1,
            temperatures,
            validated: None,
        }
    }

    /// Every combination of what the operands hold and of tails that is allowed.
    pub fn faces() -> impl Iterator<Item = Settings> {
        let all = [false, true].into_iter().flat_map(|logits| {
            [Target::Probabilities, Target::LogProbabilities, Target::Logits]
                .map(|holds| (logits, holds))
        });
        let tails =
            all.flat_map(|(logits, holds)| TAILS.map(|tail| Settings::new(logits, holds, tail)));
        tails.filter(|settings| match settings.holds {
            Target::Logits => settings.logits && settings.tail == Tail::Renormalized,
            _ => true,
        })
    }

    pub fn of_log_probabilities<R: Reduction>(&self, reduction: R) -> KLDivLoss<R> {
        let criterion = KLDivLoss::new(reduction)
            .axis(Axis(self.axis))
            .log_target(self.holds == Target::LogProbabilities)
            .tail(self.tail)
            .divergence(self.divergence)
            .generalized(self.generalized);
        self.validated.map_or(criterion, |tolerance| criterion.validated(tolerance))
    }

    pub fn of_logits<R: Reduction>(&self, reduction: R) -> KLDivWithLogitsLoss<R> {
        let criterion = KLDivWithLogitsLoss::new(reduction)
            .axis(Axis(self.axis))
            .target(self.holds)
            .tail(self.tail)
            .temperature(self.temperatures[0])
            .target_temperature(self.temperatures[1])
            .times_temperature_squared(true)
            .divergence(self.divergence)
            .generalized(self.generalized);
        self.validated.map_or(criterion, |tolerance| criterion.validated(tolerance))
    }

    pub fn batch<'a, R: Reduction, A: Number, D: Dimension>(
        &self,
        reduction: R,
        input: &'a ArrayRef<A, D>,
        classes: &'a ArrayRef<i64, D>,
        values: &'a ArrayRef<A, D>,
    ) -> Result<SparseBatch<'a, R, A, D, i64>, Error> {
        match self.logits {
            true => self.of_logits(reduction).sparse_batch(input, classes, values),
            false => self.of_log_probabilities(reduction).sparse_batch(input, classes, values),
        }
    }
}

/// A random input, and a target that names classes of each lane.
#[derive(Clone, Debug)]
pub struct Operands<A> {
    pub input: Array2<A>,
    pub classes: Array2<i64>,
    pub values: Array2<A>,
}

/// A log-softmax of random numbers.
fn log_probabilities(random: &mut Random, len: usize) -> Vec<f64> {
    let logits: Vec<f64> = (0..len).map(|_| 6.0 * random.unit() - 3.0).collect();
    let sum: f64 = logits.iter().map(|z| z.exp()).sum();
    logits.iter().map(|z| z - sum.ln()).collect()
}

impl<A: Number> Operands<A> {
    /// Lanes of C classes, of which the target, a distribution over all, names k in random order.
    pub fn random(settings: &Settings, [lanes, classes, named]: [usize; 3], seed: u64) -> Self {
        let mut random = Random(seed);
        let mut operands = Operands {
            input: Array2::from_elem((lanes, classes), A::of(0.0)),
            classes: Array2::zeros((lanes, named)),
            values: Array2::from_elem((lanes, named), A::of(0.0)),
        };
        for lane in 0..lanes {
            let shift = if settings.logits { 5.0 * random.unit() } else { 0.0 };
            let log_q = log_probabilities(&mut random, classes);
            let log_p = log_probabilities(&mut random, classes);
            let mut order: Vec<usize> = (0..classes).collect();
            for i in 0..named {
                order.swap(i, i + random.below((classes - i) as u64) as usize);
            }
            for (class, x) in log_q.iter().enumerate() {
                operands.input[[lane, class]] = A::of(x + shift);
            }
            for (i, &class) in order[..named].iter().enumerate() {
                operands.classes[[lane, i]] = class as i64;
                operands.values[[lane, i]] = A::of(match settings.holds {
                    Target::Probabilities => log_p[class].exp(),
                    Target::LogProbabilities => log_p[class],
                    Target::Logits => log_p[class] + shift,
                });
            }
        }
        operands
    }
}
