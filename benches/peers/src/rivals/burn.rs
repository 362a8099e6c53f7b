//! burn: its own loss, on its two backends for processors.

use burn::nn::loss::{KLDivLoss, KLDivLossConfig, Reduction};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array, Dimension};

use crate::common::logits::TEMPERATURE;
use crate::common::{Problem, Target};
use crate::contender::{Answer, Contender, Contenders, contender, value};
use crate::job::Job;

pub fn of<D: Dimension + 'static>(job: Job, problem: &Problem<f32, D>) -> Contenders<D> {
    #[allow(deprecated)] // By burn 0.22, in favour of Flex.
    let devices = [("burn, ndarray", Device::ndarray()), ("burn, flex", Device::flex())];
    let with = |(name, device)| match problem.operands.input.ndim() {
        1 => on::<D, 1>(name, device, job, problem),
        2 => on::<D, 2>(name, device, job, problem),
        3 => on::<D, 3>(name, device, job, problem),
        4 => on::<D, 4>(name, device, job, problem),
        _ => on::<D, 5>(name, device, job, problem),
    };
    devices.into_iter().map(with).collect()
}

fn on<D: Dimension + 'static, const RANK: usize>(
    name: &'static str,
    device: Device,
    job: Job,
    problem: &Problem<f32, D>,
) -> Box<dyn Contender<Problem<f32, D>>> {
    let (x, t) = problem.operands.pair(job.target());
    let device = if job == Job::LogitsGradient { device.autodiff() } else { device };
    let (x, t) = (tensor::<D, RANK>(x, &device), tensor::<D, RANK>(t, &device));
    let (axis, log) = (problem.axis.0, job.target() == Target::LogProbability);
    let criterion = KLDivLossConfig::new().with_log_target(log).init();
    match job {
        Job::Probability | Job::LogTarget => value(name, move |_| {
            criterion.forward(x.clone(), t.clone(), Reduction::BatchMean).into_scalar::<f32>()
        }),
        Job::Pointwise => contender(
            name,
            move |_| criterion.forward_no_reduction(x.clone(), t.clone()),
            |terms, _| Answer { value: None, array: Some(numbers(terms)) },
        ),
        Job::Logits => {
            value(name, move |_| loss(&criterion, x.clone(), t.clone(), axis).into_scalar::<f32>())
        }
        Job::LogitsGradient => contender(
            name,
            move |_| {
                let x = x.clone().require_grad();
                let loss = loss(&criterion, x.clone(), t.clone(), axis);
                let gradient = x.grad(&loss.backward()).expect("the student's gradient");
                (loss.into_scalar::<f32>(), gradient)
            },
            |(loss, gradient), _| Answer {
                value: Some(loss.into()),
                array: Some(numbers(gradient)),
            },
        ),
    }
}

fn tensor<D: Dimension, const RANK: usize>(array: &Array<f32, D>, device: &Device) -> Tensor<RANK> {
    let numbers: Vec<f32> = array.iter().copied().collect();
    Tensor::from_data(TensorData::new(numbers, array.shape().to_vec()), device)
}

fn numbers<const RANK: usize>(tensor: Tensor<RANK>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().expect("numbers of 32 bits")
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
