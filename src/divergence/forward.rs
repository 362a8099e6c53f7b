//! The Kullback–Leibler divergence KL(p ‖ q) = Σ p·D, and its generalized form Σ p·φ(D).
//!
//! | | F | ∂/∂(ln q) | ∂/∂p |
//! |---|---|---|---|
//! | [`Forward`] | p·D | −p | D + 1 |
//! | [`GeneralizedForward`] | p·D − p + q = p·φ(D) | q − p | D |
//!
//! φ(D) = e^(−D) − 1 + D is computed as a function of its own: near 0, where |D| ≤ 3/2, as D²·P(−D) with the positive
//! polynomial P of [`Phi::remainder`](crate::number::Phi::remainder), otherwise as q + p·(D − 1), of which at D = −3/2 five
//! ninths cancel, and less beyond. p·expm1(−D) would overflow.
//!
//! **Error** of the generalized form, the worst of `tests/fixtures/generalized.py`, `exp` and `ln` included, in ulp of itself:
//! log target, term 2.1 (f32) and 2.2 (f64), ∂/∂(ln q) 1.7 and 1.7; probability target, beside 2η/|D| of the term and η/|D|
//! of the derivative, 2.2 and 2.5, 1.6 and 2.6, with η = 1.4e−8 and 2.8e−17 the error of ln p.

use super::formula::{Formula, Pair, zero_unless_nan};
use super::reversed::OneSided;
use crate::number::{Real, reduced, reduced_any, scale_any};

/// KL(p ‖ q), PyTorch's loss.
#[derive(Clone, Copy, Debug)]
pub struct Forward;

/// The generalized form of KL(p ‖ q), of which no term is negative.
#[derive(Clone, Copy, Debug)]
pub struct GeneralizedForward;

impl Formula for Forward {
    const USES_Q: bool = false;
    const HAS_CLOSED_FORM: bool = true;
    const ALLOWS_ZERO_P: bool = true;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        pair.times_p::<CAREFUL>(pair.log_ratio)
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        -pair.p
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        at_zero::<T, CAREFUL>(pair, pair.log_ratio + T::ONE)
    }

    /// Of the factor, not of the limit at 0.
    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        pair.times_p::<CAREFUL>(pair.log_ratio + T::ONE)
    }
}

impl OneSided for Forward {
    /// −p/q.
    #[inline(always)]
    fn d_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        let slope = -pair.swapped().q_over_p::<CAREFUL>();
        let absent = CAREFUL & pair.is_absent_in_p();
        if absent { T::ZERO - zero_unless_nan(pair.log_q) } else { slope }
    }
}

/// Exponentials, less what cancels.
struct Powers<T> {
    /// Whether φ(D) is computed by its polynomial.
    near: bool,
    /// φ(D), if near.
    curvature: T,
    /// e^(−D) − 1, if near.
    growth: T,
    /// q, unless near.
    q: T,
}

impl<T: Real> Powers<T> {
    /// Those of a pair. One polynomial serves −D and the reduced ln q, of which a pair needs but one: q is computed of ln q here
    /// rather than read.
    #[inline(always)]
    fn of<const CAREFUL: bool>(pair: Pair<T>) -> Self {
        let d = pair.log_ratio;
        let near = d.abs() <= T::from_f64(1.5);
        let (r, k) = if CAREFUL { reduced_any(pair.log_q) } else { reduced(pair.log_q) };
        let z = if near { -d } else { r };
        let square = z * z;
        let p = T::remainder(z);
        let growth = square.mul_add(p, z);
        let exp_r = growth + T::ONE;
        let q = if CAREFUL { scale_any(exp_r, k, pair.log_q) } else { exp_r.scale(k) };
        Powers { near, curvature: square * p, growth, q }
    }

    /// p·φ(D): near and far in one multiply-add.
    #[inline(always)]
    fn term<const CAREFUL: bool>(&self, pair: Pair<T>) -> T {
        let (Pair { p, log_ratio: d, log_q, .. }, &Powers { near, curvature, q, .. }) =
            (pair, self);
        if !CAREFUL {
            return p.mul_add(
                if near { curvature } else { d - T::ONE },
                if near { T::ZERO } else { q },
            );
        }
        let far = p.mul_add(d - T::ONE, q);
        // Where p is the smallest number of all, rounded up, it may weigh more than it should.
        let far = if far < T::ZERO { T::ZERO } else { far };
        // D and the smaller summand may overflow, and p underflow.
        let outweighed = (p == T::ZERO) | ((q == T::INFINITY) & !d.is_nan());
        let far = if outweighed { q } else { far };
        let close = if d == T::ZERO { T::ZERO } else { p * curvature };
        let value = if near { close } else { far };
        let value = if log_q.abs() == T::INFINITY { d.abs() } else { value };
        if pair.is_absent_in_p() { q } else { value }
    }

    /// q − p.
    #[inline(always)]
    fn slope<const CAREFUL: bool>(&self, pair: Pair<T>) -> T {
        let (Pair { p, log_ratio: d, .. }, &Powers { near, growth, q, .. }) = (pair, self);
        if !CAREFUL {
            return p.mul_add(if near { growth } else { -T::ONE }, if near { T::ZERO } else { q });
        }
        let both_overflow = (q == T::INFINITY) & (p == T::INFINITY);
        let far = if both_overflow { -d * T::INFINITY } else { q - p };
        let close = if d == T::ZERO { T::ZERO } else { p * growth };
        if near { close } else { far }
    }
}

impl Formula for GeneralizedForward {
    const USES_Q: bool = true;
    const HAS_CLOSED_FORM: bool = true;
    const ALLOWS_ZERO_P: bool = true;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        Powers::of::<CAREFUL>(pair).term::<CAREFUL>(pair)
    }

    #[inline(always)]
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        Powers::of::<CAREFUL>(pair).slope::<CAREFUL>(pair)
    }

    #[inline(always)]
    fn term_and_d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (T, T) {
        let powers = Powers::of::<CAREFUL>(pair);
        (powers.term::<CAREFUL>(pair), powers.slope::<CAREFUL>(pair))
    }

    #[inline(always)]
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        at_zero::<T, CAREFUL>(pair, pair.log_ratio)
    }

    /// Of the factor, not of the limit at 0.
    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        pair.times_p::<CAREFUL>(pair.log_ratio)
    }
}

/// ∂F/∂p, which is +∞ where both exclude the class: the limit p → 0 comes after q = 0.
#[inline(always)]
fn at_zero<T: Real, const CAREFUL: bool>(pair: Pair<T>, slope: T) -> T {
    // Adding 0 makes a zero positive.
    let slope = slope + T::ZERO;
    let absent = CAREFUL & pair.is_absent_in_p() & pair.is_absent_in_q();
    if absent { T::INFINITY } else { slope }
}
