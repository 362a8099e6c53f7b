//! What the sums of a lane come to.

use super::shift::{Shift, difference, is_exacting};
use super::sums::Sums;
use super::{Row, WIDTH};
use crate::number::{Real, ln_of_normal, tree};

/// Less than 1 + x ever is.
const LEAST: f64 = 1e-9;

/// What is known of the lane at each position once it has been summed.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Normalizers {
    /// 1/S, or NaN where the divergence is.
    pub share: Row<f64>,
    /// x = F − a.
    surplus: Row<f64>,
    /// 1 + x.
    pub total: Row<f64>,
    /// 1 where x is Σe·expm1(−ε)/S for outputs: it is more accurate of classes far apart. Otherwise 0.
    is_kept: Row<f64>,
    /// x for outputs.
    pub kept_surplus: Row<f64>,
    /// 1 + x from the same, or from the weights in q themselves.
    pub kept_total: Row<f64>,
    /// ln(1 + x).
    pub log_total: Row<f64>,
    /// F = Σe·φ(ε)/S.
    pub curvature: Row<f64>,
    /// a = Σeε/S; +∞ where the divergence is.
    pub mean: Row<f64>,
    /// KL = F − (x − ln(1 + x)).
    pub divergence: Row<f64>,
    /// How many classes neither side excludes, where the divergence is infinite.
    pub included: Row<f64>,
}

impl Default for Normalizers {
    #[inline(always)]
    fn default() -> Self {
        let row = [0.0; WIDTH];
        Normalizers {
            share: row,
            surplus: row,
            total: row,
            is_kept: row,
            kept_surplus: row,
            kept_total: row,
            log_total: row,
            curvature: row,
            mean: row,
            divergence: row,
            included: row,
        }
    }
}

impl Normalizers {
    /// Takes what the sums come to.
    #[inline(always)]
    pub fn take<T: Real>(&mut self, sums: &Sums, shift: &Shift<T>) {
        for i in 0..WIDTH {
            let share: f64 = 1.0 / (sums.weight[i] + shift.valid[i].to_f64());
            let (curvature, mean) = (sums.curvature[i] * share, sums.mean[i] * share);
            // Of the sums that KL is made of: near equality it must be consistent with F, not right by itself.
            let is_infinite = curvature == f64::INFINITY;
            let surplus = if is_infinite { sums.other[i] * share - 1.0 } else { curvature - mean };
            let surplus = at_least(surplus);
            let total = 1.0 + surplus;
            let (hi, lo) = ln_of_normal(total);
            // ln(1 + x) = ln total + ρ − ρ²/2, ρ = (x − r)/total, r = total − 1 exact; hi = r near total = 1. ρ is a
            // rounding error, for which 1/total of f32 will do.
            let r = total - 1.0;
            let rest = (surplus - r) * f64::from(1.0 / total as f32);
            let divergence = curvature + ((hi - r) + (lo - rest * (r + 0.5 * rest)));
            let log_total = hi + (lo + rest) + 0.0 * surplus;
            // NaN in any sum makes the lane NaN; an infinite divergence does not.
            let nan = 0.0 * surplus + if curvature.is_nan() { curvature } else { 0.0 };
            self.share[i] = share + nan;
            (self.surplus[i], self.total[i]) = (surplus, total);
            self.log_total[i] = log_total;
            self.curvature[i] = curvature;
            self.mean[i] = if is_infinite { curvature } else { mean };
            self.included[i] = sums.included[i];
            self.divergence[i] = (if divergence < 0.0 { 0.0 } else { divergence }) + nan;
        }
        if shift.settings.outputs {
            self.take_kept(sums, shift);
        }
    }

    /// Takes what gradients and terms need.
    #[inline(always)]
    fn take_kept<T: Real>(&mut self, sums: &Sums, shift: &Shift<T>) {
        for i in 0..WIDTH {
            let is_careful = shift.careful[i] != T::ZERO;
            let is_kept = is_exacting::<T>() | is_careful;
            let surplus = if is_kept { sums.excess[i] * self.share[i] } else { self.surplus[i] };
            let surplus = at_least(surplus);
            // The sum 1 + x is exact enough unless most of it cancels.
            let is_summed = is_careful & (surplus.abs() > 0.5);
            let other = sums.other[i] * self.share[i];
            let total = if is_summed { other } else { 1.0 + surplus };
            self.is_kept[i] = if is_kept { 1.0 } else { 0.0 };
            self.kept_surplus[i] = surplus;
            self.kept_total[i] = if total < LEAST { LEAST } else { total };
        }
    }

    /// Chooses better where the sums of a lane ask for it; returns whether any do.
    ///
    /// The fast way is too rough where s is so much larger than ε that the rounding error of z_p − z_q counts. And where F is
    /// so much larger than KL that rounding errors of its terms count, s − ln(1 + x) is better, which makes ε = D. So it is for
    /// gradients where KL is infinite and x is large.
    #[inline(always)]
    pub fn improve<T: Real>(&self, shift: &mut Shift<T>) -> bool {
        let (mut rough, mut off_centre) = ([0.0; WIDTH], [0.0; WIDTH]);
        for i in 0..WIDTH {
            let (whole, is_fast) = (shift.log_shift[i].to_f64(), 1.0 - shift.careful[i].to_f64());
            let is_rough =
                (whole * whole > 512.0 * self.curvature[i]) | (self.total[i] < least_total::<T>());
            let is_off_centre = self.curvature[i] > 32.0 * self.divergence[i] * self.total[i];
            // Where F is infinite: a gradient q − p is a small part of what it is made of if x is near −1.
            let is_infinite = self.divergence[i] == f64::INFINITY;
            let is_lopsided = shift.settings.outputs & is_infinite & (self.surplus[i].abs() > 0.5);
            let is_off_centre = is_off_centre | is_lopsided;
            rough[i] = if is_rough { is_fast } else { 0.0 };
            off_centre[i] = if is_off_centre { 1.0 } else { 0.0 };
        }
        if shift.is_prepared {
            for i in 0..WIDTH {
                off_centre[i] *= 1.0 - shift.centred[i].to_f64();
            }
        }
        if tree(rough) + tree(off_centre) == 0.0 {
            return false;
        }
        shift.prepare_careful();
        for i in 0..WIDTH {
            let moves = (off_centre[i] > 0.0) & (rough[i] == 0.0);
            let by = T::from_f64(self.log_total[i]) / shift.rate / shift.per_unit[i];
            let (hi, lo) = difference(shift.hi[i], by);
            shift.hi[i] = if moves { hi } else { shift.hi[i] };
            shift.lo[i] = if moves { lo + shift.lo[i] } else { shift.lo[i] };
            let factor = T::from_f64(1.0 / self.total[i]);
            shift.factor_q[i] = if moves { factor } else { shift.factor_q[i] };
            shift.centred[i] = if moves { T::ONE } else { shift.centred[i] };
            let is_careful = rough[i] + off_centre[i] > 0.0;
            shift.careful[i] = if is_careful { T::ONE } else { shift.careful[i] };
        }
        true
    }

    /// ln(1 + x) from what is kept.
    #[inline(always)]
    pub fn kept_log_totals(&self) -> Row<f64> {
        if tree(self.is_kept) == 0.0 {
            return self.log_total;
        }
        let mut found = [0.0; WIDTH];
        for i in 0..WIDTH {
            let (surplus, total) = (self.kept_surplus[i], self.kept_total[i]);
            let (hi, lo) = ln_of_normal(total);
            // What the sum lost of x.
            let rest = (surplus - (total - 1.0)) / total;
            let rest = if surplus.abs() > 0.5 { 0.0 } else { rest };
            let kept = hi + (lo + rest) + 0.0 * surplus;
            found[i] = if self.is_kept[i] == 0.0 { self.log_total[i] } else { kept };
        }
        found
    }
}

/// Where q has so little of the weight that p has, 1 + x is too rough for gradients in `f64`: only the careful way sums the
/// weights in q themselves.
#[inline(always)]
fn least_total<T: Real>() -> f64 {
    if is_exacting::<T>() { 0.25 } else { 0.0 }
}

/// Rounding errors may leave less than nothing.
#[inline(always)]
fn at_least(surplus: f64) -> f64 {
    if surplus < LEAST - 1.0 { LEAST - 1.0 } else { surplus }
}
