//! The loss from logits, at τ = 2: ours, by hand, and composed of this crate's own parts.

use kldiv::{BatchMean, KLDivLoss, KLDivWithLogitsLoss};
use ndarray::{Array, Axis, Dimension, Zip};

use super::{Number, Problem, Target};

pub const TEMPERATURE: f64 = 2.0;

impl<A: Number, D: Dimension> Problem<A, D> {
    /// The two logits. A log-softmax is as good as any.
    pub fn logits(&self) -> (&Array<A, D>, &Array<A, D>) {
        self.operands.pair(Target::LogProbability)
    }

    pub fn logits_value(&mut self) -> A {
        let criterion = self.criterion();
        let (student, teacher) = self.logits();
        criterion.forward(student, teacher).expect("operands that fit")
    }

    pub fn logits_with_gradient(&mut self) -> A {
        let criterion = self.criterion();
        let (student, teacher) = self.operands.pair(Target::LogProbability);
        let batch = criterion.batch(student, teacher).expect("operands that fit");
        batch.value_and_grad_into(&mut self.output).expect("operands that fit")
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

    /// log-softmax of both, then this crate's loss from log-probabilities.
    pub fn parts_value(&mut self) -> A {
        let (log_q, log_p) = self.both_log_softmax();
        let criterion = KLDivLoss::new(BatchMean).axis(self.axis).log_target(true);
        criterion.forward(&log_q, &log_p).expect("operands that fit")
    }

    fn both_log_softmax(&self) -> (Array<A, D>, Array<A, D>) {
        let (student, teacher) = self.logits();
        (log_softmax(student, self.axis), log_softmax(teacher, self.axis))
    }

    /// The error of the value, relative, and the largest of the gradient's numbers, relative to the
    /// largest of them. Panics where they are wrong.
    pub fn check_logits(&mut self, name: &str) -> [f64; 2] {
        let (student, teacher) = self.logits();
        let wide = |array: &Array<A, D>| array.mapv(|z| z.into());
        let log_q: Array<f64, D> = log_softmax(&wide(student), self.axis);
        let log_p: Array<f64, D> = log_softmax(&wide(teacher), self.axis);
        let rows = log_q.shape()[0] as f64;
        // Σp·(e^(−D) − 1 + D) = Σp·D, summed without cancellation.
        let term = |&x: &f64, &y: &f64| y.exp() * ((x - y).exp_m1() + y - x);
        let terms = Zip::from(&log_q).and(&log_p).map_collect(term);
        let expected = compensated(&terms) / rows;
        let found = [self.logits_value(), self.logits_with_gradient()].map(A::into);
        let value = found.iter().map(|found| (found / expected - 1.0).abs()).fold(0.0, f64::max);
        let scale = TEMPERATURE * rows;
        let slope = |&x: &f64, &y: &f64| (x.exp() - y.exp()) / scale;
        let slopes = Zip::from(&log_q).and(&log_p).map_collect(slope);
        let size = slopes.fold(0.0, |size: f64, slope| size.max(slope.abs()));
        let gradient = Zip::from(&self.output)
            .and(&slopes)
            .fold(0.0, |worst: f64, &found, &slope| worst.max((found.into() - slope).abs() / size));
        let errors = [value, gradient];
        eprintln!("{name}, {}, logits: error {value:.0e}, gradient {gradient:.0e}", A::NAME);
        // The oracle is rounded as much as what it judges in f64.
        let allowed = if A::NAME == "f64" { 128.0 } else { 32.0 } * A::epsilon().into();
        assert!(errors.iter().all(|&error| error <= allowed), "{name}: more than {allowed:.0e}");
        errors
    }
}

/// Kahan's sum.
fn compensated<D: Dimension>(terms: &Array<f64, D>) -> f64 {
    let add = |(sum, carry): (f64, f64), &term: &f64| {
        let term = term - carry;
        let next = sum + term;
        (next, (next - sum) - term)
    };
    terms.iter().fold((0.0, 0.0), add).0
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
