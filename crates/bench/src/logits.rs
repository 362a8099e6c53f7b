//! The loss from logits, at τ = 2, as people write it: log-softmaxes, then the loss of these.

use kldiv::{BatchMean, KLDivWithLogitsLoss};
use ndarray::{Array, Axis, Dimension, Zip};

use crate::{Number, Problem, Target};

pub const TEMPERATURE: f64 = 2.0;

impl<A: Number, D: Dimension> Problem<A, D> {
    /// The two logits. A log-softmax is as good as any.
    pub fn logits(&self) -> (&Array<A, D>, &Array<A, D>) {
        self.operands.pair(Target::LogProbability)
    }

    pub fn criterion(&self) -> KLDivWithLogitsLoss<BatchMean> {
        KLDivWithLogitsLoss::new(BatchMean).axis(self.axis).temperature(TEMPERATURE)
    }

    /// log-softmax of both, lane by lane, then the sum of e^y·(y − x).
    pub fn logits_by_hand(&mut self) -> A {
        let (log_q, log_p) = self.both_log_softmax();
        let mut loss = A::zero();
        Zip::from(&log_q).and(&log_p).for_each(|&x, &y| loss += y.exp() * (y - x));
        loss / A::of(log_q.shape()[0] as f64)
    }

    /// The same, and (q − p)/τ.
    pub fn gradient_by_hand(&mut self) -> A {
        let (log_q, log_p) = self.both_log_softmax();
        let (rows, rate) = (A::of(log_q.shape()[0] as f64), A::of(TEMPERATURE));
        let mut loss = A::zero();
        Zip::from(&mut self.output).and(&log_q).and(&log_p).for_each(|out, &x, &y| {
            let p = y.exp();
            loss += p * (y - x);
            *out = (x.exp() - p) / (rate * rows);
        });
        loss / rows
    }

    pub fn both_log_softmax(&self) -> (Array<A, D>, Array<A, D>) {
        let (student, teacher) = self.logits();
        (log_softmax(student, self.axis), log_softmax(teacher, self.axis))
    }
}

pub fn log_softmax<A: Number, D: Dimension>(logits: &Array<A, D>, axis: Axis) -> Array<A, D> {
    let mut log = logits / A::of(TEMPERATURE);
    for mut lane in log.lanes_mut(axis) {
        let peak = lane.fold(A::neg_infinity(), |peak, &z| peak.max(z));
        let sum = lane.iter().map(|&z| (z - peak).exp()).sum::<A>();
        let total = peak + sum.ln();
        lane.mapv_inplace(|z| z - total);
    }
    log
}
