//! A checked input with a sparse target, and its calls.

use ndarray::{
    Array, ArrayBase, ArrayRef, ArrayViewMutD, Axis, Dimension, Ix2, IxDyn, RawData, Slice, indices,
};

use super::Batch;
use super::call::same_shape;
use super::traversal::moments_of_nothing;
use crate::check::{Check, Region};
use crate::element::Element;
use crate::engine::{Values, merged};
use crate::error::{Error, Operand};
use crate::exact::ExactSum;
use crate::layout::{Arrays, AxisChange, Matrices, map_reduce, without, zeros};
use crate::number::Float;
use crate::partial::{BufferedMoments, Partial, quotient};
use crate::reduction::{AnyReduction, Reduction, ScalarReduction};
use crate::sparse::{ClassIndex, Fault, SparseCheck, SparseRequest, ValueCheck};
use crate::tail::Tail;
use crate::target::Target;

/// An input and a target that names only some classes of each distribution, under the settings of a criterion.
///
/// Made by [`KLDivLoss::sparse_batch`](crate::KLDivLoss::sparse_batch) and
/// [`labels_batch`](crate::KLDivLoss::labels_batch), and by those of
/// [`KLDivWithLogitsLoss`](crate::KLDivWithLogitsLoss::sparse_batch). It borrows its operands and is `Copy`.
///
/// No array of the batch's size is made for them: k numbers a distribution, or with [`Tail::Uniform`], and where k = C, the target of
/// a few distributions at a time for each thread. The order of the named classes changes no bit, nor do strides or the number of
/// threads. There is no gradient with respect to the target: it is stored or served, and which classes are its best has no
/// derivative.
///
/// Classes and values are checked by each call, after the weights are known: see [`ClassOutOfRange`](Error::ClassOutOfRange) and
/// [`RepeatedClass`](Error::RepeatedClass). A distribution of weight 0 is not looked at, so −100 may mark padding.
#[derive(Debug)]
pub struct SparseBatch<'a, R, A: Element, D: Dimension, I> {
    /// The input, as its own target.
    batch: Batch<'a, R, A, D>,
    named: Named<'a, A, D, I>,
    tail: Tail,
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
        let request = self.request(values, divisor);
        let mut total = ExactSum::default();
        if !self.batch.input.is_empty() {
            let map = |matrices: Matrices<'_, A>| A::compute_sparse(&request, matrices, None);
            self.arrays(value, gradient, |arrays| {
                total = map_reduce(arrays, Some(self.batch.axis), false, &map, &merged);
            });
        }
        if values == Values::Total {
            let loss = A::Loss::from_f64(quotient(total.value(), divisor));
            output.first_mut().into_iter().for_each(|output| *output = loss);
        }
        Ok(())
    }

    fn request(&self, values: Values, divisor: f64) -> SparseRequest {
        let (named, is_label) = match self.named {
            Named::Some { classes, .. } => (classes.len_of(Axis(self.batch.axis)), false),
            Named::Label(_) => (1, true),
        };
        let request = self.batch.request(values, 1.0, divisor);
        SparseRequest { request, tail: self.tail, named, is_label }
    }

    /// Calls `work` with the arrays of a call.
    fn arrays<T>(
        &self,
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
        work(Arrays { target, classes: Some(classes), ..arrays })
    }

    /// Checks classes and, if calls are validated, the operands.
    fn check(&self) -> Result<(), Error> {
        let Batch { input, weights, axis, level, tolerance, .. } = self.batch;
        if input.is_empty() {
            return Ok(());
        }
        let holds = self.batch.rule.holds();
        if let Some(tolerance) = tolerance {
            let of_input = Check::new(level, [holds[0], Target::Logits], tolerance);
            let region = || Region::new([input, input], weights, axis);
            of_input.map_or(Ok(()), |check| check.batch(&region()))?;
        }
        let classes = input.len_of(Axis(axis));
        let SparseRequest { named, is_label, .. } = self.request(Values::Nothing, 1.0);
        let least = |tolerance| match self.tail {
            _ if named == classes => 1.0 - tolerance,
            Tail::Renormalized => f64::MIN_POSITIVE,
            _ => 0.0,
        };
        let is_checked = !is_label && holds[1] != Target::Logits;
        let values = tolerance.filter(|_| is_checked).map(|tolerance| ValueCheck {
            holds: holds[1],
            least: least(tolerance),
            tolerance,
        });
        let check = SparseCheck { level, classes, values };
        let map = |matrices: Matrices<'_, A>| check.fault(&matrices).is_none();
        let fine = self.arrays(None, None, |arrays| {
            map_reduce(arrays, Some(axis), false, &map, &|a, b| a & b)
        });
        if fine { Ok(()) } else { self.first_fault(&check) }
    }

    /// The error of the first distribution that has a fault.
    fn first_fault(&self, check: &SparseCheck) -> Result<(), Error> {
        let class_axis = self.batch.axis;
        for index in indices(IxDyn(&without(self.batch.input.shape(), class_axis))) {
            let index = index.slice();
            let (fault, found) = self.arrays(None, None, |arrays| {
                let classes = arrays.classes.clone();
                let lane =
                    arrays.views(Some(Axis(class_axis))).with_axes(&Lane { index, class_axis });
                let fault = check.fault(&lane);
                let entry = if let Some(Fault::OutOfRange { entry }) = fault { entry } else { 0 };
                let mut place = index.to_vec();
                place.insert(class_axis, entry);
                (fault, classes.and_then(|classes| classes.at(&place)))
            });
            let index = index.to_vec();
            match fault {
                None => {}
                Some(Fault::OutOfRange { entry }) => {
                    let (class, classes) = (found.unwrap_or_default(), check.classes);
                    return Err(Error::ClassOutOfRange { index, entry, class, classes });
                }
                Some(Fault::Repeated { class }) => {
                    return Err(Error::RepeatedClass { index, class });
                }
                Some(Fault::Improper { mass }) => {
                    return Err(Error::NotADistribution { operand: Operand::Target, index, mass });
                }
            }
        }
        Ok(())
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
        let request = self.request(Values::Partial, 1.0);
        let (loss, moments) = self.arrays(None, None, |arrays| {
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

/// One lane, by its index without the class axis.
struct Lane<'i> {
    index: &'i [usize],
    class_axis: usize,
}

impl AxisChange<IxDyn, Ix2> for Lane<'_> {
    fn apply<S: RawData>(&self, array: ArrayBase<S, IxDyn>) -> ArrayBase<S, Ix2> {
        let (before, after) = self.index.split_at(self.class_axis);
        let mut lane = array;
        for &i in before {
            lane = lane.index_axis_move(Axis(0), i);
        }
        for &i in after {
            lane = lane.index_axis_move(Axis(1), i);
        }
        let lane = lane.insert_axis(Axis(0));
        lane.into_dimensionality().unwrap_or_else(|_| unreachable!("the class axis and a new one"))
    }
}
