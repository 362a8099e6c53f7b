//! A call as data: everything that scales a gradient, and what the library answers.

use kldiv::{AnyReduction, Batch, Error, KLDivLoss, KLDivWithLogitsLoss, Target};
use ndarray::{Array1, Array2, ArrayD, ArrayRef, Axis, IxDyn};

use super::big::{Big, ONE, ZERO};
use super::common::Number;

/// What the operands hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Face {
    /// Log-probabilities, against log-probabilities where `log_target`.
    Given { log_target: bool },
    /// Logits, against a target of this kind.
    Logits(Target),
}

/// A call: operands of one distribution a row, and everything that scales a gradient.
#[derive(Clone, Debug)]
pub struct Case {
    pub face: Face,
    pub generalized: bool,
    pub squared: bool,
    pub temperature: f64,
    pub reduction: AnyReduction,
    pub input: Array2<f64>,
    pub target: Array2<f64>,
    pub weights: Option<Vec<f64>>,
    /// In logical order, in the shape of the output.
    pub upstream: Vec<f64>,
    /// Whether the operands are passed transposed, with classes along axis 0.
    pub columns: bool,
}

/// What was answered: values and gradients of `value_and_grad`, and both gradients of `backward`.
#[derive(Clone, Debug)]
pub struct Answers {
    pub value: Vec<f64>,
    pub gradient: Array2<f64>,
    pub d_input: Array2<f64>,
    pub d_target: Array2<f64>,
}

impl Case {
    /// What is needed to see a mistake in a lane again.
    pub fn lane(&self, lane: usize) -> String {
        let upstream = match self.reduction {
            AnyReduction::Pointwise => {
                &self.upstream[lane * self.input.ncols()..][..self.input.ncols()]
            }
            AnyReduction::PerDistribution => &self.upstream[lane..=lane],
            _ => &self.upstream[..],
        };
        format!(
            "{:?} of {:?} columns {}, generalized {}, temperature {:e} squared {}, weight {:?}, upstream {upstream:?}, input {:?}, target {:?}",
            self.reduction,
            self.input.dim(),
            self.columns,
            self.generalized,
            self.temperature,
            self.squared,
            self.weights.as_ref().map(|weights| weights[lane]),
            self.input.row(lane).to_vec(),
            self.target.row(lane).to_vec(),
        )
    }

    fn laid_out<A: Number>(&self, rows: &Array2<f64>) -> ArrayD<A> {
        let array =
            if self.columns { rows.t().as_standard_layout().into_owned() } else { rows.clone() };
        array.mapv(A::of).into_dyn()
    }

    fn rows<A: Number>(&self, array: &ArrayD<A>) -> Array2<f64> {
        let array = array.mapv(A::to).into_dimensionality().unwrap();
        if self.columns { array.reversed_axes() } else { array }
    }

    fn batch<'a, A: Number<Wide = A>>(
        &self,
        input: &'a ArrayRef<A, IxDyn>,
        target: &'a ArrayRef<A, IxDyn>,
    ) -> Result<Batch<'a, AnyReduction, A, IxDyn>, Error> {
        let axis = Axis(usize::from(!self.columns));
        match self.face {
            Face::Given { log_target } => KLDivLoss::new(self.reduction)
                .axis(axis)
                .log_target(log_target)
                .generalized(self.generalized)
                .batch(input, target),
            Face::Logits(kind) => KLDivWithLogitsLoss::new(self.reduction)
                .axis(axis)
                .target(kind)
                .temperature(self.temperature)
                .times_temperature_squared(self.squared)
                .generalized(self.generalized)
                .batch(input, target),
        }
    }

    pub fn answers<A: Number<Wide = A>>(&self) -> Result<Answers, Error> {
        let (input, target) = (self.laid_out::<A>(&self.input), self.laid_out::<A>(&self.target));
        let mut batch = self.batch(&input, &target)?;
        let weights = self.weights.as_ref();
        let weights =
            weights.map(|all| all.iter().map(|&w| A::of(w)).collect::<Array1<A>>().into_dyn());
        if let Some(weights) = &weights {
            batch = batch.weights(weights)?;
        }
        let (value, gradient) = batch.value_and_grad()?;
        let upstream = self.upstream.iter().map(|&u| A::of(u)).collect();
        let upstream = match self.reduction {
            AnyReduction::Pointwise => {
                let rows = Array2::from_shape_vec(self.input.dim(), upstream).unwrap();
                self.laid_out(&rows.mapv(A::to))
            }
            _ => ArrayD::from_shape_vec(value.raw_dim(), upstream).unwrap(),
        };
        let gradients = batch.backward(&upstream)?;
        let pointwise = self.reduction == AnyReduction::Pointwise;
        let value = match &value {
            terms if pointwise => self.rows(terms).iter().copied().collect(),
            value => value.iter().map(|value| value.to()).collect(),
        };
        Ok(Answers {
            value,
            gradient: self.rows(&gradient),
            d_input: self.rows(&gradients.input),
            d_target: self.rows(&gradients.target),
        })
    }

    /// What a sum is divided by; 0 where all weights are 0.
    pub fn divisor(&self) -> Big {
        let (distributions, classes) = self.input.dim();
        let mass = match &self.weights {
            Some(weights) => weights.iter().map(|&w| Big::of(w)).sum(),
            None => Big::of(distributions as f64),
        };
        match self.reduction {
            AnyReduction::Mean => Big::of(classes as f64) * mass,
            AnyReduction::BatchMean => {
                Big::of(if self.columns { classes } else { distributions } as f64)
            }
            AnyReduction::DistributionMean => mass,
            AnyReduction::SumOver(denominator) => Big::of(denominator),
            _ => ONE,
        }
    }

    /// What a term of distribution `lane` and class `class` is multiplied by: u·w·κ over the divisor.
    pub fn factor(&self, lane: usize, class: usize, upstream: Option<&[f64]>, divisor: Big) -> Big {
        let u = match (upstream, self.reduction) {
            (None, _) => 1.0,
            (Some(u), AnyReduction::Pointwise) => u[lane * self.input.ncols() + class],
            (Some(u), AnyReduction::PerDistribution) => u[lane],
            (Some(u), _) => u[0],
        };
        let weight = self.weights.as_ref().map_or(1.0, |weights| weights[lane]);
        let squared = Big::of(self.temperature) * Big::of(self.temperature);
        let product = Big::of(u) * Big::of(weight) * if self.squared { squared } else { ONE };
        if divisor.is_zero() { ZERO } else { product / divisor }
    }
}
