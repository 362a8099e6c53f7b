//! A checked input with a sparse target, and its calls.

use ndarray::{Array, ArrayRef, ArrayViewD, ArrayViewMutD, Axis, Dimension, Slice};

use super::Batch;
use super::call::same_shape;
use super::traversal::moments_of_nothing;
use crate::element::Element;
use crate::engine::{Values, merged};
use crate::error::Error;
use crate::exact::ExactSum;
use crate::layout::{Arrays, Matrices, map_reduce, without, zeros};
use crate::number::Float;
use crate::partial::{BufferedMoments, Partial, quotient};
use crate::reduction::{AnyReduction, Reduction, ScalarReduction};
use crate::sparse::{ClassIndex, SparseRequest};
use crate::tail::Tail;
use crate::target::Target;

/// An input and a target that names only some classes of each distribution, under the settings of a criterion.
///
/// Made by [`KLDivLoss::sparse_batch`](crate::KLDivLoss::sparse_batch) and
/// [`labels_batch`](crate::KLDivLoss::labels_batch), and by those of
/// [`KLDivWithLogitsLoss`](crate::KLDivWithLogitsLoss::sparse_batch). It borrows its operands and is `Copy`.
///
/// No array of the batch's size is made for them: k numbers a distribution. With [`Tail::Uniform`], where k = C, and up to 64 classes
/// also for labels and [`Tail::Renormalized`], it is the target of a few distributions at a time for each thread. The order of the named classes changes no bit, nor do strides or the number of
/// threads. There is no gradient with respect to the target: it is stored or served, and which classes are its best has no
/// derivative.
///
/// Classes and values are checked by each call, after the weights are known: see [`ClassOutOfRange`](Error::ClassOutOfRange) and
/// [`RepeatedClass`](Error::RepeatedClass). A distribution of weight 0 is not looked at, so −100 may mark padding.
#[derive(Debug)]
pub struct SparseBatch<'a, R, A: Element, D: Dimension, I> {
    /// The input, as its own target.
    pub(super) batch: Batch<'a, R, A, D>,
    named: Named<'a, A, D, I>,
    pub(super) tail: Tail,
}

/// The classes that a target names.
#[derive(Debug)]
enum Named<'a, A, D: Dimension, I> {
    /// k classes, and their probabilities, log-probabilities or logits.
    Some { classes: &'a ArrayRef<I, D>, values: &'a ArrayRef<A, D> },
    /// One class, of probability 1.
    Label(&'a ArrayRef<I, D::Smaller>),
}

impl<A, D: Dimension, I> Clone for Named<'_, A, D, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, D: Dimension, I> Copy for Named<'_, A, D, I> {}

impl<R: Copy, A: Element, D: Dimension, I> Clone for SparseBatch<'_, R, A, D, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Copy, A: Element, D: Dimension, I> Copy for SparseBatch<'_, R, A, D, I> {}

impl<'a, R: Reduction, A: Element, D: Dimension, I: ClassIndex> SparseBatch<'a, R, A, D, I> {
    /// Checks shapes and settings. `batch` has the input as both operands.
    pub(crate) fn new(
        batch: Batch<'a, R, A, D>,
        classes: &'a ArrayRef<I, D>,
        values: &'a ArrayRef<A, D>,
        tail: Tail,
    ) -> Result<Self, Error> {
        let (input, axis) = (batch.input.shape(), batch.axis);
        let named = classes.shape().get(axis).copied().unwrap_or(0);
        let fits = |shape: &[usize]| {
            let mut expected = input.to_vec();
            expected[axis] = named;
            shape == expected
        };
        if !(1..=input[axis]).contains(&named) || !fits(classes.shape()) || !fits(values.shape()) {
            let (input, classes) = (input.to_vec(), classes.shape().to_vec());
            return Err(Error::SparseShape {
                input,
                classes,
                values: values.shape().to_vec(),
                axis,
            });
        }
        if batch.rule.holds()[1] == Target::Logits && tail != Tail::Renormalized {
            return Err(Error::InvalidTail { tail });
        }
        SparseBatch { batch, named: Named::Some { classes, values }, tail }.summed()
    }

    /// The same with one class for each distribution, of probability 1.
    pub(crate) fn of_labels(
        batch: Batch<'a, R, A, D>,
        labels: &'a ArrayRef<I, D::Smaller>,
        tail: Tail,
    ) -> Result<Self, Error> {
        let (input, axis) = (batch.input.shape(), batch.axis);
        let expected = without(input, axis);
        if labels.shape() != expected {
            return Err(Error::LabelShape { expected, found: labels.shape().to_vec() });
        }
        if input[axis] == 0 && !labels.is_empty() {
            let mut one_class = input.to_vec();
            one_class[axis] = 1;
            let (input, classes) = (input.to_vec(), one_class.clone());
            return Err(Error::SparseShape { input, classes, values: one_class, axis });
        }
        // Nothing is left for the other classes.
        let tail = if tail == Tail::Dropped { tail } else { Tail::Renormalized };
        SparseBatch { batch, named: Named::Label(labels), tail }.summed()
    }

    /// Refuses `Pointwise`.
    fn summed(self) -> Result<Self, Error> {
        match self.batch.reduction.kind() {
            AnyReduction::Pointwise => Err(Error::InvalidReduction { name: "none" }),
            _ => Ok(self),
        }
    }

    /// Gives each distribution a weight, as [`Batch::weights`] does. A distribution of weight 0 is skipped, whatever classes its
    /// target names.
    ///
    /// # Errors
    /// [`WeightShape`](Error::WeightShape), [`InvalidWeight`](Error::InvalidWeight).
    ///
    /// ```
    /// use kldiv::{DistributionMean, KLDivWithLogitsLoss};
    /// use ndarray::array;
    ///
    /// let logits = array![[0.0_f64, 0.0], [1.0, 2.0]];
    /// let labels = array![1, -100]; // the second token is padding
    /// let criterion = KLDivWithLogitsLoss::new(DistributionMean);
    /// let loss = criterion.labels_batch(&logits, &labels)?.weights(&array![1.0, 0.0])?.forward()?;
    /// assert!((loss - 2_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn weights(self, weights: &'a ArrayRef<A::Loss, D::Smaller>) -> Result<Self, Error> {
        Ok(SparseBatch { batch: self.batch.weights(weights)?, ..self })
    }

    /// The loss, as [the reduction](crate::Reduction) returns it.
    ///
    /// # Errors
    /// [`ClassOutOfRange`](Error::ClassOutOfRange), [`RepeatedClass`](Error::RepeatedClass); otherwise as
    /// [`Batch::forward`].
    pub fn forward(&self) -> Result<R::Output<A, D>, Error> {
        let mut output = self.batch.reduction.allocate(self.batch.input, self.batch.axis)?;
        self.value_into(R::view_mut::<A, D>(R::buffer::<A, D>(&mut output)), None)?;
        Ok(output)
    }

    /// Writes the loss to `output`, which is untouched if the call fails.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); [`OutputShape`](Error::OutputShape).
    pub fn forward_into(&self, output: &mut R::Buffer<A, D>) -> Result<(), Error> {
        self.value_into(R::view_mut::<A, D>(output), None)
    }

    /// The loss and its gradient with respect to the input, whose shape it has. If the loss is an array, it is the gradient of
    /// the sum.
    ///
    /// With h = ∂F/∂(ln q) of the bucket, a class j in it has the gradient h·q_j/Σq over the bucket's classes. Where all of these
    /// are 0, each has the same share.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    ///
    /// ```
    /// use kldiv::{KLDivWithLogitsLoss, Sum};
    /// use ndarray::array;
    ///
    /// let logits = array![0.0_f64, 2_f64.ln(), 0.0]; // q = (1/4, 1/2, 1/4)
    /// let criterion = KLDivWithLogitsLoss::new(Sum);
    /// let (loss, gradient) = criterion.labels_batch(&logits, &ndarray::arr0(1))?.value_and_grad()?;
    /// assert!((loss - 2_f64.ln()).abs() < 1e-15);
    /// let expected = array![0.25, 0.5 - 1.0, 0.25]; // q − p
    /// assert!((gradient - expected).iter().all(|difference| difference.abs() < 1e-15));
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[allow(clippy::type_complexity)]
    pub fn value_and_grad(&self) -> Result<(R::Output<A, D>, Array<A, D>), Error> {
        let mut gradient = zeros(self.batch.input.raw_dim(), self.batch.input.strides())?;
        let output = self.value_and_grad_into(&mut gradient)?;
        Ok((output, gradient))
    }

    /// Returns the loss, and writes its gradient with respect to the input to `gradient`, which is untouched if the call fails.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); [`OutputShape`](Error::OutputShape).
    pub fn value_and_grad_into(
        &self,
        gradient: &mut ArrayRef<A, D>,
    ) -> Result<R::Output<A, D>, Error> {
        let mut output = self.batch.reduction.allocate(self.batch.input, self.batch.axis)?;
        self.value_into(R::view_mut::<A, D>(R::buffer::<A, D>(&mut output)), Some(gradient))?;
        Ok(output)
    }

    /// The gradient of Σ upstream · output with respect to the input, whose shape it has.
    ///
    /// With u the upstream of a term (over the divisor, times the weight), KL(p ‖ q) gives −u·p_j to a named class j; a class of the
    /// bucket, whose mass is r, gets −u·r·q_j/Σq over the bucket's classes. [From logits](crate::KLDivWithLogitsLoss#gradients) the classes
    /// of a distribution act on each other. `upstream` has the output's shape: it is a number, or for `PerDistribution` an array of
    /// the input's shape without the class axis. An upstream of 1 gives the gradient of
    /// [`value_and_grad`](Self::value_and_grad). There is no gradient with respect to the target.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); [`OutputShape`](Error::OutputShape) where the upstream does not have the output's shape.
    ///
    /// ```
    /// use kldiv::{KLDivLoss, PerDistribution};
    /// use ndarray::array;
    ///
    /// let log_q = array![[0.5_f64, 0.25, 0.25], [0.25, 0.25, 0.5]].ln();
    /// let (classes, p) = (array![[0], [2]], array![[0.75], [0.5]]); // a quarter and a half are left
    /// let batch = KLDivLoss::new(PerDistribution).sparse_batch(&log_q, &classes, &p)?;
    /// let gradient = batch.backward(&array![1.0, 2.0])?;
    /// assert_eq!(gradient, array![[-0.75, -0.125, -0.125], [-0.5, -0.5, -1.0]]);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn backward(&self, upstream: &R::Buffer<A, D>) -> Result<Array<A, D>, Error> {
        let mut gradient = zeros(self.batch.input.raw_dim(), self.batch.input.strides())?;
        self.backward_into(upstream, &mut gradient)?;
        Ok(gradient)
    }

    /// Writes the gradient of [`backward`](Self::backward) to `d_input`, which is untouched if the call fails.
    ///
    /// # Errors
    /// As [`backward`](Self::backward), for the gradient's shape too.
    pub fn backward_into(
        &self,
        upstream: &R::Buffer<A, D>,
        d_input: &mut ArrayRef<A, D>,
    ) -> Result<(), Error> {
        let upstream = R::view::<A, D>(upstream);
        self.batch.check_output(upstream.shape())?;
        same_shape(self.batch.input.shape(), d_input.shape())?;
        let divisor = self.batch.divisor()?;
        self.check()?;
        let (scale, upstream) = self.batch.scale_of(upstream);
        self.total(&self.request(Values::Nothing, scale, divisor), upstream, None, Some(d_input));
        Ok(())
    }

    /// Writes the value, and the gradient if there is a place for it.
    fn value_into(
        &self,
        mut output: ArrayViewMutD<'_, A::Loss>,
        gradient: Option<&mut ArrayRef<A, D>>,
    ) -> Result<(), Error> {
        self.batch.check_output(output.shape())?;
        if let Some(gradient) = &gradient {
            same_shape(self.batch.input.shape(), gradient.shape())?;
        }
        let divisor = self.batch.divisor()?;
        self.check()?;
        let (values, value) = match self.batch.reduction.kind() {
            AnyReduction::PerDistribution => (Values::Divergences, Some(output.view_mut())),
            _ => (Values::Total, None),
        };
        let total = self.total(&self.request(values, 1.0, divisor), None, value, gradient);
        if values == Values::Total {
            let loss = A::Loss::from_f64(quotient(total.value(), divisor));
            output.first_mut().into_iter().for_each(|output| *output = loss);
        }
        Ok(())
    }

    /// Computes everything and returns the total, if there is one.
    fn total(
        &self,
        request: &SparseRequest,
        upstream: Option<ArrayViewD<'_, A::Loss>>,
        value: Option<ArrayViewMutD<'_, A::Loss>>,
        d_input: Option<&mut ArrayRef<A, D>>,
    ) -> ExactSum {
        if self.batch.input.is_empty() {
            return ExactSum::default();
        }
        let map = |matrices: Matrices<'_, A>| A::compute_sparse(request, matrices, None);
        self.arrays(upstream, value, d_input, |arrays| {
            map_reduce(arrays, Some(self.batch.axis), false, &map, &merged)
        })
    }

    /// What a call asks for, with the upstream of a scalar loss and its divisor.
    pub(super) fn request(&self, values: Values, upstream: f64, divisor: f64) -> SparseRequest {
        let (named, is_label) = match self.named {
            Named::Some { classes, .. } => (classes.len_of(Axis(self.batch.axis)), false),
            Named::Label(_) => (1, true),
        };
        let request = self.batch.request(values, upstream, divisor);
        SparseRequest { request, tail: self.tail, named, is_label }
    }

    /// Calls `work` with the arrays of a call.
    pub(super) fn arrays<T>(
        &self,
        upstream: Option<ArrayViewD<'_, A::Loss>>,
        value: Option<ArrayViewMutD<'_, A::Loss>>,
        d_input: Option<&mut ArrayRef<A, D>>,
        work: impl FnOnce(Arrays<'_, A, D>) -> T,
    ) -> T {
        let axis = Axis(self.batch.axis);
        // A label has no values; one class of the input stands for them.
        let one = self.batch.input.len_of(axis).min(1);
        let one_class = self.batch.input.slice_axis(axis, Slice::from(..one));
        let (classes, target) = match self.named {
            Named::Some { classes, values } => (I::erased(classes.view().into_dyn()), values),
            Named::Label(labels) => {
                (I::erased(labels.view().into_dyn().insert_axis(axis)), &*one_class)
            }
        };
        let arrays = self.batch.arrays(value, d_input, None);
        work(Arrays { target, classes: Some(classes), upstream, ..arrays })
    }
}

impl<R: ScalarReduction, A: Element, D: Dimension, I: ClassIndex> SparseBatch<'_, R, A, D, I> {
    /// The exact sums and the counts of this batch, as [`Batch::partial`] returns them.
    ///
    /// # Errors
    /// [`ClassOutOfRange`](Error::ClassOutOfRange), [`RepeatedClass`](Error::RepeatedClass),
    /// [`NotADistribution`](Error::NotADistribution) if [validated](crate::KLDivLoss::validated).
    pub fn partial(&self) -> Result<Partial, Error> {
        self.check()?;
        let counts = self.batch.counts();
        let request = self.request(Values::Partial, 1.0, 1.0);
        let (loss, moments) = self.arrays(None, None, None, |arrays| {
            if arrays.input.is_empty() {
                let moments = moments_of_nothing(self.batch.level, &arrays, self.batch.axis);
                return (ExactSum::default(), moments);
            }
            let map = |matrices: Matrices<'_, A>| {
                let mut moments = BufferedMoments::default();
                let loss = A::compute_sparse(&request, matrices, Some(&mut moments));
                (loss, moments.moments)
            };
            map_reduce(
                arrays,
                Some(self.batch.axis),
                false,
                &map,
                &|(a, mut moments), (b, more)| {
                    moments.merge(&more);
                    (merged(a, b), moments)
                },
            )
        });
        Ok(Partial { loss, moments, counts })
    }
}
