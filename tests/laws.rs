//! Bits are a function of the values, the logical shape and the settings: not of memory layout, the
//! number of threads, or which of the equivalent calls was made.

mod common;

use common::layout::{LAYOUTS, Layout};
use common::{Number, Operands, REDUCTIONS, Views, answers, bits, same};
#[cfg(feature = "half")]
use kldiv::half::{bf16, f16};
use kldiv::{AnyReduction, KLDivLoss};
use ndarray::{ArrayD, Axis};
use rayon::ThreadPoolBuilder;

/// Around what might be a threshold.
const CLASSES: [usize; 11] = [1, 2, 10, 16, 63, 64, 65, 66, 100, 1000, 1025];

/// Few large ones: parallel with short lanes, long lanes, and lanes that are long in themselves.
const LARGE: [&[usize]; 6] =
    [&[7000, 10], &[67, 1001], &[1, 70_000], &[3, 70_001], &[2, 70_003, 3], &[9000, 3, 4]];

/// The answers where every array has a layout of its own.
fn laid_out<A: Number>(
    operands: &Operands<A>,
    reduction: AnyReduction,
    layouts: [Layout; 4],
    weighted: bool,
) -> [Vec<u64>; 5] {
    let Operands { input, target, weights, axis, log_target } = operands;
    let (input, target) = (layouts[0].store(input), layouts[1].store(target));
    let weights = layouts[2].store(weights);
    let upstream = layouts[3].store(&operands.upstream(reduction));
    let views = Views {
        input: layouts[0].view(&input),
        target: layouts[1].view(&target),
        weights: weighted.then(|| layouts[2].view(&weights)),
        upstream: layouts[3].view(&upstream),
    };
    answers(reduction, *axis, *log_target, &views)
}

/// All in one layout, and mixtures.
fn layouts() -> impl Iterator<Item = [Layout; 4]> + Clone {
    let mixed = [
        [Layout::C, Layout::F, Layout::C, Layout::Step2],
        [Layout::LastInverted, Layout::C, Layout::Step2, Layout::F],
        [Layout::Step2, Layout::FirstInverted, Layout::C, Layout::Rolled],
    ];
    LAYOUTS.into_iter().map(|layout| [layout; 4]).chain(mixed)
}

fn check_layouts<A: Number>(
    shape: &[usize],
    axis: usize,
    reduction: AnyReduction,
    layouts: impl Iterator<Item = [Layout; 4]> + Clone,
) {
    let odd = shape.iter().sum::<usize>() % 2 == 1;
    for (log_target, weighted) in [(false, odd), (true, !odd)] {
        let operands = Operands::<A>::random(shape, axis, log_target);
        let expected = laid_out(&operands, reduction, [Layout::C; 4], weighted);
        assert_eq!(expected[0], expected[1], "{reduction}: value_and_grad's value");
        for layouts in layouts.clone() {
            let ours = laid_out(&operands, reduction, layouts, weighted);
            let what = format!("{} {shape:?} {axis} {reduction} {layouts:?}", A::NAME);
            same(&ours, &expected, &format!("{what} {log_target} {weighted}"));
        }
    }
}

#[test]
fn layout_changes_no_bit() {
    for (i, classes) in CLASSES.into_iter().enumerate() {
        for reduction in REDUCTIONS {
            let (lanes, axis) = (if classes > 100 { 2 } else { 10 }, i % 3);
            let [mut shape, mut other] = [vec![lanes, 7], vec![lanes - 1, 7]];
            shape.insert(axis, classes);
            other.insert(axis, classes);
            check_layouts::<f32>(&shape, axis, reduction, layouts());
            check_layouts::<f64>(&other, axis, reduction, layouts());
            #[cfg(feature = "half")]
            {
                check_layouts::<f16>(&other, axis, reduction, layouts().skip(i % 2).step_by(2));
                check_layouts::<bf16>(&shape, axis, reduction, layouts().skip(i % 2).step_by(2));
            }
        }
    }
}

#[test]
fn layout_of_large_arrays_changes_no_bit() {
    let (few, mixed) = (layouts().step_by(3), layouts().skip(5).step_by(3));
    check_layouts::<f32>(LARGE[0], 1, AnyReduction::Mean, few.clone());
    check_layouts::<f64>(LARGE[0], 1, AnyReduction::PerDistribution, mixed.clone());
    check_layouts::<f32>(LARGE[1], 1, AnyReduction::Mean, mixed.clone());
    check_layouts::<f64>(LARGE[1], 1, AnyReduction::DistributionMean, few.clone());
    check_layouts::<f32>(LARGE[2], 1, AnyReduction::Mean, layouts());
    check_layouts::<f64>(LARGE[3], 1, AnyReduction::Pointwise, mixed);
    check_layouts::<f32>(LARGE[3], 1, AnyReduction::PerDistribution, few.clone());
    check_layouts::<f32>(LARGE[4], 1, AnyReduction::PerDistribution, few.clone());
    #[cfg(feature = "half")]
    {
        check_layouts::<f16>(LARGE[0], 1, AnyReduction::Sum, few.clone());
        check_layouts::<bf16>(LARGE[1], 1, AnyReduction::Pointwise, few.clone());
        check_layouts::<f16>(LARGE[4], 1, AnyReduction::Mean, few.clone());
    }
    check_layouts::<f64>(LARGE[5], 1, AnyReduction::PerDistribution, few);
}

/// The last of three axes moved to `axis`.
fn moved<A: Number>(array: &ArrayD<A>, axis: usize) -> ArrayD<A> {
    let mut order = vec![0, 1];
    order.insert(axis, 2);
    array.view().permuted_axes(order).as_standard_layout().into_owned()
}

/// The bits, with `axis` moved to the end.
fn back<A: Number>(mut array: ArrayD<A>, axis: usize) -> Vec<u64> {
    (axis..2).for_each(|i| array.swap_axes(i, i + 1));
    bits(&array)
}

/// Moves the class axis, of the data and of the settings.
fn check_axis<A: Number>(shape: [usize; 2], classes: usize, reduction: AnyReduction) {
    let last = Operands::<A>::random(&[shape[0], shape[1], classes], 2, false);
    let upstream = last.upstream(reduction);
    let all = |axis: usize| {
        let (input, target) = (moved(&last.input, axis), moved(&last.target, axis));
        let upstream = if upstream.ndim() == 3 { moved(&upstream, axis) } else { upstream.clone() };
        let criterion = KLDivLoss::new(reduction).axis(Axis(axis));
        let batch = criterion.batch(&input, &target).unwrap().weights(&last.weights).unwrap();
        let gradients = batch.backward(&upstream).unwrap();
        let value = batch.forward().unwrap();
        let value = if value.ndim() == 3 { back(value, axis) } else { bits(&value) };
        [value, back(gradients.input, axis), back(gradients.target, axis)]
    };
    let expected = all(2);
    // BatchMean means axis 0: the class axis must not become that.
    let first = usize::from(reduction == AnyReduction::BatchMean);
    for axis in first..2 {
        let what = format!("{} {shape:?} {classes} {axis} {reduction}", A::NAME);
        same(&all(axis), &expected, &what);
    }
}

#[test]
fn class_axis_moved_is_data_moved() {
    for classes in CLASSES {
        for reduction in REDUCTIONS {
            check_axis::<f32>([3, 7], classes, reduction);
            check_axis::<f64>([7, 3], classes, reduction);
            #[cfg(feature = "half")]
            {
                check_axis::<f16>([7, 3], classes, reduction);
                check_axis::<bf16>([3, 7], classes, reduction);
            }
        }
    }
    for reduction in [AnyReduction::Mean, AnyReduction::PerDistribution] {
        check_axis::<f32>([1, 1], 70_000, reduction);
        check_axis::<f64>([1, 2], 65_537, reduction);
    }
    check_axis::<f32>([3, 1], 140_000, AnyReduction::PerDistribution);
}

fn check_threads<A: Number>(shape: &[usize], axis: usize, reduction: AnyReduction) {
    let layout = if axis == 0 { Layout::F } else { Layout::C };
    let operands = Operands::<A>::random(shape, axis, layout == Layout::F);
    let run = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| laid_out(&operands, reduction, [layout; 4], true))
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        let what = format!("{} {shape:?} {reduction} {threads}", A::NAME);
        same(&run(threads), &one, &what);
    }
}

#[test]
fn threads_change_no_bit() {
    for reduction in REDUCTIONS {
        check_threads::<f32>(&[70, 1000], 1, reduction);
        check_threads::<f64>(&[1003, 69], 0, reduction);
        #[cfg(feature = "half")]
        {
            check_threads::<f16>(&[1003, 69], 1, reduction);
            check_threads::<bf16>(&[70, 1000], 0, reduction);
        }
    }
    for reduction in [AnyReduction::Mean, AnyReduction::PerDistribution] {
        check_threads::<f32>(&[41, 64, 30], 1, reduction);
        check_threads::<f64>(&[1, 140_001], 1, reduction);
        check_threads::<f32>(&[140_000, 2], 0, reduction);
    }
    check_threads::<f32>(&[3, 140_000], 1, AnyReduction::Mean);
}

/// A zero-stride view and its copy.
fn check_broadcast<A: Number>(batch: usize, classes: usize, reduction: AnyReduction) {
    let row = Operands::<A>::random(&[classes], 0, false);
    let full = Operands::<A>::random(&[batch, classes], 1, false);
    let upstream = ArrayD::from_elem(full.upstream(reduction).raw_dim(), A::Loss::of(0.7));
    let one = ArrayD::from_elem(vec![], A::Loss::of(0.7));
    let of = |views: &Views<'_, A>| answers(reduction, Axis(1), false, views);
    let dim = full.input.raw_dim();
    let wide = |array: &'_ ArrayD<A>| array.broadcast(dim.clone()).unwrap().to_owned();
    let (wide_input, wide_target) = (wide(&row.input), wide(&row.target));
    for (input, copy) in
        [(full.input.view(), full.input.view()), (row.input.view(), wide_input.view())]
    {
        let copied = Views {
            input: copy,
            target: wide_target.view(),
            weights: None,
            upstream: upstream.view(),
        };
        let views = Views {
            input: input.broadcast(dim.clone()).unwrap(),
            target: row.target.broadcast(dim.clone()).unwrap(),
            weights: None,
            upstream: one.broadcast(upstream.raw_dim()).unwrap(),
        };
        let what = format!("{} {batch} {classes} {reduction}", A::NAME);
        same(&of(&views), &of(&copied), &what);
    }
}

#[test]
fn broadcast_view_is_its_copy() {
    for (classes, reduction) in CLASSES.into_iter().flat_map(|c| REDUCTIONS.map(|r| (c, r))) {
        check_broadcast::<f32>(9, classes, reduction);
        check_broadcast::<f64>(9, classes, reduction);
        #[cfg(feature = "half")]
        {
            check_broadcast::<f16>(9, classes, reduction);
            check_broadcast::<bf16>(9, classes, reduction);
        }
    }
    check_broadcast::<f32>(70, 1000, AnyReduction::Sum);
    check_broadcast::<f32>(2, 70_000, AnyReduction::PerDistribution);
}
