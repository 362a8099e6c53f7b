//! The remainder of the exponential, (eᶻ − 1 − z)/z²: polynomials with P(0) = ½ exactly and P > 0, relative minimax, their
//! coefficients rounded.
//!
//! - |z| ≤ 3/2, f32: degree 8, relative error 1.0e−8 = 2⁻²⁶·⁶ (at −0.29).
//! - |z| ≤ 3/2, f64: degree 15, relative error 8.8e−18 = 2⁻⁵⁶·⁷ (at 0.21).

use super::float::Float;

/// The polynomials of the remainder of the exponential, for one precision.
pub trait Phi: Float {
    /// The remainder (eᶻ − 1 − z)/z², for |z| ≤ 3/2.
    fn remainder(z: Self) -> Self;
    /// The remainder (eʳ − 1 − r)/r², for |r| ≤ ln 2 / 2.
    fn remainder_reduced(r: Self) -> Self;
    /// ln 2, rounded.
    const LN_2: Self;
}

impl Phi for f32 {
    const LN_2: f32 = std::f64::consts::LN_2 as f32;

    #[inline(always)]
    fn remainder(z: f32) -> f32 {
        const P: [f32; 9] = [
            0.5,
            0.166_666_64,
            0.041_666_67,
            0.008_333_473_5,
            0.001_388_880_1,
            0.000_198_191_89,
            2.479_959_4e-5,
            2.885_314_4e-6,
            2.824_587e-7,
        ];
        let z2 = z * z;
        let mut p = P[8];
        for i in [6, 4, 2, 0] {
            p = p.mul_add(z2, z.mul_add(P[i + 1], P[i]));
        }
        p
    }

    #[inline(always)]
    fn remainder_reduced(r: f32) -> f32 {
        const P: [f32; 6] =
            [0.5, 0.166_666_67, 0.041_666_45, 0.008_333_363, 0.001_393_500_6, 0.000_198_582_9];
        let r2 = r * r;
        let p = r2.mul_add(r.mul_add(P[5], P[4]), r.mul_add(P[3], P[2]));
        r2.mul_add(p, r.mul_add(P[1], P[0]))
    }
}

impl Phi for f64 {
    const LN_2: f64 = std::f64::consts::LN_2;

    #[inline(always)]
    fn remainder(z: f64) -> f64 {
        const P: [f64; 16] = [
            0.5,
            0.166_666_666_666_666_69,
            0.041_666_666_666_666_78,
            0.008_333_333_333_333_052,
            0.001_388_888_888_887_557_5,
            0.000_198_412_698_413_971,
            2.480_158_730_676_609_5e-5,
            2.755_731_919_866_040_4e-6,
            2.755_731_827_084_761e-7,
            2.505_211_091_018_583_5e-8,
            2.087_685_059_972_436_5e-9,
            1.605_891_771_124_256_8e-10,
            1.146_570_521_427_169e-11,
            7.649_696_805_432_462e-13,
            4.919_623_256_572_732_4e-14,
            2.823_804_598_028_080_3e-15,
        ];
        let z2 = z * z;
        let mut p = z.mul_add(P[15], P[14]);
        // In one loop of seven the compiler would leave it a loop.
        for i in [12, 10, 8] {
            p = p.mul_add(z2, z.mul_add(P[i + 1], P[i]));
        }
        for i in [6, 4, 2, 0] {
            p = p.mul_add(z2, z.mul_add(P[i + 1], P[i]));
        }
        p
    }

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
