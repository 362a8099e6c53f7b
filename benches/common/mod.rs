//! Shapes, operands and calls: what is measured.

#![allow(dead_code)] // No bench uses all of it.

pub mod by_hand;
pub mod family;
pub mod logits;
pub mod oracle;
pub mod roofline;
pub mod table;

use std::env;
use std::iter::Sum;

use kldiv::{BatchMean, Element, KLDivLoss, PerDistribution, Pointwise};
use ndarray::{Array, Axis, Dimension, Ix1, Ix2, Ix3, Ix4, IxDyn, NdFloat, Zip};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// A number to measure with.
pub trait Number: Element<Loss = Self> + NdFloat + Sum + Into<f64> {
    const NAME: &'static str;
    fn of(value: f64) -> Self;
}

impl Number for f32 {
    const NAME: &'static str = "f32";
    fn of(value: f64) -> f32 {
        value as f32
    }
}

impl Number for f64 {
    const NAME: &'static str = "f64";
    fn of(value: f64) -> f64 {
        value
    }
}

/// What the target holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    Probability,
    LogProbability,
}

impl Target {
    pub const ALL: [Target; 2] = [Target::Probability, Target::LogProbability];

    pub fn name(self) -> &'static str {
        match self {
            Target::Probability => "probability",
            Target::LogProbability => "log target",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    BatchMean,
    PerDistribution,
    Pointwise,
    ValueAndGrad,
}

impl Work {
    pub const ALL: [Work; 4] =
        [Work::BatchMean, Work::PerDistribution, Work::Pointwise, Work::ValueAndGrad];

    pub fn name(self) -> &'static str {
        match self {
            Work::BatchMean => "batchmean",
            Work::PerDistribution => "per distribution",
            Work::Pointwise => "pointwise",
            Work::ValueAndGrad => "value and gradient",
        }
    }

    /// Whether as much is written as an operand holds.
    pub fn writes(self) -> bool {
        matches!(self, Work::Pointwise | Work::ValueAndGrad)
    }
}

/// Lengths and class axis.
#[derive(Clone, Debug)]
pub struct Shape {
    pub name: String,
    pub lengths: Vec<usize>,
    pub axis: usize,
}

impl Shape {
    /// The shape that `KLDIV_SHAPE` (512x32000) and `KLDIV_AXIS` (the last) ask for, or the usual six.
    ///
    /// Without optimisation only the small ones.
    pub fn chosen() -> Vec<Shape> {
        if let Ok(text) = env::var("KLDIV_SHAPE") {
            let lengths: Vec<usize> = text.split('x').map(parsed).collect();
            let axis = env::var("KLDIV_AXIS").map_or(lengths.len() - 1, |axis| parsed(&axis));
            assert!(axis < lengths.len(), "KLDIV_AXIS: {text} has no axis {axis}");
            return vec![Shape { name: format!("{text} axis {axis}"), lengths, axis }];
        }
        let usual: [(&str, &[usize], usize); 6] = [
            ("tiny", &[32, 10], 1),
            ("cifar", &[1024, 10], 1),
            ("many", &[1_000_000, 10], 1),
            ("imagenet", &[4096, 1000], 1),
            ("vocab", &[512, 32_000], 1),
            ("segment", &[8, 21, 256, 256], 1),
        ];
        let shape = |(name, lengths, axis): (&str, &[usize], usize)| Shape {
            name: name.to_owned(),
            lengths: lengths.to_vec(),
            axis,
        };
        let small = |shape: &Shape| !cfg!(debug_assertions) || shape.elements() < 100_000;
        usual.map(shape).into_iter().filter(small).collect()
    }

    pub fn elements(&self) -> usize {
        self.lengths.iter().product()
    }
}

fn parsed(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("{text}: not a length"))
}

/// An input, and the same target in both guises.
pub struct Operands<A, D: Dimension> {
    pub input: Array<A, D>,
    pub probabilities: Array<A, D>,
    pub log_probabilities: Array<A, D>,
}

impl<A, D: Dimension> Operands<A, D> {
    pub fn pair(&self, target: Target) -> (&Array<A, D>, &Array<A, D>) {
        match target {
            Target::Probability => (&self.input, &self.probabilities),
            Target::LogProbability => (&self.input, &self.log_probabilities),
        }
    }

    /// The pair, in the order of memory.
    pub fn slices(&self, target: Target) -> (&[A], &[A]) {
        let (x, t) = self.pair(target);
        (x.as_slice().expect("standard layout"), t.as_slice().expect("standard layout"))
    }
}

/// Operands, and the buffers that results are written to again and again.
pub struct Problem<A, D: Dimension> {
    pub axis: Axis,
    pub operands: Operands<A, D>,
    divergences: Array<A, D::Smaller>,
    pub output: Array<A, D>,
}

impl<A: Number, D: Dimension> Problem<A, D> {
    /// Softmaxes of normal scores.
    pub fn new(shape: &Shape) -> Self {
        let (axis, input) = (Axis(shape.axis), Self::log_softmax(shape, 1));
        let log_probabilities = Self::log_softmax(shape, 2);
        let probabilities = log_probabilities.mapv(A::exp);
        Problem {
            axis,
            divergences: Zip::from(input.lanes(axis)).map_collect(|_| A::zero()),
            output: Array::zeros(input.raw_dim()),
            operands: Operands { input, probabilities, log_probabilities },
        }
    }

    fn log_softmax(shape: &Shape, seed: u64) -> Array<A, D> {
        let mut random = SmallRng::seed_from_u64(seed);
        let scores = Array::random_using(shape.lengths.clone(), StandardNormal, &mut random);
        let mut scores = scores.into_dimensionality::<D>().expect("the rank of the shape");
        for mut lane in scores.lanes_mut(Axis(shape.axis)) {
            let sum: f64 = lane.iter().map(|score: &f64| score.exp()).sum();
            lane -= sum.ln();
        }
        scores.mapv(A::of)
    }

    /// This crate's answer, a number or in the buffers.
    pub fn ours(&mut self, work: Work, target: Target) -> A {
        self.answer(work, target).expect("operands that fit")
    }

    fn answer(&mut self, work: Work, target: Target) -> Result<A, kldiv::Error> {
        let (axis, log) = (self.axis, target == Target::LogProbability);
        let (x, t) = self.operands.pair(target);
        let mean = KLDivLoss::new(BatchMean).axis(axis).log_target(log);
        match work {
            Work::BatchMean => return mean.forward(x, t),
            Work::ValueAndGrad => return mean.batch(x, t)?.value_and_grad_into(&mut self.output),
            Work::PerDistribution => {
                let each = KLDivLoss::new(PerDistribution).axis(axis).log_target(log);
                each.batch(x, t)?.forward_into(&mut self.divergences)?;
            }
            Work::Pointwise => {
                let terms = KLDivLoss::new(Pointwise).axis(axis).log_target(log);
                terms.batch(x, t)?.forward_into(&mut self.output)?;
            }
        }
        Ok(A::zero())
    }
}

/// All shapes: a table if `KLDIV_TABLE` is set, or else criterion's report.
pub fn measure(table: &mut impl Measure, timed: &mut impl Measure) {
    match env::var_os("KLDIV_TABLE") {
        Some(_) => measure_all(table),
        None => measure_all(timed),
    }
}

/// All shapes.
pub fn measure_all(measure: &mut impl Measure) {
    measure.start();
    for shape in Shape::chosen() {
        for_each_precision(&shape, measure);
    }
    measure.finish();
}

/// What is done with a shape once precision and rank are known to the compiler.
pub trait Measure {
    fn start(&mut self) {}
    fn shape<A: Number, D: Dimension + 'static>(&mut self, shape: &Shape);
    fn finish(&mut self) {}
}

pub fn for_each_precision(shape: &Shape, measure: &mut impl Measure) {
    with_rank::<f32>(shape, measure);
    with_rank::<f64>(shape, measure);
}

fn with_rank<A: Number>(shape: &Shape, measure: &mut impl Measure) {
    match shape.lengths.len() {
        1 => measure.shape::<A, Ix1>(shape),
        2 => measure.shape::<A, Ix2>(shape),
        3 => measure.shape::<A, Ix3>(shape),
        4 => measure.shape::<A, Ix4>(shape),
        _ => measure.shape::<A, IxDyn>(shape),
    }
}
