//! The calls on tensors have the bits of the calls on arrays.

use candle_core::{DType, Device, Result, Tensor, Var, WithDType};
use kldiv::half::{bf16, f16};
use kldiv::ndarray::{ArrayD, Axis};
use kldiv::{
    AnyReduction, BatchMean, DistributionMean, Divergence, Element, KLDivLoss, KLDivWithLogitsLoss,
    Mean, PerDistribution, Pointwise, Sum, SumOver,
};
use kldiv_candle::KlDiv;

use crate::common::{AXIS, REDUCTIONS, array, bits, gradient, log_q, same, tensor, upstream};

/// Compares loss and gradients with those of arrays. `$place` makes the operands of variables.
macro_rules! check {
    ($A:ty, $criterion:expr, $x:expr, $t:expr, $weights:expr, $place:expr) => {{
        let (criterion, weights): (_, Option<&Tensor>) = ($criterion, $weights);
        let dtype = <$A as WithDType>::DTYPE;
        let x_var = Var::from_tensor(&$x.to_dtype(dtype)?)?;
        let t_var = Var::from_tensor(&$t.to_dtype(dtype)?)?;
        let (x, t) = ($place(&x_var)?, $place(&t_var)?);
        let loss = match weights {
            Some(weights) => criterion.loss_weighted(&x, &t, weights)?,
            None => criterion.loss(&x, &t)?,
        };

        let (ax, at): (ArrayD<$A>, ArrayD<$A>) = (array(&x), array(&t));
        let weights = weights.map(array);
        let batch = criterion.batch(&ax, &at).unwrap();
        let batch = weights.iter().fold(batch, |batch, weights| batch.weights(weights).unwrap());
        same(&loss, &tensor(&batch.forward().unwrap()), &criterion);
        let u = upstream(&loss)?;
        let expected = batch.backward(&array(&u)).unwrap();
        for (var, view, expected) in [(&x_var, &x, expected.input), (&t_var, &t, expected.target)] {
            // Through the same operations of candle.
            let expected = gradient(view, &tensor(&expected), var)?;
            same(&gradient(&loss, &u, var)?, &expected, &criterion);
        }
    }};
}

/// Both criteria with every reduction, on operands that are placed in memory in some way.
fn each<A>(x: &Tensor, t: &Tensor, place: fn(&Tensor) -> Result<Tensor>) -> Result<()>
where
    A: Element<Loss: WithDType> + WithDType,
{
    let classes = Axis(AXIS);
    let dims = place(x)?.dims().to_vec();
    let weights = Tensor::arange(0, (dims[0] * dims[2]) as u32, &Device::Cpu)?;
    let weights = weights.to_dtype(<A::Loss as WithDType>::DTYPE)?.reshape((dims[0], dims[2]))?;
    let p = t.exp()?;
    for reduction in REDUCTIONS {
        let criterion = KLDivLoss::new(reduction).axis(classes);
        check!(A, criterion, x, p, None, place);
        check!(A, criterion, x, p, Some(&weights), place);
        check!(A, criterion.log_target(true).divergence(Divergence::Jeffreys), x, t, None, place);
        let criterion = KLDivWithLogitsLoss::new(reduction).axis(classes).temperature(2.0);
        check!(A, criterion, x, t, None, place);
        check!(A, criterion, x, t, Some(&weights), place);
    }
    Ok(())
}

fn as_it_is(var: &Tensor) -> Result<Tensor> {
    Ok(var.clone())
}

#[test]
fn every_type() -> Result<()> {
    let (x, t) = (log_q(1), log_q(2));
    each::<f32>(&x, &t, as_it_is)?;
    each::<f64>(&x, &t, as_it_is)?;
    each::<f16>(&x, &t, as_it_is)?;
    each::<bf16>(&x, &t, as_it_is)
}

#[test]
fn every_layout() -> Result<()> {
    let (x, t) = (log_q(1), log_q(2));
    // The axis of classes lies in another place in memory.
    each::<f64>(&x.transpose(0, 1)?, &t.transpose(0, 1)?, |var| var.transpose(0, 1))?;
    each::<f32>(&x.permute((2, 0, 1))?, &t.permute((2, 0, 1))?, |var| var.permute((1, 2, 0)))?;
    each::<f32>(&x, &t, |var| var.narrow(0, 1, 2)?.narrow(1, 1, 3)?.narrow(2, 1, 2))?;
    each::<f16>(&x, &t, |var| var.narrow(2, 2, 1)?.broadcast_as((4, 5, 3)))?;
    each::<f64>(&x, &t, |var| var.get(1)?.broadcast_as((2, 5, 3)))?;
    each::<f64>(&x, &t, |var| var.narrow(1, 0, 1)?.broadcast_as((4, 5, 3)))
}

#[test]
fn every_rank_and_nothing() -> Result<()> {
    let (x, t) = (log_q(1), log_q(2));
    for reduction in REDUCTIONS {
        let criterion = KLDivLoss::new(reduction);
        for shape in [vec![60], vec![12, 5], vec![1, 2, 3, 2, 1, 5]] {
            let (x, t) = (x.reshape(&shape[..])?, t.exp()?.reshape(&shape[..])?);
            check!(f64, criterion, x, t, None, as_it_is);
        }
    }
    // A part without elements that starts behind the last one.
    let x = Var::from_tensor(&x)?;
    let nothing = x.narrow(0, 4, 0)?.narrow(1, 5, 0)?;
    let loss = KLDivLoss::new(Sum).loss(&nothing, &nothing.detach())?;
    assert_eq!(loss.to_scalar::<f64>()?, 0.0);
    let gradient = loss.backward()?.remove(&x).expect("a gradient");
    assert!(array::<f64>(&gradient).iter().all(|&slope| slope == 0.0));
    Ok(())
}

/// A reduction that is a type takes the gradient from the pass that computes the value. The bits are the same.
#[test]
fn types_and_names() -> Result<()> {
    let (x, teacher) = (Var::from_tensor(&log_q(1).to_dtype(DType::F32)?)?, log_q(2));
    let teacher = teacher.to_dtype(DType::F32)?;
    macro_rules! same {
        ($($reduction:expr),*) => {$(
            let named = KLDivWithLogitsLoss::new(AnyReduction::from($reduction)).axis(Axis(AXIS));
            let typed = KLDivWithLogitsLoss::new($reduction).axis(Axis(AXIS));
            let named = named.loss(&x, &teacher)?;
            let typed = typed.loss(&x, &teacher)?;
            assert_eq!(bits(&typed), bits(&named));
            let ones = named.ones_like()?;
            // Once from the pass of the value, and once more.
            for upstream in [&ones, &ones, &upstream(&named)?] {
                let found = gradient(&typed, upstream, &x)?;
                assert_eq!(bits(&found), bits(&gradient(&named, upstream, &x)?));
            }
        )*};
    }
    same!(Pointwise, PerDistribution, Sum, Mean, BatchMean, DistributionMean, SumOver(7.0));
    Ok(())
}
