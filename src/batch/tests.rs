//! Whole calls, on each instruction set: the same bits.

use ndarray::{Array, Array2, Array3, ArrayRef, Axis, Dimension, Ix3, arr2};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::Batch;
use crate::element::Element;
use crate::number::{Float, Level, Number};
use crate::{
    AnyReduction, BatchMean, DistributionMean, KLDivLoss, KLDivWithLogitsLoss, Mean,
    PerDistribution, Pointwise, Reduction, Sum, Target,
};

const SPECIAL: [f64; 8] =
    [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 1e-40, -1.0];

/// Operands, one in eight of their numbers special if asked for.
fn pair<A: Element>(shape: [usize; 3], log_target: bool, special: bool) -> [Array3<A>; 2] {
    let mut rng = SmallRng::seed_from_u64(1951);
    [true, log_target]
        .map(|log| Array3::from_shape_simple_fn(shape, || one(log, special, &mut rng)))
}

fn one<A: Element>(log: bool, special: bool, rng: &mut SmallRng) -> A {
    A::narrow(match special && rng.random_range(0..8) == 0 {
        true => *SPECIAL.choose(rng).unwrap(),
        false if log => rng.random_range(-12.0..0.0),
        false => rng.random_range(0.0..1.0),
    })
}

fn bits<A: Element, D: Dimension>(array: &ArrayRef<A, D>) -> Vec<u64> {
    let bits = |number: &A| match number.widen().to_f64() {
        nan if nan.is_nan() => f64::NAN.to_bits(),
        number => number.to_bits(),
    };
    array.iter().map(bits).collect()
}

/// All that can be asked of a batch.
fn results<R: Reduction, A: Element, D: Dimension>(batch: &Batch<'_, R, A, D>) -> Vec<Vec<u64>> {
    let seen = |output: &mut R::Output<A, D>| bits(&R::view::<A, D>(R::buffer::<A, D>(output)));
    let mut forward = batch.forward().unwrap();
    let (mut value, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(R::buffer::<A, D>(&mut forward)).unwrap();
    vec![
        seen(&mut forward),
        seen(&mut value),
        bits(&gradient),
        bits(&gradients.input),
        bits(&gradients.target),
    ]
}

fn reduction_agrees<R: Reduction, A: Element>(
    reduction: R,
    [input, target]: &[Array3<A>; 2],
    axis: Axis,
    log_target: bool,
) {
    let criterion = KLDivLoss::new(reduction).axis(axis).log_target(log_target);
    batch_agrees(criterion.batch(input, target).unwrap(), axis);
}

/// With and without weights.
fn batch_agrees<R: Reduction, A: Element>(plain: Batch<'_, R, A, Ix3>, axis: Axis) {
    let mut others = plain.input.raw_dim();
    others[axis.0] = 1;
    let weights =
        (0..others.size()).map(|index| A::Loss::narrow([1.0, 0.25, 0.0, 1.0 / 3.0][index % 4]));
    let weights: Array2<A::Loss> =
        Array::from_iter(weights).into_shape_with_order(others).unwrap().remove_axis(axis);
    for batch in [plain, plain.weights(&weights).unwrap()] {
        let levels = Level::all();
        let baseline = results(&batch.level(levels[0]));
        for &level in &levels[1..] {
            let (rule, reduction, shape) = (batch.rule, batch.reduction, batch.input.shape());
            let found = results(&batch.level(level));
            assert_eq!(found, baseline, "{level:?} {reduction:?} {rule:?} {shape:?}");
        }
    }
}

fn levels_agree_from_logits<A: Element>() {
    for classes in [1, 2, 10, 63, 64, 65, 70, 1030] {
        for i in 0..24 {
            let (axis, special, generalized) = (Axis(i % 2 * 2), i / 2 % 2 == 1, i / 4 % 2 == 1);
            let target = [Target::Logits, Target::Probabilities, Target::LogProbabilities][i / 8];
            let shape = if axis.0 == 0 { [classes, 3, 2] } else { [2, 3, classes] };
            let [input, against] = pair::<A>(shape, target != Target::Probabilities, special);
            let criterion = |reduction: AnyReduction| {
                let criterion = KLDivWithLogitsLoss::new(reduction).axis(axis).temperature(1.7);
                criterion.target(target).generalized(generalized)
            };
            for reduction in [Pointwise.into(), PerDistribution.into(), Mean.into()] {
                batch_agrees(criterion(reduction).batch(&input, &against).unwrap(), axis);
            }
        }
    }
}

#[test]
fn levels_agree_from_logits_in_either_precision() {
    levels_agree_from_logits::<f32>();
    levels_agree_from_logits::<f64>();
}

fn levels_agree<A: Element>() {
    let shapes = (1..=70).flat_map(|classes| [[2, 3, classes], [1, classes, 3]]);
    for shape in shapes.chain([[1, 2, 1025], [3, 700, 5], [7, 100, 4], [40, 1, 33]]) {
        for (axis, log_target, special) in
            (0..12).map(|i| (Axis(i % 3), i / 3 % 2 == 1, i / 6 == 1))
        {
            let pair = pair::<A>(shape, log_target, special);
            reduction_agrees(Pointwise, &pair, axis, log_target);
            reduction_agrees(PerDistribution, &pair, axis, log_target);
            reduction_agrees(Sum, &pair, axis, log_target);
            reduction_agrees(Mean, &pair, axis, log_target);
            reduction_agrees(BatchMean, &pair, axis, log_target);
            reduction_agrees(DistributionMean, &pair, axis, log_target);
        }
    }
}

#[test]
fn levels_agree_in_single_precision() {
    levels_agree::<f32>();
}

#[test]
fn levels_agree_in_double_precision() {
    levels_agree::<f64>();
}

#[cfg(feature = "half")]
#[test]
fn levels_agree_on_16_bits() {
    levels_agree::<half::f16>();
    levels_agree::<half::bf16>();
}

/// A result depends on its own operands alone, whatever stands beside them and however special that is.
fn neighbours_change_nothing<A: Element>(log_target: bool) {
    let pair = pair::<A>([1, 40, 30], log_target, true);
    let [input, target] = pair.map(|array| array.remove_axis(Axis(0)));
    let criterion = KLDivLoss::new(Pointwise).log_target(log_target);
    let together = results(&criterion.batch(&input, &target).unwrap());
    for (place, (&x, &t)) in input.iter().zip(&target).enumerate() {
        let (x, t) = (arr2(&[[x]]), arr2(&[[t]]));
        let alone = results(&criterion.batch(&x, &t).unwrap());
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!(alone[0], together[place], "x = {x}, t = {t}: {alone:x?}");
        }
    }
}

#[test]
fn neighbours_change_nothing_in_either_precision() {
    for log_target in [false, true] {
        neighbours_change_nothing::<f32>(log_target);
        neighbours_change_nothing::<f64>(log_target);
        #[cfg(feature = "half")]
        {
            neighbours_change_nothing::<half::f16>(log_target);
            neighbours_change_nothing::<half::bf16>(log_target);
        }
    }
}
