//! The loss in a graph of candle: training, graphs that share it, and what is refused.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::ops::log_softmax;
use kldiv::ndarray::Axis;
use kldiv::{
    BatchMean, DistributionMean, Error, KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Sum, Tail,
    Target,
};
use kldiv_candle::{KlDiv, cause};

use crate::common::{AXIS, SHAPE, array, bits, gradient, normal};

/// Two layers: 4 numbers, 6 units, 3 classes.
struct Network([Var; 4]);

impl Network {
    fn new() -> Result<Self> {
        let var = |rows, columns| Var::from_tensor(&normal(&[rows, columns], 3));
        Ok(Network([var(4, 6)?, var(1, 6)?, var(6, 3)?, var(1, 3)?]))
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let [hidden, hidden_bias, output, output_bias] = &self.0;
        let units = x.matmul(hidden)?.broadcast_add(hidden_bias)?.tanh()?;
        units.matmul(output)?.broadcast_add(output_bias)
    }
}

/// Compares the gradients of all parameters with central differences.
fn differentiate(network: &Network, loss: impl Fn() -> Result<Tensor>) -> Result<()> {
    const STEP: f64 = 1e-5;
    let gradients = loss()?.backward()?;
    for var in &network.0 {
        let gradient = array::<f64>(gradients.get(var).expect("a gradient"));
        let at = var.as_tensor().copy()?;
        for (index, &found) in gradient.iter().enumerate() {
            let moved = |step: f64| -> Result<f64> {
                let mut numbers = at.flatten_all()?.to_vec1::<f64>()?;
                numbers[index] += step;
                var.set(&Tensor::from_vec(numbers, at.shape(), &Device::Cpu)?)?;
                loss()?.to_scalar()
            };
            let expected = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        }
        var.set(&at)?;
    }
    Ok(())
}

#[test]
fn gradients_through_a_network_are_finite_differences() -> Result<()> {
    let (x, teacher) = (normal(&[5, 4], 1), normal(&[5, 3], 2));
    let network = Network::new()?;
    let soft = KLDivWithLogitsLoss::new(BatchMean).temperature(2.0).times_temperature_squared(true);
    differentiate(&network, || soft.loss(&network.logits(&x)?, &teacher))?;

    let p = log_softmax(&teacher, D::Minus1)?.exp()?;
    let each = KLDivWithLogitsLoss::new(PerDistribution).target(Target::Probabilities);
    let weights = Tensor::new(&[1.0, 0.5, 0.0, 2.0, 1.0], &Device::Cpu)?;
    differentiate(&network, || {
        each.loss_weighted(&network.logits(&x)?, &p, &weights)?.sqr()?.sum_all()
    })?;

    let plain = KLDivLoss::new(DistributionMean);
    differentiate(&network, || plain.loss(&log_softmax(&network.logits(&x)?, D::Minus1)?, &p))?;

    // Two classes named, and labels.
    let classes = Tensor::new(&[[2_u32, 0], [1, 0], [0, 2], [1, 2], [2, 1]], &Device::Cpu)?;
    let values = p.gather(&classes, D::Minus1)?;
    let labels = classes.narrow(1, 0, 1)?.squeeze(1)?.to_dtype(DType::I64)?;
    for tail in [Tail::Bucket, Tail::Uniform, Tail::Renormalized, Tail::Dropped] {
        let (each, soft) = (each.tail(tail), soft.target(Target::Probabilities).tail(tail));
        differentiate(&network, || soft.loss_sparse(&network.logits(&x)?, &classes, &values))?;
        differentiate(&network, || {
            let logits = network.logits(&x)?;
            each.loss_sparse_weighted(&logits, &classes, &values, &weights)?.sqr()?.sum_all()
        })?;
        differentiate(&network, || {
            each.loss_labels_weighted(&network.logits(&x)?, &labels, &weights)?.sqr()?.sum_all()
        })?;
        let plain = plain.tail(tail);
        differentiate(&network, || {
            let log_q = log_softmax(&network.logits(&x)?, D::Minus1)?;
            plain.loss_sparse(&log_q, &classes, &values)? + plain.loss_labels(&log_q, &labels)?
        })?;
    }

    // The network on the target's side, then on both.
    differentiate(&network, || soft.loss(&teacher, &network.logits(&x)?))?;
    differentiate(&network, || soft.loss(&network.logits(&x)?, &network.logits(&(&x * 2.0)?)?))
}

#[test]
fn values_and_gradients_are_those_of_the_composition() -> Result<()> {
    let (x, y) = (Var::from_tensor(&normal(&SHAPE, 1))?, Var::from_tensor(&normal(&SHAPE, 2))?);
    let criterion = KLDivWithLogitsLoss::new(BatchMean).axis(Axis(AXIS)).temperature(2.0);
    let loss = criterion.loss(&x, &y)?;
    let log_q = log_softmax(&(x.as_tensor() / 2.0)?, AXIS)?;
    let log_p = log_softmax(&(y.as_tensor() / 2.0)?, AXIS)?;
    let composed = ((log_p.exp()? * (&log_p - &log_q)?)?.sum_all()? / 4.0)?;
    let near = |found: &Tensor, expected: &Tensor| -> Result<()> {
        let distance = (found - expected)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
        assert!(distance < 1e-14, "{distance}");
        Ok(())
    };
    near(&loss, &composed)?;
    let (found, expected) = (loss.backward()?, composed.backward()?);
    for var in [&x, &y] {
        near(found.get(var).expect("a gradient"), expected.get(var).expect("a gradient"))?;
    }
    Ok(())
}

#[test]
fn a_loss_that_is_used_twice_gets_the_sum_of_the_upstreams() -> Result<()> {
    let (x, teacher) = (Var::from_tensor(&normal(&SHAPE, 1))?, normal(&SHAPE, 2));
    let criterion = KLDivWithLogitsLoss::new(Sum).axis(Axis(AXIS));
    let loss = criterion.loss(&x, &teacher)?;
    let used = ((&loss * 3.0)? + loss.sqr()?)?;
    let found = used.backward()?.remove(&x).expect("a gradient");
    let upstream = (loss.detach() * 2.0)? + 3.0;
    assert_eq!(bits(&found), bits(&gradient(&loss, &upstream?, &x)?));

    // Twice is not once: neither takes the other's gradient.
    let (once, twice) = (loss.backward()?, (&loss + &loss)?.backward()?);
    let [once, twice] = [once, twice].map(|mut store| store.remove(&x).expect("a gradient"));
    assert_eq!(bits(&(once * 2.0)?), bits(&twice));
    Ok(())
}

#[test]
fn only_who_depends_on_a_variable_has_a_gradient() -> Result<()> {
    let (x, y) = (Var::from_tensor(&normal(&SHAPE, 1))?, Var::from_tensor(&normal(&SHAPE, 2))?);
    let criterion = KLDivWithLogitsLoss::new(BatchMean).axis(Axis(AXIS));
    for (input, target) in
        [(x.detach(), y.as_tensor().clone()), (x.as_tensor().clone(), y.detach())]
    {
        let gradients = criterion.loss(&input, &target)?.backward()?;
        for operand in [input, target] {
            assert_eq!(gradients.get(&operand).is_some(), operand.is_variable());
        }
    }
    assert!(!criterion.loss(&x.detach(), &y.detach())?.track_op());
    // Both sides the same tensor.
    let gradient = criterion.loss(&x, &x)?.backward()?.remove(&x).expect("a gradient");
    assert!(array::<f64>(&gradient).iter().all(|slope| slope.abs() < 1e-16));
    Ok(())
}

#[test]
fn second_derivatives_are_refused() -> Result<()> {
    let x = Var::from_tensor(&normal(&SHAPE, 1))?;
    let loss = KLDivWithLogitsLoss::new(Sum).loss(&x, &normal(&SHAPE, 2))?;
    let gradient = loss.backward()?.remove(&x).expect("a gradient");
    let message = gradient.sqr()?.sum_all()?.backward().unwrap_err().to_string();
    assert!(message.contains("no second derivative"), "{message}");
    Ok(())
}

#[test]
fn a_gradient_in_16_bits_is_scaled_before_it_is_rounded() -> Result<()> {
    let x = Var::from_tensor(&normal(&SHAPE, 1).to_dtype(DType::F16)?)?;
    let teacher = normal(&SHAPE, 2).to_dtype(DType::F16)?;
    let loss = KLDivWithLogitsLoss::new(kldiv::SumOver(1e9)).loss(&x, &teacher)?;
    let largest = |loss: &Tensor| -> Result<f64> {
        let gradient = loss.backward()?.remove(&x).expect("a gradient").to_dtype(DType::F64)?;
        gradient.abs()?.flatten_all()?.max(0)?.to_scalar()
    };
    assert_eq!(largest(&loss)?, 0.0);
    assert!(largest(&(&loss * 1e9)?)? > 0.1);
    Ok(())
}

#[test]
fn refusals_carry_their_cause() -> Result<()> {
    let (x, t) = (normal(&SHAPE, 1), normal(&SHAPE, 2));
    let criterion = KLDivLoss::new(Sum);
    let refused = |result: Result<Tensor>| result.unwrap_err();

    let error = refused(criterion.axis(Axis(3)).loss(&x, &t));
    assert_eq!(cause(&error), Some(&Error::AxisOutOfBounds { axis: 3, ndim: 3 }));
    let error = refused(criterion.loss(&x, &t.narrow(2, 0, 1)?));
    assert!(matches!(cause(&error), Some(Error::ShapeMismatch { .. })));
    assert!(error.to_string().contains(".broadcast_as("), "{error}");
    let error = refused(criterion.loss_weighted(&x, &t, &x.narrow(0, 0, 1)?));
    assert!(matches!(cause(&error), Some(Error::WeightShape { .. })));
    let weights = (Tensor::ones((4, 5), DType::F64, &Device::Cpu)? * -1.0)?;
    let error = refused(criterion.loss_weighted(&x, &t, &weights)).context("in the third epoch");
    assert!(matches!(cause(&error), Some(Error::InvalidWeight { .. })));
    let error = refused(criterion.validated(1e-3).loss(&t, &x));
    assert!(matches!(cause(&error), Some(Error::NotADistribution { .. })));

    let error = refused(criterion.loss(&x, &t.to_dtype(DType::F32)?));
    assert!(error.to_string().contains("dtype mismatch") && cause(&error).is_none());
    let [x, t] = [&x, &t].map(|tensor| tensor.to_dtype(DType::U32));
    let message = refused(criterion.loss(&x?, &t?)).to_string();
    assert!(message.contains("unsupported dtype U32"), "{message}");

    let weights = Var::ones((4, 5), DType::F64, &Device::Cpu)?;
    let message =
        refused(criterion.loss_weighted(&normal(&SHAPE, 1), &normal(&SHAPE, 2), &weights))
            .to_string();
    assert!(message.contains("weights.detach()"), "{message}");
    Ok(())
}
