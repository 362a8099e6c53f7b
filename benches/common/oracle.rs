//! Whether the answers are right, before they are timed.

use ndarray::{Dimension, Zip};

use super::{Number, Problem, Target, Work};

/// Two sums: of the terms, and of the magnitudes that their rounding is measured by.
#[derive(Clone, Copy, Default)]
struct Sums {
    value: f64,
    carry: f64,
    magnitude: f64,
}

impl Sums {
    fn of(x: f64, t: f64, target: Target) -> Sums {
        let (p, log_p) = match target {
            Target::Probability => (t, if t > 0.0 { t.ln() } else { 0.0 }),
            Target::LogProbability => (t.exp(), t),
        };
        let magnitude = (p * log_p).abs().max((p * x).abs());
        Sums { value: p * (log_p - x), carry: 0.0, magnitude }
    }

    /// Kahan's sum.
    fn add(&mut self, other: Sums) {
        let value = other.value - self.carry;
        let sum = self.value + value;
        self.carry = (sum - self.value) - value;
        self.value = sum;
        self.magnitude += other.magnitude;
    }

    fn error(self, found: impl Into<f64>) -> f64 {
        (found.into() - self.value).abs() / self.magnitude.max(f64::MIN_POSITIVE)
    }
}

impl<A: Number, D: Dimension> Problem<A, D> {
    /// The largest error of this crate's answer in each work of [`Work::ALL`], relative to the sum of
    /// max(|t·ln t|, |t·x|), and that of the batch means by hand. Panics where an answer of ours is wrong.
    pub fn check(&mut self, name: &str, target: Target) -> [f64; 4] {
        let rows = self.operands.input.shape()[0] as f64;
        let mut total = Sums::default();
        self.ours(Work::PerDistribution, target);
        let mut lanes = 0.0_f64;
        let ((x, t), axis) = (self.operands.pair(target), self.axis);
        Zip::from(&self.divergences).and(x.lanes(axis)).and(t.lanes(axis)).for_each(
            |&found, x, t| {
                let mut sums = Sums::default();
                for (&x, &t) in x.iter().zip(t) {
                    sums.add(Sums::of(x.into(), t.into(), target));
                }
                lanes = lanes.max(sums.error(found));
                total.add(sums);
            },
        );
        let mean = |loss: A| total.error(loss.into() * rows);
        let hand = [self.by_hand(Work::BatchMean, target), self.by_hand_in_parallel(target)];
        let errors = [
            mean(self.ours(Work::BatchMean, target)),
            lanes,
            self.worst(Work::Pointwise, target, |x, t, found| Sums::of(x, t, target).error(found)),
            self.worst(Work::ValueAndGrad, target, |_, t, found| {
                let p = if target == Target::Probability { t } else { t.exp() };
                (found * rows + p).abs() / p
            })
            .max(mean(self.ours(Work::ValueAndGrad, target))),
        ];
        eprintln!(
            "{name}, {}, {}: error {:.0e} batchmean, {:.0e} per distribution, {:.0e} pointwise, \
             {:.0e} gradient; by hand {:.0e}, by rows {:.0e}",
            A::NAME,
            target.name(),
            errors[0],
            errors[1],
            errors[2],
            errors[3],
            mean(hand[0]),
            mean(hand[1]),
        );
        let allowed = 8.0 * A::epsilon().into();
        assert!(errors.iter().all(|&error| error <= allowed), "{name}: more than {allowed:.0e}");
        errors
    }

    /// The largest error of an output element, given x, t and what was found.
    fn worst(&mut self, work: Work, target: Target, error: impl Fn(f64, f64, f64) -> f64) -> f64 {
        self.output.fill(A::nan());
        self.ours(work, target);
        let (x, t) = self.operands.pair(target);
        Zip::from(&self.output).and(x).and(t).fold(0.0, |worst: f64, &found, &x, &t| {
            let error = error(x.into(), t.into(), found.into());
            if error <= worst { worst } else { error }
        })
    }
}
