//! The family of divergences: this crate's answers, and naive ones in `f64`.

use kldiv::{BatchMean, Divergence, KLDivLoss};
use ndarray::{Array, Axis, Dimension, Zip};
use rayon::prelude::*;

use super::logits::{TEMPERATURE, log_softmax};
use super::{Number, Problem, Target};

/// The relative difference of p and q below which rounding decides which is larger.
const TIE: f64 = 1e-6;

impl<A: Number, D: Dimension> Problem<A, D> {
    /// The batch mean of a divergence.
    pub fn divergence(&self, divergence: Divergence, target: Target) -> A {
        let (x, t) = self.operands.pair(target);
        let criterion = KLDivLoss::new(BatchMean).axis(self.axis).divergence(divergence);
        let criterion = criterion.log_target(target == Target::LogProbability);
        criterion.forward(x, t).expect("operands that fit")
    }

    /// The same from logits.
    pub fn logits_divergence(&self, divergence: Divergence) -> A {
        let (student, teacher) = self.logits();
        let criterion = self.criterion().divergence(divergence);
        criterion.forward(student, teacher).expect("operands that fit")
    }

    /// The same, and its gradient in the buffer.
    pub fn logits_divergence_with_gradient(&mut self, divergence: Divergence) -> A {
        let criterion = self.criterion().divergence(divergence);
        let (student, teacher) = self.operands.pair(Target::LogProbability);
        let batch = criterion.batch(student, teacher).expect("operands that fit");
        batch.value_and_grad_into(&mut self.output).expect("operands that fit")
    }
}

/// The probabilities p and q in `f64`, and what follows from them by the definitions.
pub struct Reference<D: Dimension> {
    axis: Axis,
    p: Array<f64, D>,
    q: Array<f64, D>,
}

impl<D: Dimension> Reference<D> {
    /// Those of a target and an input of log-probabilities.
    pub fn of_pair<A: Number>(problem: &Problem<A, D>, target: Target) -> Self {
        let (x, t) = problem.operands.pair(target);
        let p = |t: f64| if target == Target::Probability { t } else { t.exp() };
        let (p, q) = (t.mapv(|t| p(t.into())), x.mapv(|x| x.into().exp()));
        Reference { axis: problem.axis, p, q }
    }

    /// Those of two arrays of logits.
    pub fn of_logits<A: Number>(problem: &Problem<A, D>) -> Self {
        let axis = problem.axis;
        let softmax = |logits: &Array<A, D>| {
            let log: Array<f64, D> = log_softmax(&logits.mapv(A::into), axis);
            log.mapv_into(f64::exp)
        };
        let (student, teacher) = problem.logits();
        Reference { axis, p: softmax(teacher), q: softmax(student) }
    }

    /// The batch mean.
    pub fn value(&self, divergence: Divergence) -> f64 {
        let sum: f64 = self.pairs().map(|(p, q)| term_and_slope(divergence, p, q).0).sum();
        sum / self.rows()
    }

    /// The gradient of the batch mean with respect to the student's logits, (g − q·Σg)/τ. NaN where rounding decides it:
    /// the total variation of distributions with a class where p and q are nearly equal.
    pub fn gradient(&self, divergence: Divergence) -> Array<f64, D> {
        let slopes = self.pairs().map(|(p, q)| term_and_slope(divergence, p, q).1).collect();
        let mut gradient = Array::from_shape_vec(self.q.raw_dim(), slopes).expect("as many");
        let scale = TEMPERATURE * self.rows();
        let lanes = Zip::from(gradient.lanes_mut(self.axis)).and(self.q.lanes(self.axis));
        lanes.for_each(|mut out, q| {
            let sum = out.sum();
            out.zip_mut_with(&q, |g, q| *g = (*g - q * sum) / scale);
        });
        gradient
    }

    /// What the errors of a gradient's numbers are measured by: the larger of p and q, scaled as the gradient is.
    pub fn sizes(&self) -> impl IndexedParallelIterator<Item = f64> {
        let scale = TEMPERATURE * self.rows();
        self.pairs().map(move |(p, q)| p.max(q) / scale)
    }

    /// The largest error of a gradient's numbers, relative to [their sizes](Self::sizes).
    pub fn error_of_gradient<A: Number>(&self, divergence: Divergence, found: &Array<A, D>) -> f64 {
        let expected = self.gradient(divergence);
        let numbers = expected.as_slice().expect("standard layout").par_iter();
        let numbers = numbers.zip(found.as_slice().expect("standard layout")).zip(self.sizes());
        let known = numbers.filter(|((expected, _), _)| !expected.is_nan());
        let error =
            |((expected, &found), size): ((&f64, &A), f64)| (found.into() - expected).abs() / size;
        // NaN is as wrong as can be.
        let errors =
            known.map(error).map(|error| if error.is_nan() { f64::INFINITY } else { error });
        errors.reduce(|| 0.0, f64::max)
    }

    fn rows(&self) -> f64 {
        self.q.shape()[0] as f64
    }

    /// In the order of memory.
    fn pairs(&self) -> impl IndexedParallelIterator<Item = (f64, f64)> {
        let [p, q] = [&self.p, &self.q].map(|array| array.as_slice().expect("standard layout"));
        p.par_iter().with_min_len(1 << 12).zip(q).map(|(&p, &q)| (p, q))
    }
}

/// What a class contributes, and its derivative with respect to ln q.
fn term_and_slope(divergence: Divergence, p: f64, q: f64) -> (f64, f64) {
    let kl = |p: f64, m: f64| p * (p / m).ln();
    match divergence {
        Divergence::Forward => (kl(p, q), -p),
        Divergence::Reverse => (kl(q, p), kl(q, p) + q),
        Divergence::Symmetric(weight) => {
            let (forward, of_forward) = term_and_slope(Divergence::Forward, p, q);
            let (reverse, of_reverse) = term_and_slope(Divergence::Reverse, p, q);
            let mean = |a: f64, b: f64| weight * a + (1.0 - weight) * b;
            (mean(forward, reverse), mean(of_forward, of_reverse))
        }
        Divergence::JensenShannon(weight) => {
            let m = weight * p + (1.0 - weight) * q;
            let slope = (1.0 - weight) * kl(q, m);
            (weight * kl(p, m) + slope, slope)
        }
        Divergence::Skew(weight) => {
            let m = weight * p + (1.0 - weight) * q;
            (kl(p, m), -(1.0 - weight) * q * p / m)
        }
        Divergence::TotalVariation => {
            let tie = (p - q).abs() <= TIE * q;
            let sign = if tie { f64::NAN } else { (q - p).signum() };
            (0.5 * (p - q).abs(), 0.5 * q * sign)
        }
        other => unimplemented!("{other:?} is not measured"),
    }
}
