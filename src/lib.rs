//! The Kullback–Leibler divergence as a loss over [`ndarray`] arrays: PyTorch's `KLDivLoss`, exact,
//! reproducible to the bit, at the speed of memory, in safe Rust.
//!
//! For a target distribution p and a model's distribution q over the same classes,
//!
//! > KL(p ‖ q) = Σ p·(ln p − ln q)   (nats)
//!
//! which is 0 where the two are equal and positive everywhere else.
//!
//! ```
//! use kldiv::{BatchMean, KLDivLoss};
//! use ndarray::array;
//!
//! let log_q = array![[0.5_f32, 0.25, 0.25], [0.1, 0.2, 0.7]].ln(); // the model's log-probabilities
//! let p = array![[0.25_f32, 0.5, 0.25], [0.0, 0.5, 0.5]]; // the target's probabilities
//!
//! let criterion = KLDivLoss::new(BatchMean);
//! let loss: f32 = criterion.forward(&log_q, &p)?;
//! let (same, gradient) = criterion.value_and_grad(&log_q, &p)?;
//! assert_eq!((loss, gradient), (same, -p / 2.0));
//! # Ok::<(), kldiv::Error>(())
//! ```
//!
//! # Pages
//!
//! [Replacing a hand-written loop](_loops) · [which divergence](_divergences) · [from logits](_logits) ·
//! [sparse teachers and labels](_sparse) · [special values](_special_values) · [accuracy](_accuracy) · [exactness](_exact) ·
//! [more data than memory](_machines) · [the command line](_command_line) · [speed](_speed)
//!
//! # From PyTorch
//!
//! | PyTorch | here |
//! |---|---|
//! | `KLDivLoss(reduction="batchmean")(input, target)` | `KLDivLoss::new(BatchMean).forward(&input, &target)?` |
//! | `reduction="none"`, `"sum"`, `"mean"` | [`Pointwise`], [`Sum`], [`Mean`] |
//! | `loss.sum(-1)` of `"none"` | [`PerDistribution`] |
//! | `(loss.sum(-1) * mask).sum() / mask.sum()` | [`DistributionMean`] with [`Batch::weights`] |
//! | `loss.sum() / n` | [`SumOver`] |
//! | `reduction=name` | [`AnyReduction`], from `name.parse()?` |
//! | negative values of `"none"` | [explained](#why-are-some-values-negative); [`.generalized(true)`](KLDivLoss::generalized) has none |
//! | `log_target=True` | [`.log_target(true)`](KLDivLoss::log_target) |
//! | classes along dimension 1 | [`.axis(Axis(1))`](KLDivLoss::axis) |
//! | `loss.backward()` | [`value_and_grad`](KLDivLoss::value_and_grad), [`backward`](KLDivLoss::backward) |
//! | `F.cross_entropy(logits, labels)` | [`labels_batch`](KLDivWithLogitsLoss::labels_batch) |
//! | a teacher's `topk`, gathered by hand | [`sparse_batch`](KLDivWithLogitsLoss::sparse_batch) |
//! | `kl_div(log_softmax(z / T), …)` | [`KLDivWithLogitsLoss`], softmax fused in |
//! | reverse, Jensen–Shannon, skew and others, composed by hand | [`.divergence(Divergence::JensenShannon(0.5))`](KLDivLoss::divergence) |
//!
//! # Why are some values negative?
//!
//! *The mean of `kl_div` is positive, but some values of the unreduced result are negative. Is that
//! correct?* Yes. A single term t·(ln t − x) is negative wherever the model gives a class more than the
//! target does. Only the sum over the classes of two proper distributions cannot be: [`Pointwise`] returns
//! the terms as they are, [`PerDistribution`] their sums.
//!
//! Two distributions; raw scores instead of log-probabilities; the generalized terms of the first
//! (`cargo run --release --example negative_terms`):
//!
#![cfg_attr(doc, doc = include_str!("../docs/negative_terms.svg"))]
//!
//! ```
//! use kldiv::{KLDivLoss, PerDistribution, Pointwise};
//! use ndarray::array;
//!
//! let log_q = array![0.2_f64, 0.3, 0.5].ln();
//! let p = array![0.6, 0.3, 0.1];
//! let terms = KLDivLoss::new(Pointwise).forward(&log_q, &p)?;
//! assert!(terms[0] > 0.0 && terms[2] < 0.0);
//! assert!(KLDivLoss::new(PerDistribution).forward(&log_q, &p)?.into_scalar() > 0.0);
//! # Ok::<(), kldiv::Error>(())
//! ```
//!
//! A *sum* negative by more than rounding means that an operand is not what it should be: logits, say, or probabilities where
//! their logarithms belong. [`Batch::diagnose`] finds what is wrong, where, and what it looks like;
//! [`validated`](KLDivLoss::validated) has every call refuse it.
//!
//! # A form that is never negative
//!
//! [`generalized(true)`](KLDivLoss::generalized) makes every term t·(ln t − x) − t + eˣ (Csiszár's
//! I-divergence, a Bregman divergence), which is 0 where t = eˣ and positive everywhere else. The sum of the added
//! part is the difference of the masses, Σ(q − p): over two proper distributions the result is the same,
//! over others it differs from PyTorch's by just that.
//!
//! Use it where terms are looked at one by one, where operands are not normalised (counts, spectra,
//! unnormalised models), or where p and q are close. For it is not computed as it is written, which cancels, but as t·φ(d) with
//! d = ln t − x and φ(d) = e^(−d) − 1 + d a function of its own: every term is right to a few ulp of itself
//! for a log target, and for a target of probabilities to a few ulp and 2η/|d|, η ≈ 1.4e−8 (`f32`) or 2.8e−17
//! (`f64`) the error of ln t. Found: less than 6 ulp (`f32`, 4·10⁷ pairs) and 4 (`f64`, the worst of some ten thousands),
//! for probabilities beside 2η/|d|.
//!
//! The relative error of one sum over `f32` distributions whose scores differ by normal noise, the worst of
//! twenty; the truth is the exact generalized divergence of the inputs as stored
//! (`cargo run --release --example accuracy`):
//!
//! | classes | noise | divergence | here | SciPy's formula | optax's | PyTorch's sum |
//! |--:|--:|--:|--:|--:|--:|--:|
//! | 10 | 1e-2 | 4.0e-5 | 3e-7 | 2e-3 | 2e-3 | 3e-3 |
//! | 10 | 1e-3 | 4.0e-7 | 3e-6 | 2e-1 | 3e-1 | 5e-1 |
//! | 10 | 1e-4 | 4.0e-9 | 3e-5 | 8 | 30 | 50 |
//! | 1,000 | 1e-2 | 4.9e-5 | 6e-8 | 8e-5 | 3e-4 | 7e-4 |
//! | 1,000 | 1e-3 | 4.9e-7 | 4e-7 | 1e-2 | 3e-2 | 9e-2 |
//! | 1,000 | 1e-4 | 4.9e-9 | 4e-6 | 1 | 2 | 9 |
//! | 32,000 | 1e-2 | 5.0e-5 | 5e-8 | 2e-5 | 1e-4 | 2e-4 |
//! | 32,000 | 1e-3 | 5.0e-7 | 8e-8 | 2e-3 | 9e-3 | 2e-2 |
//! | 32,000 | 1e-4 | 5.0e-9 | 8e-7 | 3e-1 | 1 | 2 |
//!
//! (SciPy's `kl_div(p, q)` and optax's `generalized_kl_divergence` compute the cancelling form; PyTorch's sum
//! includes the mass that rounding gave or took. Their formulas in `f32`, summed exactly.)
//!
//! # What every value gives
//!
//! 0 · ±∞ = 0 in a term, derivatives at 0 are one-sided limits, there is no epsilon, and NaN is never
//! swallowed.
//!
//! | x | t | term | ∂/∂x | ∂/∂t |
//! |---|---|---|---|---|
//! | finite | 0 | 0 | 0 | −∞ |
//! | −∞ | 0 | 0 | 0 | +∞ |
//! | +∞ | 0 | 0 | 0 | −∞ |
//! | −∞ | 0 < t < ∞ | +∞ | −t | +∞ |
//! | +∞ | 0 < t < ∞ | −∞ | −t | −∞ |
//! | < +∞ | +∞ | +∞ | −∞ | +∞ |
//! | +∞ | +∞ | NaN | −∞ | NaN |
//! | any | t < 0 | NaN | −t | NaN |
//! | NaN | any | NaN | −t | NaN |
//! | any | NaN | NaN | NaN | NaN |
//!
//! Generalized:
//!
//! | x | t | term | ∂/∂x | ∂/∂t (0 at y = −∞) |
//! |---|---|---|---|---|
//! | finite | 0 | eˣ | eˣ | −∞ |
//! | −∞ | 0 | 0 | 0 | +∞ |
//! | −∞ | 0 < t < ∞ | +∞ | −t | +∞ |
//! | +∞ | 0 ≤ t < ∞ | +∞ | +∞ | −∞ |
//! | < +∞ | +∞ | +∞ | −∞ | +∞ |
//! | +∞ | +∞ | NaN | NaN | NaN |
//! | any | t < 0, or NaN anywhere | NaN | eˣ − t | NaN |
//!
//! A log target is decided on y, not on whether eʸ underflows: y = −∞ gives 0 everywhere unless x is
//! NaN; a finite y against x = ∓∞ gives ±∞. An upstream gradient of exactly 0 gives zero gradients
//! unless an operand is NaN.
//!
//! # What the numbers promise
//!
//! - **Bits.** (Why and how: [`_exact`].) A result is a function of the values, the logical shape and the settings: not of the
//!   number of threads, the memory layout, how the batch was cut into [`Partial`] results, or the
//!   instruction set. Up to 64 classes a total is the exact sum of all terms; beyond, and from logits, the exact sum of
//!   the distributions' sums, each in an order fixed by the class index. It is rounded once. (Under
//!   the default floating-point environment.)
//! - **Accuracy.** Our own `exp` and `ln` are within 1 ulp for `f32` (over all inputs) and within 0.91
//!   ulp for `f64` on all inputs tried; ln t − x is one sum, in which ln t is not rounded, and a term is right to a few ulp of
//!   max(|t·ln t|, |t·x|).
//! - **Memory.** Beside what is returned, only scratch of a fixed size a piece of work is allocated. From logits, gradients with an
//!   upstream for each class take 8 bytes a class of one distribution more, and factors beyond the range of the type some arrays
//!   of one distribution's length.
//!
//! # Features
//!
//! `rayon` (default): large batches run on the current rayon pool, with the same bits. `serde`: criteria and
//! reductions can be serialised. `half`: `f16` and `bf16` are [elements](Element) too.
//!
//! # Debug builds
//!
//! In a debug build a batch of 4,096 × 1,000 takes 520 ms, four times as long as a loop by hand. It takes 2.5 ms with these two lines
//! in your `Cargo.toml`:
//!
//! ```toml
//! [profile.dev.package.kldiv]
//! opt-level = 3
//! ```
//!
//! # The modules
//!
//! A module uses only those above it, and `error.rs`, `tail.rs` and `target.rs`. How to add a divergence or a reduction, step by step:
//! `docs/extending.md` in the repository.
//!
//! - `number`: exp, ln, 16-bit conversions, instruction sets; the types that arrays hold.
//! - `exact`: sums without rounding.
//! - `divergence`: the setting; the term of one class and its derivatives, one file a formula.
//! - `elementwise`: loops over slices, sums over the classes of a lane, transposition, prefetching.
//! - `softmax`: from logits, the normalisation of a lane and the chain rule.
//! - `layout`: axes and strides into matrices and tiles; the thread pool.
//! - `partial`: results that merge.
//! - `check`: masses and what they tell; what `validated` and `diagnose` read.
//! - `engine`: values and gradients of the matrices of one thread.
//! - `sparse`: targets that name some classes, as lanes of those and one for the rest.
//! - `element.rs`, `reduction`, `batch`, `loss.rs` and `logits.rs`, in this order: what users see.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The pages under docs/.
macro_rules! pages {
    ($($name:ident: $page:literal),* $(,)?) => {
        $(
            #[cfg(any(doc, doctest))]
            #[doc = include_str!(concat!("../docs/", $page, ".md"))]
            pub mod $name {}
        )*
    };
}

pages! {
    _accuracy: "accuracy",
    _command_line: "command-line",
    _logits: "logits",
    _loops: "loops",
    _machines: "machines",
    _sparse: "sparse",
    _special_values: "special-values",
    _speed: "speed",
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/divergences.md")]
#[cfg_attr(doc, doc = include_str!("../docs/divergences.svg"))]
pub mod _divergences {}
#[cfg(any(doc, doctest))]
pub mod _exact;
mod batch;
mod check;
mod divergence;
mod element;
mod elementwise;
mod engine;
mod error;
mod exact;
#[cfg(test)]
#[path = "tests/fixtures.rs"]
mod fixtures;
mod layout;
mod logits;
mod loss;
mod number;
mod partial;
mod reduction;
mod softmax;
mod sparse;
mod tail;
mod target;

pub use batch::{Batch, Gradients, SparseBatch};
pub use check::{Diagnosis, LikelyCause, Offender, OperandReport};
pub use divergence::Divergence;
pub use element::Element;
pub use error::{Error, Operand};
#[cfg(feature = "half")]
pub use half;
pub use logits::KLDivWithLogitsLoss;
pub use loss::KLDivLoss;
pub use ndarray;
pub use partial::Partial;
pub use reduction::{
    AnyReduction, BatchMean, DistributionMean, Mean, PerDistribution, Pointwise, Reduction,
    ScalarReduction, Sum, SumOver,
};
pub use sparse::ClassIndex;
pub use tail::Tail;
pub use target::{Target, Target as Holds};
