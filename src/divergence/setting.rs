//! [`Divergence`]: which divergence a criterion computes, and the one place where it becomes a static [`Formula`].

use std::fmt;
use std::str::FromStr;

use super::equal_weights::EqualWeights;
use super::forward::{Forward, GeneralizedForward};
use super::jensen_shannon::{AnyWeights, JensenShannon};
use super::reversed::Reversed;
use super::skew::Skew;
use super::symmetric::Symmetric;
use super::total_variation::TotalVariation;
use super::{Forms, Formula};
use crate::error::Error;

/// The divergence that a criterion computes, in nats. p is the target, and q the model.
///
/// | variant | value | parameter | known as |
/// |---|---|---|---|
/// | [`Forward`](Self::Forward) | KL(p ‖ q) | | PyTorch's `KLDivLoss` |
/// | [`Reverse`](Self::Reverse) | KL(q ‖ p) | | MiniLLM; TRL with β = 1 |
/// | [`Symmetric(λ)`](Self::Symmetric) | λ·KL(p ‖ q) + (1−λ)·KL(q ‖ p) | 0 ≤ λ ≤ 1 | torchtune's `SymmetricKLLoss` |
/// | [`Jeffreys`](Self::Jeffreys) | KL(p ‖ q) + KL(q ‖ p) | | population stability index |
/// | [`JensenShannon(β)`](Self::JensenShannon) | β·KL(p ‖ m) + (1−β)·KL(q ‖ m), m = βp + (1−β)q | 0 < β < 1 | GKD, TRL, Liger |
/// | [`Skew(α)`](Self::Skew) | KL(p ‖ αp + (1−α)q) | 0 ≤ α < 1 | DistiLLM |
/// | [`SkewReverse(α)`](Self::SkewReverse) | KL(q ‖ αq + (1−α)p) | 0 ≤ α < 1 | DistiLLM |
/// | [`TotalVariation`](Self::TotalVariation) | ½·Σ\|p − q\| | | 1 − the acceptance rate of speculative decoding |
///
/// Every divergence is at least 0 for two distributions, and 0 if they are equal. [Which divergence](crate::_divergences) helps
/// to choose, and lists the names of other libraries.
///
/// # What every value gives
///
/// A class contributes F(p, q), with q = eˣ, and p = t or eʸ. Special values are limits: 0 · ±∞ = 0, derivatives at 0 are
/// one-sided, there is no epsilon, and a NaN operand gives NaN. [The crate docs](crate#what-every-value-gives) have the table of
/// `Forward`. With 0 < λ < 1 and α > 0 the others give:
///
/// | F | `Reverse` | `Symmetric(λ)` | `Jeffreys` | `JensenShannon(β)` | `Skew(α)` | `SkewReverse(α)` | `TotalVariation` |
/// |---|---|---|---|---|---|---|---|
/// | p > 0, q = 0 | 0 | +∞ | +∞ | −β·p·ln β | −p·ln α | 0 | p/2 |
/// | p = 0, q > 0 | +∞ | +∞ | +∞ | −(1−β)·q·ln(1−β) | 0 | −q·ln α | q/2 |
/// | p = q = 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
/// | p = +∞, 0 < q < ∞ | −∞ | +∞ | +∞ | +∞ | +∞ | −∞ | +∞ |
/// | 0 < p < ∞, q = +∞ | +∞ | +∞ | +∞ | +∞ | −∞ | +∞ | +∞ |
///
/// | ∂F/∂x | `Reverse` | `Symmetric(λ)` | `Jeffreys` | `JensenShannon(β)` | `Skew(α)` | `SkewReverse(α)` | `TotalVariation` |
/// |---|---|---|---|---|---|---|---|
/// | p > 0, q = 0 | 0 | −λp | −p | 0 | 0 | 0 | 0 |
/// | p = 0, q > 0 | +∞ | +∞ | +∞ | −(1−β)·q·ln(1−β) | 0 | −q·ln α | q/2 |
/// | p = q = 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
///
/// | ∂F/∂t | `Reverse` | `Symmetric(λ)` | `Jeffreys` | `JensenShannon(β)` | `Skew(α)` | `SkewReverse(α)` | `TotalVariation` |
/// |---|---|---|---|---|---|---|---|
/// | p > 0, q = 0 | 0 | +∞ | +∞ | −β·ln β | −ln α | 0 | ½ |
/// | p = 0, q > 0 | −∞ | −∞ | −∞ | −∞ | −∞ | −(1−α)/α | −½ |
/// | p = q = 0 | 0 | +∞ | +∞ | −β·ln β | −ln α | 0 | 0 |
///
/// - For a log target ∂F/∂y = p·∂F/∂p. At p = 0 it is −q for `Reverse` and `Jeffreys`, −(1−λ)·q for `Symmetric`, and 0 for the others.
/// - A NaN operand, t < 0, and p = q = +∞ give NaN. One exception: ∂F/∂y of `Reverse` is −q for every y.
/// - [Generalized](crate::KLDivLoss::generalized) terms are F + κ·(q − p), with κ = −1 for `Reverse`, 2λ − 1 for `Symmetric`, 1 − α for
///   `Skew` and α − 1 for `SkewReverse`. They are +∞ if p or q is +∞.
///
/// # Accuracy
///
/// The table has the largest errors found of [generalized](crate::KLDivLoss::generalized) terms of a log target, in ulp of the term. They
/// are of 4·10⁵ random pairs in `f32` and 4·10⁴ in `f64`, with |D| up to 80, against 104 bits (`tests/family/terms.rs`):
///
/// | | `Forward` | `Reverse` | `Symmetric` | `Jeffreys` | `JensenShannon(0.5)` | `JensenShannon` | `Skew`, `SkewReverse` | `TotalVariation` |
/// |---|--:|--:|--:|--:|--:|--:|--:|--:|
/// | near p = q, \|D\| ≤ 0.001 | 4 | 4 | 7 | 4 | 8 | 11 | 7 | 3 |
/// | elsewhere | 5 | 5 | 9 | 6 | 10 | 20 | 21 | 4 |
///
/// For α = 1 − 10⁻⁹ the errors are 11 and 35 ulp. Plain terms may cancel; they are right to as many ulp of their summands. From
/// logits against logits every divergence keeps its relative accuracy however close the two sides are. The relative error is below
/// 10⁻⁵ in `f32`, for scores that differ by noise of 10⁻⁴ and more, up to 32,000 classes (`tests/family/near.rs`).
///
/// # As text
///
/// As text the divergences are `forward`, `reverse`, `symmetric:0.5`, `jeffreys`, `jensen-shannon:0.5`, `skew:0.1`, `skew-reverse:0.1`
/// and `total-variation`.
///
/// ```
/// use kldiv::{DistributionMean, Divergence, KLDivLoss};
/// use ndarray::array;
///
/// let log_q = array![[0.5_f64, 0.25, 0.25]].ln();
/// let p = array![[0.25, 0.5, 0.25]];
/// let divergence: Divergence = "jensen-shannon:0.5".parse()?;
/// assert_eq!(divergence, Divergence::JensenShannon(0.5));
///
/// let loss = KLDivLoss::new(DistributionMean).divergence(divergence).forward(&log_q, &p)?;
/// let by_hand = 0.25 * (0.25_f64 / 0.375).ln() + 0.5 * (0.5_f64 / 0.375).ln(); // m = (0.375, 0.375, 0.25)
/// assert!((loss - by_hand).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Divergence {
    /// KL(p ‖ q) = Σp·(ln p − ln q).
    #[default]
    Forward,
    /// KL(q ‖ p) = Σq·(ln q − ln p).
    Reverse,
    /// λ·KL(p ‖ q) + (1−λ)·KL(q ‖ p), with 0 ≤ λ ≤ 1.
    Symmetric(f64),
    /// KL(p ‖ q) + KL(q ‖ p) = Σ(p − q)·(ln p − ln q).
    Jeffreys,
    /// β·KL(p ‖ m) + (1−β)·KL(q ‖ m), with m = βp + (1−β)q and 0 < β < 1. Also called JSD; the loss of GKD. Divided by β it tends to
    /// [`Forward`](Self::Forward) as β → 0. Divided by 1 − β it tends to [`Reverse`](Self::Reverse) as β → 1.
    JensenShannon(f64),
    /// KL(p ‖ αp + (1−α)q), with 0 ≤ α < 1.
    Skew(f64),
    /// KL(q ‖ αq + (1−α)p), with 0 ≤ α < 1.
    SkewReverse(f64),
    /// ½·Σ|p − q|.
    TotalVariation,
}

/// What is done with a formula, whichever it is.
pub trait Work {
    /// What it returns.
    type Output;

    /// Does it.
    fn run<F: Formula>(self, formula: F) -> Self::Output;
}

impl Divergence {
    /// Does `work` with the formula of these forms of this divergence.
    #[inline]
    pub(crate) fn with_formula<W: Work>(self, forms: Forms, work: W) -> W::Output {
        match self.simplest() {
            Divergence::Forward if forms.generalized_terms() => work.run(GeneralizedForward),
            Divergence::Forward => work.run(Forward),
            Divergence::Reverse if forms.generalized_terms() => {
                work.run(Symmetric::new([0.0, 1.0], forms))
            }
            Divergence::Reverse => work.run(Reversed(Forward)),
            Divergence::Symmetric(lambda) => {
                work.run(Symmetric::new([lambda, 1.0 - lambda], forms))
            }
            Divergence::Jeffreys => work.run(Symmetric::new([1.0, 1.0], forms)),
            Divergence::JensenShannon(0.5) => work.run(JensenShannon(EqualWeights)),
            Divergence::JensenShannon(beta) => work.run(JensenShannon(AnyWeights::new(beta))),
            Divergence::Skew(alpha) => work.run(Skew::new(alpha, forms)),
            Divergence::SkewReverse(alpha) => work.run(Reversed(Skew::new(alpha, forms))),
            Divergence::TotalVariation => work.run(TotalVariation),
        }
    }

    /// The same divergence by the simplest formula.
    #[inline]
    pub(crate) fn simplest(self) -> Self {
        match self {
            Divergence::Symmetric(1.0) | Divergence::Skew(0.0) => Divergence::Forward,
            Divergence::Symmetric(0.0) | Divergence::SkewReverse(0.0) => Divergence::Reverse,
            other => other,
        }
    }

    /// Checks the parameter.
    pub(crate) fn check(self) -> Result<(), Error> {
        let is_valid = match self {
            Divergence::Symmetric(lambda) => (0.0..=1.0).contains(&lambda),
            Divergence::JensenShannon(beta) => beta > 0.0 && beta < 1.0,
            Divergence::Skew(alpha) | Divergence::SkewReverse(alpha) => (0.0..1.0).contains(&alpha),
            _ => true,
        };
        let (name, parameter) = self.parts();
        let invalid = Error::InvalidDivergence { name, parameter: parameter.unwrap_or(f64::NAN) };
        if is_valid { Ok(()) } else { Err(invalid) }
    }

    /// The name and the parameter.
    fn parts(self) -> (&'static str, Option<f64>) {
        match self {
            Divergence::Forward => ("forward", None),
            Divergence::Reverse => ("reverse", None),
            Divergence::Symmetric(lambda) => ("symmetric", Some(lambda)),
            Divergence::Jeffreys => ("jeffreys", None),
            Divergence::JensenShannon(beta) => ("jensen-shannon", Some(beta)),
            Divergence::Skew(alpha) => ("skew", Some(alpha)),
            Divergence::SkewReverse(alpha) => ("skew-reverse", Some(alpha)),
            Divergence::TotalVariation => ("total-variation", None),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (name, Some(parameter)) => write!(f, "{name}:{parameter:?}"),
            (name, None) => f.write_str(name),
        }
    }
}

impl FromStr for Divergence {
    type Err = Error;

    /// Reads a name and, after a colon, the parameter.
    ///
    /// # Errors
    /// [`UnknownDivergence`](Error::UnknownDivergence); [`InvalidDivergence`](Error::InvalidDivergence) for a parameter out of
    /// range.
    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownDivergence { name: text.to_owned() };
        let (name, parameter) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let divergence = match (name, parameter) {
            ("forward", None) => Divergence::Forward,
            ("reverse", None) => Divergence::Reverse,
            ("symmetric", Some(lambda)) => Divergence::Symmetric(lambda),
            ("jeffreys", None) => Divergence::Jeffreys,
            ("jensen-shannon", Some(beta)) => Divergence::JensenShannon(beta),
            ("skew", Some(alpha)) => Divergence::Skew(alpha),
            ("skew-reverse", Some(alpha)) => Divergence::SkewReverse(alpha),
            ("total-variation", None) => Divergence::TotalVariation,
            _ => return Err(unknown()),
        };
        divergence.check()?;
        Ok(divergence)
    }
}
