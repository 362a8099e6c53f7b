//! The way of docs/candle.md from burn: a surrogate whose gradient is that of the loss.
#![cfg(feature = "burn")]

use std::error::Error;

use burn::tensor::{Device, Tensor, TensorData};
use kldiv::ndarray::{ArrayViewD, IxDyn, array};
use kldiv::{BatchMean, KLDivWithLogitsLoss};

// In docs/candle.md, from here
fn loss<const RANK: usize>(
    criterion: KLDivWithLogitsLoss<BatchMean>,
    student: Tensor<RANK>,
    teacher: Tensor<RANK>,
) -> Result<Tensor<1>, Box<dyn Error>> {
    let (x, t) = (student.to_data(), teacher.to_data());
    let x = ArrayViewD::from_shape(IxDyn(x.shape().as_slice()), x.as_slice::<f32>()?)?;
    let t = ArrayViewD::from_shape(IxDyn(t.shape().as_slice()), t.as_slice::<f32>()?)?;
    let (value, gradient) = criterion.value_and_grad(&x, &t)?;
    let gradient = TensorData::new(gradient.into_iter().collect(), student.shape());
    let gradient = Tensor::from_data(gradient, &student.device());
    let surrogate = (student * gradient).sum();
    let difference = surrogate.clone().detach().neg().add_scalar(value);
    Ok(surrogate + difference)
}
// to here.

#[test]
fn the_surrogate_has_the_value_and_the_gradient() -> Result<(), Box<dyn Error>> {
    let (x, t) =
        (array![[1.0_f32, 2.0, 3.0], [0.0, 0.0, 0.0]], array![[1.0, 2.5, 2.0], [1.0, 0.0, -1.0]]);
    let criterion = KLDivWithLogitsLoss::new(BatchMean).temperature(2.0);
    let (value, gradient) = criterion.value_and_grad(&x, &t)?;

    let device = Device::flex().autodiff();
    let tensor = |array: &kldiv::ndarray::Array2<f32>| {
        let data = TensorData::new(array.iter().copied().collect::<Vec<f32>>(), [2, 3]);
        Tensor::<2>::from_data(data, &device)
    };
    let half = tensor(&(x / 2.0)).require_grad();
    // The gradient goes on through what comes before.
    let student = half.clone().mul_scalar(2.0);
    let loss = loss(criterion, student, tensor(&t))?;
    let found = half.grad(&loss.backward()).ok_or("no gradient")?.into_data();
    let expected: Vec<f32> = gradient.iter().map(|slope| slope * 2.0).collect();
    assert_eq!(found.as_slice::<f32>()?, expected);
    assert!((loss.into_scalar::<f32>() - value).abs() < 1e-6);
    Ok(())
}

#[test]
fn the_page_shows_what_is_tested() {
    let (_, rest) = include_str!("surrogate.rs").split_once("from here\n").expect("the start");
    let (function, _) = rest.split_once("// to here").expect("the end");
    assert!(include_str!("../../../docs/candle.md").contains(function));
}
