//! candle: the loss composed of its operations.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ops::log_softmax;
use ndarray::{Array, Dimension};

use crate::common::Problem;
use crate::common::logits::TEMPERATURE;
use crate::contender::{Answer, Contenders, contender, value};
use crate::job::Job;

const NAME: &str = "candle";

pub fn of<D: Dimension + 'static>(job: Job, problem: &Problem<f32, D>) -> Result<Contenders<D>> {
    let (x, t) = problem.operands.pair(job.target());
    let (x, t, axis) = (tensor(x)?, tensor(t)?, problem.axis.0);
    let rows = x.dims()[0] as f64;
    Ok(vec![match job {
        Job::Probability => value(NAME, move |_| mean(terms(&x, &t), rows).expect("a mean")),
        Job::LogTarget => value(NAME, move |_| mean(log_terms(&x, &t), rows).expect("a mean")),
        Job::Pointwise => contender(
            NAME,
            move |_| terms(&x, &t).expect("terms"),
            |terms, _| Answer { value: None, array: Some(numbers(&terms).expect("terms")) },
        ),
        Job::Logits => value(NAME, move |_| {
            loss(&x, &t, axis, rows).and_then(|loss| loss.to_scalar::<f32>()).expect("a loss")
        }),
        Job::LogitsGradient => {
            let x = Var::from_tensor(&x)?;
            contender(
                NAME,
                move |_| with_gradient(&x, &t, axis, rows).expect("a gradient"),
                |(loss, gradient), _| Answer {
                    value: Some(loss.into()),
                    array: Some(numbers(&gradient).expect("a gradient")),
                },
            )
        }
    }])
}

fn tensor<D: Dimension>(array: &Array<f32, D>) -> Result<Tensor> {
    Tensor::from_slice(array.as_slice().expect("standard layout"), array.shape(), &Device::Cpu)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

fn terms(x: &Tensor, t: &Tensor) -> Result<Tensor> {
    t * (t.log()? - x)?
}

fn log_terms(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    y.exp()? * (y - x)?
}

fn mean(terms: Result<Tensor>, rows: f64) -> Result<f32> {
    (terms?.sum_all()? / rows)?.to_scalar()
}

fn loss(student: &Tensor, teacher: &Tensor, axis: usize, rows: f64) -> Result<Tensor> {
    let x = log_softmax(&(student / TEMPERATURE)?, axis)?;
    let y = log_softmax(&(teacher / TEMPERATURE)?, axis)?;
    log_terms(&x, &y)?.sum_all()? / rows
}

fn with_gradient(student: &Var, teacher: &Tensor, axis: usize, rows: f64) -> Result<(f32, Tensor)> {
    let loss = loss(student, teacher, axis, rows)?;
    let gradient = loss.backward()?.remove(student).expect("the student's gradient");
    Ok((loss.to_scalar()?, gradient))
}
