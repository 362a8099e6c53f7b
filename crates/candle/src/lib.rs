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
//!   the type of its operand. Classes and labels are `u32`, `i32` or `i64`.
//! - **Layouts.** Transposed, narrowed and broadcast tensors are not copied. Shapes must be equal: nothing is broadcast
//!   silently.
//! - **Gradients.** An operand gets a gradient if it depends on a `Var`. A teacher that does not costs nothing. Freeze any other by
//!   `teacher.detach()`. The values of a sparse target have no gradient.
//! - **One pass.** If only the input depends on a `Var`, and the reduction is to one number and not an `AnyReduction`, the loss
//!   computes the input's gradient together with the value. `backward` returns it if its upstream is 1. Otherwise `backward` computes
//!   it again, so that it is rounded once. For α·loss use `SumOver(n / α)`, or `AnyReduction`. If you only read the loss, pass
//!   `input.detach()`.
//! - **Second derivatives** are an error.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod calls;
mod criterion;
mod error;
mod operation;
mod storage;

use candle_core::{Result, Tensor};
pub use kldiv;
use kldiv::{KLDivLoss, KLDivWithLogitsLoss};

use criterion::{Criterion, TensorReduction};
pub use error::cause;
use operation::Against;

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
        operation::loss(*self, input, target, Against::Target, None)
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
        operation::loss(*self, input, target, Against::Target, Some(weights))
    }

    /// The loss against a target that names k classes of each distribution, a teacher's k best for example: see
    /// [`sparse_batch`](KLDivWithLogitsLoss::sparse_batch). The criterion's [`tail`](KLDivWithLogitsLoss::tail) says what the other
    /// classes get.
    ///
    /// `classes` and `values` have the input's shape, but k along the class axis. `classes` are `u32`, `i32` or `i64`; `values`
    /// have the input's type, and hold what the criterion says of its target. Nothing is copied. Only the input has a gradient:
    /// the values are stored or served, and which classes are the best has no derivative.
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`SparseShape`](kldiv::Error::SparseShape), [`InvalidTail`](kldiv::Error::InvalidTail),
    /// [`InvalidReduction`](kldiv::Error::InvalidReduction), [`ClassOutOfRange`](kldiv::Error::ClassOutOfRange),
    /// [`RepeatedClass`](kldiv::Error::RepeatedClass); classes of another type; classes or values that depend on a `Var`.
    ///
    /// ```
    /// use candle_core::{Device, Tensor, Var};
    /// use kldiv::{KLDivLoss, Sum};
    /// use kldiv_candle::KlDiv;
    ///
    /// let log_q = Var::from_tensor(&Tensor::new(&[[0.5_f64, 0.25, 0.25], [0.25, 0.25, 0.5]], &Device::Cpu)?.log()?)?;
    /// let classes = Tensor::new(&[[0_u32], [2]], &Device::Cpu)?;
    /// let p = Tensor::new(&[[0.75_f64], [0.5]], &Device::Cpu)?; // a quarter and a half are left
    /// let loss = KLDivLoss::new(Sum).loss_sparse(&log_q, &classes, &p)?;
    /// let gradient = loss.backward()?.remove(&log_q).expect("a gradient");
    /// assert_eq!(gradient.to_vec2::<f64>()?, [[-0.75, -0.125, -0.125], [-0.25, -0.25, -0.5]]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    fn loss_sparse(&self, input: &Tensor, classes: &Tensor, values: &Tensor) -> Result<Tensor> {
        operation::loss(*self, input, values, Against::Values(classes.clone()), None)
    }

    /// The same with a weight for each distribution, as [`loss_weighted`](Self::loss_weighted) takes it. A weight of 0 leaves its
    /// distribution out, whatever classes its target names.
    ///
    /// # Errors
    /// As [`loss_sparse`](Self::loss_sparse) and [`loss_weighted`](Self::loss_weighted).
    fn loss_sparse_weighted(
        &self,
        input: &Tensor,
        classes: &Tensor,
        values: &Tensor,
        weights: &Tensor,
    ) -> Result<Tensor> {
        operation::loss(*self, input, values, Against::Values(classes.clone()), Some(weights))
    }

    /// The loss against a label for each distribution, the class that has probability 1: see
    /// [`labels_batch`](KLDivWithLogitsLoss::labels_batch). KL(p ‖ q) is then the cross entropy.
    ///
    /// `labels` are `u32`, `i32` or `i64`, and have the input's shape without the class axis. They are not copied. Only the input
    /// has a gradient.
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`LabelShape`](kldiv::Error::LabelShape), [`InvalidReduction`](kldiv::Error::InvalidReduction),
    /// [`ClassOutOfRange`](kldiv::Error::ClassOutOfRange); labels of another type.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use kldiv::{DistributionMean, KLDivWithLogitsLoss};
    /// use kldiv_candle::KlDiv;
    ///
    /// let logits = Tensor::new(&[[0.0_f64, 0.0], [0.0, 3_f64.ln()]], &Device::Cpu)?;
    /// let labels = Tensor::new(&[0_u32, 1], &Device::Cpu)?;
    /// let loss = KLDivWithLogitsLoss::new(DistributionMean).loss_labels(&logits, &labels)?;
    /// assert!((loss.to_scalar::<f64>()? + (0.5_f64.ln() + 0.75_f64.ln()) / 2.0).abs() < 1e-15);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    fn loss_labels(&self, input: &Tensor, labels: &Tensor) -> Result<Tensor> {
        operation::loss(*self, input, labels, Against::Labels, None)
    }

    /// The same with a weight for each distribution, as [`loss_weighted`](Self::loss_weighted) takes it. A weight of 0 leaves its
    /// distribution out, so −100 may mark padding.
    ///
    /// # Errors
    /// As [`loss_labels`](Self::loss_labels) and [`loss_weighted`](Self::loss_weighted).
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use kldiv::{DistributionMean, KLDivWithLogitsLoss};
    /// use kldiv_candle::KlDiv;
    ///
    /// let logits = Tensor::new(&[[0.0_f64, 0.0], [1.0, 2.0]], &Device::Cpu)?;
    /// let labels = Tensor::new(&[1_i64, -100], &Device::Cpu)?; // the second token is padding
    /// let mask = labels.ge(0_i64)?;
    /// let loss = KLDivWithLogitsLoss::new(DistributionMean).loss_labels_weighted(&logits, &labels, &mask)?;
    /// assert!((loss.to_scalar::<f64>()? - 2_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    fn loss_labels_weighted(
        &self,
        input: &Tensor,
        labels: &Tensor,
        weights: &Tensor,
    ) -> Result<Tensor> {
        operation::loss(*self, input, labels, Against::Labels, Some(weights))
    }
}

impl<R: TensorReduction> KlDiv for KLDivLoss<R> {}

impl<R: TensorReduction> KlDiv for KLDivWithLogitsLoss<R> {}
