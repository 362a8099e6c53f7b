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
//! | `log_target=True` | [`.log_target(true)`](KLDivLoss::log_target) |
//! | classes along dimension 1 | [`.axis(Axis(1))`](KLDivLoss::axis) |
//! | `loss.backward()` | [`value_and_grad`](KLDivLoss::value_and_grad), [`backward`](KLDivLoss::backward) |
//! | `kl_div(log_softmax(z / T), …)` | [`KLDivWithLogitsLoss`], softmax fused in |
//!
//! # Why are some values negative?
//!
//! A single term t·(ln t − x) is negative wherever the model gives a class more than the target does.
//! Only the sum over the classes of two proper distributions cannot be: [`Pointwise`] returns the
//! terms as they are, [`PerDistribution`] their sums.
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
//! A log target is decided on y, not on whether eʸ underflows: y = −∞ gives 0 everywhere unless x is
//! NaN; a finite y against x = ∓∞ gives ±∞. An upstream gradient of exactly 0 gives zero gradients
//! unless an operand is NaN.
//!
//! # What the numbers promise
//!
//! - **Bits.** (Why and how: [`_exact`].) A result is a function of the values, the logical shape and the settings: not of the
//!   number of threads, the memory layout, how the batch was cut into [`Partial`] results, or the
//!   instruction set. Up to 64 classes a total is the exact sum of all terms; beyond, the exact sum of
//!   the distributions' sums, each in an order fixed by the class index. It is rounded once. (Under
//!   the default floating-point environment.)
//! - **Accuracy.** Our own `exp` and `ln` are within 1 ulp for `f32` (over all inputs) and within 0.91
//!   ulp for `f64` on all inputs tried; a term is right to a few ulp of max(|t·ln t|, |t·x|).
//! - **Memory.** Beside what is returned, only scratch of a fixed size a thread is allocated.
//!
//! # Features
//!
//! `rayon` (default): large batches run on the current rayon pool, with the same bits. `serde`: criteria and
//! reductions can be serialised. `half`: `f16` and `bf16` are [elements](Element) too.
//!
//! # Where to change what
//!
//! A new reduction touches `reduction/`; a new divergence is a term in `kernel/term.rs`. The way of
//! the data is check (`batch/`), lay out lanes (`lanes/`), compute (`kernel/`), sum (`exact.rs`); from
//! logits, `batch/softmax/` lays lanes before the solvers of `kernel/softmax/`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(any(doc, doctest))]
pub mod _exact;
mod batch;
mod element;
mod error;
mod exact;
mod kernel;
mod lanes;
mod logits;
mod loss;
mod partial;
mod reduction;

pub use batch::{Batch, Gradients};
pub use element::Element;
pub use error::Error;
#[cfg(feature = "half")]
pub use half;
pub use logits::{KLDivWithLogitsLoss, Target};
pub use loss::KLDivLoss;
pub use ndarray;
pub use partial::Partial;
pub use reduction::{
    AnyReduction, BatchMean, DistributionMean, Mean, PerDistribution, Pointwise, Reduction,
    ScalarReduction, Sum, SumOver,
};
