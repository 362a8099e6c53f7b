//! The exponential.
//!
//! **Reduction.** k = y·log₂ e rounded and r = y − k·ln 2 in two steps (Cody and Waite), |r| ≤ ln 2 / 2;
//! then eʸ = 2ᵏ·(1 + r + r²·P(r)).
//! - f32: deg P = 4, relative error 3.7e−9 = 2⁻²⁸·⁰.
//! - f64: deg P = 9, relative error 3.9e−18 = 2⁻⁵⁷·⁸.
//!
//! **Subnormal results** are scaled twice, the second time rounding once.
//!
//! **Error.** f32, over all inputs: 0.919 ulp at most (at 59.294 105 53). f64, the worst of
//! a search of 10⁸ inputs (they are among those of `tests/fixtures/elementary.py`): 0.908 ulp.

use crate::number::Float;

/// The constants and the polynomial of the exponential of one precision.
pub trait Exp: Float {
    /// The constant log₂ e.
    const LOG2_E: Self;
    /// The leading part of ln 2.
    const LN2_HI: Self;
    /// The trailing part of ln 2: its difference from `LN2_HI`.
    const LN2_LO: Self;
    /// The smallest y for which eʸ is taken for normal.
    const LOWEST: Self;
    /// The largest y for which eʸ is finite.
    const HIGHEST: Self;
    /// A number below which eʸ rounds to 0.
    const UNDERFLOW: Self;
    /// The exponential eʳ, for |r| ≤ ln 2 / 2.
    fn exp_reduced(r: Self) -> Self;
}

/// The exponential eʸ, for y in [`Exp::LOWEST`, `Exp::HIGHEST`]. Any other y gives some number or NaN.
#[inline(always)]
pub fn exp_of_normal<T: Exp>(y: T) -> T {
    let (r, k) = reduced(y);
    T::exp_reduced(r).scale(k)
}

/// The exponential eʸ, for every y: e^−∞ = 0, e^∞ = ∞.
#[inline(always)]
pub fn exp<T: Exp>(y: T) -> T {
    let (r, k) = reduced_any(y);
    scale_any(T::exp_reduced(r), k, y)
}

/// The reduction y = k·ln 2 + r, for y in [`Exp::LOWEST`, `Exp::HIGHEST`]. Returns r and [`Float::ROUND`] + k.
#[inline(always)]
pub fn reduced<T: Exp>(y: T) -> (T, T) {
    let shifted = y.mul_add(T::LOG2_E, T::ROUND);
    let k = shifted - T::ROUND;
    ((-k).mul_add(T::LN2_LO, (-k).mul_add(T::LN2_HI, y)), shifted)
}

/// The [reduction](reduced) of any y. A y whose eʸ is 0 is replaced by 0, since some machines are slow when a result underflows
/// (benches/LIMITS.md). A y whose eʸ overflows is replaced by [`Exp::HIGHEST`]. [`scale_any`] mends both.
#[inline(always)]
pub fn reduced_any<T: Exp>(y: T) -> (T, T) {
    let bounded = if y < T::UNDERFLOW { T::ZERO } else { y };
    reduced(if bounded > T::HIGHEST { T::HIGHEST } else { bounded })
}

/// The exponential eʸ = 2ᵏ·eʳ, with r and k from [`reduced_any`]. Where that reduced another number, the result is 0 or ∞.
#[inline(always)]
pub fn scale_any<T: Exp>(exp_r: T, shifted: T, y: T) -> T {
    // Half of k first, rounded, the rest after: both factors are normal powers of two.
    let k = shifted - T::ROUND;
    let half = k.mul_add(T::from_f64(0.5), T::ROUND);
    let rest = (k - (half - T::ROUND)) + T::ROUND;
    let value = exp_r.scale(half) * T::ONE.scale(rest);
    let value = if y > T::HIGHEST { T::INFINITY } else { value };
    let value = if y < T::UNDERFLOW { T::ZERO } else { value };
    // The bits of a scaled NaN may be a number's.
    if y.is_nan() { y } else { value }
}

impl Exp for f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HI: f32 = f32::from_bits(0x3f31_7200);
    const LN2_LO: f32 = 1.428_606_8e-6;
    const LOWEST: f32 = -87.3;
    const HIGHEST: f32 = f32::from_bits(0x42b1_7217);
    const UNDERFLOW: f32 = -104.0;

    #[inline(always)]
    fn exp_reduced(r: f32) -> f32 {
        const P: [f32; 5] =
            [0.499_999_9, 0.166_665_2, 0.041_668_896, 0.008_368_853_5, 0.001_378_359_7];
        let r2 = r * r;
        let p = r2.mul_add(P[4], r.mul_add(P[3], P[2]));
        let p = r2.mul_add(p, r.mul_add(P[1], P[0]));
        r.mul_add(r.mul_add(p, 1.0), 1.0)
    }
}

impl Exp for f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    const LOWEST: f64 = -708.3;
    const HIGHEST: f64 = 709.782_712_893_384;
    const UNDERFLOW: f64 = -746.0;

    #[inline(always)]
    fn exp_reduced(r: f64) -> f64 {
        const P: [f64; 10] = [
            0.500_000_000_000_001_1,
            0.166_666_666_666_664_1,
            0.041_666_666_666_525_97,
            0.008_333_333_333_494_964,
            0.001_388_888_894_478_942_5,
            0.000_198_412_695_075_337_5,
            2.480_149_183_643_273_8e-5,
            2.755_758_361_502_558_6e-6,
            2.763_071_979_738_155e-7,
            2.500_155_112_852_057e-8,
        ];
        let r2 = r * r;
        let mut p = r.mul_add(P[9], P[8]);
        for i in [6, 4, 2, 0] {
            p = p.mul_add(r2, r.mul_add(P[i + 1], P[i]));
        }
        r.mul_add(r.mul_add(p, 1.0), 1.0)
    }
}
