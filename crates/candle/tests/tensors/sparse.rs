//! Sparse targets and labels: the calls on tensors have the bits of the calls on arrays; what is refused.

use candle_core::{DType, Device, Result, Tensor, Var, WithDType};
use kldiv::half::{bf16, f16};
use kldiv::ndarray::{ArrayD, Axis, IxDyn};
use kldiv::{
    AnyReduction, BatchMean, ClassIndex, DistributionMean, Divergence, Element, Error, KLDivLoss,
    KLDivWithLogitsLoss, Mean, PerDistribution, Pointwise, SparseBatch, Sum, SumOver, Tail, Target,
};
use kldiv_candle::{KlDiv, cause};

use crate::common::{
    AXIS, REDUCTIONS, SHAPE, array, bits, gradient, log_q, normal, same, tensor, upstream,
};

const TAILS: [Tail; 4] = [Tail::Bucket, Tail::Uniform, Tail::Renormalized, Tail::Dropped];

/// The same tensor, with its axes in the opposite order in memory, behind other numbers.
fn elsewhere(tensor: &Tensor) -> Result<Tensor> {
    let reversed: Vec<usize> = (0..tensor.rank()).rev().collect();
    let first = tensor.permute(&reversed[..])?.contiguous()?;
    let len = first.dim(0)?;
    Tensor::cat(&[&first.ones_like()?, &first], 0)?.narrow(0, len, len)?.permute(&reversed[..])
}

/// Classes of each distribution, two each: the number of the lane and the last but that.
fn classes_of(input: &Tensor, dtype: DType) -> Result<Tensor> {
    let mut dims = input.dims().to_vec();
    dims[AXIS] = 1;
    let lanes = dims.iter().product::<usize>() as u32;
    let first = Tensor::from_iter((0..lanes).map(|lane| lane % 2), &Device::Cpu)?.reshape(dims)?;
    Tensor::cat(&[&(&first + 2.0)?, &first], AXIS)?.to_dtype(dtype)
}

/// The label of each distribution.
fn labels_of(input: &Tensor, dtype: DType) -> Result<Tensor> {
    classes_of(input, dtype)?.narrow(AXIS, 0, 1)?.squeeze(AXIS)
}

/// Compares loss and gradient, with and without weights, with those of arrays. The input is made of the variable.
fn compare<'a, A, I>(
    [plain, weighted]: [Tensor; 2],
    batch: SparseBatch<'a, AnyReduction, A, IxDyn, I>,
    weights: &'a ArrayD<A::Loss>,
    (var, input): (&Var, &Tensor),
    what: &dyn std::fmt::Debug,
) -> Result<()>
where
    A: Element<Loss: WithDType> + WithDType,
    I: ClassIndex,
{
    for (loss, batch) in [(plain, batch), (weighted, batch.weights(weights).unwrap())] {
        same(&loss, &tensor(&batch.forward().unwrap()), what);
        let u = upstream(&loss)?;
        let expected = tensor(&batch.backward(&array::<A::Loss>(&u)).unwrap());
        // Through the same operations of candle.
        same(&gradient(&loss, &u, var)?, &gradient(input, &expected, var)?, what);
    }
    Ok(())
}

/// Both criteria with every reduction and tail, on operands that are placed in memory in some way.
fn each<A, I>(place: fn(&Tensor) -> Result<Tensor>) -> Result<()>
where
    A: Element<Loss: WithDType> + WithDType,
    I: ClassIndex + WithDType,
{
    let x = Var::from_tensor(&log_q(1).to_dtype(A::DTYPE)?)?;
    let input = place(&x)?;
    let classes = place(&classes_of(&input, I::DTYPE)?)?;
    let log_p = place(&log_q(2).gather(&classes.to_dtype(DType::U32)?.contiguous()?, AXIS)?)?;
    let (log_p, p) = (log_p.to_dtype(A::DTYPE)?, place(&log_p.exp()?.to_dtype(A::DTYPE)?)?);
    let labels = place(&labels_of(&input, I::DTYPE)?)?;
    let weights = place(&((labels_of(&input, DType::F64)? - 2.0)? * 1.5)?)?; // some are 0
    let weights = weights.to_dtype(<A::Loss as WithDType>::DTYPE)?;

    let (of_input, of_classes): (ArrayD<A>, ArrayD<I>) = (array(&input), array(&classes));
    let (of_labels, of_weights): (ArrayD<I>, ArrayD<A::Loss>) = (array(&labels), array(&weights));
    let (of_p, of_log_p): (ArrayD<A>, ArrayD<A>) = (array(&p), array(&log_p));
    for reduction in REDUCTIONS.into_iter().filter(|&any| any != AnyReduction::Pointwise) {
        for tail in TAILS {
            macro_rules! check {
                ($criterion:expr, $values:expr, $of_values:expr) => {{
                    let criterion = $criterion.axis(Axis(AXIS)).tail(tail);
                    let losses = [
                        criterion.loss_sparse(&input, &classes, $values)?,
                        criterion.loss_sparse_weighted(&input, &classes, $values, &weights)?,
                    ];
                    let batch = criterion.sparse_batch(&of_input, &of_classes, $of_values).unwrap();
                    compare(losses, batch, &of_weights, (&x, &input), &criterion)?;
                    let losses = [
                        criterion.loss_labels(&input, &labels)?,
                        criterion.loss_labels_weighted(&input, &labels, &weights)?,
                    ];
                    let batch = criterion.labels_batch(&of_input, &of_labels).unwrap();
                    compare(losses, batch, &of_weights, (&x, &input), &criterion)?;
                }};
            }
            let log = KLDivLoss::new(reduction);
            check!(log, &p, &of_p);
            check!(
                log.log_target(true).divergence(Divergence::JensenShannon(0.3)),
                &log_p,
                &of_log_p
            );
            let logits = KLDivWithLogitsLoss::new(reduction).temperature(2.0);
            check!(logits.target(Target::LogProbabilities), &log_p, &of_log_p);
            if tail == Tail::Renormalized {
                check!(logits, &log_p, &of_log_p);
            }
        }
    }
    Ok(())
}

#[test]
fn every_type_of_numbers_and_indices() -> Result<()> {
    each::<f32, u32>(|tensor| Ok(tensor.clone()))?;
    each::<f64, i64>(|tensor| Ok(tensor.clone()))?;
    each::<f16, i64>(|tensor| Ok(tensor.clone()))?;
    each::<bf16, i32>(|tensor| Ok(tensor.clone()))
}

#[test]
fn every_layout() -> Result<()> {
    each::<f32, i64>(elsewhere)?;
    each::<f64, u32>(elsewhere)?;
    each::<f16, i32>(elsewhere)?;
    // The same two lanes again and again.
    let (x, label) = (Var::from_tensor(&log_q(1))?, Tensor::new(&[3_u32, 1], &Device::Cpu)?);
    let labels = label.reshape((2, 1))?.broadcast_as((2, 3))?;
    let criterion = KLDivWithLogitsLoss::new(PerDistribution).axis(Axis(AXIS));
    let (input, copied) = (x.narrow(0, 1, 2)?, labels.contiguous()?);
    let [found, expected] = [labels, copied].map(|labels| criterion.loss_labels(&input, &labels));
    same(&found?, &expected?, &criterion);
    Ok(())
}

/// A reduction that is a type takes the gradient from the pass that computes the value. The bits are the same.
#[test]
fn types_and_names() -> Result<()> {
    let x = Var::from_tensor(&log_q(1).to_dtype(DType::F32)?)?;
    let (classes, labels) = (classes_of(&x, DType::U32)?, labels_of(&x, DType::I64)?);
    let p = log_q(2).exp()?.gather(&classes, AXIS)?.to_dtype(DType::F32)?;
    macro_rules! check {
        ($($reduction:expr),*) => {$(
            let named = KLDivWithLogitsLoss::new(AnyReduction::from($reduction)).axis(Axis(AXIS));
            let typed = KLDivWithLogitsLoss::new($reduction).axis(Axis(AXIS));
            let (named, typed) = (named.target(Target::Probabilities), typed.target(Target::Probabilities));
            for (named, typed) in [
                (named.loss_sparse(&x, &classes, &p)?, typed.loss_sparse(&x, &classes, &p)?),
                (named.loss_labels(&x, &labels)?, typed.loss_labels(&x, &labels)?),
            ] {
                same(&typed, &named, &$reduction);
                let ones = named.ones_like()?;
                // Once from the pass of the value, and once more.
                for upstream in [&ones, &ones, &upstream(&named)?] {
                    let found = gradient(&typed, upstream, &x)?;
                    assert_eq!(bits(&found), bits(&gradient(&named, upstream, &x)?));
                }
            }
        )*};
    }
    check!(PerDistribution, Sum, Mean, BatchMean, DistributionMean, SumOver(7.0));
    Ok(())
}

/// Labels of a network's logits, as candle itself computes their cross entropy.
#[test]
fn labels_are_the_cross_entropy_of_candle() -> Result<()> {
    let logits = Var::from_tensor(&normal(&[7, 12], 1))?;
    let labels = Tensor::new(&[0_u32, 11, 3, 3, 7, 1, 5], &Device::Cpu)?;
    let ours = KLDivWithLogitsLoss::new(DistributionMean).loss_labels(&logits, &labels)?;
    let theirs = candle_nn::loss::cross_entropy(&logits, &labels)?;
    let gradients = [&ours, &theirs].map(|loss| gradient(loss, &loss.ones_like()?, &logits));
    let [found, expected] = gradients;
    let far = (found? - expected?)?.abs()?.max_all()?.to_scalar::<f64>()?;
    assert!(far < 1e-15, "{far}");
    assert!((ours - theirs)?.to_scalar::<f64>()?.abs() < 1e-14);
    Ok(())
}

#[test]
fn only_the_input_has_a_gradient_and_only_once() -> Result<()> {
    let x = Var::from_tensor(&normal(&SHAPE, 1))?;
    let labels = labels_of(&x, DType::U32)?;
    let criterion = KLDivWithLogitsLoss::new(Sum).axis(Axis(AXIS));
    assert!(!criterion.loss_labels(&x.detach(), &labels)?.track_op());
    let gradients = criterion.loss_labels(&x, &labels)?.backward()?;
    assert!(gradients.get(&x).is_some() && gradients.get(&labels).is_none());
    let squared = gradients.get(&x).expect("a gradient").sqr()?.sum_all()?;
    let message = squared.backward().unwrap_err().to_string();
    assert!(message.contains("no second derivative"), "{message}");
    Ok(())
}

#[test]
fn refusals_carry_their_cause() -> Result<()> {
    let x = normal(&SHAPE, 1);
    let (classes, labels) = (classes_of(&x, DType::I64)?, labels_of(&x, DType::I64)?);
    let p = Tensor::full(0.25, classes.dims(), &Device::Cpu)?;
    let criterion = KLDivWithLogitsLoss::new(Sum).axis(Axis(AXIS)).target(Target::Probabilities);
    let cause_of =
        |result: Result<Tensor>| cause(&result.unwrap_err()).cloned().expect("one of ours");
    let message_of = |result: Result<Tensor>| result.unwrap_err().to_string();

    let error = cause_of(criterion.loss_sparse(&x, &classes, &p.narrow(2, 0, 1)?));
    assert!(matches!(error, Error::SparseShape { .. }));
    let error = cause_of(criterion.loss_labels(&x, &labels.narrow(0, 0, 1)?));
    assert_eq!(error, Error::LabelShape { expected: vec![4, 3], found: vec![1, 3] });
    let error = cause_of(criterion.target(Target::Logits).loss_sparse(&x, &classes, &p));
    assert_eq!(error, Error::InvalidTail { tail: Tail::Bucket });
    let pointwise = KLDivLoss::new(Pointwise).axis(Axis(AXIS));
    let error = cause_of(pointwise.loss_labels(&x, &labels));
    assert_eq!(error, Error::InvalidReduction { name: "none" });

    let minus = (&labels - 3.0)?;
    let error = cause_of(criterion.loss_labels(&x, &minus));
    let (index, entry) = (vec![0, 0], 0);
    assert_eq!(error, Error::ClassOutOfRange { index, entry, class: -1, classes: 5 });
    let nothing = minus.zeros_like()?;
    assert_eq!(criterion.loss_labels_weighted(&x, &minus, &nothing)?.to_scalar::<f64>()?, 0.0);
    let same_class = classes.zeros_like()?;
    let error = cause_of(criterion.loss_sparse(&x, &same_class, &p));
    assert_eq!(error, Error::RepeatedClass { index: vec![0, 0], class: 0 });
    let error = cause_of(criterion.loss_sparse_weighted(&x, &classes, &p, &x));
    assert!(matches!(error, Error::WeightShape { .. }));

    for dtype in [DType::U8, DType::F64] {
        for error in [
            message_of(criterion.loss_labels(&x, &labels.to_dtype(dtype)?)),
            message_of(criterion.loss_sparse(&x, &classes.to_dtype(dtype)?, &p)),
        ] {
            assert!(error.contains(dtype.as_str()) && error.contains(".to_dtype("), "{error}");
        }
    }
    let message = message_of(criterion.loss_sparse(&x, &classes, &p.to_dtype(DType::F32)?));
    assert!(message.contains("dtype mismatch"), "{message}");
    let message = message_of(criterion.loss_labels(&labels, &labels));
    assert!(message.contains("unsupported dtype I64"), "{message}");
    let p = Var::from_tensor(&p)?;
    let message = message_of(criterion.loss_sparse(&x, &classes, &p));
    assert!(message.contains("values.detach()"), "{message}");
    let weights = Var::ones((4, 3), DType::F64, &Device::Cpu)?;
    let message = message_of(criterion.loss_labels_weighted(&x, &labels, &weights));
    assert!(message.contains("weights.detach()"), "{message}");
    Ok(())
}
