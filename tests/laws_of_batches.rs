//! Equal bits of what is equal: parts merged, distributions deleted or padded, and calls that differ
//! in type or in who owns the output.

mod common;

use common::layout::Layout;
use common::{Number, Operands, REDUCTIONS, Views, answers, bits, same};
#[cfg(feature = "half")]
use kldiv::half::{bf16, f16};
use kldiv::{
    AnyReduction, BatchMean, DistributionMean, KLDivLoss, Mean, Partial, PerDistribution,
    Pointwise, Reduction, ScalarReduction, Sum, SumOver,
};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension, Ix1, Ix2, Ix3, Slice, concatenate};

const CLASSES: [usize; 11] = [1, 2, 10, 16, 63, 64, 65, 66, 100, 1000, 1025];

fn part<'a, A>(array: &'a ArrayD<A>, axis: usize, start: usize, end: usize) -> ArrayViewD<'a, A> {
    array.slice_axis(Axis(axis), Slice::from(start..end))
}

/// What is known of `start..end` along axis `cut`.
fn partial<R: ScalarReduction, A: Number>(
    criterion: KLDivLoss<R>,
    operands: &Operands<A>,
    weighted: bool,
    cut: usize,
    [start, end]: [usize; 2],
) -> Partial {
    let input = part(&operands.input, cut, start, end);
    let target = part(&operands.target, cut, start, end);
    let weights = part(&operands.weights, cut - usize::from(cut > operands.axis.0), start, end);
    let mut batch = criterion.batch(&input, &target).unwrap();
    if weighted {
        batch = batch.weights(&weights).unwrap();
    }
    batch.partial().unwrap()
}

/// Every cut in two, merged in both orders; and one by one from the last to the first.
fn check_cuts<R: ScalarReduction, A: Number>(
    reduction: R,
    shape: [usize; 3],
    axis: usize,
    cut: usize,
) {
    for (log_target, weighted) in [(false, false), (false, true), (true, true)] {
        let operands = Operands::<A>::random(&shape, axis, log_target);
        let criterion = KLDivLoss::new(reduction).axis(Axis(axis)).log_target(log_target);
        let of = |range| partial(criterion, &operands, weighted, cut, range);
        let batch = criterion.batch(&operands.input, &operands.target).unwrap();
        let batch = if weighted { batch.weights(&operands.weights).unwrap() } else { batch };
        let expected = R::scalar::<A, ndarray::IxDyn>(batch.forward().unwrap()).bits();
        let what = format!("{} {reduction:?} {shape:?} {axis} {cut} {weighted}", A::NAME);
        let finish = |partial: &Partial| criterion.finish::<A::Loss>(partial).unwrap().bits();
        for at in 0..=shape[cut] {
            let (a, b) = (of([0, at]), of([at, shape[cut]]));
            for (mut a, b) in [(a.clone(), &b), (b.clone(), &a)] {
                a.merge(b);
                assert_eq!(finish(&a), expected, "{what}, cut at {at}");
            }
        }
        let mut all = Partial::default();
        (0..shape[cut]).rev().for_each(|i| all.merge(&of([i, i + 1])));
        assert_eq!(finish(&all), expected, "{what}, one by one");
        all.merge(&Partial::default());
        assert_eq!(finish(&all), expected, "{what}, with nothing");
    }
}

fn check_all_cuts<A: Number>(classes: usize) {
    // BatchMean counts axis 0.
    check_cuts::<_, A>(BatchMean, [5, 4, classes], 2, 0);
    check_cuts::<_, A>(BatchMean, [5, classes, 4], 1, 0);
    for (shape, axis, cut) in
        [([5, 4, classes], 2, 0), ([4, 5, classes], 2, 1), ([classes, 4, 5], 0, 2)]
    {
        check_cuts::<_, A>(Sum, shape, axis, cut);
        check_cuts::<_, A>(Mean, shape, axis, cut);
        check_cuts::<_, A>(DistributionMean, shape, axis, cut);
        check_cuts::<_, A>(SumOver(1.7), shape, axis, cut);
    }
}

#[test]
fn parts_merged_are_the_whole() {
    for classes in CLASSES.into_iter().filter(|&classes| classes < 1000) {
        check_all_cuts::<f32>(classes);
        check_all_cuts::<f64>(classes);
        #[cfg(feature = "half")]
        {
            check_all_cuts::<f16>(classes);
            check_all_cuts::<bf16>(classes);
        }
    }
    check_cuts::<_, f32>(Mean, [2, 3, 1025], 2, 0);
    check_cuts::<_, f64>(DistributionMean, [3, 1000, 2], 1, 2);
    check_cuts::<_, f32>(DistributionMean, [3, 1, 70_000], 2, 0);
}

/// What of typed calls can be compared.
trait Flat<A> {
    fn flat(&self) -> Vec<u64>;
}

impl Flat<f32> for f32 {
    fn flat(&self) -> Vec<u64> {
        vec![self.bits()]
    }
}

impl Flat<f64> for f64 {
    fn flat(&self) -> Vec<u64> {
        vec![self.bits()]
    }
}

impl<A: Number, D: Dimension> Flat<A> for Array<A, D> {
    fn flat(&self) -> Vec<u64> {
        bits(self)
    }
}

/// The same calls through static ranks and types as through `IxDyn` and `AnyReduction`.
fn check_typed<R, A, D>(reduction: R, operands: &Operands<A>, upstream: &R::Buffer<A, D>)
where
    R: Reduction + Into<AnyReduction>,
    A: Number<Wide = A>,
    D: Dimension,
    R::Output<A, D>: Flat<A>,
{
    let Operands { axis, log_target, .. } = *operands;
    let any_upstream = operands.upstream(reduction.into());
    let views = Views {
        input: operands.input.view(),
        target: operands.target.view(),
        weights: Some(operands.weights.view()),
        upstream: any_upstream.view(),
    };
    let any = answers(reduction.into(), axis, log_target, &views);
    let [x, t] = [&operands.input, &operands.target]
        .map(|array| array.to_owned().into_dimensionality::<D>().unwrap());
    let weights = operands.weights.to_owned().into_dimensionality::<D::Smaller>().unwrap();
    let criterion = KLDivLoss::new(reduction).axis(axis).log_target(log_target);
    let batch = criterion.batch(&x, &t).unwrap().weights(&weights).unwrap();
    let (value, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(upstream).unwrap();
    let [input, target] = [&gradients.input, &gradients.target].map(bits);
    let typed = [batch.forward().unwrap().flat(), value.flat(), bits(&gradient), input, target];
    same(&typed, &any, &format!("{} {reduction:?} {:?}", A::NAME, x.shape()));
}

fn check_types<A: Number<Wide = A> + Flat<A>, D: Dimension>(
    shape: &[usize],
    axis: usize,
    log_target: bool,
) {
    let operands = Operands::<A>::random(shape, axis, log_target);
    let of = |reduction: AnyReduction| operands.upstream(reduction);
    let one = of(AnyReduction::Sum).first().copied().unwrap();
    let full = of(AnyReduction::Pointwise).into_dimensionality::<D>().unwrap();
    let lanes = of(AnyReduction::PerDistribution).into_dimensionality::<D::Smaller>().unwrap();
    check_typed::<_, A, D>(Pointwise, &operands, &full);
    check_typed::<_, A, D>(PerDistribution, &operands, &lanes);
    check_typed::<_, A, D>(Sum, &operands, &one);
    check_typed::<_, A, D>(Mean, &operands, &one);
    check_typed::<_, A, D>(BatchMean, &operands, &one);
    check_typed::<_, A, D>(DistributionMean, &operands, &one);
    check_typed::<_, A, D>(SumOver(0.3), &operands, &one);
}

#[test]
fn types_known_or_not_give_the_same() {
    for (classes, log_target) in CLASSES.into_iter().flat_map(|c| [(c, false), (c, true)]) {
        check_types::<f32, Ix1>(&[classes], 0, log_target);
        check_types::<f64, Ix2>(&[classes, 3], 0, log_target);
        check_types::<f32, Ix3>(&[2, classes, 3], 1, log_target);
        check_types::<f64, Ix3>(&[2, 3, classes], 2, log_target);
    }
}

/// Of rows: the batch with weights, and the answers' values and gradients of some rows.
fn of_rows<A: Number<Wide = A>>(
    operands: &Operands<A>,
    reduction: AnyReduction,
    rows: &[usize],
    weighted: bool,
) -> [ArrayD<A>; 3] {
    let select = |array: &ArrayD<A>| array.select(Axis(0), rows);
    let (input, target) = (select(&operands.input), select(&operands.target));
    let weights = select(&operands.weights);
    let criterion = KLDivLoss::new(reduction).log_target(operands.log_target);
    let mut batch = criterion.batch(&input, &target).unwrap();
    if weighted {
        batch = batch.weights(&weights).unwrap();
    }
    let upstream = operands.upstream(reduction);
    let upstream = if upstream.ndim() == 0 { upstream } else { select(&upstream) };
    let gradients = batch.backward(&upstream).unwrap();
    [batch.forward().unwrap(), gradients.input, gradients.target]
}

/// `BatchMean` counts distributions that are skipped.
fn check_deleted<A: Number<Wide = A>>(classes: usize, reduction: AnyReduction, log_target: bool) {
    let operands = Operands::<A>::random(&[40, classes], 1, log_target);
    let all: Vec<_> = (0..40).collect();
    let weight = |row: &usize| operands.weights[[*row]].to();
    let (kept, skipped): (Vec<_>, Vec<_>) = all.iter().partition(|row| weight(row) > 0.0);
    assert!(!kept.is_empty() && !skipped.is_empty());
    let ours = of_rows(&operands, reduction, &all, true);
    let deleted = of_rows(&operands, reduction, &kept, true);
    for (ours, deleted) in ours.iter().zip(&deleted) {
        let rows = |rows: &[usize]| match ours.ndim() {
            0 => ours.clone(),
            _ => ours.select(Axis(0), rows),
        };
        let what = format!("{} {classes} {reduction} {log_target}", A::NAME);
        same(&[bits(&rows(&kept))], &[bits(deleted)], &what);
        assert!(ours.ndim() == 0 || rows(&skipped).iter().all(|n| n.to() == 0.0), "{what}");
    }
}

#[test]
fn zero_weight_is_the_distribution_deleted() {
    for (classes, log_target) in CLASSES.into_iter().flat_map(|c| [(c, false), (c, true)]) {
        for reduction in REDUCTIONS.into_iter().filter(|&r| r != AnyReduction::BatchMean) {
            check_deleted::<f32>(classes, reduction, log_target);
            check_deleted::<f64>(classes, reduction, log_target);
        }
    }
}

fn check_ones<A: Number<Wide = A>>(classes: usize, reduction: AnyReduction, log_target: bool) {
    let mut operands = Operands::<A>::random(&[23, classes], 1, log_target);
    operands.weights.fill(A::of(1.0));
    let rows: Vec<_> = (0..23).collect();
    let [ones, none] = [true, false].map(|weighted| of_rows(&operands, reduction, &rows, weighted));
    for (ones, none) in ones.iter().zip(&none) {
        let what = format!("{} {classes} {reduction} {log_target}", A::NAME);
        same(&[bits(ones)], &[bits(none)], &what);
    }
}

#[test]
fn weights_of_one_are_none() {
    for (classes, log_target) in CLASSES.into_iter().flat_map(|c| [(c, false), (c, true)]) {
        for reduction in REDUCTIONS {
            check_ones::<f32>(classes, reduction, log_target);
            check_ones::<f64>(classes, reduction, log_target);
        }
    }
}

/// Classes without mass at the end change no sum, as long as 64 is not passed.
fn check_padding<A: Number>(classes: usize, padding: usize, log_target: bool) {
    let operands = Operands::<A>::random(&[9, classes], 1, log_target);
    let nothing = A::of(if log_target { f64::NEG_INFINITY } else { 0.0 });
    let padded = |array: &ArrayD<A>, with: A| {
        let padding = ArrayD::from_elem(vec![9, padding], with);
        concatenate![Axis(1), array.view(), padding]
    };
    let (input, target) = (padded(&operands.input, A::of(-3.0)), padded(&operands.target, nothing));
    for reduction in [AnyReduction::PerDistribution, AnyReduction::Sum, AnyReduction::BatchMean] {
        let criterion = KLDivLoss::new(reduction).log_target(log_target);
        let ours = criterion.forward(&input, &target).unwrap();
        let expected = criterion.forward(&operands.input, &operands.target).unwrap();
        let what = format!("{} {classes} + {padding} {reduction} {log_target}", A::NAME);
        same(&[bits(&ours)], &[bits(&expected)], &what);
    }
}

#[test]
fn classes_without_mass_change_no_sum() {
    for (classes, padding) in
        [(1, 1), (1, 63), (10, 7), (63, 1), (65, 1), (65, 960), (100, 3), (1024, 1), (1000, 69_000)]
    {
        for log_target in [false, true] {
            check_padding::<f32>(classes, padding, log_target);
            check_padding::<f64>(classes, padding, log_target);
            #[cfg(feature = "half")]
            {
                check_padding::<f16>(classes, padding, log_target);
                check_padding::<bf16>(classes, padding, log_target);
            }
        }
    }
}

/// Outputs wherever they are written.
fn check_into<A: Number<Wide = A>>(shape: &[usize], axis: usize, reduction: AnyReduction) {
    let operands = Operands::<A>::random(shape, axis, false);
    let criterion = KLDivLoss::new(reduction).axis(Axis(axis));
    let batch = criterion.batch(&operands.input, &operands.target).unwrap();
    let upstream = operands.upstream(reduction);
    let fresh = batch.forward().unwrap();
    let (_, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(&upstream).unwrap();
    for layout in [Layout::C, Layout::F, Layout::Rolled, Layout::Step2, Layout::LastInverted] {
        let what = format!("{} {shape:?} {axis} {reduction} {layout:?}", A::NAME);
        let nan = |array: &ArrayD<A>| layout.store(&array.mapv(|_| A::of(f64::NAN)));
        let mut stores = [nan(&fresh), nan(&gradient), nan(&gradient), nan(&gradient)];
        let [value, first, input, target] = stores.each_mut().map(|store| layout.view_mut(store));
        let (mut value, mut first, mut input, mut target) = (value, first, input, target);
        batch.forward_into(&mut value).unwrap();
        same(&[bits(&value)], &[bits(&fresh)], &what);
        let value = batch.value_and_grad_into(&mut first).unwrap();
        same(&[bits(&value)], &[bits(&fresh)], &what);
        same(&[bits(&first)], &[bits(&gradient)], &what);
        batch.backward_into(&upstream, Some(&mut input), None).unwrap();
        batch.backward_into(&upstream, None, Some(&mut target)).unwrap();
        same(&[bits(&input)], &[bits(&gradients.input)], &what);
        same(&[bits(&target)], &[bits(&gradients.target)], &what);
    }
}

#[test]
fn outputs_may_lie_anywhere() {
    for (i, classes) in CLASSES.into_iter().enumerate() {
        for reduction in REDUCTIONS {
            let mut shape = vec![3, 5];
            shape.insert(i % 3, classes);
            check_into::<f32>(&shape, i % 3, reduction);
            check_into::<f64>(&shape, i % 3, reduction);
        }
    }
    check_into::<f32>(&[70, 1000], 0, AnyReduction::PerDistribution);
}
