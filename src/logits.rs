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

/// The divergence KL(p ‖ q) as a loss of logits, in nats: softmax fused in, so that no log-probabilities
/// are ever stored.
///
/// With q = softmax(input/τ), p = softmax(target/τ) (or the [target](Self::target) as it is) and
/// D = ln p − ln q, a class contributes p·D, and [the reduction](crate::Reduction) says what becomes of these
/// terms. Compare `torch.nn.BCEWithLogitsLoss`; four lines of PyTorch become one:
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
/// With g = u·∂F/∂(ln q) and h = u·∂F/∂(ln p) of the terms F of any [divergence](Self::divergence):
/// ∂/∂input = κ·(g − q·Σg)/τ, ∂/∂target = κ·(h − p·Σh)/τ for logits. For the default, KL(p ‖ q):
///
/// From ∂ln q_i/∂z_j = (δ_ij − q_j)/τ, with an upstream u for each term and κ = 1 or τ²:
///
/// | | |
/// |---|---|
/// | ∂/∂input | κ·(q·Σut − u·t)/τ, with t the target's probability: κu(q − p)/τ for one u a lane |
/// | ∂/∂target, logits | κ·p·(u(D + 1) − Σup(D + 1))/τ: κu·p(D − KL)/τ for one u a lane |
/// | ∂/∂target, probabilities | κu·(D + 1) |
/// | ∂/∂target, log-probabilities | κu·t·(D + 1) |
///
/// They shrink as 1/τ² when τ grows;
/// [`times_temperature_squared`](Self::times_temperature_squared) keeps their size comparable to those of a
/// loss on hard labels that is added (Hinton, Vinyals and Dean, *Distilling the knowledge in a neural
/// network*, 2015, section 2).
///
/// # Conventions
///
/// A logit of −∞ is a class of probability 0: the term of KL(p ‖ q) is 0 where the target excludes it, +∞ where only the
/// input does; [`Divergence`] has the others. A lane with a NaN or +∞ logit, or of −∞ only, gives NaN. Between two lanes of logits the divergence
/// keeps its relative accuracy however close they are: sums are of generalized terms, for KL(p ‖ q) of p·(e^(−D) − 1 + D),
/// which do not cancel.
///
/// Where the input excludes classes that the target has, KL(p ‖ q) is +∞. ∂/∂input stays finite then. ∂/∂target, for logits, is
/// the limit: +∞ at those classes, −∞ at the others that the target has, and 0 where it has none.
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
    /// The loss with this reduction, classes along the last axis, temperature 1, and a target of logits.
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

    /// The axis along which classes lie.
    #[must_use]
    pub const fn axis(self, axis: Axis) -> Self {
        KLDivWithLogitsLoss { axis: Some(axis.0), ..self }
    }

    /// τ, by which logits are divided: those of the input, and of a target that is logits. τ must be a normal number of the
    /// computing type, and 1/τ one of `f64`.
    #[must_use]
    pub const fn temperature(self, temperature: f64) -> Self {
        KLDivWithLogitsLoss { temperature, ..self }
    }

    /// A temperature of the target's own, by which the target's logits are divided instead of by [τ](Self::temperature). It has
    /// no meaning for a target that is not logits, and is ignored there.
    ///
    /// Where the two temperatures differ, logits are rounded once more: the divergence of almost equal distributions is then only
    /// right to the precision of the logits.
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

    /// Whether every value, term and gradient is multiplied by τ², which must then be a normal number of the computing type. Where the
    /// target's logits have [a temperature of their own](Self::target_temperature), it is the product of the two.
    #[must_use]
    pub const fn times_temperature_squared(self, times_temperature_squared: bool) -> Self {
        KLDivWithLogitsLoss { times_temperature_squared, ..self }
    }

    /// What the target holds.
    #[must_use]
    pub const fn target(self, target: Target) -> Self {
        KLDivWithLogitsLoss { target, ..self }
    }

    /// The divergence: KL(p ‖ q) by default, or another of [the family](Divergence). Between two lanes of logits every one keeps
    /// its relative accuracy however close they are.
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

    /// Whether a class contributes the [generalized](crate::KLDivLoss::generalized) term p·(e^(−D) − 1 + D)
    /// instead, which is never negative. Against logits only single terms change: their sums are the same.
    #[must_use]
    pub const fn generalized(self, generalized: bool) -> Self {
        KLDivWithLogitsLoss { generalized, ..self }
    }

    /// Has every call check that a target that is not logits holds distributions, as
    /// [`KLDivLoss::validated`](crate::KLDivLoss::validated) does.
    #[must_use]
    pub const fn validated(self, tolerance: f64) -> Self {
        KLDivWithLogitsLoss { validated: Some(tolerance), ..self }
    }

    /// What a [sparse target](Self::sparse_batch) says of the classes that it does not name. A dense call ignores it.
    #[must_use]
    pub const fn tail(self, tail: Tail) -> Self {
        KLDivWithLogitsLoss { tail, ..self }
    }

    /// The checked pair, from which every call starts.
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

    /// The checked logits and a target that names k classes of each distribution: a teacher's k best, for example.
    ///
    /// `classes` and `values` have the input's shape, but k along the class axis, 1 ≤ k ≤ C. `values` are of the named classes what
    /// [`target`](Self::target) says: probabilities, log-probabilities or logits. [`tail`](Self::tail) says what the other
    /// classes get. Logits of k classes do not tell how much mass is left: they take [`Tail::Renormalized`] only. The order in
    /// which classes are named changes nothing.
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

    /// The checked logits and a label for each distribution: the class that has probability 1, whatever
    /// [`target`](Self::target) says. The divergence KL(p ‖ q) is then the cross entropy of `torch.nn.CrossEntropyLoss`.
    ///
    /// `labels` has the input's shape without the class axis. Nothing is left for a [tail](Self::tail): all are alike but `Dropped`, which
    /// takes the label's term alone. For label smoothing name one class with probability 1 − ε + ε/C by
    /// [`sparse_batch`](Self::sparse_batch), with [`Tail::Uniform`]; PyTorch's value is larger by the entropy of that target.
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
    /// The loss over everything that was merged into `partial`, with the bits of one call over it all.
    ///
    /// # Errors
    /// [`EmptyMean`](Error::EmptyMean), [`InvalidDenominator`](Error::InvalidDenominator).
    pub fn finish<L: Element<Loss = L>>(&self, partial: &Partial) -> Result<L, Error> {
        self.reduction.kind().finish(partial).map(L::narrow)
    }
}
