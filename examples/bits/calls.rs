//! Every call over fixed operands.

use kldiv::{
    AnyReduction, Batch, BatchMean, Divergence, Error, Gradients, KLDivLoss, KLDivWithLogitsLoss,
    Mean, Reduction, Sum, Target,
};
use ndarray::{ArrayD, IxDyn};

use crate::common::{Number, Operands, REDUCTIONS};

/// Few classes and many, along the last axis and another, and more than a tile.
const SHAPES: [(&[usize], usize); 4] =
    [(&[5, 3], 1), (&[3, 64], 1), (&[2, 65, 3], 1), (&[2, 1030], 1)];
/// Enough for eight threads, along the last axis and another.
const LARGE: [(&[usize], usize); 2] = [(&[130, 4, 1040], 2), (&[9, 60, 1000], 1)];

const FAMILY: [Divergence; 8] = [
    Divergence::Forward,
    Divergence::JensenShannon(0.3),
    Divergence::Reverse,
    Divergence::Symmetric(0.3),
    Divergence::Jeffreys,
    Divergence::Skew(0.1),
    Divergence::SkewReverse(0.75),
    Divergence::TotalVariation,
];

/// A hash of numbers in their order.
#[derive(Clone, Default)]
pub struct Hash(pub u64);

impl Hash {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// All NaN have the same bits.
    fn all<A: Number>(&mut self, numbers: &ArrayD<A>) {
        numbers.iter().for_each(|number| self.word(number.bits()));
    }
}

/// Whether the input holds logits, what the target holds, and the form.
#[derive(Clone, Copy)]
struct Settings {
    logits: bool,
    target: Target,
    divergence: Divergence,
    generalized: bool,
}

impl Settings {
    fn batch<'a, R: Reduction, A: Number>(
        self,
        reduction: R,
        operands: &'a Operands<A>,
    ) -> Result<Batch<'a, R, A, IxDyn>, Error> {
        let Operands { input, target, axis, .. } = operands;
        if self.logits {
            let criterion = KLDivWithLogitsLoss::new(reduction).target(self.target).axis(*axis);
            let criterion = criterion.divergence(self.divergence).generalized(self.generalized);
            return criterion.temperature(1.7).times_temperature_squared(true).batch(input, target);
        }
        let criterion = KLDivLoss::new(reduction).log_target(self.target != Target::Probabilities);
        let criterion = criterion.divergence(self.divergence).generalized(self.generalized);
        criterion.axis(*axis).batch(input, target)
    }
}

/// Whether the input holds logits, and what the target holds.
const FACES: [(bool, Target); 5] = [
    (false, Target::Probabilities),
    (false, Target::LogProbabilities),
    (true, Target::Logits),
    (true, Target::Probabilities),
    (true, Target::LogProbabilities),
];

/// Adds the outputs of every call under every setting.
pub fn every_call<A: Number>(hash: &mut Hash) -> Result<(), Error> {
    for ((shape, axis), (logits, target)) in SHAPES.into_iter().flat_map(with_faces) {
        let operands = Operands::random(shape, axis, target != Target::Probabilities);
        for (divergence, generalized) in FAMILY.into_iter().flat_map(|d| [(d, false), (d, true)]) {
            let settings = Settings { logits, target, divergence, generalized };
            outputs::<A>(hash, settings, &operands, &REDUCTIONS)?;
        }
    }
    Ok(())
}

/// Adds the outputs of calls that are shared among threads.
pub fn large_calls<A: Number>(hash: &mut Hash) -> Result<(), Error> {
    const TWO: [AnyReduction; 2] = [AnyReduction::DistributionMean, AnyReduction::PerDistribution];
    for ((shape, axis), (logits, target)) in LARGE.into_iter().flat_map(with_faces) {
        let operands = Operands::random(shape, axis, target != Target::Probabilities);
        let divergence = Divergence::Forward;
        let settings = Settings { logits, target, divergence, generalized: false };
        outputs::<A>(hash, settings, &operands, &TWO)?;
    }
    Ok(())
}

fn with_faces<S: Copy>(shape: S) -> [(S, (bool, Target)); 5] {
    FACES.map(|face| (shape, face))
}

/// Adds what each call returns or writes.
fn outputs<A: Number>(
    hash: &mut Hash,
    settings: Settings,
    operands: &Operands<A>,
    reductions: &[AnyReduction],
) -> Result<(), Error> {
    for (&reduction, weighted) in reductions.iter().zip([false, true].into_iter().cycle()) {
        let batch = settings.batch(reduction, operands)?;
        let batch = if weighted { batch.weights(&operands.weights)? } else { batch };
        let upstream = operands.upstream(reduction);
        let mut value = batch.forward()?;
        hash.all(&value);
        value.fill(A::Loss::of(f64::NAN));
        batch.forward_into(&mut value)?;
        hash.all(&value);
        let (value, mut gradient) = batch.value_and_grad()?;
        hash.all(&value);
        hash.all(&gradient);
        gradient.fill(A::of(f64::NAN));
        hash.all(&batch.value_and_grad_into(&mut gradient)?);
        hash.all(&gradient);
        let Gradients { mut input, mut target } = batch.backward(&upstream)?;
        [&input, &target].into_iter().for_each(|gradient| hash.all(gradient));
        input.fill(A::of(f64::NAN));
        batch.backward_into(&upstream, Some(&mut input), Some(&mut target))?;
        [&input, &target].into_iter().for_each(|gradient| hash.all(gradient));
    }
    let batch = settings.batch(Sum, operands)?;
    for partial in [batch.partial()?, batch.weights(&operands.weights)?.partial()?] {
        let words = partial.to_words().into_iter().chain(partial.extremes());
        words.for_each(|word| hash.word(word as u64));
        let finished =
            [KLDivLoss::new(Mean).finish(&partial)?, KLDivLoss::new(BatchMean).finish(&partial)?];
        let told = [partial.mean(), partial.standard_error(), partial.min(), partial.max()];
        finished.into_iter().chain(told).for_each(|number: f64| hash.word(number.bits()));
    }
    let diagnosis = batch.diagnose();
    hash.word(diagnosis.negative_terms as u64);
    hash.word(diagnosis.input.improper as u64 ^ (diagnosis.target.improper as u64) << 32);
    Ok(())
}
