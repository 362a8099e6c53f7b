//! [`KLDivWithLogitsLoss`]: settings, one line per call.

use ndarray::{ArrayRef, Axis, Dimension};

use crate::batch::{Batch, Gradients, SparseBatch};
use crate::divergence::Divergence;
use crate::element::Element;
use crate::engine::{Form, Rule, Softmax};
use crate::error::Error;
use crate::number::Float;
use crate::partial::Partial;
use crate::reduction::{Reduction, ScalarReduction};
use crate::sparse::ClassIndex;
use crate::tail::Tail;
use crate::target::Target;

/// The divergence KL(p ‖ q) as a loss of logits, in nats. Softmax is part of the computation, so no log-probabilities
/// are stored.
///
/// With q = softmax(input/τ), p = softmax(target/τ) (or the [target](Self::target) as it is) and
/// D = ln p − ln q, a class contributes p·D. [The reduction](crate::Reduction) says how these terms are summed. The name
/// follows `torch.nn.BCEWithLogitsLoss`. One call replaces four lines of PyTorch:
///
/// ```text
/// log_q = F.log_softmax(student / T, dim=-1)
/// log_p = F.log_softmax(teacher / T, dim=-1)
/// loss = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True) * T * T
/// loss.backward()
/// ```
///
/// # Gradients
///
/// Let F be a term of any [divergence](Self::divergence), u its upstream, g = u·∂F/∂(ln q) and h = u·∂F/∂(ln p). κ is 1 or τ².
/// Since ∂ln q_i/∂z_j = (δ_ij − q_j)/τ, the gradients for logits are ∂/∂input = κ·(g − q·Σg)/τ and
/// ∂/∂target = κ·(h − p·Σh)/τ. For the default, KL(p ‖ q):
///
/// | | |
/// |---|---|
/// | ∂/∂input | κ·(q·Σut − u·t)/τ, with t the target's probability: κu(q − p)/τ for one u a lane |
/// | ∂/∂target, logits | κ·p·(u(D + 1) − Σup(D + 1))/τ: κu·p(D − KL)/τ for one u a lane |
/// | ∂/∂target, probabilities | κu·(D + 1) |
/// | ∂/∂target, log-probabilities | κu·t·(D + 1) |
///
/// The gradients shrink as 1/τ² when τ grows. With
/// [`times_temperature_squared(true)`](Self::times_temperature_squared) their size stays comparable to that of a
/// loss on hard labels (Hinton, Vinyals and Dean, *Distilling the knowledge in a neural
/// network*, 2015, section 2).
///
/// # Conventions
///
/// A logit of −∞ is a class of probability 0. The term of KL(p ‖ q) is 0 if the target excludes the class, and +∞ if only the
/// input does; [`Divergence`] has the values of the others. A lane with a NaN or +∞ logit, or with −∞ only, gives NaN.
///
/// Between two lanes of logits the divergence keeps its relative accuracy however close they are: it is a sum of generalized terms,
/// which do not cancel. For KL(p ‖ q) these are p·(e^(−D) − 1 + D).
///
/// If the input excludes classes that the target has, KL(p ‖ q) is +∞, and ∂/∂input stays finite. ∂/∂target, for logits, is
/// the limit: +∞ at those classes, −∞ at the others that the target has, and 0 elsewhere.
///
/// # Example
///
/// ```
/// use kldiv::{BatchMean, KLDivLoss, KLDivWithLogitsLoss, Target};
/// use ndarray::{array, Axis};
///
/// let student = array![[1.0_f64, 2.0, 3.0], [0.0, 0.0, 0.0]];
/// let teacher = array![[1.0_f64, 2.5, 2.0], [1.0, 0.0, -1.0]];
/// let criterion = KLDivWithLogitsLoss::new(BatchMean).temperature(2.0).times_temperature_squared(true);
/// let (loss, gradient) = criterion.value_and_grad(&student, &teacher)?;
///
/// let softmax = |z: &ndarray::Array2<f64>| {
///     let e = (z / 2.0).exp();
///     &e / &e.sum_axis(Axis(1)).insert_axis(Axis(1))
/// };
/// let by_hand = KLDivLoss::new(BatchMean).forward(&softmax(&student).ln(), &softmax(&teacher))? * 4.0;
/// assert!((loss - by_hand).abs() < 1e-15);
/// let expected = (softmax(&student) - softmax(&teacher)) * 4.0 / 2.0 / 2.0;
/// assert!((gradient - expected).iter().all(|difference| difference.abs() < 1e-15));
///
/// let soft_labels = criterion.target(Target::Probabilities).forward(&student, &softmax(&teacher))?;
/// assert!((loss - soft_labels).abs() < 1e-15);
/// # Ok::<(), kldiv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KLDivWithLogitsLoss<R> {
    reduction: R,
    axis: Option<usize>,
    temperature: f64,
    #[cfg_attr(feature = "serde", serde(default))]
    target_temperature: Option<f64>,
    times_temperature_squared: bool,
    target: Target,
    #[cfg_attr(feature = "serde", serde(default))]
    divergence: Divergence,
    generalized: bool,
    validated: Option<f64>,
    #[cfg_attr(feature = "serde", serde(default))]
    tail: Tail,
}

impl<R: Reduction> KLDivWithLogitsLoss<R> {
    /// A criterion with this reduction. Classes lie along the last axis, the temperature is 1, and the target holds logits.
    #[must_use]
    pub const fn new(reduction: R) -> Self {
        KLDivWithLogitsLoss {
            reduction,
            axis: None,
            temperature: 1.0,
            target_temperature: None,
            times_temperature_squared: false,
            target: Target::Logits,
            divergence: Divergence::Forward,
            generalized: false,
            validated: None,
            tail: Tail::Bucket,
        }
    }

    /// Sets the axis along which classes lie. Default: the last axis.
    #[must_use]
    pub const fn axis(self, axis: Axis) -> Self {
        KLDivWithLogitsLoss { axis: Some(axis.0), ..self }
    }

    /// Sets the temperature τ. Default: 1. It divides the logits of the input, and those of the target if it holds logits. τ must be a
    /// normal number of the computing type, and 1/τ a normal `f64`.
    #[must_use]
    pub const fn temperature(self, temperature: f64) -> Self {
        KLDivWithLogitsLoss { temperature, ..self }
    }

    /// Sets another temperature for the target's logits. Default: the same [τ](Self::temperature). A target that does not hold logits
    /// ignores it.
    ///
    /// If the two temperatures differ, logits are rounded once more. The divergence of almost equal distributions is then right only
    /// to the precision of the logits.
    ///
    /// ```
    /// use kldiv::{DistributionMean, KLDivWithLogitsLoss};
    /// use ndarray::array;
    ///
    /// let (student, teacher) = (array![1.0_f64, 2.0, 4.0], array![0.5_f64, 3.0, 3.5]);
    /// let criterion = KLDivWithLogitsLoss::new(DistributionMean);
    /// let loss = criterion.temperature(0.1).target_temperature(0.05).forward(&student, &teacher)?;
    /// let by_hand = criterion.forward(&(student / 0.1), &(teacher / 0.05))?;
    /// assert!((loss - by_hand).abs() < 1e-13 * by_hand);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn target_temperature(self, temperature: f64) -> Self {
        KLDivWithLogitsLoss { target_temperature: Some(temperature), ..self }
    }

    /// Sets whether every value, term and gradient is multiplied by τ², as in `kl_div(…) * T * T`. Default: `false`. If the target's logits
    /// have [another temperature](Self::target_temperature), the factor is the product of the two. It must be a normal number of the
    /// computing type.
    #[must_use]
    pub const fn times_temperature_squared(self, times_temperature_squared: bool) -> Self {
        KLDivWithLogitsLoss { times_temperature_squared, ..self }
    }

    /// Sets what the target holds: logits, probabilities or log-probabilities. Default: [`Target::Logits`].
    #[must_use]
    pub const fn target(self, target: Target) -> Self {
        KLDivWithLogitsLoss { target, ..self }
    }

    /// Sets the [divergence](Divergence). Default: KL(p ‖ q). Between two lanes of logits every divergence keeps its relative accuracy
    /// however close they are.
    ///
    /// ```
    /// use kldiv::{DistributionMean, Divergence, KLDivWithLogitsLoss};
    /// use ndarray::array;
    ///
    /// let (student, teacher) = (array![1.0_f64, 2.0, 3.0], array![1.0_f64, 2.5, 2.0]);
    /// let criterion = KLDivWithLogitsLoss::new(DistributionMean);
    /// let reverse = criterion.divergence(Divergence::Reverse).forward(&student, &teacher)?;
    /// assert_eq!(reverse, criterion.forward(&teacher, &student)?);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    #[must_use]
    pub const fn divergence(self, divergence: Divergence) -> Self {
        KLDivWithLogitsLoss { divergence, ..self }
    }

    /// Sets whether a class contributes the [generalized](crate::KLDivLoss::generalized) term p·(e^(−D) − 1 + D)
    /// instead, which is never negative. Default: `false`. If the target holds logits, the sums stay the same.
    #[must_use]
    pub const fn generalized(self, generalized: bool) -> Self {
        KLDivWithLogitsLoss { generalized, ..self }
    }

    /// Makes every call check that the target holds distributions, as
    /// [`KLDivLoss::validated`](crate::KLDivLoss::validated) does. Logits are not checked.
    #[must_use]
    pub const fn validated(self, tolerance: f64) -> Self {
        KLDivWithLogitsLoss { validated: Some(tolerance), ..self }
    }

    /// Sets the mass that a [sparse target](Self::sparse_batch) gives to the classes that it does not name. Default: [`Tail::Bucket`].
    /// [`batch`](Self::batch) ignores it.
    #[must_use]
    pub const fn tail(self, tail: Tail) -> Self {
        KLDivWithLogitsLoss { tail, ..self }
    }

    /// Checks shapes and settings, and returns the pair on which weights are set and every call is made.
    ///
    /// # Errors
    /// [`ShapeMismatch`](Error::ShapeMismatch), [`AxisOutOfBounds`](Error::AxisOutOfBounds),
    /// [`InvalidTemperature`](Error::InvalidTemperature), [`InvalidDenominator`](Error::InvalidDenominator),
    /// [`InvalidDivergence`](Error::InvalidDivergence), [`InvalidTolerance`](Error::InvalidTolerance).
    pub fn batch<'a, A: Element, D: Dimension>(
        &self,
        input: &'a ArrayRef<A, D>,
        target: &'a ArrayRef<A, D>,
    ) -> Result<Batch<'a, R, A, D>, Error> {
        let KLDivWithLogitsLoss { divergence, generalized, .. } = *self;
        let (form, softmax) = (Form { divergence, generalized }, self.softmax());
        let rule = Rule::Logits { form, softmax };
        let batch = Batch::new(self.reduction, rule, self.axis, input, target)?;
        let is_normal = |number: f64| {
            let number = A::Loss::from_f64(number);
            (number >= A::Loss::MIN_POSITIVE) & (number <= A::Loss::MAX)
        };
        // `factor` is τ² where that is asked for, and otherwise 1.
        let is_valid =
            |temperature: &f64| is_normal(*temperature) && (1.0 / temperature).is_normal();
        let mut invalid =
            softmax.temperatures.into_iter().filter(|temperature| !is_valid(temperature));
        match invalid.next() {
            Some(temperature) => Err(Error::InvalidTemperature { temperature }),
            None if !is_normal(softmax.factor) => {
                Err(Error::InvalidTemperature { temperature: self.temperature })
            }
            None => batch.validated(self.validated),
        }
    }

    fn softmax(&self) -> Softmax {
        let of_target = match self.target {
            Target::Logits => self.target_temperature.unwrap_or(self.temperature),
            _ => self.temperature,
        };
        let factor =
            if self.times_temperature_squared { self.temperature * of_target } else { 1.0 };
        Softmax { target: self.target, temperatures: [self.temperature, of_target], factor }
    }

    /// Checks the logits and a target that names only k classes of each distribution, such as a teacher's k best. Returns the pair on
    /// which weights are set and every call is made.
    ///
    /// `classes` and `values` have the input's shape, except that the class axis has length k, 1 ≤ k ≤ C. `values` holds what
    /// [`target`](Self::target) says, for the named classes. [`tail`](Self::tail) says what the other classes get. Logits of k
    /// classes do not tell how much mass is left, so they need [`Tail::Renormalized`]. The order of the named classes does not
    /// matter.
    ///
    /// # Errors
    /// [`SparseShape`](Error::SparseShape), [`InvalidTail`](Error::InvalidTail), [`InvalidReduction`](Error::InvalidReduction);
    /// otherwise as [`batch`](Self::batch). The calls refuse classes that are [out of range](Error::ClassOutOfRange) or
    /// [named twice](Error::RepeatedClass).
    ///
    /// ```
    /// use kldiv::{BatchMean, KLDivWithLogitsLoss, Target};
    /// use ndarray::array;
    ///
    /// let student = array![[0.5_f32, 0.0, 2.0, -1.0, 1.0]]; // logits
    /// let (classes, log_p) = (array![[2_u32, 4]], array![[0.6_f32, 0.3]].ln()); // the teacher's two best
    /// let criterion = KLDivWithLogitsLoss::new(BatchMean).target(Target::LogProbabilities);
    /// let (loss, gradient) = criterion.sparse_batch(&student, &classes, &log_p)?.value_and_grad()?;
    /// assert!(loss > 0.0 && gradient.dim() == (1, 5));
    /// assert!(gradient.sum().abs() < 1e-6);
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

    /// Checks the logits and one label for each distribution: the class that has probability 1, whatever
    /// [`target`](Self::target) says. KL(p ‖ q) is then the cross entropy of `torch.nn.CrossEntropyLoss`.
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
    /// use kldiv::{DistributionMean, KLDivWithLogitsLoss};
    /// use ndarray::array;
    ///
    /// let logits = array![[0.0_f64, 3_f64.ln()], [0.0, 0.0]];
    /// let criterion = KLDivWithLogitsLoss::new(DistributionMean);
    /// let loss = criterion.labels_batch(&logits, &array![1, 0])?.forward()?;
    /// assert!((loss + (0.75_f64.ln() + 0.5_f64.ln()) / 2.0).abs() < 1e-15);
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn labels_batch<'a, A: Element, D: Dimension, I: ClassIndex>(
        &self,
        input: &'a ArrayRef<A, D>,
        labels: &'a ArrayRef<I, D::Smaller>,
    ) -> Result<SparseBatch<'a, R, A, D, I>, Error> {
        let of_probabilities = KLDivWithLogitsLoss { target: Target::Probabilities, ..*self };
        SparseBatch::of_labels(of_probabilities.batch(input, input)?, labels, self.tail)
    }

    /// The loss. See [`Batch::forward`].
    ///
    /// # Errors
    /// As [`batch`](Self::batch); [`EmptyMean`](Error::EmptyMean), [`TooLarge`](Error::TooLarge);
    /// [`NotADistribution`](Error::NotADistribution) if [validated](Self::validated).
    pub fn forward<A: Element, D: Dimension>(
        &self,
        input: &ArrayRef<A, D>,
        target: &ArrayRef<A, D>,
    ) -> Result<R::Output<A, D>, Error> {
        self.batch(input, target)?.forward()
    }

    /// The loss and its gradient with respect to the input's logits. See [`Batch::value_and_grad`].
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

impl<R: ScalarReduction> KLDivWithLogitsLoss<R> {
    /// The loss over everything that was merged into `partial`. It has the bits of one call over all of it.
    ///
    /// # Errors
    /// [`EmptyMean`](Error::EmptyMean), [`InvalidDenominator`](Error::InvalidDenominator).
    pub fn finish<L: Element<Loss = L>>(&self, partial: &Partial) -> Result<L, Error> {
        self.reduction.kind().finish(partial).map(L::narrow)
    }
}
