//! The Kullback–Leibler divergence as a loss over [`ndarray`] arrays: what `KLDivLoss` is to PyTorch. Its sums are exact, its results
//! reproducible to the bit. It is safe Rust, and runs at the speed of memory.
//!
//! For a target distribution p and a model's distribution q over the same classes,
//!
//! > KL(p ‖ q) = Σ p·(ln p − ln q)   (nats)
//!
//! It is 0 where the two are equal, and positive everywhere else.
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
//! [more data than memory](_machines) · [the command line](_command_line) · [speed](_speed) · [adding a divergence](_extending)
//!
//! `docs/candle.md` in the repository shows the way from candle, burn, tch and ndarray 0.16 (linfa).
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
//! | soft cross entropy, `-(p * log_softmax(z)).sum(-1).mean()` | [`KLDivWithLogitsLoss`] with [`Target::Probabilities`]: same gradient, 0 at p = q |
//! | a teacher's `topk`, gathered by hand | [`sparse_batch`](KLDivWithLogitsLoss::sparse_batch) |
//! | `kl_div(log_softmax(z / T), …)` | [`KLDivWithLogitsLoss`], softmax fused in |
//! | JSD distillation, reverse KL, skew and others, by hand | [`.divergence(Divergence::JensenShannon(0.5))`](KLDivLoss::divergence) |
//!
//! # Why are some values negative?
//!
//! *The mean of `kl_div` is positive, but some values of the unreduced result are negative. Is that
//! correct?* Yes. A single term t·(ln t − x) is negative wherever the model gives a class more than the
//! target does. Only the sum over the classes of two proper distributions is never negative. [`Pointwise`] returns
//! the terms as they are, and [`PerDistribution`] their sums.
//!
//! The picture shows the terms of two distributions, the terms of raw scores in place of log-probabilities, and the generalized
//! terms of the two distributions (`cargo run --release --example negative_terms`):
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
//! If a *sum* is negative by more than rounding, an operand does not hold what it should. It may hold logits, or probabilities in
//! place of their logarithms. [`Batch::diagnose`] says what is wrong, where, and the likely mistake. With
//! [`validated`](KLDivLoss::validated) every call refuses such operands.
//!
//! # A form that is never negative
//!
//! With [`generalized(true)`](KLDivLoss::generalized) every term is t·(ln t − x) − t + eˣ (Csiszár's
//! I-divergence, a Bregman divergence). It is 0 where t = eˣ, and positive everywhere else. The added part
//! sums to the difference of the masses, Σ(q − p). So the result is the same for two proper distributions.
//! For other operands it differs from PyTorch's by that difference.
//!
//! Use it if you look at single terms, if operands are not normalised (counts, spectra,
//! unnormalised models), or if p and q are close.
//!
//! The formula as written cancels. It is computed as t·φ(d), with d = ln t − x and φ(d) = e^(−d) − 1 + d in a form that does not
//! cancel. For a log target every term is right to a few ulp of itself. For a target of probabilities there is a relative error of
//! 2η/|d| beside that, where η ≈ 1.4e−8 (`f32`) or 2.8e−17 (`f64`) is the error of ln t. The largest errors found, without 2η/|d|, are
//! below 6 ulp (`f32`, 4·10⁷ pairs) and 4 ulp (`f64`, the worst of some ten thousands).
//!
//! The table has the relative error of one sum over `f32` distributions whose scores differ by normal noise, the worst of
//! twenty. It is measured against the exact generalized divergence of the inputs as stored
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
//! The formulas of the others are computed in `f32` and summed exactly. SciPy's `kl_div(p, q)` and optax's
//! `generalized_kl_divergence` are the form that cancels. PyTorch's sum includes the difference of the masses, which comes
//! from rounding here.
//!
//! # What every value gives
//!
//! 0 · ±∞ = 0 in a term. Derivatives at 0 are one-sided limits. There is no epsilon. NaN is never
//! swallowed. [Special values](_special_values) has PyTorch's values beside these, and the causes of a NaN loss.
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
//! For a log target, y decides, even where eʸ underflows to 0: y = −∞ gives 0 everywhere unless x is
//! NaN, and a finite y against x = ∓∞ gives ±∞. An upstream gradient of exactly 0 gives gradients of 0,
//! unless an operand is NaN.
//!
//! # What the numbers promise
//!
//! - **Bits.** A result is a function of the values, the logical shape and the settings. The number of threads, the memory
//!   layout, the instruction set, and the cuts of the batch into [`Partial`] results do not change it. Up to 64 classes, from
//!   log-probabilities, a total is the exact sum of all terms. Otherwise it is the exact sum of the distributions' sums, each in an
//!   order fixed by the class index. It is rounded once. [Exactness](_exact) says why and how. (Under the default floating-point
//!   environment.)
//! - **Accuracy.** Our own `exp` and `ln` are within 1 ulp for `f32` (over all inputs), and within 0.91
//!   ulp for `f64` on all inputs tried. ln t − x is one sum, in which ln t is not rounded first. A term is right to a few ulp of
//!   max(|t·ln t|, |t·x|).
//! - **Memory.** Beside what is returned, a call allocates only scratch buffers of a fixed size for each piece of work.
//!   Two kinds of call also need buffers as long as one distribution: gradients from logits with an upstream for each
//!   class (8 bytes a class), and gradients from logits with factors beyond the range of the type (some arrays).
//!
//! # Features
//!
//! - `rayon` (default): large batches run on the current rayon pool. Without it, they run on one thread, with the same bits.
//! - `serde`: criteria, reductions and partial results can be serialised.
//! - `half`: `f16` and `bf16` are [elements](Element) too.
//!
//! # Debug builds
//!
//! In a debug build a batch of 4,096 × 1,000 takes 520 ms, four times as long as a loop by hand. With these two lines in your
//! `Cargo.toml` it takes 2.5 ms:
//!
//! ```toml
//! [profile.dev.package.kldiv]
//! opt-level = 3
//! ```
//!
//! # The modules
//!
//! A module uses only modules above it in this list, and `error.rs`, `tail.rs` and `target.rs`. [Adding a divergence](_extending)
//! says how to add a divergence or a reduction.
//!
//! - `number`: exp, ln, 16-bit conversions, instruction sets, and the types of numbers.
//! - `exact`: sums without rounding.
//! - `divergence`: the setting, and the term of one class with its derivatives, one file for each formula.
//! - `elementwise`: loops over slices, sums over the classes of a lane, transposition, prefetching.
//! - `softmax`: the normalisation of a lane of logits, and the chain rule.
//! - `layout`: cuts arrays of any strides into matrices and tiles; the thread pool.
//! - `partial`: partial results, which merge.
//! - `check`: whether operands are distributions, for `validated` and `diagnose`.
//! - `engine`: values and gradients of one thread's matrices.
//! - `sparse`: targets that name some classes: a lane of these and one class for the others.
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
    _extending: "extending",
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
