//! 16-bit operands give the bits of the same numbers as `f32`; gradients are rounded to 16 bits once.
#![cfg(feature = "half")]

mod common;

use common::layout::{LAYOUTS, Layout};
use common::{Number, Operands, REDUCTIONS, Views, answers, bits};
use kldiv::half::{bf16, f16};
use kldiv::{
    AnyReduction, BatchMean, DistributionMean, Divergence, Element, Error, KLDivLoss,
    KLDivWithLogitsLoss, Mean, PerDistribution, Pointwise, ScalarReduction, Sum, SumOver, Target,
};
use ndarray::{Array, Array2, ArrayD, ArrayRef, Axis, Dimension, Ix2, IxDyn, array};

const CLASSES: [usize; 9] = [1, 2, 10, 16, 63, 64, 65, 100, 1025];

/// Numbers of 16 bits.
trait Half: Number<Wide = f32> {}
impl Half for f16 {}
impl Half for bf16 {}

fn wide<A: Half, D: Dimension>(array: &ArrayRef<A, D>) -> Array<f32, D> {
    array.mapv(|number| number.to() as f32)
}

/// Of the same numbers, in `f32`.
fn widened<A: Half>(operands: &Operands<A>) -> Operands<f32> {
    let Operands { weights, axis, log_target, .. } = operands.clone();
    let (input, target) = (wide(&operands.input), wide(&operands.target));
    Operands { input, target, weights, axis, log_target }
}

/// ∂term/∂input and ∂term/∂target.
fn slopes(operands: &Operands<f32>) -> [ArrayD<f32>; 2] {
    let Operands { input, target, axis, log_target, .. } = operands;
    let criterion = KLDivLoss::new(Pointwise).axis(*axis).log_target(*log_target);
    let ones = ArrayD::from_elem(input.raw_dim(), 1.0);
    let gradients = criterion.backward(input, target, &ones).unwrap();
    [gradients.input, gradients.target]
}

/// What each derivative is multiplied by: the upstream over the divisor, times the weight.
fn factors<A: Half>(
    operands: &Operands<A>,
    reduction: AnyReduction,
    upstream: &ArrayD<f32>,
    weighted: bool,
) -> ArrayD<f64> {
    let Operands { input, weights, axis, .. } = operands;
    let lanes = if weighted { weights.mapv(f64::from) } else { weights.mapv(|_| 1.0) };
    let divisor = match reduction {
        AnyReduction::Mean => lanes.sum() * input.len_of(*axis) as f64,
        AnyReduction::BatchMean => input.len_of(Axis(0)) as f64,
        AnyReduction::DistributionMean => lanes.sum(),
        AnyReduction::SumOver(denominator) => denominator,
        _ => 1.0,
    };
    let upstream = match reduction {
        AnyReduction::PerDistribution => upstream.clone().insert_axis(*axis),
        _ => upstream.clone(),
    };
    upstream.mapv(|u| f64::from(u) / divisor).broadcast(input.raw_dim()).unwrap().to_owned()
        * lanes.insert_axis(*axis)
}

/// Slope times factor, and from `f64` to 16 bits once; nothing where the factor is 0.
fn gradient<A: Half>(slopes: &ArrayD<f32>, factors: &ArrayD<f64>) -> Vec<u64> {
    let product = |(&slope, &factor)| match factor {
        0.0 => 0.0,
        factor => f64::from(slope) * factor,
    };
    slopes.iter().zip(factors).map(product).map(|g| magnitude(A::narrow(g))).collect()
}

/// The bits, but of both zeros the same.
fn magnitude<A: Half>(number: A) -> u64 {
    if number.to() == 0.0 { 0 } else { number.bits() }
}

fn check<A: Half>(shape: &[usize], axis: usize, reduction: AnyReduction, layouts: [Layout; 2]) {
    for (log_target, weighted) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut operands = Operands::<A>::random(shape, axis, log_target);
        // Their sum, which is a divisor, is then exact.
        operands.weights.mapv_inplace(|weight| (weight * 64.0).round() / 64.0);
        let singles = widened(&operands);
        let upstream = operands.upstream(reduction);
        let stores = [layouts[0].store(&operands.input), layouts[1].store(&operands.target)];
        let (input, target) = (layouts[0].view(&stores[0]), layouts[1].view(&stores[1]));
        let weights = || weighted.then(|| operands.weights.view());
        let views = Views { input, target, weights: weights(), upstream: upstream.view() };
        let ours = answers(reduction, Axis(axis), log_target, &views);
        let views = Views {
            input: singles.input.view(),
            target: singles.target.view(),
            weights: weights(),
            upstream: upstream.view(),
        };
        let expected = answers(reduction, Axis(axis), log_target, &views);
        let what = format!("{} {shape:?} {axis} {reduction} {layouts:?}", A::NAME);
        let what = format!("{what} {log_target} {weighted}");
        assert_eq!(ours[..2], expected[..2], "{what}");
        check_gradients(&operands, reduction, weighted, &what);
    }
}

fn check_gradients<A: Half>(
    operands: &Operands<A>,
    reduction: AnyReduction,
    weighted: bool,
    what: &str,
) {
    let Operands { input, target, weights, axis, log_target } = operands;
    let criterion = KLDivLoss::new(reduction).axis(*axis).log_target(*log_target);
    let batch = criterion.batch(input, target).unwrap();
    let batch = if weighted { batch.weights(weights).unwrap() } else { batch };
    let upstream = operands.upstream(reduction);
    let gradients = batch.backward(&upstream).unwrap();
    let (_, first) = batch.value_and_grad().unwrap();
    let slopes = slopes(&widened(operands));
    let factors = |upstream| factors(operands, reduction, upstream, weighted);
    let (all, ones) = (factors(&upstream), factors(&upstream.mapv(|_| 1.0)));
    let seen = |array: &ArrayD<A>| -> Vec<_> { array.iter().copied().map(magnitude).collect() };
    assert_eq!(seen(&gradients.input), gradient::<A>(&slopes[0], &all), "{what}, input");
    assert_eq!(seen(&gradients.target), gradient::<A>(&slopes[1], &all), "{what}, target");
    assert_eq!(seen(&first), gradient::<A>(&slopes[0], &ones), "{what}, value_and_grad");
}

#[test]
fn losses_are_those_of_the_same_numbers_in_single_precision() {
    for (i, classes) in CLASSES.into_iter().enumerate() {
        for (j, reduction) in REDUCTIONS.into_iter().enumerate() {
            let (lanes, axis) = (if classes > 100 { 2 } else { 5 }, i % 3);
            let mut shape = vec![lanes, 7];
            shape.insert(axis, classes);
            let layouts = [LAYOUTS[(i + j) % 6], LAYOUTS[j % 6]];
            check::<f16>(&shape, axis, reduction, layouts);
            check::<bf16>(&shape, axis, reduction, [layouts[1], layouts[0]]);
        }
    }
    check::<f16>(&[3, 70_001], 1, AnyReduction::Mean, [Layout::C; 2]);
    check::<bf16>(&[9000, 10], 1, AnyReduction::BatchMean, [Layout::C; 2]);
}

/// Every number as an input and as a target, among others of either kind.
fn every_number<A: Half>(log_target: bool) {
    let all = || (0..=u16::MAX).map(|code| from_bits::<A>(code));
    let input = Array2::from_shape_vec((256, 256), all().collect()).unwrap();
    let step = if log_target { 40_503 } else { 25_717_u16 };
    let target = (0..=u16::MAX).map(|i| from_bits::<A>(i.wrapping_mul(step)));
    let target = Array2::from_shape_vec((256, 256), target.collect()).unwrap();
    let (x, t) = (wide(&input), wide(&target));
    let criterion = KLDivLoss::new(Pointwise).log_target(log_target);
    let ours = criterion.forward(&input, &target).unwrap();
    assert_eq!(bits(&ours), bits(&criterion.forward(&x, &t).unwrap()), "{}", A::NAME);
    let ones = Array2::from_elem((256, 256), 1.0);
    let ours = criterion.backward(&input, &target, &ones).unwrap();
    let wide = criterion.backward(&x, &t, &ones).unwrap();
    let narrowed = |array: Array2<f32>| array.mapv(|slope| A::narrow(slope.into()));
    assert_eq!(bits(&ours.input), bits(&narrowed(wide.input)), "{}", A::NAME);
    assert_eq!(bits(&ours.target), bits(&narrowed(wide.target)), "{}", A::NAME);
}

fn from_bits<A: Half>(code: u16) -> A {
    let number = if A::NAME == "f16" {
        f16::from_bits(code).to_f64_const()
    } else {
        bf16::from_bits(code).to_f64_const()
    };
    A::narrow(number)
}

#[test]
fn every_number_is_read_as_the_same_in_single_precision() {
    for log_target in [false, true] {
        every_number::<f16>(log_target);
        every_number::<bf16>(log_target);
    }
}

/// The loss is known to be an `f32`, without a word about elements.
fn loss<R: ScalarReduction>(criterion: KLDivLoss<R>, x: &Array2<bf16>, t: &Array2<bf16>) -> f32 {
    criterion.forward(x, t).unwrap() + criterion.batch(x, t).unwrap().forward().unwrap()
}

fn any_loss<R: ScalarReduction, A: Element<Loss = f32>, D: Dimension>(
    criterion: KLDivLoss<R>,
    x: &Array<A, D>,
    t: &Array<A, D>,
) -> f32 {
    let partial = criterion.batch(x, t).unwrap().partial().unwrap();
    assert_eq!(criterion.finish(&partial), criterion.forward(x, t).map(R::scalar::<A, D>));
    criterion.finish(&partial).unwrap()
}

#[test]
fn generic_code_knows_that_losses_are_single() {
    let x = array![[-0.5_f32, -1.0], [-2.0, -0.25]].mapv(bf16::from_f32);
    let t = array![[0.5_f32, 0.5], [0.125, 0.875]].mapv(bf16::from_f32);
    assert_eq!(loss(KLDivLoss::new(Sum), &x, &t), 2.0 * any_loss(KLDivLoss::new(Sum), &x, &t));
    let (x, t) = (x.mapv(|x| f16::of(x.to())), t.mapv(|t| f16::of(t.to())));
    let sum = any_loss(KLDivLoss::new(Sum), &x, &t);
    assert_eq!(any_loss(KLDivLoss::new(Mean), &x, &t), sum / 4.0);
    assert_eq!(any_loss(KLDivLoss::new(BatchMean), &x, &t), sum / 2.0);
    assert_eq!(any_loss(KLDivLoss::new(DistributionMean), &x, &t), sum / 2.0);
    assert_eq!(any_loss(KLDivLoss::new(SumOver(8.0)), &x, &t), sum / 8.0);
}

#[test]
fn losses_and_weights_are_single_and_gradients_are_not() -> Result<(), Error> {
    let x = array![[-0.5_f32, -1.0], [-2.0, -0.25]].mapv(f16::from_f32);
    let t = array![[0.5_f32, 0.5], [0.125, 0.875]].mapv(f16::from_f32);
    let criterion = KLDivLoss::new(PerDistribution);
    let mut divergences = Array::zeros(2);
    let weights = array![1.0_f32, 0.5];
    let batch = criterion.batch(&x, &t)?.weights(&weights)?;
    batch.forward_into(&mut divergences)?;
    let (same, gradient): (Array<f32, _>, Array<f16, Ix2>) = batch.value_and_grad()?;
    assert_eq!(divergences, same);
    let expected = array![[-0.5_f32, -0.5], [-0.0625, -0.4375]];
    assert_eq!(gradient, expected.mapv(f16::from_f32));
    let any: ArrayD<f32> = KLDivLoss::new(AnyReduction::Pointwise).forward(&x, &t)?;
    assert_eq!(any.raw_dim(), IxDyn(&[2, 2]));
    Ok(())
}

/// From logits: the same losses, and gradients a rounding to 16 bits away from those in single precision.
fn check_logits<A: Half>(shape: &[usize], axis: usize, reduction: AnyReduction, target: Target) {
    let operands = Operands::<A>::random(shape, axis, target != Target::Probabilities);
    let (singles, upstream) = (widened(&operands), operands.upstream(reduction));
    let criterion = KLDivWithLogitsLoss::new(reduction).axis(Axis(axis)).target(target);
    let criterion = criterion.temperature(2.0).times_temperature_squared(true);
    let ours = criterion.batch(&operands.input, &operands.target).unwrap();
    let ours = ours.weights(&operands.weights).unwrap();
    let single = criterion.batch(&singles.input, &singles.target).unwrap();
    let single = single.weights(&singles.weights).unwrap();
    let what = format!("{} {shape:?} {axis} {reduction} {target:?}", A::NAME);
    let (value, first) = ours.value_and_grad().unwrap();
    assert_eq!(bits(&value), bits(&single.forward().unwrap()), "{what}");
    assert_eq!(bits(&ours.forward().unwrap()), bits(&value), "{what}");
    let (ours, expected) = (ours.backward(&upstream).unwrap(), single.backward(&upstream).unwrap());
    near(&what, &first, &single.value_and_grad().unwrap().1);
    near(&what, &ours.input, &expected.input);
    near(&what, &ours.target, &expected.target);
}

fn near<A: Half>(what: &str, ours: &ArrayD<A>, single: &ArrayD<f32>) {
    for (ours, &single) in ours.iter().map(|ours| ours.to()).zip(single) {
        let single = f64::from(single);
        let bound = 0.501 * (A::EPSILON * single.abs() + A::TINY);
        let same = A::narrow(single).to() == ours || single.is_nan() && ours.is_nan();
        assert!(same || (ours - single).abs() <= bound, "{what}: {ours:e}, not {single:e}");
    }
}

#[test]
fn losses_from_logits_are_those_of_the_same_numbers_in_single_precision() {
    for (i, classes) in CLASSES.into_iter().enumerate() {
        for (j, reduction) in REDUCTIONS.into_iter().enumerate() {
            for target in [Target::Logits, Target::Probabilities, Target::LogProbabilities] {
                let mut shape = vec![2, 17];
                shape.insert((i + j) % 3, classes);
                check_logits::<f16>(&shape, (i + j) % 3, reduction, target);
                check_logits::<bf16>(&shape, (i + j) % 3, reduction, target);
            }
        }
    }
    // Enough lanes beside each other that some are copied while others are summed.
    check_logits::<f16>(&[10, 400], 0, AnyReduction::PerDistribution, Target::Logits);
    check_logits::<bf16>(&[10, 400], 0, AnyReduction::PerDistribution, Target::Logits);
}

fn every_divergence<A: Half>(divergence: Divergence, log_target: bool, classes: usize) {
    let operands = Operands::<A>::random(&[9, classes], 1, log_target);
    let (Operands { input, target, .. }, single) = (&operands, widened(&operands));
    let given = KLDivLoss::new(Pointwise).divergence(divergence).log_target(log_target);
    let terms = given.forward(input, target).unwrap();
    let expected = given.forward(&single.input, &single.target).unwrap();
    assert_eq!(bits(&terms), bits(&expected), "{divergence} {log_target} {classes}");
    let kind = if log_target { Target::LogProbabilities } else { Target::Probabilities };
    for kind in [Target::Logits, kind] {
        let lanes = KLDivWithLogitsLoss::new(PerDistribution).divergence(divergence).target(kind);
        let found = lanes.value_and_grad(input, target).unwrap();
        let expected = lanes.value_and_grad(&single.input, &single.target).unwrap();
        assert_eq!(bits(&found.0), bits(&expected.0), "{divergence} {kind:?} {classes}");
        near(&format!("{divergence} {kind:?} {classes}"), &found.1, &expected.1);
    }
}

#[test]
fn every_divergence_is_that_of_the_same_numbers_in_single_precision() {
    for name in [
        "reverse",
        "symmetric:0.3",
        "jeffreys",
        "jensen-shannon:0.5",
        "skew:0.1",
        "skew-reverse:0.1",
        "total-variation",
    ] {
        for (log_target, classes) in [(false, 10), (true, 10), (false, 1030), (true, 1030)] {
            every_divergence::<f16>(name.parse().unwrap(), log_target, classes);
            every_divergence::<bf16>(name.parse().unwrap(), log_target, classes);
        }
    }
}
