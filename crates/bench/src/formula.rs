//! The divergences by their definitions, as people write them.

use kldiv::Divergence;

use crate::{Real, Target};

/// The relative difference of p and q below which rounding decides which is larger.
const TIE: f64 = 1e-6;

/// A class of a distribution: ln q of the input, and the target as it is given.
#[derive(Clone, Copy)]
pub(crate) struct Class<T> {
    pub log_q: T,
    pub target: T,
    pub holds: Target,
}

impl<T: Real> Class<T> {
    #[inline(always)]
    pub fn q(self) -> T {
        self.log_q.exponential()
    }

    #[inline(always)]
    pub fn p(self) -> T {
        match self.holds {
            Target::Probability => self.target,
            Target::LogProbability => self.target.exponential(),
        }
    }

    #[inline(always)]
    fn log_p(self) -> T {
        match self.holds {
            Target::Probability => self.target.logarithm(),
            Target::LogProbability => self.target,
        }
    }

    /// Whether p and q are too near each other to know which is larger.
    pub fn is_tie(self) -> bool {
        let (p, q) = (self.p(), self.q());
        abs(p - q) <= T::of(TIE) * q
    }

    /// What the class contributes.
    #[inline(always)]
    pub fn term(self, divergence: Divergence) -> T {
        let number = T::of;
        match divergence {
            Divergence::Forward => times(self.p(), self.log_p() - self.log_q),
            Divergence::Reverse => times(self.q(), self.log_q - self.log_p()),
            Divergence::Symmetric(weight) => {
                let (forward, reverse) = (Divergence::Forward, Divergence::Reverse);
                number(weight) * self.term(forward) + number(1.0 - weight) * self.term(reverse)
            }
            Divergence::Jeffreys => times(self.p() - self.q(), self.log_p() - self.log_q),
            Divergence::JensenShannon(weight) => {
                let (p, q) = (number(weight) * self.p(), number(1.0 - weight) * self.q());
                let log_m = (p + q).logarithm();
                times(p, self.log_p() - log_m) + times(q, self.log_q - log_m)
            }
            Divergence::Skew(weight) => {
                let p = self.p();
                let m = number(weight) * p + number(1.0 - weight) * self.q();
                times(p, self.log_p() - m.logarithm())
            }
            Divergence::SkewReverse(weight) => {
                let q = self.q();
                let m = number(weight) * q + number(1.0 - weight) * self.p();
                times(q, self.log_q - m.logarithm())
            }
            Divergence::TotalVariation => number(0.5) * abs(self.p() - self.q()),
            // Those that are not measured agree with nothing.
            _ => number(f64::NAN),
        }
    }

    /// The derivative of the term with respect to ln q.
    #[inline(always)]
    pub fn slope(self, divergence: Divergence) -> T {
        let number = T::of;
        match divergence {
            Divergence::Forward => -self.p(),
            Divergence::Reverse => {
                let q = self.q();
                times(q, self.log_q - self.log_p()) + q
            }
            Divergence::Symmetric(weight) => {
                let (forward, reverse) = (Divergence::Forward, Divergence::Reverse);
                number(weight) * self.slope(forward) + number(1.0 - weight) * self.slope(reverse)
            }
            Divergence::Jeffreys => {
                self.slope(Divergence::Forward) + self.slope(Divergence::Reverse)
            }
            Divergence::JensenShannon(weight) => {
                let (p, q) = (number(weight) * self.p(), number(1.0 - weight) * self.q());
                times(q, self.log_q - (p + q).logarithm())
            }
            Divergence::Skew(weight) => {
                let p = self.p();
                let q = number(1.0 - weight) * self.q();
                -times(p, q / (number(weight) * p + q))
            }
            Divergence::SkewReverse(weight) => {
                let (p, q) = (number(1.0 - weight) * self.p(), self.q());
                let m = number(weight) * q + p;
                times(q, self.log_q - m.logarithm()) + times(q, p / m)
            }
            Divergence::TotalVariation => {
                let (p, q) = (self.p(), self.q());
                number(if q > p { 0.5 } else { -0.5 }) * q
            }
            _ => number(f64::NAN),
        }
    }
}

/// The convention 0·∞ = 0.
#[inline(always)]
fn times<T: Real>(share: T, other: T) -> T {
    let zero = T::of(0.0);
    if share == zero { zero } else { share * other }
}

#[inline(always)]
fn abs<T: Real>(number: T) -> T {
    if number < T::of(0.0) { -number } else { number }
}
