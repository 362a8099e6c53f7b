//! The calls of a batch.

use ndarray::{Array, ArrayRef, ArrayViewD, ArrayViewMutD, Axis, Dimension};

use super::Batch;
use super::traversal::total;
use crate::check::Check;
use crate::element::Element;
use crate::elementwise::{Operands, TILE};
use crate::engine::{Request, Values};
use crate::error::Error;
use crate::layout::{Arrays, without, zeros};
use crate::number::{Float, Scaled};
use crate::partial::{Counts, Partial, quotient};
use crate::reduction::{AnyReduction, Reduction, ScalarReduction};

/// Both gradients of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients<A, D: Dimension> {
    /// The gradient with respect to the input.
    pub input: Array<A, D>,
    /// The gradient with respect to the target.
    pub target: Array<A, D>,
}

/// Whose the outputs are. A call writes to the caller's outputs only after both operands passed the check. It drops its own
/// outputs if the check fails on the way.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    Ours,
    TheCallers,
}

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// The loss: a number or an array, as [the reduction](crate::Reduction) says.
    ///
    /// # Errors
    /// [`EmptyMean`](Error::EmptyMean) for the mean of an empty batch, [`TooLarge`](Error::TooLarge)
    /// if an array cannot be allocated, [`NotADistribution`](Error::NotADistribution) if
    /// [validated](crate::KLDivLoss::validated).
    pub fn forward(&self) -> Result<R::Output<A, D>, Error> {
        let mut output = self.reduction.allocate(self.input, self.axis)?;
        self.value_into(R::view_mut::<A, D>(R::buffer::<A, D>(&mut output)), None, Whose::Ours)?;
        Ok(output)
    }

    /// Writes the loss to `output`. If the call fails, `output` does not change.
    ///
    /// # Errors
    /// [`OutputShape`](Error::OutputShape), [`EmptyMean`](Error::EmptyMean); [`NotADistribution`](Error::NotADistribution) if
    /// [validated](crate::KLDivLoss::validated).
    ///
    /// ```
    /// use kldiv::{KLDivLoss, PerDistribution};
    /// use ndarray::{Array1, array};
    ///
    /// let log_q = array![[0.5_f64, 0.5], [0.25, 0.75]].ln();
    /// let p = array![[0.5_f64, 0.5], [0.0, 1.0]];
    /// let mut divergences = Array1::zeros(2);
    /// KLDivLoss::new(PerDistribution).batch(&log_q, &p)?.forward_into(&mut divergences)?;
    /// assert!(divergences[0].abs() < 1e-16 && (divergences[1] + 0.75_f64.ln()).abs() < 1e-16);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn forward_into(&self, output: &mut R::Buffer<A, D>) -> Result<(), Error> {
        let outputs = match self.reduction.kind() {
            AnyReduction::Pointwise | AnyReduction::PerDistribution => Whose::TheCallers,
            _ => Whose::Ours, // Nothing is written before the end.
        };
        self.value_into(R::view_mut::<A, D>(output), None, outputs)
    }

    /// The loss and its gradient with respect to the input, in one pass. The gradient is that of [`backward`](Self::backward) for an
    /// upstream of 1. If the loss is an array, it is the gradient of the array's sum.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[allow(clippy::type_complexity)]
    pub fn value_and_grad(&self) -> Result<(R::Output<A, D>, Array<A, D>), Error> {
        let mut gradient = zeros(self.input.raw_dim(), self.input.strides())?;
        let output = self.value_beside(&mut gradient, Whose::Ours)?;
        Ok((output, gradient))
    }

    /// Returns the loss, and writes its gradient with respect to the input to `gradient`. If the call fails, `gradient` does not
    /// change.
    ///
    /// # Errors
    /// As [`forward_into`](Self::forward_into), for the gradient's shape; [`TooLarge`](Error::TooLarge).
    pub fn value_and_grad_into(
        &self,
        gradient: &mut ArrayRef<A, D>,
    ) -> Result<R::Output<A, D>, Error> {
        self.value_beside(gradient, Whose::TheCallers)
    }

    /// The gradients of Σ upstream · output with respect to input and target.
    ///
    /// The table is for KL(p ‖ q); [`Divergence`](crate::Divergence) has the derivatives of the others. u is the upstream of a term:
    /// times the weight, and divided by the divisor of the reduction.
    ///
    /// | | ∂/∂input | ∂/∂target |
    /// |---|---|---|
    /// | probabilities t | −u·t | u·(ln t + 1 − x) |
    /// | log-probabilities y | −u·eʸ | u·eʸ·(y − x + 1) |
    /// | probabilities t, [generalized](crate::KLDivLoss::generalized) | u·(eˣ − t) | u·(ln t − x) |
    /// | log-probabilities y, generalized | u·(eˣ − eʸ) | u·eʸ·(y − x) |
    ///
    /// [From logits](crate::KLDivWithLogitsLoss#gradients) a gradient depends on all classes of its distribution.
    ///
    /// # Errors
    /// [`OutputShape`](Error::OutputShape) if the upstream does not have the output's shape; otherwise as [`forward`](Self::forward).
    ///
    /// ```
    /// use kldiv::{KLDivLoss, Sum};
    /// use ndarray::array;
    ///
    /// let (log_q, p) = (array![0.5_f64, 0.25, 0.25].ln(), array![0.5_f64, 0.25, 0.25]);
    /// let gradients = KLDivLoss::new(Sum).backward(&log_q, &p, &2.0)?;
    /// assert_eq!(gradients.input, -2.0 * &p);
    /// assert_eq!(gradients.target, array![2.0, 2.0, 2.0]); // ln t − x = 0 where p = q
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn backward(&self, upstream: &R::Buffer<A, D>) -> Result<Gradients<A, D>, Error> {
        let mut input = zeros(self.input.raw_dim(), self.input.strides())?;
        let mut target = zeros(self.target.raw_dim(), self.target.strides())?;
        self.gradients_into(upstream, Some(&mut input), Some(&mut target), Whose::Ours)?;
        Ok(Gradients { input, target })
    }

    /// Writes the gradients of [`backward`](Self::backward) to `d_input` and `d_target`. A gradient that is `None` is not computed:
    /// pass `None` for a frozen teacher. If the call fails, neither changes.
    ///
    /// # Errors
    /// As [`backward`](Self::backward); [`OutputShape`](Error::OutputShape) for the gradients too.
    pub fn backward_into(
        &self,
        upstream: &R::Buffer<A, D>,
        d_input: Option<&mut ArrayRef<A, D>>,
        d_target: Option<&mut ArrayRef<A, D>>,
    ) -> Result<(), Error> {
        self.gradients_into(upstream, d_input, d_target, Whose::TheCallers)
    }

    fn gradients_into(
        &self,
        upstream: &R::Buffer<A, D>,
        mut d_input: Option<&mut ArrayRef<A, D>>,
        mut d_target: Option<&mut ArrayRef<A, D>>,
        outputs: Whose,
    ) -> Result<(), Error> {
        let buffer = upstream;
        let upstream = R::view::<A, D>(upstream);
        self.check_output(upstream.shape())?;
        for gradient in [&d_input, &d_target].into_iter().flatten() {
            same_shape(self.input.shape(), gradient.shape())?;
        }
        let divisor = self.divisor()?;
        let check = self.check_for(outputs)?;
        let (scale, upstream) = self.scale_of(upstream);
        let (to_input, to_target) = (d_input.as_deref_mut(), d_target.as_deref_mut());
        let arrays = Arrays { upstream, ..self.arrays(None, to_input, to_target) };
        let request = self.request(Values::Nothing, scale, divisor);
        match request.run(arrays, self.axis, check) {
            Some(_) => Ok(()),
            None => self.gradients_into(buffer, d_input, d_target, Whose::TheCallers),
        }
    }

    /// Returns the value, and writes the gradient with respect to the input.
    fn value_beside(
        &self,
        gradient: &mut ArrayRef<A, D>,
        outputs: Whose,
    ) -> Result<R::Output<A, D>, Error> {
        let mut output = self.reduction.allocate(self.input, self.axis)?;
        let value = R::view_mut::<A, D>(R::buffer::<A, D>(&mut output));
        self.value_into(value, Some(gradient), outputs)?;
        Ok(output)
    }

    /// Writes the value, and the gradient with respect to the input if there is one.
    fn value_into(
        &self,
        mut output: ArrayViewMutD<'_, A::Loss>,
        mut gradient: Option<&mut ArrayRef<A, D>>,
        outputs: Whose,
    ) -> Result<(), Error> {
        self.check_output(output.shape())?;
        if let Some(gradient) = &gradient {
            same_shape(self.input.shape(), gradient.shape())?;
        }
        let kind = self.reduction.kind();
        let (values, value) = match kind {
            AnyReduction::Pointwise => (Values::Terms, Some(output.view_mut())),
            AnyReduction::PerDistribution => (Values::Divergences, Some(output.view_mut())),
            _ => (Values::Total, None),
        };
        let divisor = self.divisor()?;
        let check = self.check_for(outputs)?;
        let request = self.request(values, 1.0, divisor);
        let alone = check.is_none() && value.is_none() && gradient.is_none();
        let direct = if alone { self.small_total(&request) } else { None };
        let total = if let Some(total) = direct {
            total
        } else {
            let arrays = self.arrays(value, gradient.as_deref_mut(), None);
            let Some(total) = request.run(arrays, self.axis, check) else {
                return self.value_into(output, gradient, Whose::TheCallers);
            };
            total.value()
        };
        if let Values::Total = values {
            let loss = A::Loss::from_f64(quotient(total, divisor));
            output.first_mut().into_iter().for_each(|output| *output = loss);
        }
        Ok(())
    }

    /// The total of a small batch without weights, if both operands are contiguous and the request is only a total.
    fn small_total(&self, request: &Request) -> Option<f64> {
        if self.weights.is_some() || !(1..=TILE).contains(&self.input.len()) {
            return None;
        }
        let is_last = self.axis + 1 == self.input.ndim();
        if request.values != Values::Total || !request.has_few_classes() && !is_last {
            return None;
        }
        A::total(
            request,
            Operands { input: self.input.as_slice()?, target: self.target.as_slice()? },
        )
    }

    /// The check to make on the way, or none if the operands need no check or were checked here.
    fn check_for(&self, outputs: Whose) -> Result<Option<Check>, Error> {
        let check = self.check_on_the_way().filter(|_| outputs == Whose::Ours);
        if check.is_none() {
            self.validate()?;
        }
        Ok(check)
    }

    pub(super) fn request(&self, values: Values, upstream: f64, divisor: f64) -> Request {
        let scale = match divisor == 0.0 {
            true => Scaled::new(0.0),
            false => Scaled::new(upstream).over(Scaled::new(divisor)),
        };
        Request {
            level: self.level,
            rule: self.rule,
            values,
            scale,
            classes: self.input.len_of(Axis(self.axis)),
        }
    }

    /// The factor of all gradients that an upstream is, or 1 and the array of one for each output.
    pub(super) fn scale_of<'u>(
        &self,
        upstream: ArrayViewD<'u, A::Loss>,
    ) -> (f64, Option<ArrayViewD<'u, A::Loss>>) {
        match self.reduction.kind() {
            AnyReduction::Pointwise | AnyReduction::PerDistribution => (1.0, Some(upstream)),
            _ => (upstream.first().map_or(0.0, |u| u.to_f64()), None),
        }
    }

    pub(super) fn arrays<'b>(
        &'b self,
        value: Option<ArrayViewMutD<'b, A::Loss>>,
        d_input: Option<&'b mut ArrayRef<A, D>>,
        d_target: Option<&'b mut ArrayRef<A, D>>,
    ) -> Arrays<'b, A, D> {
        Arrays {
            input: self.input,
            target: self.target,
            classes: None,
            weights: self.weights,
            upstream: None,
            value,
            d_input,
            d_target,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            elements: self.input.len() as u64,
            rows: self.input.shape()[0] as u64,
            distributions: self.distributions() as u64,
        }
    }

    pub(super) fn divisor(&self) -> Result<f64, Error> {
        self.reduction.kind().divisor(self.counts(), |times| match self.weights {
            None => (self.counts().distributions * times) as f64,
            Some(weights) => total(self.level, weights).times(times).value(),
        })
    }

    pub(super) fn check_output(&self, found: &[usize]) -> Result<(), Error> {
        match self.reduction.kind() {
            AnyReduction::Pointwise => same_shape(self.input.shape(), found),
            AnyReduction::PerDistribution => {
                same_shape(&without(self.input.shape(), self.axis), found)
            }
            _ => same_shape(&[], found),
        }
    }
}

impl<R: ScalarReduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// The exact sums and the counts of this batch. [`Partial::merge`] adds those of other batches, and
    /// [`KLDivLoss::finish`](crate::KLDivLoss::finish) turns them into a loss. The batch may be empty.
    ///
    /// # Errors
    /// [`NotADistribution`](Error::NotADistribution) if [validated](crate::KLDivLoss::validated).
    pub fn partial(&self) -> Result<Partial, Error> {
        let mut check = self.check_for(Whose::Ours)?;
        let (loss, moments) = loop {
            let request = self.request(Values::Partial, 1.0, 1.0);
            match request.partial(self.arrays(None, None, None), self.axis, check.take()) {
                Some(found) => break found,
                None => self.validate()?,
            }
        };
        Ok(Partial { loss, moments, counts: self.counts() })
    }
}

pub(super) fn same_shape(expected: &[usize], found: &[usize]) -> Result<(), Error> {
    // Not ==: comparing no bytes at a dangling pointer costs some processors 70 ns.
    if expected.iter().eq(found) {
        return Ok(());
    }
    Err(Error::OutputShape { expected: expected.to_vec(), found: found.to_vec() })
}
