//! candle: the loss composed of its operations.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::ops::log_softmax;
use ndarray::{Array, Dimension};

use crate::contender::{self, Answer, Contenders, contender};
use crate::job::Job;
use kldiv_bench::logits::TEMPERATURE;
use kldiv_bench::{Number, Problem};

const NAME: &str = "candle";

pub fn of<A: Number, D: Dimension + 'static>(
    job: Job,
    problem: &Problem<A, D>,
) -> Result<Contenders<A, D>> {
    let (x, t) = problem.operands.pair(job.target());
    let (x, t, axis) = (tensor(x)?, tensor(t)?, problem.axis.0);
    let rows = x.dims()[0] as f64;
    if matches!(job, Job::LogitsGradient(_)) {
        let x = Var::from_tensor(&x)?;
        return Ok(vec![contender(
            NAME,
            move |_| with_gradient(&x, &t, axis, rows).expect("a gradient"),
            |(loss, gradient), _| Answer {
                value: number(&loss),
                array: Some(numbers(&gradient).expect("a gradient")),
            },
        )]);
    }
    let run = move || match job {
        Job::Probability => terms(&x, &t)?.sum_all()? / rows,
        Job::LogTarget(_) => log_terms(&x, &t)?.sum_all()? / rows,
        Job::Pointwise => terms(&x, &t),
        Job::Logits(_) | Job::LogitsGradient(_) => loss(&x, &t, axis, rows),
    };
    let read = move |found: Tensor, _: &_| match job {
        Job::Pointwise => Answer { value: None, array: Some(numbers(&found).expect("terms")) },
        _ => Answer { value: number(&found), array: None },
    };
    Ok(vec![contender(NAME, move |_| run().expect("a result"), read)])
}

fn tensor<A: Number, D: Dimension>(array: &Array<A, D>) -> Result<Tensor> {
    let precision = if A::NAME == "f64" { DType::F64 } else { DType::F32 };
    let numbers = contender::numbers(array);
    Tensor::from_vec(numbers, array.shape(), &Device::Cpu)?.to_dtype(precision)
}

fn number(tensor: &Tensor) -> Option<f64> {
    tensor.to_dtype(DType::F64).and_then(|tensor| tensor.to_scalar()).ok()
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

fn terms(x: &Tensor, t: &Tensor) -> Result<Tensor> {
    t * (t.log()? - x)?
}

fn log_terms(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    y.exp()? * (y - x)?
}

fn loss(student: &Tensor, teacher: &Tensor, axis: usize, rows: f64) -> Result<Tensor> {
    let x = log_softmax(&(student / TEMPERATURE)?, axis)?;
    let y = log_softmax(&(teacher / TEMPERATURE)?, axis)?;
    log_terms(&x, &y)?.sum_all()? / rows
}

fn with_gradient(
    student: &Var,
    teacher: &Tensor,
    axis: usize,
    rows: f64,
) -> Result<(Tensor, Tensor)> {
    let loss = loss(student, teacher, axis, rows)?;
    let gradient = loss.backward()?.remove(student).expect("the student's gradient");
    Ok((loss, gradient))
}
