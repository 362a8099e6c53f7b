//! The losses of [`kldiv`] on candle's tensors: KL(p ‖ q) and its family, from log-probabilities or logits, with gradients for
//! both sides.
//!
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use kldiv::{BatchMean, KLDivWithLogitsLoss};
//! use kldiv_candle::KlDiv;
//!
//! let student = Var::new(&[[1.0_f32, 2.0, 3.0], [0.0, 0.0, 0.0]], &Device::Cpu)?; // or the output of a network
//! let teacher = Tensor::new(&[[1.0_f32, 2.5, 2.0], [1.0, 0.0, -1.0]], &Device::Cpu)?;
//!
//! let criterion = KLDivWithLogitsLoss::new(BatchMean).temperature(2.0).times_temperature_squared(true);
//! let loss = criterion.loss(&student, &teacher)?;
//! let gradient = loss.backward()?.remove(&student).expect("the student's gradient");
//!
//! assert!(loss.to_scalar::<f32>()? > 0.0);
//! assert!(gradient.sum_all()?.to_scalar::<f32>()?.abs() < 1e-6);
//! # Ok::<(), candle_core::Error>(())
//! ```
//!
//! The settings are those of [`KLDivLoss`] and [`KLDivWithLogitsLoss`]: reduction, class axis, temperature, kind of target,
//! divergence. A loss and its gradients have the bits of the calls on arrays.
//!
//! # Notes
//!
//! - **Devices.** The loss is computed on the CPU, and a tensor on another device is refused. Pass `tensor.to_device(&Device::Cpu)?`:
//!   candle sends the gradient back to the device.
//! - **Types.** Both operands are `f32`, `f64`, `f16` or `bf16`. The loss is `f64` for `f64`, and otherwise `f32`. A gradient has
//!   the type of its operand.
//! - **Layouts.** Transposed, narrowed and broadcast tensors are not copied. Shapes must be equal: nothing is broadcast
//!   silently.
//! - **Gradients.** An operand gets a gradient if it depends on a `Var`. A teacher that does not costs nothing. Freeze any other by
//!   `teacher.detach()`.
//! - **One pass.** If only the input depends on a `Var`, and the reduction is to one number and not an `AnyReduction`, the loss
//!   computes the input's gradient together with the value. `backward` returns it if its upstream is 1. Otherwise `backward` computes
//!   it again, so that it is rounded once. For α·loss use `SumOver(n / α)`, or `AnyReduction`. If you only read the loss, pass
//!   `input.detach()`.
//! - **Second derivatives** are an error.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod criterion;
mod error;
mod operation;
mod storage;

use candle_core::{Result, Tensor};
pub use kldiv;
use kldiv::{KLDivLoss, KLDivWithLogitsLoss};

use criterion::{Criterion, TensorReduction};
pub use error::cause;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/candle.md")]
struct Page;

/// The calls of a criterion on tensors. Sealed.
pub trait KlDiv: Criterion {
    /// The loss of a pair of tensors, as an operation that `backward` knows.
    ///
    /// `input` is the model's side, and `target` the target's. Both have the same shape and type, and hold what the criterion
    /// says. The result has the shape of the reduction's output: `()` for a number, the input's shape for `Pointwise`, and the
    /// input's shape without the class axis for `PerDistribution`.
    ///
    /// # Errors
    /// Those of [`Batch::forward`](kldiv::Batch::forward) and of [`KLDivLoss::batch`] or [`KLDivWithLogitsLoss::batch`];
    /// [`cause`] returns them. Also operands of different types, or not of floats, and a tensor that is not on the CPU.
    ///
    /// ```
    /// use candle_core::{Device, Tensor, Var};
    /// use kldiv::{BatchMean, KLDivLoss};
    /// use kldiv_candle::KlDiv;
    ///
    /// let log_q = Var::from_tensor(&Tensor::new(&[[0.5_f32, 0.25, 0.25], [0.1, 0.2, 0.7]], &Device::Cpu)?.log()?)?;
    /// let p = Tensor::new(&[[0.25_f32, 0.5, 0.25], [0.0, 0.5, 0.5]], &Device::Cpu)?;
    /// let loss = KLDivLoss::new(BatchMean).loss(&log_q, &p)?;
    /// let gradient = loss.backward()?.remove(&log_q).expect("a gradient");
    /// assert_eq!(gradient.to_vec2::<f32>()?, (p / -2.0)?.to_vec2::<f32>()?);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    fn loss(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        operation::loss(*self, input, target, None)
    }

    /// The loss of a pair of tensors with a weight for each distribution: see [`Batch::weights`](kldiv::Batch::weights). A weight of 0
    /// skips its distribution, even if it holds NaN.
    ///
    /// `weights` has the input's shape without the class axis. It is converted to the type of the loss, so a mask of `u8`
    /// works. It gets no gradient.
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`WeightShape`](kldiv::Error::WeightShape), [`InvalidWeight`](kldiv::Error::InvalidWeight);
    /// weights that depend on a `Var`.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use kldiv::{DistributionMean, KLDivLoss};
    /// use kldiv_candle::KlDiv;
    ///
    /// let log_q = Tensor::new(&[[0.5_f64, 0.5], [f64::NAN, f64::NAN]], &Device::Cpu)?.log()?;
    /// let p = Tensor::new(&[[0.25_f64, 0.75], [0.0, 0.0]], &Device::Cpu)?;
    /// let mask = Tensor::new(&[1_u8, 0], &Device::Cpu)?; // the second row is padding
    /// let loss = KLDivLoss::new(DistributionMean).loss_weighted(&log_q, &p, &mask)?;
    /// assert_eq!(loss.to_scalar::<f64>()?, 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln());
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    fn loss_weighted(&self, input: &Tensor, target: &Tensor, weights: &Tensor) -> Result<Tensor> {
        operation::loss(*self, input, target, Some(weights))
    }
}

impl<R: TensorReduction> KlDiv for KLDivLoss<R> {}

impl<R: TensorReduction> KlDiv for KLDivWithLogitsLoss<R> {}
