//! The loss as an operation of candle's graph, and its gradients as another.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor, WithDType, bail,
};
use kldiv::ndarray::{ArrayD, ArrayRef, IxDyn};
use kldiv::{Element, Reduction};

use crate::calls::Calls;
use crate::criterion::{Criterion, Number, TensorReduction};
use crate::error::refused;
use crate::storage::{
    NAME, Stored, check_constant, check_device, in_order, loss_type, stored, view, with_index,
    with_number,
};

/// What the second operand holds.
#[derive(Clone)]
pub enum Against {
    /// A target of the input's shape.
    Target,
    /// The values of these classes.
    Values(Tensor),
    /// A class for each distribution.
    Labels,
}

/// The loss of a pair of tensors.
pub fn loss<C: Criterion>(
    criterion: C,
    input: &Tensor,
    target: &Tensor,
    against: Against,
    weights: Option<&Tensor>,
) -> Result<Tensor> {
    check_device(input.device(), "input")?;
    match &against {
        Against::Target => check_device(target.device(), "target")?,
        Against::Values(classes) => {
            check_constant(classes, "classes")?;
            check_constant(target, "values")?;
        }
        Against::Labels => check_constant(target, "labels")?,
    }
    if !matches!(against, Against::Labels) && input.dtype() != target.dtype() {
        let (lhs, rhs) = (input.dtype(), target.dtype());
        return Err(Error::DTypeMismatchBinaryOp { lhs, rhs, op: NAME }.bt());
    }
    let weights = weights.map(|weights| {
        check_constant(weights, "weights")?;
        weights.to_dtype(loss_type(input.dtype()))
    });
    let settings = Settings { criterion, against, weights: weights.transpose()? };
    let one_pass = C::Reduction::IS_SCALAR && input.track_op() && !target.track_op();
    input.apply_op2(target, Loss { settings, one_pass, gradient: Arc::default() })
}

#[derive(Clone)]
struct Settings<C> {
    criterion: C,
    against: Against,
    /// One for each distribution, of the type of the loss.
    weights: Option<Tensor>,
}

impl<C: Criterion> Settings<C> {
    /// Does work on the checked pair.
    fn with_batch<A: Number, T>(
        &self,
        [input, target]: [Stored<'_>; 2],
        work: impl FnOnce(&dyn Calls<'_, C::Reduction, A>) -> std::result::Result<T, kldiv::Error>,
    ) -> Result<T> {
        let (criterion, input) = (&self.criterion, view::<A>(input)?);
        let weights = self.weights.as_ref().map(Tensor::storage_and_layout);
        let weights = weights.as_ref().map(|held| view::<A::Loss>(stored(held)?)).transpose()?;
        let weights = weights.as_deref();
        match &self.against {
            Against::Target => {
                let target = view::<A>(target)?;
                weighted(criterion.batch(&input, &target), weights, work)
            }
            Against::Values(classes) => with_index!(classes.dtype(), I => {
                let (held, values) = (classes.storage_and_layout(), view::<A>(target)?);
                let classes = view::<I>(stored(&held)?)?;
                weighted(criterion.sparse_batch(&input, &classes, &values), weights, work)
            }),
            Against::Labels => with_index!(target.0.dtype(), I => {
                let labels = view::<I>(target)?;
                weighted(criterion.labels_batch(&input, &labels), weights, work)
            }),
        }
    }
}

/// Does work on a batch, with its weights if there are any.
fn weighted<'a, R: Reduction, A: Element, B: Calls<'a, R, A>, T>(
    batch: std::result::Result<B, kldiv::Error>,
    weights: Option<&'a ArrayRef<A::Loss, IxDyn>>,
    work: impl FnOnce(&dyn Calls<'_, R, A>) -> std::result::Result<T, kldiv::Error>,
) -> Result<T> {
    let batch = batch.and_then(|batch| match weights {
        Some(weights) => batch.weights(weights),
        None => Ok(batch),
    });
    batch.and_then(|batch| work(&batch)).map_err(refused)
}

/// The gradient with respect to the input for an upstream of 1, from the pass that computes the value until the first
/// pass back takes it.
type Gradient = Arc<Mutex<Option<CpuStorage>>>;

struct Loss<C> {
    settings: Settings<C>,
    /// Whether the gradient is computed beside the value.
    one_pass: bool,
    gradient: Gradient,
}

impl<C: Criterion> Loss<C> {
    fn forward<A: Number>(&self, operands: [Stored<'_>; 2]) -> Result<(CpuStorage, Shape)> {
        let output = if self.one_pass {
            let (output, gradient) =
                self.settings.with_batch::<A, _>(operands, |batch| batch.value_and_grad())?;
            let gradient = A::to_cpu_storage_owned(in_order(gradient));
            *self.gradient.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
            output
        } else {
            self.settings.with_batch::<A, _>(operands, |batch| batch.forward())?
        };
        let output = C::Reduction::array::<A>(output);
        let shape = Shape::from(output.shape());
        Ok((A::Loss::to_cpu_storage_owned(in_order(output)), shape))
    }
}

impl<C: Criterion> CustomOp2 for Loss<C> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let operands = [(input, input_layout), (target, target_layout)];
        with_number!(input.dtype(), A => self.forward::<A>(operands))
    }

    fn bwd(
        &self,
        input: &Tensor,
        target: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let wanted = [input, target].map(Tensor::track_op);
        let (settings, ready) = (self.settings.clone(), self.gradient.clone());
        let gradients = input.apply_op3(target, upstream, Gradients { settings, wanted, ready })?;
        let d_input = wanted[0].then(|| gradients.get(0)).transpose()?;
        let d_target = wanted[1].then(|| gradients.get(wanted[0].into())).transpose()?;
        Ok((d_input, d_target))
    }
}

/// The gradients that are wanted, one above the other along a new first axis. As an operation of its own it can refuse to
/// be derived once more; a constant would give second derivatives that are wrong.
struct Gradients<C> {
    settings: Settings<C>,
    /// Those of the input and of the target.
    wanted: [bool; 2],
    ready: Gradient,
}

impl<C: Criterion> Gradients<C> {
    fn backward<A: Number>(
        &self,
        operands: [Stored<'_>; 2],
        upstream: Stored<'_>,
    ) -> Result<(CpuStorage, Shape)> {
        let count = self.wanted.into_iter().filter(|&wanted| wanted).count();
        let shape = [&[count][..], operands[0].1.dims()].concat();
        let upstream = view::<A::Loss>(upstream)?;
        // A multiple of the gradient that is ready would be rounded twice, and in 16 bits most of it lost.
        let is_one = |_: &mut CpuStorage| upstream.iter().all(|&u| WithDType::to_f64(u) == 1.0);
        // The lock ends here: a thread that waits for rayon below may run another backward pass of the same loss.
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take_if(is_one);
        if let Some(gradient) = ready {
            return Ok((gradient, shape.into()));
        }
        let mut gradients = ArrayD::from_elem(shape, A::default());
        let mut parts = gradients.outer_iter_mut();
        let [mut d_input, mut d_target] =
            self.wanted.map(|wanted| if wanted { parts.next() } else { None });
        self.settings.with_batch::<A, _>(operands, |batch| {
            let upstream = C::Reduction::upstream::<A>(&upstream);
            batch.backward_into(upstream, d_input.as_deref_mut(), d_target.as_deref_mut())
        })?;
        let shape = Shape::from(gradients.shape());
        Ok((A::to_cpu_storage_owned(in_order(gradients)), shape))
    }
}

impl<C: Criterion> CustomOp3 for Gradients<C> {
    fn name(&self) -> &'static str {
        "kldiv-gradient"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
        upstream: &CpuStorage,
        upstream_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let operands = [(input, input_layout), (target, target_layout)];
        let upstream = (upstream, upstream_layout);
        with_number!(input.dtype(), A => self.backward::<A>(operands, upstream))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        bail!("{NAME} has no second derivative: use gradient.detach() where it is a constant")
    }
}
