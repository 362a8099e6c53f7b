//! ln q where the target is given as it is: the rest is the term of a log-probability.
//!
//! ln q = (z − max z)/τ − ln S, S = Σe^((z − max z)/τ), ln S in two parts of the computing type: the
//! error is that of (z − max z)/τ, three roundings, and of the last subtraction.

use super::FEW;
use super::columns::{COLUMNS, Row, folded};
use super::gradient::PerLane;
use crate::elementwise::add_values;
use crate::elementwise::{STRIPES, TILE};
use crate::number::Level;
use crate::number::Number;
use crate::number::ln_of_normal;
use crate::number::tree;
use crate::number::{Real, exp, exp_of_normal};

/// S over the classes of a lane of many.
#[derive(Clone, Copy, Debug, Default)]
pub struct TotalSum([f64; STRIPES]);

impl TotalSum {
    /// Adds the next classes, of which a multiple of [`STRIPES`] came before; at most [`TILE`].
    pub fn add<T: Real, A: Number<Real = T>>(
        &mut self,
        level: Level,
        logits: &[A],
        peak: T,
        rate: T,
        weights: &mut [T; TILE],
    ) {
        level.run(
            #[inline(always)]
            || {
                let (peak, rate) = (peak, rate);
                let weights = &mut weights[..logits.len()];
                for (weight, logit) in weights.iter_mut().zip(logits) {
                    *weight = weight_of(logit.widen(), peak, rate);
                }
                add_values(&mut self.0, weights);
            },
        );
    }

    /// S of a part; parts are added in turn.
    pub fn value(&self) -> f64 {
        tree(self.0)
    }
}

/// S over the classes of lanes beside each other.
#[derive(Clone, Debug)]
pub struct TotalColumns<const N: usize = COLUMNS>(Vec<Row<f64, N>>);

impl<const N: usize> TotalColumns<N> {
    /// Room for lanes of so many classes.
    pub fn new(classes: usize) -> Self {
        TotalColumns(vec![[0.0; N]; if classes <= FEW { 1 } else { STRIPES }])
    }

    /// Forgets the sums.
    pub fn clear(&mut self) {
        self.0.fill([0.0; N]);
    }

    /// Adds one class, number `class` of its part.
    pub fn add<T: Real>(
        &mut self,
        level: Level,
        class: usize,
        logits: &Row<T, N>,
        peaks: &Row<T, N>,
        rate: T,
    ) {
        level.run(
            #[inline(always)]
            || {
                let mut weights = [T::ZERO; N];
                for i in 0..N {
                    weights[i] = weight_of(logits[i], peaks[i], rate);
                }
                let stripe = class % self.0.len();
                for (sum, weight) in self.0[stripe].iter_mut().zip(weights) {
                    *sum += weight.to_f64();
                }
            },
        );
    }

    /// S of a part of one lane.
    pub fn value(&self, lane: usize) -> f64 {
        folded::<STRIPES, N>(&self.0, lane)
    }
}

/// e^((z − max z)/τ), 0 where it would not be normal; NaN stays.
#[inline(always)]
fn weight_of<T: Real>(z: T, peak: T, rate: T) -> T {
    let y = log_weight(z, peak, rate);
    let weight = exp_of_normal(y);
    let weight = if y < T::LOWEST { T::ZERO } else { weight };
    if y.is_nan() { y } else { weight }
}

/// (z − max z)/τ, in quarters, between which no difference overflows.
#[inline(always)]
fn log_weight<T: Real>(z: T, peak: T, rate: T) -> T {
    let quarter = T::from_f64(0.25);
    z.mul_add(quarter, -(peak * quarter)) * (T::from_f64(4.0) * rate)
}

/// What ln q is counted from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total<T> {
    peak: T,
    rate: T,
    /// ln S in two parts.
    log: (T, T),
}

impl<T: Real> Total<T> {
    /// From max z, 1/τ and S.
    #[inline(always)]
    pub fn new(peak: T, rate: T, sum: f64) -> Self {
        let (hi, lo) = ln_of_normal(sum);
        let log = if sum.is_nan() { sum } else { hi + lo };
        let head = T::from_f64(log);
        let rest = (log - head.to_f64()) + (lo - (log - hi));
        Total { peak, rate, log: (head, T::from_f64(rest)) }
    }
}

/// ln q.
pub fn log_softmax<T: Real, A: Number<Real = T>>(
    level: Level,
    total: impl PerLane<Total<T>>,
    logits: &[A],
    out: &mut [T],
) {
    level.run(
        #[inline(always)]
        || {
            let (total, out) = (total, &mut *out);
            let logits = &logits[..out.len()];
            for i in 0..out.len() {
                let Total { peak, rate, log } = total.at(i);
                out[i] = (log_weight(logits[i].widen(), peak, rate) - log.0) - log.1;
            }
        },
    );
}

/// ∂z_q = q·Σvt − v·t, v = uκ/τ, from ln q, Σvt and vt.
pub fn d_logits<T: Real, A: Number<Real = T>>(
    level: Level,
    sums: impl PerLane<f64>,
    log_q: &[T],
    shares: &[f64],
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            let (sums, out) = (sums, &mut *out);
            let (log_q, shares) = (&log_q[..out.len()], &shares[..out.len()]);
            for i in 0..out.len() {
                out[i] = A::narrow(exp(log_q[i]).to_f64() * sums.at(i) - shares[i]);
            }
        },
    );
}
