//! What one class contributes, and the exponential's remainder it is made of.
//!
//! **Reduction.** k = −ε·log₂ e rounded and r = −ε − k·ln 2, |r| ≤ ln 2 / 2; then e^(−ε) = 2ᵏ·(1 + r + r²·P(r)) and
//! φ(ε) = 2ᵏ·r²·P + ((2ᵏ − 1) + (ε + 2ᵏ·r)), where the last bracket is exactly 0 for k = 0.
//! P = (eʳ − 1 − r)/r², relative minimax on |r| ≤ 0.352:
//! - f32: deg P = 5, relative error 1.2e−8 = 2⁻²⁶·³, coefficients rounded.
//! - f64: deg P = 10, relative error 6.3e−18 = 2⁻⁵⁷·¹, coefficients rounded.

use super::shift::Shift;
use crate::number::Float;
use crate::number::Real;
use crate::number::{Exp, exp, exp_of_normal};

/// A class with a greater |ε| needs care. So far below −`LOWEST` that a class whose weight is left out
/// counts for nothing in q either; and the errors of e and e^(−ε), which grow as |ε|, stay small.
#[inline(always)]
pub fn far<T: Real>() -> T {
    T::from_f64(if T::DIGITS == <f32 as Float>::DIGITS { 24.0 } else { 100.0 })
}

/// Logits of a [moderate](Shift::moderate) lane lie no further below the greatest, over τ.
#[inline(always)]
pub fn moderate<T: Real>() -> T {
    T::from_f64(if T::DIGITS == <f32 as Float>::DIGITS { 40.0 } else { 100.0 })
}

/// Logits that are no greater may be masks, as −∞ is and as −10⁴ and the least numbers often are.
#[inline(always)]
pub fn mask_bound<T: Real>() -> T {
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
    /// g = e·expm1(−ε), the weight in q less e; but that weight itself, y = e·e^(−ε), where ε is [apart](is_apart) from 0.
    pub excess: T,
}

/// Whether e + g would lose y = e·e^(−ε), the weight in q: a class then keeps y instead of g.
#[inline(always)]
pub fn is_apart<T: Real>(ratio: T) -> bool {
    ratio > T::from_f64(0.5)
}

/// g, or y where ε is [apart](is_apart) from 0.
///
/// e and e^(−ε) have the rounding errors of their exponents, which may be much greater than their sum, the exponent of y.
/// `slip` is that sum, known by itself, less the two as they were rounded: y's relative error. Near ε = 0 it counts for nothing.
#[inline(always)]
fn mended_excess<T: Real>(weight: T, ratio: T, growth: T, opposite: T, slip: T) -> T {
    let excess = weight * if is_apart(ratio) { opposite } else { growth };
    let mended = (weight * opposite).mul_add(slip, excess);
    if ratio.abs() > T::from_f64(0.5) { mended } else { excess }
}

/// y, the weight in q, from e, ε and what is kept of g or y.
#[inline(always)]
pub fn weight_in_q<T: Real>(weight: T, ratio: T, excess: T) -> T {
    if is_apart(ratio) { excess } else { weight + excess }
}

/// ε for the mean, and e·ε for a sum of its own where it is so great that φ(ε) − ε would cancel.
#[inline(always)]
pub fn finite_part<T: Real>(weight: T, ratio: T) -> (T, f64) {
    if ratio == T::INFINITY {
        (T::ZERO, f64::INFINITY)
    } else if ratio.abs() > far::<T>() {
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
pub fn moderate_cell<T: Real>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    moderate_cell_and_opposite(z_p, z_q, shift).0
}

/// The same where classes may be [masked](Shift::masked); the curvature is NaN where q is without a class that p has.
#[inline(always)]
pub fn masked_cell<T: Real>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    let (nothing, bound) = (-T::INFINITY, if shift.masked { mask_bound() } else { -T::INFINITY });
    // What only q excludes is missed, however little of it p has.
    let absent = (z_p <= bound) & ((z_p == nothing) | (z_q > nothing));
    let gone = z_q <= bound;
    // The weight in q is e·e^(−ε) whatever the logit of p; with the greatest both are known well.
    let z_p = if absent { shift.peak / shift.unit } else { z_p };
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
fn moderate_cell_and_opposite<T: Real>(z_p: T, z_q: T, shift: &Shift<T>) -> (Cell<T>, T) {
    let ratio = (z_p - z_q).mul_add(shift.rate, -shift.whole);
    let y = z_p.mul_add(shift.rate, -shift.offset);
    let (r, k) = reduced(y);
    let weight = T::exp_reduced(r).scale(k);
    let (r, k) = reduced(-ratio);
    let [phi, growth, opposite] = unreduced(ratio, r, k);
    let curvature = weight * phi;
    let [offset, rest] = shift.input_offset;
    let slip = (z_q.mul_add(shift.rate, -offset) - rest) - (y - ratio);
    let excess = mended_excess(weight, ratio, growth, opposite, slip);
    (Cell { weight, log_ratio: ratio, curvature, excess }, opposite)
}

/// r and k, [shifted](crate::number::Float::ROUND), of y = k·ln 2 + r.
#[inline(always)]
fn reduced<T: Real>(y: T) -> (T, T) {
    let shifted = y.mul_add(T::LOG2_E, T::ROUND);
    ((T::ROUND - shifted).mul_add(T::LN_2, y), shifted)
}

/// The cell of one class; with `ANY` false its curvature is NaN where that is not enough.
#[inline(always)]
pub fn cell<T: Real, const ANY: bool>(z_p: T, z_q: T, shift: &Shift<T>) -> Cell<T> {
    let (ratio, y) = (shift.log_ratio(z_p, z_q), shift.log_weight(z_p));
    let near = ratio.abs() <= far::<T>();
    let ratio = if ANY && !near { shift.log_ratio_in_units(z_p * shift.unit, z_q) } else { ratio };
    let near = ratio.abs() <= far::<T>();
    if ANY && !near {
        return far_cell(z_p, z_q, ratio, y, shift);
    }
    let weight = exp_of_normal(y);
    let weight = if y < T::LOWEST { T::ZERO } else { weight };
    let [phi, growth, opposite] = remainders(ratio);
    let slip = -shift.log_ratio_in_units(shift.peak, z_q) - (y - ratio);
    Cell {
        weight,
        log_ratio: ratio,
        curvature: if near { weight * phi } else { T::NAN },
        excess: mended_excess(weight, ratio, growth, opposite, slip),
    }
}

/// The cell of a class absent on either side, or far apart.
#[inline(always)]
fn far_cell<T: Real>(z_p: T, z_q: T, ratio: T, y: T, shift: &Shift<T>) -> Cell<T> {
    let (absent, gone) = (z_p == -T::INFINITY, z_q == -T::INFINITY);
    // The weight in q, e·e^(−ε), without the cancellation of y − ε: from the greatest logit of p, where y = 0.
    let opposite = shift.log_ratio_in_units(shift.peak, z_q);
    let other = if gone { T::ZERO } else { exp(-opposite) };
    let weight = exp(y);
    let missing = !absent & (gone | ((ratio == T::INFINITY) & (weight > T::ZERO)));
    let excess = other - weight;
    // 0 · ∞ = 0, but a NaN is not swallowed: it is in one of the weights.
    let nothing = (weight == T::ZERO) & !other.is_nan();
    let log_ratio = if nothing { T::ZERO } else { ratio };
    let log_ratio = if missing & !weight.is_nan() { T::INFINITY } else { log_ratio };
    Cell {
        weight,
        log_ratio,
        curvature: excess,
        excess: if is_apart(log_ratio) { other } else { excess },
    }
}

/// φ(ε), expm1(−ε) and e^(−ε) for |ε| ≤ [`far`].
#[inline(always)]
pub fn remainders<T: Real>(ratio: T) -> [T; 3] {
    let k = (-ratio).mul_add(T::LOG2_E, T::ROUND);
    let whole = k - T::ROUND;
    let r = (-whole).mul_add(<T as Exp>::LN2_LO, (-whole).mul_add(<T as Exp>::LN2_HI, -ratio));
    unreduced(ratio, r, k)
}

/// φ(ε), expm1(−ε) and e^(−ε) from −ε = k·ln 2 + r.
#[inline(always)]
fn unreduced<T: Real>(ratio: T, r: T, k: T) -> [T; 3] {
    let power = T::ONE.scale(k);
    let tail = r * r * T::remainder_reduced(r);
    let less_one = power - T::ONE;
    let phi = power.mul_add(tail, less_one + power.mul_add(r, ratio));
    [phi, power.mul_add(r + tail, less_one), power.mul_add(r + tail, power)]
}
