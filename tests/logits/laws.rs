//! Bits are a function of the values, the logical shape and the settings.

use kldiv::{AnyReduction, KLDivWithLogitsLoss, Partial, PerDistribution, Sum, SumOver};
use ndarray::{Array1, Array2, ArrayD, ArrayView1, Axis, s};
use rayon::ThreadPoolBuilder;

use super::common::layout::{LAYOUTS, Layout};
use super::common::{Number, REDUCTIONS, same};
use super::{Operands, Settings, TARGETS, answers};

fn laid_out<A: Number<Wide = A>>(
    operands: &Operands<A>,
    settings: &Settings,
    layouts: [Layout; 4],
    weighted: bool,
) -> [Vec<u64>; 5] {
    let Operands { input, target, weights, upstream } = operands;
    let stores: [ArrayD<A>; 4] = [
        layouts[0].store(input),
        layouts[1].store(target),
        layouts[2].store(weights),
        layouts[3].store(upstream),
    ];
    let (input, target) = (layouts[0].view(&stores[0]), layouts[1].view(&stores[1]));
    let weights = layouts[2].view(&stores[2]);
    let criterion = settings.criterion();
    let mut batch = criterion.batch(&input, &target).unwrap();
    if weighted {
        batch = batch.weights(&weights).unwrap();
    }
    answers(&batch, &layouts[3].view(&stores[3]))
}

fn layout_changes_no_bit<A: Number<Wide = A>>(shape: &[usize], axis: usize) {
    for reduction in REDUCTIONS {
        for target in TARGETS {
            let settings = Settings {
                reduction,
                axis,
                target,
                temperature: 1.7,
                squared: true,
                generalized: axis == 1,
            };
            let operands = Operands::<A>::random(shape, &settings);
            for weighted in [false, true] {
                let expected = laid_out(&operands, &settings, [Layout::C; 4], weighted);
                assert_eq!(expected[0], expected[1], "{settings:?}: value_and_grad's value");
                let mixed = [Layout::F, Layout::C, Layout::Step2, Layout::Rolled];
                for layouts in LAYOUTS.map(|layout| [layout; 4]).into_iter().chain([mixed]) {
                    let ours = laid_out(&operands, &settings, layouts, weighted);
                    let what = format!("{} {shape:?} {layouts:?} {settings:?}", A::NAME);
                    same(&ours, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn layout_changes_no_bit_of_few_classes() {
    layout_changes_no_bit::<f32>(&[5, 3, 10], 2);
    layout_changes_no_bit::<f64>(&[64, 31], 0);
    layout_changes_no_bit::<f32>(&[140, 3], 1);
    layout_changes_no_bit::<f32>(&[140, 2], 1);
}

#[test]
fn layout_changes_no_bit_of_many_classes() {
    layout_changes_no_bit::<f32>(&[2, 65, 9], 1);
    layout_changes_no_bit::<f64>(&[66, 20], 0);
    layout_changes_no_bit::<f32>(&[3, 1025], 1);
}

/// Lanes that need care, or other shifts than their maxima give, before, between and after hundreds of others, change
/// nothing of those; nor are they changed.
fn neighbours_change_no_bit_of<A: Number<Wide = A>>() {
    let logits = |seed: usize| {
        Array2::from_shape_fn((900, 10), |(i, j)| {
            A::of(0.1 * ((i * 31 + j * 17 + seed) % 23) as f64)
        })
    };
    let (mut input, mut target) = (logits(0), logits(5));
    for lane in [3, 300, 301, 699] {
        let nothing = A::of(f64::NEG_INFINITY);
        (input[[lane, 2]], target[[lane, 2]]) = (nothing, nothing);
        target[[lane, 4]] = A::of(90.0);
    }
    // Among none of those: maxima much further apart than the classes' differences, and one class of its own.
    for (lane, class) in [(150, 1), (151, 7), (890, 0)] {
        let far = |j: usize, z: &A| A::of(z.to() + 3.0 + 0.001 * (j % 3) as f64);
        let moved = input.row(lane).indexed_iter().map(|(j, z)| far(j, z)).collect();
        target.row_mut(lane).assign(&Array1::from_vec(moved));
        let peaked = lane + 4;
        let row = input.row(peaked).to_owned();
        target.row_mut(peaked).assign(&row);
        target[[peaked, class]] = A::of(6.0);
    }
    let criterion = KLDivWithLogitsLoss::new(PerDistribution);
    let (together, gradient) = criterion.value_and_grad(&input, &target).unwrap();
    for (lane, (z_q, z_p)) in input.rows().into_iter().zip(target.rows()).enumerate() {
        let (alone, slope) = criterion.value_and_grad(&z_q, &z_p).unwrap();
        assert_eq!(together[lane].bits(), alone[()].bits(), "lane {lane}");
        let bits = |gradient: ArrayView1<'_, A>| gradient.mapv(|slope| slope.bits());
        assert_eq!(bits(gradient.row(lane)), bits(slope.view()), "gradient of lane {lane}");
    }
    lanes_that_lie_together_are_the_same(&input, &target);
}

/// Some of them of no weight, and NaN.
fn lanes_that_lie_together_are_the_same<A: Number<Wide = A>>(
    input: &Array2<A>,
    target: &Array2<A>,
) {
    let (mut input, mut weights) = (input.clone(), Array1::from_elem(input.nrows(), A::of(0.75)));
    for lane in [0, 5, 127, 128, 255, 256, 301, 760] {
        input[[lane, 3]] = A::of(f64::NAN);
        weights[lane] = A::of(0.0);
    }
    let upstream = Array1::from_shape_fn(input.nrows(), |lane| A::of(lane as f64 - 450.0));
    let answers = |input: &Array2<A>, target: &Array2<A>| {
        let criterion = KLDivWithLogitsLoss::new(PerDistribution).temperature(1.7);
        let batch = criterion.batch(input, target).unwrap().weights(&weights).unwrap();
        let gradients = batch.backward(&upstream).unwrap();
        let values = batch.forward().unwrap().into_iter();
        let numbers = values.chain(gradients.input).chain(gradients.target);
        numbers.map(|number| number.bits()).collect::<Vec<_>>()
    };
    let together = |array: &Array2<A>| array.t().as_standard_layout().into_owned().reversed_axes();
    let expected = answers(&input, target);
    assert_eq!(answers(&together(&input), &together(target)), expected);
    assert_eq!(answers(&together(&input), target), expected);
    assert_eq!(answers(&input, &together(target)), expected);
}

#[test]
fn neighbours_change_no_bit() {
    neighbours_change_no_bit_of::<f32>();
    neighbours_change_no_bit_of::<f64>();
}

#[test]
fn threads_change_no_bit() {
    let shapes: [(&[usize], usize); 5] = [
        (&[9000, 10], 1),
        (&[3, 70_001], 1),
        (&[1, 140_000], 1),
        (&[70, 1001], 1),
        (&[70_003, 2], 0),
    ];
    for (shape, axis) in shapes {
        for target in TARGETS {
            for reduction in
                [AnyReduction::Mean, AnyReduction::Pointwise, AnyReduction::PerDistribution]
            {
                let settings = Settings {
                    reduction,
                    axis,
                    target,
                    temperature: 2.0,
                    squared: false,
                    generalized: false,
                };
                let operands = Operands::<f32>::random(shape, &settings);
                let with = |threads| {
                    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| laid_out(&operands, &settings, [Layout::C; 4], true))
                };
                let expected = with(1);
                for threads in [2, 3, 8] {
                    same(
                        &with(threads),
                        &expected,
                        &format!("{threads} threads, {shape:?} {settings:?}"),
                    );
                }
                let other = laid_out(&operands, &settings, [Layout::F; 4], true);
                same(&other, &expected, &format!("order F, {shape:?} {settings:?}"));
            }
        }
    }
}

#[test]
fn partial_results_merge_to_one_call() {
    for target in TARGETS {
        for classes in [7, 100] {
            let settings = Settings {
                reduction: AnyReduction::DistributionMean,
                axis: 1,
                target,
                temperature: 2.0,
                squared: true,
                generalized: false,
            };
            let operands = Operands::<f64>::random(&[50, classes], &settings);
            let Operands { input, target, weights, .. } = &operands;
            let criterion = KLDivWithLogitsLoss::new(SumOver(3.0))
                .temperature(2.0)
                .times_temperature_squared(true)
                .target(settings.target);
            let whole: f64 = criterion
                .batch(input, target)
                .unwrap()
                .weights(weights)
                .unwrap()
                .forward()
                .unwrap();
            for cut in [0, 1, 17, 50] {
                let mut all = Partial::default();
                for rows in [cut..50, 0..cut] {
                    let part = |array: &ArrayD<f64>| {
                        array.slice_axis(Axis(0), rows.clone().into()).into_owned()
                    };
                    let (input, target, weights) = (part(input), part(target), part(weights));
                    let batch = criterion.batch(&input, &target).unwrap();
                    all.merge(&batch.weights(&weights).unwrap().partial().unwrap());
                }
                let merged: f64 = criterion.finish(&all).unwrap();
                assert_eq!(merged.to_bits(), whole.to_bits(), "cut at {cut}");
            }
        }
    }
}

#[test]
fn a_weight_of_zero_is_a_distribution_deleted() {
    for target in TARGETS {
        for classes in [5, 90] {
            let settings = Settings {
                reduction: AnyReduction::Sum,
                axis: 1,
                target,
                temperature: 1.0,
                squared: false,
                generalized: false,
            };
            let mut operands = Operands::<f32>::random(&[9, classes], &settings);
            let kept: Vec<_> = (0..9).filter(|&row| operands.weights[row] != 0.0).collect();
            for row in (0..9).filter(|row| !kept.contains(row)) {
                operands.input.slice_mut(s![row, ..]).fill(f32::NAN);
                operands.target.slice_mut(s![row, ..]).fill(f32::INFINITY);
            }
            let Operands { input, target, weights, .. } = &operands;
            let criterion = settings.criterion();
            let batch = criterion.batch(input, target).unwrap().weights(weights).unwrap();
            let select = |array: &ArrayD<f32>| array.select(Axis(0), &kept);
            let (few, fewer, less) = (select(input), select(target), select(weights));
            let without = criterion.batch(&few, &fewer).unwrap().weights(&less).unwrap();
            assert_eq!(batch.forward().unwrap(), without.forward().unwrap());
            let gradients = batch.backward(&ndarray::arr0(1.5).into_dyn()).unwrap();
            let expected = without.backward(&ndarray::arr0(1.5).into_dyn()).unwrap();
            assert_eq!(select(&gradients.input), expected.input);
            assert_eq!(select(&gradients.target), expected.target);
            for row in (0..9).filter(|row| !kept.contains(row)) {
                assert!(gradients.input.slice(s![row, ..]).iter().all(|&g| g == 0.0));
                assert!(gradients.target.slice(s![row, ..]).iter().all(|&g| g == 0.0));
            }
        }
    }
}

#[test]
fn the_factor_is_exact() {
    let logits =
        |seed: usize| Array2::from_shape_fn((6, 12), |(i, j)| ((i * 7 + j * seed) % 11) as f32);
    let (student, teacher) = (logits(5), logits(3));
    let plain = KLDivWithLogitsLoss::new(Sum).temperature(2.0);
    let (value, gradient) = plain.value_and_grad(&student, &teacher).unwrap();
    let (four, more) =
        plain.times_temperature_squared(true).value_and_grad(&student, &teacher).unwrap();
    assert_eq!(four, 4.0 * value);
    assert_eq!(more, 4.0 * gradient);
}

/// Classes masked on both sides count for nothing, whatever they are masked by.
fn masks_are_alike<A: Number<Wide = A>>(shape: [usize; 2]) {
    let logits = |seed: usize| {
        Array2::from_shape_fn(shape, |(i, j)| A::of(((i * 31 + j * 17 + seed) % 23) as f64 / 7.0))
    };
    let (input, target) = (logits(0), logits(5));
    let kept: Vec<_> = (0..shape[1]).filter(|j| j % 7 != 3).collect();
    let criterion = KLDivWithLogitsLoss::new(PerDistribution).temperature(1.7);
    let answers = |input: &Array2<A>, target: &Array2<A>| {
        let batch = criterion.batch(input, target).unwrap();
        let values = batch.forward().unwrap();
        (batch.backward(&Array1::from_elem(shape[0], A::of(0.3))).unwrap(), values)
    };
    let (without, expected) =
        answers(&input.select(Axis(1), &kept), &target.select(Axis(1), &kept));
    let mut all = vec![];
    for mask in [f64::NEG_INFINITY, -1e4, f64::from(f32::MIN)].map(A::of) {
        let masked = |logits: &Array2<A>| {
            let mut logits = logits.clone();
            logits.indexed_iter_mut().filter(|((_, j), _)| j % 7 == 3).for_each(|(_, z)| *z = mask);
            logits
        };
        let (gradients, values) = answers(&masked(&input), &masked(&target));
        for (found, expected) in values.iter().zip(&expected) {
            assert!((found.to() / expected.to() - 1.0).abs() < 1e-6, "{found:?}, {expected:?}");
        }
        for (found, expected) in
            [(&gradients.input, &without.input), (&gradients.target, &without.target)]
        {
            let kept = found.select(Axis(1), &kept);
            for (found, expected) in kept.iter().zip(expected) {
                assert!((found.to() - expected.to()).abs() < 1e-6, "{found:?}, {expected:?}");
            }
            let left = found.indexed_iter().filter(|((_, j), _)| j % 7 == 3);
            left.for_each(|(_, slope)| assert_eq!(slope.to(), 0.0));
        }
        let numbers = values.into_iter().chain(gradients.input).chain(gradients.target);
        all.push(numbers.map(|number| number.bits()).collect::<Vec<_>>());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{} {shape:?}", A::NAME);
}

#[test]
fn masks_are_the_same_whatever_they_are() {
    // The last is visited in parts.
    for shape in [[300, 10], [5, 200], [5, 1500], [2, 140_001]] {
        masks_are_alike::<f32>(shape);
        masks_are_alike::<f64>(shape);
    }
}
