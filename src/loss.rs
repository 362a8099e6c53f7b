//! [`KLDivLoss`]: settings, one line per call.

use ndarray::{ArrayRef, Axis, Dimension};

use crate::batch::{Batch, Gradients, SparseBatch};
use crate::divergence::Divergence;
use crate::element::Element;
use crate::engine::{Form, Rule};
use crate::error::Error;
use crate::partial::Partial;
use crate::reduction::{Reduction, ScalarReduction};
use crate::sparse::ClassIndex;
use crate::tail::Tail;

/// The Kullback–Leibler divergence KL(target ‖ input) as a loss, in nats.
///
/// With x the input (log-probabilities, ln q) and t the target (probabilities p, or y = ln p with
/// [`log_target(true)`](Self::log_target)), a class contributes
///
/// > t·(ln t − x)  or  eʸ·(y − x)
///
/// [The reduction](crate::Reduction) says how these terms are summed. The arguments have the order and meaning of
/// [`torch.nn.KLDivLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html).
/// There is no default reduction, since PyTorch's (`"mean"`) is not the divergence.
///
/// Both operands have the same shape, of any rank from 1, and any strides. Classes lie along
/// [`axis`](Self::axis), by default the last. Operands are not normalised or clamped, and no epsilon is added.
/// 0·ln 0 = 0, and a NaN operand gives NaN.
///
/// # Example
///
/// ```
/// use kldiv::{BatchMean, KLDivLoss};
/// use ndarray::array;
///
/// let log_q = array![[0.5_f32, 0.25, 0.25], [0.1, 0.2, 0.7]].ln();
/// let p = array![[0.25_f32, 0.5, 0.25], [0.0, 0.5, 0.5]];
///
/// let criterion = KLDivLoss::new(BatchMean);
/// let loss = criterion.forward(&log_q, &p)?;
/// let by_hand = (0.25 * 0.5_f32.ln() + 0.5 * 2_f32.ln() + 0.5 * 2.5_f32.ln() + 0.5 * (0.5_f32 / 0.7).ln()) / 2.0;
/// assert!((loss - by_hand).abs() < 1e-6);
///
/// let (same, gradient) = criterion.value_and_grad(&log_q, &p)?;
/// assert_eq!(same, loss);
/// assert_eq!(gradient, -p / 2.0);
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KLDivLoss<R> {
    reduction: R,
    axis: Option<usize>,
    log_target: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    divergence: Divergence,
    generalized: bool,
    validated: Option<f64>,
    #[cfg_attr(feature = "serde", serde(default))]
    tail: Tail,
}

impl<R: Reduction> KLDivLoss<R> {
    /// A criterion with this reduction. Classes lie along the last axis, and the target holds probabilities.
    #[must_use]
    pub const fn new(reduction: R) -> Self {
        KLDivLoss {
            reduction,
            axis: None,
            log_target: false,
            divergence: Divergence::Forward,
            generalized: false,
            validated: None,
            tail: Tail::Bucket,
        }
    }

    /// Sets the axis along which classes lie. Default: the last axis.
    #[must_use]
    pub const fn axis(self, axis: Axis) -> Self {
        KLDivLoss { axis: Some(axis.0), ..self }
    }

    /// Sets whether the target holds log-probabilities y = ln p. Default: `false`, the target holds probabilities p.
    #[must_use]
    pub const fn log_target(self, log_target: bool) -> Self {
        KLDivLoss { log_target, ..self }
    }

    /// Sets the [divergence](Divergence). Default: KL(target ‖ input). Weights, reductions and gradients work as for the default.
    ///
    /// ```
    /// use kldiv::{DistributionMean, Divergence, KLDivLoss};
    /// use ndarray::array;
    ///
    /// let (log_q, p) = (array![0.2_f64, 0.3, 0.5].ln(), array![0.6, 0.3, 0.1]);
    /// let reverse = KLDivLoss::new(DistributionMean).divergence(Divergence::Reverse).forward(&log_q, &p)?;
    /// let swapped = KLDivLoss::new(DistributionMean).forward(&p.ln(), &log_q.exp())?;
    /// assert!((reverse - swapped).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn divergence(self, divergence: Divergence) -> Self {
        KLDivLoss { divergence, ..self }
    }

    /// Sets whether a class contributes the generalized term instead:
    ///
    /// > t·(ln t − x) − t + eˣ = t·φ(d) with d = ln t − x, φ(d) = e^(−d) − 1 + d
    ///
    /// It is never negative, and 0 only where t = eˣ. The sum over two proper distributions is the same as
    /// without it. See [when to use it, and how accurate it is](crate#a-form-that-is-never-negative).
    ///
    /// The other [divergences](Self::divergence) have a generalized form too: κ·(q − p) is added to each term, with a κ that makes no
    /// term negative. Terms of `JensenShannon`, `Jeffreys` and `TotalVariation` are never negative, and do not change.
    ///
    /// The derivatives of the default are ∂/∂x = eˣ − t and ∂/∂t = d. For a log target ∂/∂y = eʸ·(y − x). A call takes
    /// 1.4 to 2 times as long as the plain one.
    ///
    /// ```
    /// use kldiv::{KLDivLoss, Pointwise, Sum};
    /// use ndarray::array;
    ///
    /// let (log_q, p) = (array![0.2_f64, 0.3, 0.5].ln(), array![0.6, 0.3, 0.1]);
    /// let terms = KLDivLoss::new(Pointwise).generalized(true).forward(&log_q, &p)?;
    /// assert!(terms.iter().all(|&term| term >= 0.0));
    /// let plain = KLDivLoss::new(Sum).forward(&log_q, &p)?;
    /// assert!((terms.sum() - plain).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn generalized(self, generalized: bool) -> Self {
        KLDivLoss { generalized, ..self }
    }

    /// Makes every call check that both operands hold distributions.
    ///
    /// The masses, Σt (or Σeʸ) and Σeˣ over the classes, must be within `tolerance` of 1. No probability may be negative, and no
    /// log-probability above `tolerance`. NaN is refused. Distributions of weight 0 are not checked. The named classes of a
    /// [sparse target](Self::sparse_batch) may have less mass: see [`NotADistribution`](Error::NotADistribution).
    ///
    /// A call refuses other operands with [`NotADistribution`](Error::NotADistribution), which
    /// names the first bad distribution, and writes nothing. [`Batch::diagnose`] tells more.
    ///
    /// If a call returns its result, it checks each block of the operands just before it computes with it, while it is in
    /// the cache. If a call writes to the caller's buffer, it checks all operands first, in a pass of its own. A check takes longer
    /// if many numbers are unusual: log-probabilities of −∞, or masses as far from 1 as the tolerance.
    ///
    /// ```
    /// use kldiv::{DistributionMean, Error, KLDivLoss, Operand};
    /// use ndarray::array;
    ///
    /// let criterion = KLDivLoss::new(DistributionMean).validated(1e-3);
    /// let p = array![[0.5_f32, 0.5], [0.25, 0.75]];
    /// assert!(criterion.forward(&p.ln(), &p)? < 1e-6);
    ///
    /// let logits = array![[1.0_f32, -1.0], [0.0, 2.0]];
    /// let refused = criterion.forward(&logits, &p).unwrap_err();
    /// let Error::NotADistribution { operand, index, mass } = refused else { panic!() };
    /// assert_eq!((operand, index), (Operand::Input, vec![0]));
    /// assert!((mass - 2.0 * 1_f64.cosh()).abs() < 1e-6);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn validated(self, tolerance: f64) -> Self {
        KLDivLoss { validated: Some(tolerance), ..self }
    }

    /// Sets the mass that a [sparse target](Self::sparse_batch) gives to the classes that it does not name. Default: [`Tail::Bucket`].
    /// [`batch`](Self::batch) ignores it.
    #[must_use]
    pub const fn tail(self, tail: Tail) -> Self {
        KLDivLoss { tail, ..self }
    }

    /// Checks shapes and settings, and returns the pair on which weights are set and every call is made.
    ///
    /// # Errors
    /// [`ShapeMismatch`](Error::ShapeMismatch), [`AxisOutOfBounds`](Error::AxisOutOfBounds),
    /// [`InvalidDenominator`](Error::InvalidDenominator), [`InvalidDivergence`](Error::InvalidDivergence),
    /// [`InvalidTolerance`](Error::InvalidTolerance).
    #[inline]
    pub fn batch<'a, A: Element, D: Dimension>(
        &self,
        input: &'a ArrayRef<A, D>,
        target: &'a ArrayRef<A, D>,
    ) -> Result<Batch<'a, R, A, D>, Error> {
        let KLDivLoss { divergence, generalized, log_target, .. } = *self;
        let rule = Rule::LogProbabilities { form: Form { divergence, generalized }, log_target };
        Batch::new(self.reduction, rule, self.axis, input, target)?.validated(self.validated)
    }

    /// Checks the input and a target that names only k classes of each distribution, such as a teacher's k best. Returns the pair on
    /// which weights are set and every call is made.
    ///
    /// `classes` and `values` have the input's shape, except that the class axis has length k, 1 ≤ k ≤ C. `values` holds the
    /// probabilities of the named classes, or with [`log_target(true)`](Self::log_target) their log-probabilities. [`tail`](Self::tail)
    /// says what the other classes get. The order of the named classes does not matter.
    ///
    /// # Errors
    /// [`SparseShape`](Error::SparseShape), [`InvalidReduction`](Error::InvalidReduction); otherwise as [`batch`](Self::batch). The
    /// calls refuse classes that are [out of range](Error::ClassOutOfRange) or [named twice](Error::RepeatedClass).
    ///
    /// ```
    /// use kldiv::{DistributionMean, KLDivLoss};
    /// use ndarray::array;
    ///
    /// let log_q = array![[0.1_f64, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]].ln();
    /// let (classes, log_p) = (array![[3_i64, 2], [0, 1]], array![[0.5_f64, 0.25], [0.5, 0.5]].ln());
    /// let criterion = KLDivLoss::new(DistributionMean).log_target(true);
    /// let loss = criterion.sparse_batch(&log_q, &classes, &log_p)?.forward()?;
    /// // Classes 0 and 1 of the first row form one class, of mass 1/4 in p and 0.3 in q.
    /// let first = 0.5 * (0.5_f64 / 0.4).ln() + 0.25 * (0.25_f64 / 0.3).ln() + 0.25 * (0.25_f64 / 0.3).ln();
    /// assert!((loss - (first + 2_f64.ln()) / 2.0).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn sparse_batch<'a, A: Element, D: Dimension, I: ClassIndex>(
        &self,
        input: &'a ArrayRef<A, D>,
        classes: &'a ArrayRef<I, D>,
        values: &'a ArrayRef<A, D>,
    ) -> Result<SparseBatch<'a, R, A, D, I>, Error> {
        SparseBatch::new(self.batch(input, input)?, classes, values, self.tail)
    }

    /// Checks the input and one label for each distribution: the class that has probability 1. KL(p ‖ q) is then the cross entropy,
    /// −ln q of the label.
    ///
    /// `labels` has the input's shape without the class axis. The label has all the mass, so every [tail](Self::tail) gives the same
    /// result, except `Dropped`, which takes only the label's term.
    ///
    /// For label smoothing call [`sparse_batch`](Self::sparse_batch) with [`Tail::Uniform`], and name one class with probability
    /// 1 − ε + ε/C. PyTorch's `label_smoothing` is larger by the entropy of that target.
    ///
    /// # Errors
    /// [`LabelShape`](Error::LabelShape); otherwise as [`sparse_batch`](Self::sparse_batch).
    ///
    /// ```
    /// use kldiv::{KLDivLoss, Sum};
    /// use ndarray::array;
    ///
    /// let log_q = array![[0.5_f64, 0.5], [0.25, 0.75]].ln();
    /// let loss = KLDivLoss::new(Sum).labels_batch(&log_q, &array![0, 1])?.forward()?;
    /// assert_eq!(loss, -(0.5_f64.ln() + 0.75_f64.ln()));
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn labels_batch<'a, A: Element, D: Dimension, I: ClassIndex>(
        &self,
        input: &'a ArrayRef<A, D>,
        labels: &'a ArrayRef<I, D::Smaller>,
    ) -> Result<SparseBatch<'a, R, A, D, I>, Error> {
        let of_probabilities = KLDivLoss { log_target: false, ..*self };
        SparseBatch::of_labels(of_probabilities.batch(input, input)?, labels, self.tail)
    }

    /// The loss. See [`Batch::forward`].
    ///
    /// # Errors
    /// As [`batch`](Self::batch); [`EmptyMean`](Error::EmptyMean), [`TooLarge`](Error::TooLarge);
    /// [`NotADistribution`](Error::NotADistribution) if [validated](Self::validated).
    #[inline]
    pub fn forward<A: Element, D: Dimension>(
        &self,
        input: &ArrayRef<A, D>,
        target: &ArrayRef<A, D>,
    ) -> Result<R::Output<A, D>, Error> {
        self.batch(input, target)?.forward()
    }

    /// The loss and its gradient with respect to the input. See [`Batch::value_and_grad`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[allow(clippy::type_complexity)]
    pub fn value_and_grad<A: Element, D: Dimension>(
        &self,
        input: &ArrayRef<A, D>,
        target: &ArrayRef<A, D>,
    ) -> Result<(R::Output<A, D>, ndarray::Array<A, D>), Error> {
        self.batch(input, target)?.value_and_grad()
    }

    /// Both gradients of Σ upstream · output. See [`Batch::backward`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward); [`OutputShape`](Error::OutputShape) of the upstream.
    pub fn backward<A: Element, D: Dimension>(
        &self,
        input: &ArrayRef<A, D>,
        target: &ArrayRef<A, D>,
        upstream: &R::Buffer<A, D>,
    ) -> Result<Gradients<A, D>, Error> {
        self.batch(input, target)?.backward(upstream)
    }
}

impl<R: ScalarReduction> KLDivLoss<R> {
    /// The loss over everything that was merged into `partial`. It has the bits of one call over all of it.
    ///
    /// # Errors
    /// [`EmptyMean`](Error::EmptyMean), [`InvalidDenominator`](Error::InvalidDenominator).
    pub fn finish<L: Element<Loss = L>>(&self, partial: &Partial) -> Result<L, Error> {
        self.reduction.kind().finish(partial).map(L::narrow)
    }
}
