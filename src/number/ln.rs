//! The natural logarithm, as an unevaluated sum of two parts; and its difference from another number.
//!
//! **Reduction.** t = m·2ᵏ with m in [low, 2·low), so ln t = k·ln 2 + ln(1 + r), r = m − 1 exact.
//! ln 2 is split so that k·`LN2_HI` is exact.
//!
//! **Tail.** ln(1 + r) − r:
//! - f32, r in [−1/3, 1/3]: r²·Q(r), deg Q = 8; relative error of r + r²·Q(r) below 4.9e−9 = 2⁻²⁷·⁶.
//! - f64, r in [√½ − 1, √2 − 1]: with s = r/(2 + r), s·(r²/2 + R) − r²/2 (fdlibm, `e_log.c`),
//!   R = s²·P(s²), deg P = 6, error of R below 3.1e−16·s².
//!
//! **The pair.** hi = k·`LN2_HI` + r is rounded once and its rounding error kept (Fast2Sum, Dekker 1971).
//!
//! **Less x.** ((k·`LN2_HI` − x) + r) + tail. Near t = eˣ both sums are exact: multiples of 2⁻²⁵ (f64: 2⁻⁵⁴) below ½, or
//! where k is 0 −x + r (Sterbenz's lemma). The small part is added last, so the result is as accurate as from the pair, with two
//! operations less. Farther off it rounds once more.
//!
//! **Error.** f32, over all inputs: 0.944 ulp at most (at 0.673 819 54); the pair before it is rounded
//! 0.444 ulp, and 1.4e−8 absolutely; ln t − x at x = 0 1.708 ulp (at 2.700 790 6), and at x = ln t rounded 1.4e−8
//! absolutely. f64, the worst of a search of 10⁸ inputs (they are among those of `tests/fixtures/elementary.py`):
//! 0.906 ulp; the pair 0.416 ulp; ln t − x at x = 0 1.503 ulp (at 54.437 374 051 203 42), and at x = ln t rounded 2.4e−17.

use crate::number::Float;

/// The constants and the polynomial of the logarithm of one precision.
pub trait Ln: Float {
    /// The lower end of the interval of m.
    const LOW: Self;
    /// The unit in which [`Float::split`] returns k.
    const UNIT: Self;
    /// The leading part of ln 2 / `UNIT`. It has as many trailing zeros as an exponent has bits.
    const LN2_HI: Self;
    /// The trailing part of ln 2 / `UNIT`: its difference from `LN2_HI`.
    const LN2_LO: Self;
    /// The factor 2^p, which makes every subnormal number normal.
    const LIFT: Self;
    /// The tail ln(1 + r) − r, plus `more`.
    fn ln_tail(r: Self, more: Self) -> Self;
}

/// The pair (hi, lo) with hi + lo = ln t, for normal t > 0. Any other t gives some pair of finite numbers or NaN.
#[inline(always)]
pub fn ln_of_normal<T: Ln>(t: T) -> (T, T) {
    Reduced::of(t).ln()
}

/// The pair (hi, lo) with hi + lo = ln t, for every t: ln 0 = −∞, ln ∞ = ∞, ln of a negative number is NaN.
#[inline(always)]
pub fn ln_of_any<T: Ln>(t: T) -> (T, T) {
    if is_finite(t) { Reduced::of_any(t).ln() } else { (special(t), T::ZERO) }
}

/// The difference ln t − x, for normal t > 0. Any other t is taken for some other number, or the result is NaN.
#[inline(always)]
pub fn log_ratio_of_normal<T: Ln>(x: T, t: T) -> T {
    Reduced::of(t).ln_less(x)
}

/// The difference ln t − x, for every t: ln 0 = −∞, ln ∞ = ∞, ln of a negative number is NaN.
#[inline(always)]
pub fn log_ratio_of_any<T: Ln>(x: T, t: T) -> T {
    if is_finite(t) { Reduced::of_any(t).ln_less(x) } else { special(t) - x }
}

/// The logarithm ln t, rounded.
#[inline(always)]
pub fn ln<T: Ln>(t: T) -> T {
    let (hi, lo) = ln_of_any(t);
    hi + lo
}

/// The logarithm of 1 + w, and its differences from w and from x.
#[derive(Clone, Copy)]
pub struct LnOfSum<T> {
    /// ln(1 + w).
    pub log: T,
    /// ln(1 + w) − w.
    pub less_w: T,
    /// ln(1 + w) − x.
    pub less_x: T,
}

/// ln(1 + w), where u is 1 + w rounded, or 1 + w by other means where w is below −½.
///
/// Near w = 0, where u = 1 + r, r is w itself. u − 1 would contain the rounding error of u.
/// ln(1 + w) − x is one sum, as in [`log_ratio_of_normal`].
#[inline(always)]
pub fn ln_of_sum<T: Ln>(u: T, w: T, x: T) -> LnOfSum<T> {
    let Reduced { r, k } = Reduced::of(u);
    let is_near = k == T::ZERO;
    let r = if is_near { w } else { r };
    let (hi, lo) = Reduced { r, k }.ln();
    LnOfSum {
        log: hi + lo,
        // Near w = 0, where hi = w, it is lo. A second condition on k would let the compiler compute all for each case.
        less_w: (hi - w) + lo,
        less_x: Reduced { r, k }.ln_less(x),
    }
}

/// Whether ln t is a finite number.
#[inline(always)]
fn is_finite<T: Ln>(t: T) -> bool {
    (t > T::ZERO) & (t < T::INFINITY)
}

/// The logarithm ln t of a t that is 0, negative, infinite or NaN.
#[inline(always)]
fn special<T: Ln>(t: T) -> T {
    if t == T::ZERO {
        -T::INFINITY
    } else if t > T::ZERO {
        T::INFINITY
    } else {
        T::NAN
    }
}

/// A reduced number (1 + r)·2ᵏ.
#[derive(Clone, Copy)]
struct Reduced<T> {
    r: T,
    k: T,
}

impl<T: Ln> Reduced<T> {
    /// The reduction of a normal number.
    #[inline(always)]
    fn of(t: T) -> Self {
        let (m, k) = t.split(T::LOW);
        Reduced { r: m - T::ONE, k }
    }

    /// The reduction of a positive number, which may be subnormal.
    #[inline(always)]
    fn of_any(t: T) -> Self {
        let tiny = t < T::MIN_POSITIVE;
        let Reduced { r, k } = Self::of(if tiny { t * T::LIFT } else { t });
        let lift = if tiny { T::from_f64(f64::from(T::DIGITS)) } else { T::ZERO };
        Reduced { r, k: k - lift * T::UNIT }
    }

    /// The logarithm, as a pair.
    #[inline(always)]
    fn ln(self) -> (T, T) {
        let Reduced { r, k } = self;
        let hi = k.mul_add(T::LN2_HI, r);
        let error = r - (-k).mul_add(T::LN2_HI, hi);
        (hi, T::ln_tail(r, k.mul_add(T::LN2_LO, error)))
    }

    /// The logarithm minus x.
    #[inline(always)]
    fn ln_less(self, x: T) -> T {
        let Reduced { r, k } = self;
        (k.mul_add(T::LN2_HI, -x) + r) + T::ln_tail(r, k * T::LN2_LO)
    }
}

impl Ln for f32 {
    const LOW: f32 = 0.666_666_7;
    const UNIT: f32 = 8_388_608.0;
    const LN2_HI: f32 = f32::from_bits(0x3f31_7200) / Self::UNIT;
    const LN2_LO: f32 = 1.428_606_8e-6 / Self::UNIT;
    const LIFT: f32 = 16_777_216.0;

    #[inline(always)]
    fn ln_tail(r: f32, more: f32) -> f32 {
        const Q: [f32; 9] = [
            -0.5,
            0.333_332_1,
            -0.249_998_24,
            0.200_107_14,
            -0.166_793_85,
            0.140_016_2,
            -0.121_985_94,
            0.140_027_76,
            -0.128_324_25,
        ];
        let r2 = r * r;
        let mut q = Q[8];
        for i in [6, 4, 2, 0] {
            q = q.mul_add(r2, r.mul_add(Q[i + 1], Q[i]));
        }
        r2.mul_add(q, more)
    }
}

impl Ln for f64 {
    const LOW: f64 = std::f64::consts::FRAC_1_SQRT_2;
    const UNIT: f64 = 1.0;
    const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    const LIFT: f64 = 9_007_199_254_740_992.0;

    #[inline(always)]
    fn ln_tail(r: f64, more: f64) -> f64 {
        const P: [f64; 7] = [
            0.666_666_666_666_667,
            0.399_999_999_998_994_55,
            0.285_714_286_261_135_4,
            0.222_222_111_074_162_1,
            0.181_828_911_877_099_8,
            0.153_316_541_502_638_07,
            0.146_172_540_681_505_76,
        ];
        let s = r / (2.0 + r);
        let s2 = s * s;
        let s4 = s2 * s2;
        let mut p = P[6];
        for i in [4, 2, 0] {
            p = p.mul_add(s4, s2.mul_add(P[i + 1], P[i]));
        }
        let half = 0.5 * r * r;
        s.mul_add(s2.mul_add(p, half), more - half)
    }
}
