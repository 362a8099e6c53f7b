//! What one class contributes, from its two logits.
//!
//! A contribution needs e = e^((z_p − max z_p)/τ), ε = (z_p − z_q)/τ − s, φ(ε) = e^(−ε) − 1 + ε and expm1(−ε).
//!
//! **The fast way** reduces once for all three: −ε = k·ln 2 + r with k a whole number, |r| ≤ ln 2 / 2. Then
//! e^(−ε) = 2ᵏ·(1 + r + r²·P(r)) and φ(ε) = 2ᵏ·r²·P + ((2ᵏ − 1) + (ε + 2ᵏ·r)), whose last bracket is exactly 0 for k = 0.
//! P = (eʳ − 1 − r)/r² is [`Phi::remainder_reduced`](crate::number::Phi::remainder_reduced).
//!
//! **The careful way** takes both exponentials from their own logits, and φ from its polynomial only where |ε| ≤ 3/2.

use super::shift::{Shift, difference, is_exacting};
use super::{Row, WIDTH};
use crate::number::{Exp, Real, exp_of_normal, reduced_in_one};

/// Of contributions nothing is kept: no outputs will be asked for.
pub const NOTHING: u8 = 0;
/// Of contributions the excess is kept.
pub const EXCESS: u8 = 1;
/// Of contributions the weights of both sides are kept: p and q of each class will be asked for.
pub const PAIRS: u8 = 2;

/// What one class contributes to the sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contribution<T> {
    /// The weight in p, e.
    pub weight: T,
    /// ε. It is +∞ where only q excludes the class, −∞ where only p does, and NaN where both do.
    pub log_ratio: T,
    /// ε for the sum Σeε: 0 where e is.
    pub summand: T,
    /// e·φ(ε).
    pub curvature: T,
    /// e·expm1(−ε): the weight in q less the weight in p.
    pub excess: T,
    /// The weight in q.
    pub other: T,
}

/// The contributions of the classes of a row, as [`Contribution`] has them.
#[derive(Clone, Copy)]
#[repr(align(64))] // as `Aligned`
pub struct ContributionRow<T> {
    pub weight: Row<T>,
    pub log_ratio: Row<T>,
    pub summand: Row<T>,
    pub curvature: Row<T>,
    pub excess: Row<T>,
    pub other: Row<T>,
}

impl<T: Real> ContributionRow<T> {
    #[inline(always)]
    fn zeros() -> Self {
        let zeros = [T::ZERO; WIDTH];
        ContributionRow {
            weight: zeros,
            log_ratio: zeros,
            summand: zeros,
            curvature: zeros,
            excess: zeros,
            other: zeros,
        }
    }

    #[inline(always)]
    fn of<const CAREFUL: bool, const KEEP: u8>(
        z_p: &Row<T>,
        z_q: &Row<T>,
        shift: &Shift<T>,
    ) -> Self {
        let mut row = Self::zeros();
        for i in 0..WIDTH {
            let contribution = match CAREFUL {
                true => careful_contribution(z_p[i], z_q[i], shift, i),
                false => fast_contribution(z_p[i], z_q[i], shift, i),
            };
            row.weight[i] = contribution.weight;
            row.log_ratio[i] = contribution.log_ratio;
            row.summand[i] = contribution.summand;
            row.curvature[i] = contribution.curvature;
            row.excess[i] = contribution.excess;
            row.other[i] = contribution.other;
        }
        if !CAREFUL && KEEP != NOTHING && is_exacting::<T>() {
            row.replace_steep(z_q, shift);
        }
        row
    }

    /// Takes weights in q from their own logits where |ε| is large.
    #[inline(always)]
    fn replace_steep(&mut self, z_q: &Row<T>, shift: &Shift<T>) {
        let mut any = false;
        for i in 0..WIDTH {
            any |= self.log_ratio[i].abs() > steep::<T>();
        }
        if any {
            for i in 0..WIDTH {
                let (ratio, steep) = (self.log_ratio[i], steep::<T>());
                let other = weight_in_q(z_q[i], shift, i);
                let excess = other - self.weight[i];
                self.other[i] = if ratio.abs() > steep { other } else { self.other[i] };
                self.excess[i] = if ratio < -steep { excess } else { self.excess[i] };
            }
        }
    }

    /// The first `len` contributions, and zeros.
    #[inline(always)]
    pub fn first(&self, len: usize) -> Self {
        let mut row = Self::zeros();
        row.weight[..len].copy_from_slice(&self.weight[..len]);
        row.log_ratio[..len].copy_from_slice(&self.log_ratio[..len]);
        row.summand[..len].copy_from_slice(&self.summand[..len]);
        row.curvature[..len].copy_from_slice(&self.curvature[..len]);
        row.excess[..len].copy_from_slice(&self.excess[..len]);
        row.other[..len].copy_from_slice(&self.other[..len]);
        row
    }
}

/// What is kept of the contributions of a row.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct KeptRow<T> {
    /// e.
    pub weight: Row<T>,
    /// ε.
    pub log_ratio: Row<T>,
    /// The weight in q less the weight in p. Where [`Settings::pairs`](super::Settings::pairs) or
    /// [`Settings::each`](super::Settings::each) is set it is the weight in q: of the difference it could not be told where it is
    /// much the smaller.
    pub excess: Row<T>,
}

impl<T: Real> KeptRow<T> {
    pub fn zeros() -> Self {
        let zeros = [T::ZERO; WIDTH];
        KeptRow { weight: zeros, log_ratio: zeros, excess: zeros }
    }

    /// Takes what was found of a row; computed the careful way, only of lanes that ask for it.
    #[inline(always)]
    fn put<const CAREFUL: bool>(&mut self, found: Self, careful: &Row<T>) {
        if !CAREFUL {
            *self = found;
            return;
        }
        for i in 0..WIDTH {
            if careful[i] != T::ZERO {
                self.weight[i] = found.weight[i];
                self.log_ratio[i] = found.log_ratio[i];
                self.excess[i] = found.excess[i];
            }
        }
    }
}

/// The contributions of a row of both sides' logits, which are kept if there is a place for them.
#[inline(always)]
pub fn contributions<T: Real, const CAREFUL: bool, const KEEP: u8>(
    [z_p, z_q]: [Row<T>; 2],
    shift: &Shift<T>,
    place: Option<&mut KeptRow<T>>,
) -> ContributionRow<T> {
    let row = ContributionRow::of::<CAREFUL, KEEP>(&z_p, &z_q, shift);
    if KEEP != NOTHING
        && let Some(place) = place
    {
        let ContributionRow { weight, log_ratio, .. } = row;
        let excess = match KEEP {
            EXCESS if !shift.settings.each => row.excess,
            EXCESS if !CAREFUL => weights_in_q(&z_q, shift),
            _ => row.other,
        };
        place.put::<CAREFUL>(KeptRow { weight, log_ratio, excess }, &shift.careful);
    }
    row
}

/// The weights in q of a row, from their own logits.
#[inline(always)]
fn weights_in_q<T: Real>(z_q: &Row<T>, shift: &Shift<T>) -> Row<T> {
    let mut weights = [T::ZERO; WIDTH];
    for i in 0..WIDTH {
        weights[i] = weight_in_q(z_q[i], shift, i);
    }
    weights
}

/// Where |ε| is greater, an exacting gradient does not take the fast way's weight in q but [`weight_in_q`]: the former is off by
/// some |ε| ulp.
#[inline(always)]
pub fn steep<T: Real>() -> T {
    T::from_f64(4.0)
}

/// The contribution of a class at position `i`, the fast way.
///
/// ε is rounded twice, which is good enough where s is not much larger than ε. Reductions of `f32` subtract k·ln 2 in one step,
/// whose error grows as that of their argument does.
#[inline(always)]
pub fn fast_contribution<T: Real>(z_p: T, z_q: T, shift: &Shift<T>, i: usize) -> Contribution<T> {
    let ratio = (z_p - z_q).mul_add(shift.rate, -shift.log_shift[i]);
    let (r, k) = reduced_in_one(z_p.mul_add(shift.rate, -shift.offset[i]));
    let weight = T::exp_reduced(r).scale(k);
    let (r, k) = reduced_in_one(-ratio);
    let power = T::ONE.scale(k);
    let tail = r * r * T::remainder_reduced(r);
    let less_one = power - T::ONE;
    let phi = power.mul_add(tail, less_one + power.mul_add(r, ratio));
    let growth = power.mul_add(r + tail, less_one);
    Contribution {
        weight,
        log_ratio: ratio,
        summand: ratio,
        curvature: weight * phi,
        excess: weight * growth,
        other: weight * power.mul_add(r + tail, power),
    }
}

/// The weight in q of a class at position `i`, from its own logit, of a lane that is computed the fast way.
#[inline(always)]
pub fn weight_in_q<T: Real>(z_q: T, shift: &Shift<T>, i: usize) -> T {
    let (r, k) = reduced_in_one((z_q - shift.greatest_q[i]) * shift.rate);
    T::exp_reduced(r).scale(k) * shift.fast_factor_q[i]
}

/// The contribution of a class at position `i`, for any logits.
#[inline(always)]
pub fn careful_contribution<T: Real>(
    z_p: T,
    z_q: T,
    shift: &Shift<T>,
    i: usize,
) -> Contribution<T> {
    let (is_absent_in_p, is_absent_in_q) = (z_p == -T::INFINITY, z_q == -T::INFINITY);
    let (p, q) = (z_p * shift.unit[i], z_q * shift.unit[i]);
    let over_tau = |z: T| z * shift.rate * shift.per_unit[i];
    let weight = exp_or_zero(over_tau(p - shift.peak_p[i]));
    let other = exp_or_zero(over_tau(q - shift.peak_q[i])) * shift.factor_q[i];

    let is_absent = is_absent_in_p | is_absent_in_q;
    let (hi, lo) = difference(
        if is_absent { shift.peak_p[i] } else { p },
        if is_absent { shift.peak_q[i] } else { q },
    );
    let ratio = over_tau((hi - shift.hi[i]) + (lo - shift.lo[i]));
    let is_nan = z_p.is_nan() | z_q.is_nan();
    let is_excluded = is_absent_in_q & !is_absent_in_p & !is_nan;
    let ratio = if is_excluded { T::INFINITY } else { ratio };
    let ratio = if is_nan { T::NAN } else { ratio };
    let of_absent = if is_absent_in_q | is_nan { T::NAN } else { -T::INFINITY };
    let log_ratio = if is_absent_in_p { of_absent } else { ratio };
    // 0 · ∞ = 0.
    let vanishes = (weight == T::ZERO) & !is_excluded & !ratio.is_nan();
    let ratio = if vanishes { T::ZERO } else { ratio };

    let is_near = (ratio.abs() <= T::from_f64(1.5)) & !is_absent & !vanishes;
    let square = ratio * ratio;
    let phi = square * T::remainder(-ratio);
    let growth = square.mul_add(T::remainder(-ratio), -ratio);
    let apart = if ratio.is_nan() { ratio } else { other - weight };
    let far = if is_excluded { T::INFINITY } else { weight.mul_add(ratio, apart) };
    Contribution {
        weight,
        log_ratio,
        summand: ratio,
        curvature: if is_near { weight * phi } else { far },
        excess: if is_near { weight * growth } else { apart },
        other,
    }
}

/// eʸ for y ≤ 0, but 0 where that is not a normal number; some number for NaN.
#[inline(always)]
pub fn exp_or_zero<T: Exp>(y: T) -> T {
    let value = exp_of_normal(y);
    if y < T::LOWEST { T::ZERO } else { value }
}
