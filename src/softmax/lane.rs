//! Lanes: their greatest and least logits, and what their sums come to.

use super::cell::mask_bound;
use super::columns::{COLUMNS, Row};
use crate::elementwise::STRIPES;
use crate::number::Level;
use crate::number::Number;
use crate::number::folded;
use crate::number::{Real, ln_of_normal};

/// The greatest logits so far, and the least. NaN is passed over; the sums will have it.
#[derive(Clone, Copy, Debug)]
pub struct Peaks<T> {
    greatest: [T; STRIPES],
    least: [T; STRIPES],
}

impl<T: Real> Default for Peaks<T> {
    fn default() -> Self {
        Peaks { greatest: [-T::INFINITY; STRIPES], least: [T::INFINITY; STRIPES] }
    }
}

impl<T: Real> Peaks<T> {
    /// Adds the next classes; without `MASKS` what may be one is left out.
    pub fn add<A: Number<Real = T>, const MASKS: bool>(&mut self, level: Level, logits: &[A]) {
        level.run(
            #[inline(always)]
            || {
                let mut peaks = *self;
                for logits in logits.as_chunks().0 {
                    peaks.add_group::<A, MASKS>(logits);
                }
                // The last of them, some a second time.
                match logits.last_chunk() {
                    Some(logits) => peaks.add_group::<A, MASKS>(logits),
                    None => logits
                        .iter()
                        .for_each(|&logit| peaks.add_group::<A, MASKS>(&[logit; STRIPES])),
                }
                *self = peaks;
            },
        );
    }

    #[inline(always)]
    fn add_group<A: Number<Real = T>, const MASKS: bool>(&mut self, logits: &[A; STRIPES]) {
        for i in 0..STRIPES {
            let logit = logits[i].widen();
            let logit = if MASKS { logit } else { nan_if_mask(logit) };
            self.greatest[i] = greater(self.greatest[i], logit);
            self.least[i] = lesser(self.least[i], logit);
        }
    }

    /// Adds the peaks of another part.
    pub fn merge(&mut self, other: &Self) {
        for i in 0..STRIPES {
            self.greatest[i] = greater(self.greatest[i], other.greatest[i]);
            self.least[i] = lesser(self.least[i], other.least[i]);
        }
    }

    /// The greatest.
    pub fn value(&self, level: Level) -> T {
        level.run(
            #[inline(always)]
            || folded(self.greatest, greater),
        )
    }

    /// The least and the greatest.
    pub fn span(&self, level: Level) -> [T; 2] {
        level.run(
            #[inline(always)]
            || [folded(self.least, lesser), folded(self.greatest, greater)],
        )
    }
}

/// NaN, which peaks pass over, where a logit may be a mask.
#[inline(always)]
pub fn nan_if_mask<T: Real>(logit: T) -> T {
    if logit > mask_bound() { logit } else { T::NAN }
}

/// The greater, or `old` where `new` is NaN.
#[inline(always)]
pub fn greater<T: Real>(old: T, new: T) -> T {
    if new > old { new } else { old }
}

/// The lesser, or `old` where `new` is NaN.
#[inline(always)]
pub fn lesser<T: Real>(old: T, new: T) -> T {
    if new < old { new } else { old }
}

/// The sums over a part of a lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// Σe.
    pub weight: f64,
    /// Σeε but for classes far apart.
    pub mean: f64,
    /// Σe·φ(ε), Σe·expm1(−ε) for those: with the former they give Σe·e^(−ε).
    pub curvature: f64,
    /// Σeε over those, one after the other.
    pub far: f64,
}

impl Part {
    /// Adds the next part.
    #[inline(always)]
    pub fn join(&mut self, next: &Part) {
        self.weight += next.weight;
        self.mean += next.mean;
        self.curvature += next.curvature;
        self.far += next.far;
    }

    /// What the sums over all classes come to, given the maxima.
    #[inline(always)]
    pub fn lane<T: Real>(&self, peak_p: T, peak_q: T) -> Lane {
        // 0, or NaN where a maximum is infinite.
        let valid = (T::ZERO * peak_p + T::ZERO * peak_q).to_f64();
        let share = 1.0 / (self.weight + valid);
        let (mean, curvature) = (self.mean * share, self.curvature * share);
        let surplus = curvature - mean;
        // No total is that small, but rounding errors of a great mean may leave less than nothing.
        let surplus = if surplus < LEAST - 1.0 { LEAST - 1.0 } else { surplus };
        let total = 1.0 + surplus;
        let (hi, lo) = ln_of_normal(total);
        // ln(1 + x) = ln total + ρ − ρ²/2, ρ = (x − r)/total, r = total − 1 exact; hi = r near total = 1.
        let r = total - 1.0;
        // ρ is a rounding error, for which 1/total of f32 will do.
        let rest = (surplus - r) * f64::from(1.0 / total as f32);
        let far = self.far * share;
        let divergence = curvature + ((hi - r) + (lo - rest * (r + 0.5 * rest))) + far;
        let log_total = hi + (lo + rest);
        Lane { share, mean: mean + far, curvature, surplus, total, log_total, divergence }
    }
}

/// Less than 1 + x ever is.
const LEAST: f64 = 1e-9;

/// What is known of a lane once it has been summed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lane {
    /// 1/S.
    pub share: f64,
    /// a.
    pub mean: f64,
    /// F.
    pub curvature: f64,
    /// x.
    pub surplus: f64,
    /// 1 + x.
    pub total: f64,
    /// ln(1 + x).
    pub log_total: f64,
    /// KL.
    pub divergence: f64,
}

impl Lane {
    /// 0, or NaN where the divergence is.
    #[inline(always)]
    pub fn zero_or_nan(&self) -> f64 {
        0.0 * self.log_total
    }
}

/// What is known of lanes beside each other.
#[derive(Clone, Debug)]
pub struct Lanes<const N: usize = COLUMNS> {
    pub share: Row<f64, N>,
    pub mean: Row<f64, N>,
    pub curvature: Row<f64, N>,
    pub surplus: Row<f64, N>,
    pub total: Row<f64, N>,
    pub log_total: Row<f64, N>,
    pub divergence: Row<f64, N>,
}

impl<const N: usize> Default for Lanes<N> {
    #[inline(always)]
    fn default() -> Self {
        let row = [0.0; N];
        Lanes {
            share: row,
            mean: row,
            curvature: row,
            surplus: row,
            total: row,
            log_total: row,
            divergence: row,
        }
    }
}

impl<const N: usize> Lanes<N> {
    /// Puts one in its place.
    #[inline(always)]
    pub fn set(&mut self, i: usize, lane: Lane) {
        self.share[i] = lane.share;
        self.mean[i] = lane.mean;
        self.curvature[i] = lane.curvature;
        self.surplus[i] = lane.surplus;
        self.total[i] = lane.total;
        self.log_total[i] = lane.log_total;
        self.divergence[i] = lane.divergence;
    }

    /// One of them.
    #[inline(always)]
    pub fn lane(&self, i: usize) -> Lane {
        Lane {
            share: self.share[i],
            mean: self.mean[i],
            curvature: self.curvature[i],
            surplus: self.surplus[i],
            total: self.total[i],
            log_total: self.log_total[i],
            divergence: self.divergence[i],
        }
    }
}
