//! What one class contributes, and the exponential's remainder it is made of.
//!
//! **Reduction.** k = −ε·log₂ e rounded and r = −ε − k·ln 2, |r| ≤ ln 2 / 2; then e^(−ε) = 2ᵏ·(1 + r + r²·P(r)) and
//! φ(ε) = 2ᵏ·r²·P + ((2ᵏ − 1) + (ε + 2ᵏ·r)), where the last bracket is exactly 0 for k = 0.
//! P = (eʳ − 1 − r)/r², relative minimax on |r| ≤ 0.352:
//! - f32: deg P = 5, relative error 1.2e−8 = 2⁻²⁶·³, coefficients rounded.
//! - f64: deg P = 10, relative error 6.3e−18 = 2⁻⁵⁷·¹, coefficients rounded.

use super::shift::{Shift, quarter};
use crate::kernel::exp::{Exp, exp, exp_of_normal};
use crate::kernel::term::Real;

/// What the divergence of two softmaxes of one precision is made of.
pub trait Logit: Real {
    /// A class with a greater |ε| needs care. So far below −`LOWEST` that a class whose weight is left out
    /// counts for nothing in q either; and the errors of e and e^(−ε), which grow as |ε|, stay small.
    const FAR: Self;
    /// Logits of a [moderate](Shift::moderate) lane lie no further below the greatest, over τ.
    const MODERATE: Self;
    /// ln 2.
    const LN2: Self;
    /// (eʳ − 1 − r)/r² for |r| ≤ ln 2 / 2.
    fn remainder_reduced(r: Self) -> Self;
}

impl Logit for f32 {
    const FAR: f32 = 24.0;
    const MODERATE: f32 = 40.0;
    const LN2: f32 = std::f32::consts::LN_2;

    #[inline(always)]
    fn remainder_reduced(r: f32) -> f32 {
        const P: [f32; 6] =
            [0.5, 0.166_666_67, 0.041_666_45, 0.008_333_363, 0.001_393_500_6, 0.000_198_582_9];
        let r2 = r * r;
        let p = r2.mul_add(r.mul_add(P[5], P[4]), r.mul_add(P[3], P[2]));
        r2.mul_add(p, r.mul_add(P[1], P[0]))
    }
}

impl Logit for f64 {
    const FAR: f64 = 100.0;
    const MODERATE: f64 = 100.0;
    const LN2: f64 = std::f64::consts::LN_2;

    #[inline(always)]
    fn remainder_reduced(r: f64) -> f64 {
        const P: [f64; 11] = [
            0.5,
            0.166_666_666_666_666_7,
            0.041_666_666_666_666_61,
            0.008_333_333_333_325_222,
            0.001_388_888_888_892_179_3,
            0.000_198_412_698_779_823_66,
            2.480_158_724_028_292_6e-5,
            2.755_725_143_634_047_8e-6,
            2.755_735_159_376_208e-7,
            2.510_684_625_029_034_6e-8,
            2.088_975_856_871_645e-9,
        ];
        let r2 = r * r;
        let mut p = r2.mul_add(P[10], r.mul_add(P[9], P[8]));
        for i in [6, 4, 2, 0] {
            p = p.mul_add(r2, r.mul_add(P[i + 1], P[i]));
        }
        p
    }
}

/// Logits that are no greater may be masks, as −∞ is and as −10⁴ and the least numbers often are.
#[inline(always)]
pub fn mask_bound<T: Logit>() -> T {
    T::from_f64(-9000.0)
}

/// What one class contributes to the sums.
#[derive(Clone, Copy, Debug)]
pub struct Cell<T> {
    /// e.
    pub weight: T,
    /// ε; +∞ where only q is without the class, 0 where p is.
    pub log_ratio: T,
    /// e·φ(ε), but e·expm1(−ε), the weight in q less e, for a class absent in p or [far](finite_part) apart; NaN where it
    /// needs care and was not given it.
    pub curvature: T,
    /// e·expm1(−ε).
    pub excess: T,
}

/// ε for the mean, and e·ε for a sum of its own where it is so great that φ(ε) − ε would cancel.
#[inline(always)]
pub fn finite_part<T: Logit>(weight: T, ratio: T) -> (T, f64) {
    if ratio == T::INFINITY {
        (T::ZERO, f64::INFINITY)
    } else if ratio.abs() > T::FAR {
        (T::ZERO, weight.to_f64() * ratio.to_f64())
    } else {
        (ratio, 0.0)
    }
}

/// The cell of a class of a [moderate](Shift::moderate) lane.
///
/// ε = (z_p − z_q)/τ − s is rounded twice, which is as good as the careful way where s is not much greater than ε;
/// reductions are by ln 2 in one step, whose error k·2⁻²⁶ (f32) grows as that of their argument does.
#[inline(always)]
pub fn moderate_cell<T: Logit>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    moderate_cell_and_opposite(z_p, z_q, shift).0
}

/// The same where classes may be [masked](Shift::masked); the curvature is NaN where q is without a class that p has.
#[inline(always)]
pub fn masked_cell<T: Logit>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    let (nothing, bound) = (-T::INFINITY, if shift.masked { mask_bound() } else { -T::INFINITY });
    // What only q excludes is missed, however little of it p has.
    let absent = (z_p <= bound) & ((z_p == nothing) | (z_q > nothing));
    let gone = z_q <= bound;
    // The weight in q is e·e^(−ε) whatever the logit of p; with the greatest both are known well.
    let z_p = if absent { shift.peak * T::from_f64(4.0) } else { z_p };
    let z_q = if gone { nothing } else { z_q };
    let (cell, opposite) = moderate_cell_and_opposite(z_p, z_q, shift);
    let other = if gone { T::ZERO } else { cell.weight * opposite };
    if absent {
        Cell { weight: T::ZERO, log_ratio: T::ZERO, curvature: other, excess: other }
    } else {
        cell
    }
}

/// The cell, and e^(−ε).
#[inline(always)]
fn moderate_cell_and_opposite<T: Logit>(z_p: T, z_q: T, shift: &Shift<T>) -> (Cell<T>, T) {
    let ratio = (z_p - z_q).mul_add(shift.rate, -shift.whole);
    let y = z_p.mul_add(shift.rate, -shift.offset);
    let (r, k) = reduced(y);
    let weight = T::exp_reduced(r).scale(k);
    let (r, k) = reduced(-ratio);
    let [phi, growth, opposite] = unreduced(ratio, r, k);
    let (curvature, excess) = (weight * phi, weight * growth);
    (Cell { weight, log_ratio: ratio, curvature, excess }, opposite)
}

/// r and k, [shifted](crate::kernel::Float::ROUND), of y = k·ln 2 + r.
#[inline(always)]
fn reduced<T: Logit>(y: T) -> (T, T) {
    let shifted = y.mul_add(T::LOG2_E, T::ROUND);
    ((T::ROUND - shifted).mul_add(T::LN2, y), shifted)
}

/// The cell of one class; with `ANY` false its curvature is NaN where that is not enough.
#[inline(always)]
pub fn cell<T: Logit, const ANY: bool>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    let (ratio, y) = (shift.log_ratio(z_p, z_q), shift.log_weight(z_p));
    let near = ratio.abs() <= T::FAR;
    let ratio = if ANY && !near { shift.log_ratio_in_quarters(quarter(z_p), z_q) } else { ratio };
    let near = ratio.abs() <= T::FAR;
    if ANY && !near {
        return far_cell(z_p, z_q, ratio, y, shift);
    }
    let weight = exp_of_normal(y);
    let weight = if y < T::LOWEST { T::ZERO } else { weight };
    let (phi, growth) = remainders(ratio);
    Cell {
        weight,
        log_ratio: ratio,
        curvature: if near { weight * phi } else { T::NAN },
        excess: weight * growth,
    }
}

/// The cell of a class absent on either side, or far apart.
#[inline(always)]
fn far_cell<T: Logit>(z_p: T, z_q: T, ratio: T, y: T, shift: &Shift<T>) -> Cell<T> {
    let (absent, gone) = (z_p == -T::INFINITY, z_q == -T::INFINITY);
    // The weight in q, e·e^(−ε), without the cancellation of y − ε: from the greatest logit of p, where y = 0.
    let opposite = shift.log_ratio_in_quarters(shift.peak, z_q);
    let other = if gone { T::ZERO } else { exp(-opposite) };
    let weight = exp(y);
    let missing = !absent & (gone | ((ratio == T::INFINITY) & (weight > T::ZERO)));
    let excess = other - weight;
    // 0 · ∞ = 0, but a NaN is not swallowed: it is in one of the weights.
    let nothing = (weight == T::ZERO) & !other.is_nan();
    let log_ratio = if nothing { T::ZERO } else { ratio };
    let log_ratio = if missing & !weight.is_nan() { T::INFINITY } else { log_ratio };
    Cell { weight, log_ratio, curvature: excess, excess }
}

/// φ(ε) and expm1(−ε) for |ε| ≤ `FAR`.
#[inline(always)]
pub fn remainders<T: Logit>(ratio: T) -> (T, T) {
    let k = (-ratio).mul_add(T::LOG2_E, T::ROUND);
    let whole = k - T::ROUND;
    let r = (-whole).mul_add(<T as Exp>::LN2_LO, (-whole).mul_add(<T as Exp>::LN2_HI, -ratio));
    let [phi, growth, _] = unreduced(ratio, r, k);
    (phi, growth)
}

/// φ(ε), expm1(−ε) and e^(−ε) from −ε = k·ln 2 + r.
#[inline(always)]
fn unreduced<T: Logit>(ratio: T, r: T, k: T) -> [T; 3] {
    let power = T::ONE.scale(k);
    let tail = r * r * T::remainder_reduced(r);
    let less_one = power - T::ONE;
    let phi = power.mul_add(tail, less_one + power.mul_add(r, ratio));
    [phi, power.mul_add(r + tail, less_one), power.mul_add(r + tail, power)]
}
