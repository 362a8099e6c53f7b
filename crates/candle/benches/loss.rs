//! The loss of tensors beside the same composed of candle's operations.
//!
//! ```sh
//! cargo bench -p kldiv-candle                                       # six shapes
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench -p kldiv-candle # another shape
//! ```
//!
//! `BatchMean` of `f32`, all in turn. “Two passes” is the same loss by `AnyReduction`, which computes the gradient in
//! `backward` and not beside the value. Every value and gradient is compared with candle's in `f64` before anything is
//! timed; errors are relative, of gradients to the largest.

use std::time::Duration;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::ops::log_softmax;
use kldiv::{AnyReduction, BatchMean, KLDivLoss, KLDivWithLogitsLoss};
use kldiv_bench::rounds::{Effort, in_turn, readable};
use kldiv_bench::{Shape, log_probabilities};
use kldiv_candle::KlDiv;
use ndarray::{Axis, IxDyn};

const TEMPERATURE: f64 = 2.0;
const EFFORT: Effort = Effort { budget: Duration::from_secs(1), rounds: (5, 101) };

/// What both sides hold.
#[derive(Clone, Copy)]
enum Given {
    Probabilities,
    Logits,
}

/// Who computes.
#[derive(Clone, Copy)]
enum By {
    Kldiv,
    TwoPasses,
    Candle,
}

struct Problem {
    given: Given,
    axis: usize,
    input: Var,
    target: Tensor,
}

fn main() -> Result<()> {
    println!(
        "| shape | given | work | kldiv | two passes | candle | two passes / kldiv | candle / kldiv | error | error of candle |"
    );
    println!("|---|---|---|--:|--:|--:|--:|--:|--:|--:|");
    for shape in Shape::chosen() {
        for given in [Given::Probabilities, Given::Logits] {
            let mut problem = Problem::new(&shape, given)?;
            for gradient in [false, true] {
                row(&shape, &mut problem, gradient)?;
            }
        }
    }
    Ok(())
}

fn row(shape: &Shape, problem: &mut Problem, gradient: bool) -> Result<()> {
    let exact = problem.to_dtype(DType::F64)?.run(By::Candle, gradient)?;
    let error = |by| distance(&problem.run(by, gradient)?, &exact);
    let (ours, theirs) = (error(By::Kldiv)?, error(By::Candle)?);
    assert!(ours < 1e-5, "{}: {ours:e}", shape.name);
    let run = |by| move |problem: &mut Problem| problem.run(by, gradient).expect("a loss");
    let loops = [run(By::Kldiv), run(By::TwoPasses), run(By::Candle)];
    let [kldiv, two, candle] = in_turn(problem, [&loops[0], &loops[1], &loops[2]], EFFORT);
    let given = match problem.given {
        Given::Probabilities => "log-probabilities, probabilities",
        Given::Logits => "logits",
    };
    println!(
        "| {} | {given} | {} | {} | {} | {} | {:.2} | {:.1} | {ours:.0e} | {theirs:.0e} |",
        shape.name,
        if gradient { "forward and backward" } else { "forward" },
        readable(kldiv.median()),
        readable(two.median()),
        readable(candle.median()),
        two.multiple_of(&kldiv),
        candle.multiple_of(&kldiv),
    );
    Ok(())
}

impl Problem {
    fn new(shape: &Shape, given: Given) -> Result<Self> {
        let tensor = |seed| {
            let numbers: Vec<f64> = log_probabilities::<IxDyn>(shape, seed).into_iter().collect();
            Tensor::from_vec(numbers, &shape.lengths[..], &Device::Cpu)?.to_dtype(DType::F32)
        };
        let target = match given {
            Given::Probabilities => tensor(2)?.exp()?,
            Given::Logits => tensor(2)?,
        };
        Ok(Problem { given, axis: shape.axis, input: Var::from_tensor(&tensor(1)?)?, target })
    }

    fn to_dtype(&self, dtype: DType) -> Result<Self> {
        let input = Var::from_tensor(&self.input.to_dtype(dtype)?)?;
        Ok(Problem { input, target: self.target.to_dtype(dtype)?, ..*self })
    }

    /// The loss, or its gradient.
    fn run(&self, by: By, gradient: bool) -> Result<Tensor> {
        if !gradient {
            return self.loss(by, &self.input.detach());
        }
        let mut gradients = self.loss(by, &self.input)?.backward()?;
        Ok(gradients.remove(&self.input).expect("the gradient of the input"))
    }

    fn loss(&self, by: By, x: &Tensor) -> Result<Tensor> {
        let (t, axis, any) = (&self.target, Axis(self.axis), AnyReduction::BatchMean);
        match (self.given, by) {
            (Given::Probabilities, By::Kldiv) => KLDivLoss::new(BatchMean).axis(axis).loss(x, t),
            (Given::Probabilities, By::TwoPasses) => KLDivLoss::new(any).axis(axis).loss(x, t),
            (Given::Probabilities, By::Candle) => {
                (t * (t.log()? - x)?)?.sum_all()? / t.dims()[0] as f64
            }
            (Given::Logits, By::Kldiv) => {
                let criterion = KLDivWithLogitsLoss::new(BatchMean).axis(axis);
                criterion.temperature(TEMPERATURE).loss(x, t)
            }
            (Given::Logits, By::TwoPasses) => {
                let criterion = KLDivWithLogitsLoss::new(any).axis(axis);
                criterion.temperature(TEMPERATURE).loss(x, t)
            }
            (Given::Logits, By::Candle) => {
                let log_q = log_softmax(&(x / TEMPERATURE)?, self.axis)?;
                let log_p = log_softmax(&(t / TEMPERATURE)?, self.axis)?;
                (log_p.exp()? * (&log_p - log_q)?)?.sum_all()? / t.dims()[0] as f64
            }
        }
    }
}

/// The largest difference, relative to the largest number.
fn distance(found: &Tensor, exact: &Tensor) -> Result<f64> {
    let largest = |tensor: &Tensor| tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>();
    Ok(largest(&(found.to_dtype(DType::F64)? - exact)?)? / largest(exact)?)
}
