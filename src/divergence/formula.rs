//! One class of two distributions, and what a divergence makes of it.

use crate::number::{Real, exp};

/// One class of a target p and a model q.
#[derive(Clone, Copy, Debug)]
pub struct Pair<T> {
    /// The target's probability p.
    pub p: T,
    /// The model's probability q. A divergence that reads it says so by [`Formula::USES_Q`].
    pub q: T,
    /// D = ln p − ln q, with its full relative accuracy near p = q. NaN where both are 0.
    pub log_ratio: T,
    /// −∞ where the target excludes the class, and not where p only underflows. Elsewhere it is ln p or some finite number, or
    /// NaN where p is.
    pub log_p: T,
    /// ln q, which is −∞ where the model excludes the class, and not where q only underflows.
    pub log_q: T,
}

/// The form of the terms of a divergence, and the form of its derivatives.
///
/// The generalized form has no negative term. Over two distributions both forms have the same sum, and from logits the same
/// gradients, but not the same rounding errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forms {
    /// Both of the plain form.
    Plain,
    /// Both of the generalized form.
    Generalized,
    /// Terms of the generalized form, derivatives of the plain one: both are accurate where p and q are far apart.
    Far,
}

impl Forms {
    /// The same form of both.
    pub const fn both(generalized: bool) -> Self {
        if generalized { Forms::Generalized } else { Forms::Plain }
    }

    /// Whether the terms are those of the generalized form.
    #[inline(always)]
    pub fn generalized_terms(self) -> bool {
        self != Forms::Plain
    }

    /// Whether the derivatives are those of the generalized form.
    #[inline(always)]
    pub fn generalized_slopes(self) -> bool {
        self == Forms::Generalized
    }
}

/// What one class contributes to a divergence: F(p, D) and its derivatives. The value is the setting, with its parameters.
///
/// With `CAREFUL` false a method may assume that p, q and D are finite. p and q are then normal numbers, or p is 0 where
/// [`ALLOWS_ZERO_P`](Self::ALLOWS_ZERO_P) says so; eᴰ and e^(−D) may overflow. Both versions give the same bits wherever that
/// holds.
pub trait Formula: Copy + Send + Sync + 'static {
    /// Whether the term or its derivatives read q, or ln q without special care.
    const USES_Q: bool;
    /// Whether the term reads only the greater of p and q, for which D tells the sides apart. Both may then stand for it.
    const TERM_READS_GREATER: bool = false;
    /// Whether from logits the sums of a lane give the divergence and its gradients in closed form.
    const HAS_CLOSED_FORM: bool = false;
    /// Whether e^(−D) must not overflow without special care: ln p and ln q then lie within some half of the range of the exponential.
    const IS_NARROW: bool = false;
    /// Whether a class with p = 0 and a finite ln q needs no special care: D is then some finite number.
    const ALLOWS_ZERO_P: bool;

    /// Whether the plain form and the generalized one are the same.
    fn has_one_form(self) -> bool {
        false
    }
    /// F.
    fn term<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
    /// ∂F/∂(ln q).
    fn d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
    /// Both of them.
    #[inline(always)]
    fn term_and_d_log_q<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> (T, T) {
        (self.term::<T, CAREFUL>(pair), self.d_log_q::<T, CAREFUL>(pair))
    }
    /// ∂F/∂p.
    fn d_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T;
    /// ∂F/∂(ln p) = p·∂F/∂p.
    #[inline(always)]
    fn d_log_p<T: Real, const CAREFUL: bool>(self, pair: Pair<T>) -> T {
        pair.times_p::<CAREFUL>(self.d_p::<T, CAREFUL>(pair))
    }
}

impl<T: Real> Pair<T> {
    /// The pair (q, p).
    #[inline(always)]
    pub fn swapped(self) -> Self {
        let Pair { p, q, log_ratio, log_p, log_q } = self;
        Pair { p: q, q: p, log_ratio: -log_ratio, log_p: log_q, log_q: log_p }
    }

    /// D, and 0. With special care 0 takes the place of a D that is NaN, and the second number, which is to be added to results,
    /// is then NaN unless both sides exclude the class.
    #[inline(always)]
    pub fn ratio<const CAREFUL: bool>(&self) -> (T, T) {
        if !CAREFUL {
            return (self.log_ratio, T::ZERO);
        }
        let both_absent = self.is_absent_in_p() & self.is_absent_in_q();
        let d = self.log_ratio;
        let nan = if both_absent { T::ZERO } else { zero_unless_nan(d) };
        (if d.is_nan() { T::ZERO } else { d }, nan)
    }

    /// q/p = e^(−D). It is the quotient where p and q are normal numbers, which is more accurate than e^(−D) since D is rounded.
    #[inline(always)]
    pub fn q_over_p<const CAREFUL: bool>(&self) -> T {
        let is_normal = |number: T| (number >= T::MIN_POSITIVE) & (number <= T::MAX);
        match !CAREFUL | (is_normal(self.p) & is_normal(self.q)) {
            true => self.q / self.p,
            false => exp(-self.log_ratio),
        }
    }

    /// The pair with D = +∞ where both exclude the class. Of ∂F/∂p the limit p → 0 comes after q = 0.
    #[inline(always)]
    pub fn without_q_first<const CAREFUL: bool>(self) -> Self {
        let both_absent = CAREFUL & self.is_absent_in_p() & self.is_absent_in_q();
        Pair { log_ratio: if both_absent { T::INFINITY } else { self.log_ratio }, ..self }
    }

    /// Whether the target excludes the class.
    #[inline(always)]
    pub fn is_absent_in_p(&self) -> bool {
        self.log_p == -T::INFINITY
    }

    /// Whether the model excludes the class.
    #[inline(always)]
    pub fn is_absent_in_q(&self) -> bool {
        self.log_q == -T::INFINITY
    }

    /// p·factor, where factor is D plus a constant: 0 · ±∞ = 0 where the target excludes the class, and ±∞ where only ln q is
    /// infinite, even if p underflows. Every zero is positive.
    #[inline(always)]
    pub fn times_p<const CAREFUL: bool>(self, factor: T) -> T {
        let product = self.p.mul_add(factor, T::ZERO);
        if !CAREFUL {
            return product;
        }
        let product = if self.log_q.abs() == T::INFINITY { factor } else { product };
        let underflows = (self.p == T::ZERO) & (self.log_q.abs() <= T::MAX);
        let vanishes = self.is_absent_in_p() | underflows | (factor == T::ZERO);
        if vanishes { zero_unless_nan(self.log_q) } else { product }
    }
}

/// mass·factor, but 0 · ±∞ = 0. Every zero is positive.
#[inline(always)]
pub fn times<T: Real, const CAREFUL: bool>(mass: T, factor: T) -> T {
    let product = mass.mul_add(factor, T::ZERO);
    let vanishes = CAREFUL & (mass == T::ZERO) & !factor.is_nan();
    if vanishes { T::ZERO } else { product }
}

/// 0, or NaN where the number is.
#[inline(always)]
pub fn zero_unless_nan<T: Real>(number: T) -> T {
    if number.is_nan() { number } else { T::ZERO }
}
