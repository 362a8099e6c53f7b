//! burn: its own loss, on its two backends for processors.

use burn::nn::loss::{KLDivLoss, KLDivLossConfig, Reduction};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Tensor, TensorData};
use ndarray::{Array, Dimension};

use crate::contender::{self, Answer, Contender, Contenders, contender, value};
use crate::job::Job;
use kldiv_bench::logits::TEMPERATURE;
use kldiv_bench::{Number, Problem, Target};

pub fn of<A: Number, D: Dimension + 'static>(
    job: Job,
    problem: &Problem<A, D>,
) -> Contenders<A, D> {
    #[allow(deprecated)] // By burn 0.22, in favour of Flex.
    let devices = [("burn, ndarray", Device::ndarray()), ("burn, flex", Device::flex())];
    let with = |(name, device)| match problem.operands.input.ndim() {
        1 => on::<A, D, 1>(name, device, job, problem),
        2 => on::<A, D, 2>(name, device, job, problem),
        3 => on::<A, D, 3>(name, device, job, problem),
        4 => on::<A, D, 4>(name, device, job, problem),
        _ => on::<A, D, 5>(name, device, job, problem),
    };
    devices.into_iter().map(with).collect()
}

fn on<A: Number, D: Dimension + 'static, const RANK: usize>(
    name: &'static str,
    device: Device,
    job: Job,
    problem: &Problem<A, D>,
) -> Box<dyn Contender<Problem<A, D>>> {
    let (x, t) = problem.operands.pair(job.target());
    let device = if matches!(job, Job::LogitsGradient(_)) { device.autodiff() } else { device };
    let (x, t) = (tensor::<A, D, RANK>(x, &device), tensor::<A, D, RANK>(t, &device));
    let (axis, log) = (problem.axis.0, job.target() == Target::LogProbability);
    let criterion = KLDivLossConfig::new().with_log_target(log).init();
    match job {
        Job::Probability | Job::LogTarget(_) => value(name, move |_| {
            criterion.forward(x.clone(), t.clone(), Reduction::BatchMean).into_scalar::<f64>()
        }),
        Job::Pointwise => contender(
            name,
            move |_| criterion.forward_no_reduction(x.clone(), t.clone()),
            |terms, _| Answer { value: None, array: Some(numbers(terms)) },
        ),
        Job::Logits(_) => {
            value(name, move |_| loss(&criterion, x.clone(), t.clone(), axis).into_scalar::<f64>())
        }
        Job::LogitsGradient(_) => contender(
            name,
            move |_| {
                let x = x.clone().require_grad();
                let loss = loss(&criterion, x.clone(), t.clone(), axis);
                let gradient = x.grad(&loss.backward()).expect("the student's gradient");
                (loss.into_scalar::<f64>(), gradient)
            },
            |(loss, gradient), _| Answer { value: Some(loss), array: Some(numbers(gradient)) },
        ),
    }
}

fn tensor<A: Number, D: Dimension, const RANK: usize>(
    array: &Array<A, D>,
    device: &Device,
) -> Tensor<RANK> {
    let precision = if A::NAME == "f64" { DType::F64 } else { DType::F32 };
    let numbers = TensorData::new(contender::numbers(array), array.shape().to_vec());
    Tensor::from_data(numbers, (device, precision))
}

fn numbers<const RANK: usize>(tensor: Tensor<RANK>) -> Vec<f64> {
    tensor.into_data().try_to_vec_as().expect("converted numbers")
}

fn loss<const RANK: usize>(
    criterion: &KLDivLoss,
    student: Tensor<RANK>,
    teacher: Tensor<RANK>,
    axis: usize,
) -> Tensor<1> {
    let soft = |logits: Tensor<RANK>| log_softmax(logits.div_scalar(TEMPERATURE), axis);
    criterion.forward(soft(student), soft(teacher), Reduction::BatchMean)
}
