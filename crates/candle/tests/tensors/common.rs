//! Tensors and arrays of the same numbers.

use std::fmt::Debug;

use candle_core::{DType, Device, Result, Tensor, Var, WithDType};
use kldiv::AnyReduction;
use kldiv::ndarray::{ArrayD, IxDyn};
use kldiv_bench::{Shape, log_probabilities};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::SeedableRng;
use rand::rngs::StdRng;

pub const SHAPE: [usize; 3] = [4, 5, 3];
pub const AXIS: usize = 1;

pub const REDUCTIONS: [AnyReduction; 7] = [
    AnyReduction::Pointwise,
    AnyReduction::PerDistribution,
    AnyReduction::Sum,
    AnyReduction::Mean,
    AnyReduction::BatchMean,
    AnyReduction::DistributionMean,
    AnyReduction::SumOver(7.0),
];

/// Log-probabilities along the axis.
pub fn log_q(seed: u64) -> Tensor {
    let shape = Shape { name: String::new(), lengths: SHAPE.to_vec(), axis: AXIS };
    tensor(&log_probabilities::<IxDyn>(&shape, seed))
}

/// Standard normal numbers.
pub fn normal(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = StdRng::seed_from_u64(seed);
    tensor::<f64>(&ArrayD::random_using(shape, StandardNormal, &mut rng))
}

pub fn tensor<T: WithDType>(array: &ArrayD<T>) -> Tensor {
    let numbers: Vec<T> = array.iter().copied().collect();
    Tensor::from_vec(numbers, array.shape(), &Device::Cpu).expect("as many numbers")
}

pub fn array<T: WithDType>(tensor: &Tensor) -> ArrayD<T> {
    let numbers = tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("such numbers");
    ArrayD::from_shape_vec(tensor.dims(), numbers).expect("as many numbers")
}

/// The shape, and the numbers in bits.
pub fn bits(tensor: &Tensor) -> (Vec<usize>, Vec<u64>) {
    let numbers = tensor.to_dtype(DType::F64).expect("numbers");
    (tensor.dims().to_vec(), array(&numbers).iter().map(|number: &f64| number.to_bits()).collect())
}

/// Checks types, shapes and bits.
pub fn same(found: &Tensor, expected: &Tensor, what: &dyn Debug) {
    assert_eq!(found.dtype(), expected.dtype(), "{what:?}");
    assert_eq!(bits(found), bits(expected), "{what:?}");
}

/// An upstream that is not 1.
pub fn upstream(loss: &Tensor) -> Result<Tensor> {
    let count = loss.elem_count();
    Tensor::arange(0, count as u32, &Device::Cpu)?
        .to_dtype(loss.dtype())?
        .affine(0.1, 0.3)?
        .reshape(loss.shape())
}

/// The gradient of Σ upstream · output.
pub fn gradient(output: &Tensor, upstream: &Tensor, of: &Var) -> Result<Tensor> {
    let gradients = (output * upstream)?.sum_all()?.backward()?;
    gradients.get(of).cloned().ok_or_else(|| candle_core::Error::msg("no gradient"))
}
