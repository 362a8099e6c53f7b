//! Gradients and terms of a lane once its sums are known.
//!
//! One upstream u for the lane, v = uκ/τ:
//! ∂z_q = v(q − p) = v/(S(1 + x))·(g − e·x), ∂z_p = v·p(D − KL) = v/S·e(ε − a).
//!
//! One upstream a class, v_j = u_jκ/τ, D = ε + ln(1 + x); with U = Σve/S and V = Σve(D + 1)/S:
//! ∂z_q = U·q − v·p and ∂z_p = p(v(D + 1) − V).
//!
//! Where the divergence is infinite, ∂z_p is −∞, and NaN (∞ − ∞) at the class that makes it so; 0 where p is 0.

use super::cell::{Logit, remainders};
use super::lane::{Lane, tree};
use crate::element::Element;
use crate::kernel::{Level, STRIPES};

/// What gradients are made of where one factor holds for a lane, rounded to the computing type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slopes<T> {
    /// v/(S(1 + x)).
    pub excess: T,
    /// −v·x/(S(1 + x)).
    pub weight: T,
    /// v/S.
    pub share: T,
    /// a.
    pub mean: T,
}

impl<T: Logit> Slopes<T> {
    /// For the factor v.
    #[inline(always)]
    pub fn new(lane: &Lane, v: f64) -> Self {
        // NaN where the divergence is.
        let share = v / lane.weight + (lane.log_total - lane.log_total);
        let excess = share / lane.total;
        Slopes {
            excess: T::from_f64(excess),
            weight: T::from_f64(-(excess * lane.surplus)),
            share: T::from_f64(share),
            mean: T::from_f64(lane.mean),
        }
    }

    /// ∂z_q of a class.
    #[inline(always)]
    pub fn d_input(&self, weight: T, excess: T) -> T {
        excess.mul_add(self.excess, weight * self.weight)
    }

    /// ∂z_p of a class.
    #[inline(always)]
    pub fn d_target(&self, weight: T, ratio: T) -> T {
        let share = weight * self.share;
        if share == T::ZERO { share } else { share * (ratio - self.mean) }
    }

    /// ∂z_q of a chunk.
    pub fn d_inputs<A: Element<Loss = T>>(
        &self,
        level: Level,
        weight: &[T],
        excess: &[T],
        out: &mut [A],
    ) {
        level.run(
            #[inline(always)]
            || {
                for ((out, &e), &g) in out.iter_mut().zip(weight).zip(excess) {
                    *out = A::narrow(self.d_input(e, g).to_f64());
                }
            },
        );
    }

    /// ∂z_p of a chunk.
    pub fn d_targets<A: Element<Loss = T>>(
        &self,
        level: Level,
        weight: &[T],
        ratio: &[T],
        out: &mut [A],
    ) {
        level.run(
            #[inline(always)]
            || {
                for ((out, &e), &ratio) in out.iter_mut().zip(weight).zip(ratio) {
                    *out = A::narrow(self.d_target(e, ratio).to_f64());
                }
            },
        );
    }
}

/// Σve and Σve(D + 1) over the classes of a lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpstreamSums {
    weight: [f64; STRIPES],
    slope: [f64; STRIPES],
}

impl UpstreamSums {
    /// Adds the next classes of a lane of many, of which a multiple of [`STRIPES`] came before.
    pub fn add<T: Logit>(
        &mut self,
        level: Level,
        lane: &Lane,
        weight: &[T],
        ratio: &[T],
        factors: &[f64],
    ) {
        level.run(
            #[inline(always)]
            || {
                for (i, ((&e, &ratio), &v)) in weight.iter().zip(ratio).zip(factors).enumerate() {
                    let (share, slope) = parts(e, ratio, v, lane.log_total);
                    self.weight[i % STRIPES] += share;
                    self.slope[i % STRIPES] += slope;
                }
            },
        );
    }

    /// U and V; those of parts are added in turn before.
    pub fn value(&self, lane: &Lane) -> (f64, f64) {
        (tree(self.weight) / lane.weight, tree(self.slope) / lane.weight)
    }
}

/// ve and ve(D + 1), 0 where the former is.
#[inline(always)]
fn parts<T: Logit>(weight: T, ratio: T, v: f64, log_total: f64) -> (f64, f64) {
    let share = v * weight.to_f64();
    let slope = share * (ratio.to_f64() + (log_total + 1.0));
    (share, if share == 0.0 { share } else { slope })
}

/// ∂z_q of a chunk, one factor a class; U as [`UpstreamSums::value`] gives it.
pub fn d_inputs_each<A: Element<Loss: Logit>>(
    level: Level,
    lane: &Lane,
    u: f64,
    weight: &[A::Loss],
    excess: &[A::Loss],
    factors: &[f64],
    out: &mut [A],
) {
    use crate::kernel::Float;
    level.run(
        #[inline(always)]
        || {
            let valid = lane.log_total - lane.log_total;
            let (p, q) = (1.0 / lane.weight + valid, u / (lane.weight * lane.total) + valid);
            for (((out, e), g), v) in out.iter_mut().zip(weight).zip(excess).zip(factors) {
                let (e, g) = (e.to_f64(), g.to_f64());
                *out = A::narrow((e + g) * q - v * e * p);
            }
        },
    );
}

/// ∂z_p of a chunk, one factor a class; V as [`UpstreamSums::value`] gives it.
pub fn d_targets_each<A: Element<Loss: Logit>>(
    level: Level,
    lane: &Lane,
    v_mean: f64,
    weight: &[A::Loss],
    ratio: &[A::Loss],
    factors: &[f64],
    out: &mut [A],
) {
    use crate::kernel::Float;
    level.run(
        #[inline(always)]
        || {
            let p = 1.0 / lane.weight + (lane.log_total - lane.log_total);
            for (((out, &e), &ratio), &v) in out.iter_mut().zip(weight).zip(ratio).zip(factors) {
                let (_, slope) = parts(e, ratio, v, lane.log_total);
                let e = e.to_f64();
                *out = A::narrow(if e == 0.0 { e * p } else { (slope - e * v_mean) * p });
            }
        },
    );
}

/// The terms p·D of a chunk, or p·φ(D) (generalized), rounded to the computing type.
pub fn softmax_terms<T: Logit, const GENERALIZED: bool>(
    level: Level,
    lane: &Lane,
    weight: &[T],
    ratio: &[T],
    excess: &[T],
    out: &mut [T],
) {
    level.run(
        #[inline(always)]
        || {
            let valid = lane.log_total - lane.log_total;
            let share = T::from_f64(1.0 / lane.weight + valid);
            let other = T::from_f64(1.0 / (lane.weight * lane.total) + valid);
            let log_total = T::from_f64(lane.log_total);
            for (((out, &e), &ratio), &g) in out.iter_mut().zip(weight).zip(ratio).zip(excess) {
                let (p, d) = (e * share, ratio + log_total);
                let plain = if d == T::INFINITY { d } else { p * d };
                *out = if !GENERALIZED {
                    plain
                } else if (d.abs() <= T::FAR) & (e > T::ZERO) {
                    p * remainders(d).0
                } else {
                    (e + g) * other + (plain - p)
                };
            }
        },
    );
}
