//! The Jensen–Shannon divergence with equal weights, ½·KL(p ‖ m) + ½·KL(q ‖ m) with m = ½(p + q).
//!
//! Let M be the greater of p and q, z = −|D|, h = eᶻ − 1 and w = ½h, so that m = M·(1 + w). With the convex function
//! η(w) = (1 + w)·ln(1 + w) − w,
//!
//! > F = M·(½η(h) − η(w)),
//!
//! where at most half cancels. η(w) is a polynomial, since −½ < w ≤ 0. η(h) = eᶻ·z − h is exact but near z = 0, where it is
//! h·z − φ with φ = h − z. No logarithm is needed, and one exponential less than other weights need.
//!
//! ln(m/M) = w + (η(w) − w²)/(1 + w). The logarithm of m over the lesser of p and q is greater by |D|.

use super::formula::Pair;
use super::jensen_shannon::Weights;
use crate::number::{Growth, Real};

/// β = ½.
#[derive(Clone, Copy, Debug)]
pub struct EqualWeights;

/// The shape of a pair, which its |D| alone determines.
struct Shape<T> {
    /// ½η(h) − η(w).
    gap: T,
    /// η(w).
    eta: T,
    /// w.
    w: T,
}

impl<T: Real> Shape<T> {
    #[inline(always)]
    fn of<const CAREFUL: bool>(d: T) -> Self {
        // Farther out eᶻ adds nothing.
        let bound = -(T::LOWEST + T::from_f64(4.0));
        let distance = if CAREFUL & (d.abs() > bound) { bound } else { d.abs() };
        let Growth { power, growth, phi } = Growth::of(-distance);
        let near = growth.mul_add(-distance, -phi);
        let far = power.mul_add(-distance, -growth);
        let eta_of_h = if distance <= T::from_f64(1.5) { near } else { far };
        let half = T::from_f64(0.5);
        let w = half * growth;
        let eta = T::eta(w);
        Shape { gap: half.mul_add(eta_of_h, -eta), eta, w }
    }
}

impl Weights for EqualWeights {
    const TERM_READS_GREATER: bool = true;

    #[inline(always)]
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>, d: T) -> T {
        let greater = if d >= T::ZERO { pair.p } else { pair.q };
        greater * Shape::of::<CAREFUL>(d).gap
    }

    #[inline(always)]
    fn slopes<T: Real, const CAREFUL: bool>(self, d: T, nan: T) -> (T, T) {
        let Shape { eta, w, .. } = Shape::of::<CAREFUL>(d);
        let of_greater = w + w.mul_add(-w, eta) / (T::ONE + w);
        let of_lesser = of_greater + d.abs();
        let half = T::from_f64(-0.5);
        let [greater, lesser] = [of_greater, of_lesser].map(|log| half.mul_add(log, nan));
        if d >= T::ZERO { (greater, lesser) } else { (lesser, greater) }
    }
}
