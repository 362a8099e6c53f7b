//! The loops that people write.

use ndarray::{Dimension, Zip};
use rayon::prelude::*;

use crate::{Number, Problem, Target, Work};

pub fn term<A: Number>(x: A, t: A) -> A {
    if t > A::zero() { t * (t.ln() - x) } else { A::zero() }
}

pub fn log_term<A: Number>(x: A, y: A) -> A {
    y.exp() * (y - x)
}

impl<A: Number, D: Dimension> Problem<A, D> {
    /// A serial loop over ndarrays.
    pub fn by_hand(&mut self, work: Work, target: Target) -> A {
        match target {
            Target::Probability => self.serial(work, target, term, |t| -t),
            Target::LogProbability => self.serial(work, target, log_term, |y| -y.exp()),
        }
    }

    fn serial(
        &mut self,
        work: Work,
        target: Target,
        term: impl Fn(A, A) -> A,
        slope: impl Fn(A) -> A,
    ) -> A {
        let (x, t) = self.operands.pair(target);
        let (axis, rows) = (self.axis, A::of(x.shape()[0] as f64));
        let mut loss = A::zero();
        match work {
            Work::BatchMean => Zip::from(x).and(t).for_each(|&x, &t| loss += term(x, t)),
            Work::PerDistribution => {
                let lanes = Zip::from(&mut self.divergences).and(x.lanes(axis)).and(t.lanes(axis));
                lanes.for_each(|out, x, t| {
                    *out = Zip::from(x).and(t).fold(A::zero(), |sum, &x, &t| sum + term(x, t));
                });
            }
            Work::Pointwise => {
                Zip::from(&mut self.output).and(x).and(t).for_each(|out, &x, &t| *out = term(x, t))
            }
            Work::ValueAndGrad => {
                Zip::from(&mut self.output).and(x).and(t).for_each(|out, &x, &t| {
                    loss += term(x, t);
                    *out = slope(t) / rows;
                })
            }
        }
        loss / rows
    }

    /// The batch mean, rows in parallel.
    pub fn by_hand_in_parallel(&mut self, target: Target) -> A {
        match target {
            Target::Probability => self.parallel(target, term),
            Target::LogProbability => self.parallel(target, log_term),
        }
    }

    fn parallel(&self, target: Target, term: impl Fn(A, A) -> A + Sync) -> A {
        let rows = self.operands.input.shape()[0];
        let (x, t) = self.operands.slices(target);
        let row = x.len() / rows;
        let sums = x
            .par_chunks(row)
            .zip(t.par_chunks(row))
            .map(|(x, t)| x.iter().zip(t).fold(A::zero(), |sum, (&x, &t)| sum + term(x, t)));
        sums.sum::<A>() / A::of(rows as f64)
    }
}
