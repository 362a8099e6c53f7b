//! ln q where the target is given as it is.
//!
//! ln q = (z − max z)/τ − ln S, S = Σe^((z − max z)/τ), ln S in two parts of the computing type: the
//! error is that of (z − max z)/τ, three roundings, and of the last subtraction.

use super::cell::Logit;
use super::lane::{add_values, tree};
use crate::element::Element;
use crate::kernel::exp::{exp, exp_of_normal};
use crate::kernel::ln::ln_of_normal;
use crate::kernel::{CHUNK, Level, STRIPES};

/// S over the classes of a lane.
#[derive(Clone, Copy, Debug)]
pub struct LogSum<T> {
    peak: T,
    rate: T,
    sums: [f64; STRIPES],
}

impl<T: Logit> LogSum<T> {
    /// Nothing yet, counted from the greatest logit.
    pub fn from(peak: T, rate: T) -> Self {
        LogSum { peak, rate, sums: [0.0; STRIPES] }
    }

    /// Adds the next classes, of which a multiple of [`STRIPES`] came before; at most [`CHUNK`].
    pub fn add<A: Element<Loss = T>>(
        &mut self,
        level: Level,
        logits: &[A],
        weights: &mut [T; CHUNK],
    ) {
        level.run(
            #[inline(always)]
            || {
                let weights = &mut weights[..logits.len()];
                for (weight, logit) in weights.iter_mut().zip(logits) {
                    *weight = weight_of((logit.widen() - self.peak) * self.rate);
                }
                add_values(&mut self.sums, weights);
            },
        );
    }

    /// S of a part; parts are added in turn.
    pub fn value(&self) -> f64 {
        tree(self.sums)
    }
}

/// eʸ for y ≤ 0, 0 where it would not be normal; NaN stays.
#[inline(always)]
fn weight_of<T: Logit>(y: T) -> T {
    let weight = exp_of_normal(y);
    let weight = if y < T::LOWEST { T::ZERO } else { weight };
    if y.is_nan() { y } else { weight }
}

/// ln q of a chunk, from max z, 1/τ and S.
pub fn log_softmax<T: Logit, A: Element<Loss = T>>(
    level: Level,
    logits: &[A],
    peak: T,
    rate: T,
    sum: f64,
    out: &mut [T],
) {
    level.run(
        #[inline(always)]
        || {
            let (hi, lo) = log_in_parts::<T>(sum);
            for (out, logit) in out.iter_mut().zip(logits) {
                *out = ((logit.widen() - peak) * rate - hi) - lo;
            }
        },
    );
}

/// ln S in two parts.
#[inline(always)]
fn log_in_parts<T: Logit>(sum: f64) -> (T, T) {
    let (hi, lo) = ln_of_normal(sum);
    let log = if sum.is_nan() { sum } else { hi + lo };
    let head = T::from_f64(log);
    (head, T::from_f64((log - head.to_f64()) + (lo - (log - hi))))
}

/// ∂z_q = q·Σvt − v·t of a chunk, v = uκ/τ, where the target is given: from ln q, Σvt and vt.
pub fn d_logits<T: Logit, A: Element<Loss = T>>(
    level: Level,
    log_q: &[T],
    total: f64,
    shares: &[f64],
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            for ((out, &x), share) in out.iter_mut().zip(log_q).zip(shares) {
                *out = A::narrow(exp(x).to_f64() * total - share);
            }
        },
    );
}
