//! Bits of every divergence: not a function of threads, layout, how a batch was cut, or weights of one.

use kldiv::{AnyReduction, DistributionMean, Partial, Target};
use ndarray::{ArrayD, Axis, IxDyn, RemoveAxis};
use rayon::ThreadPoolBuilder;

use super::common::layout::{LAYOUTS, Layout};
use super::common::{Number, Random, bits, same};
use super::{FACES, FAMILY, Face, Settings};

/// Operands of a face, weights, and an upstream for each class.
pub struct Operands<A: Number> {
    pub input: ArrayD<A>,
    pub target: ArrayD<A>,
    pub weights: ArrayD<A>,
    pub upstream: ArrayD<A>,
}

/// Few classes are excluded, so that there are stretches with and without.
fn operands<A: Number>(face: Face, shape: &[usize], axis: usize) -> Operands<A> {
    let mut random = Random(shape.iter().fold(3, |seed, &n| seed * 41 + n as u64));
    let logits = matches!(face, Face::Logits(_));
    let mut log = || match random.below(400) {
        0 => f64::NEG_INFINITY,
        1 => -150.0,
        _ => -9.0 * random.unit() + if logits { 4.0 } else { 0.0 },
    };
    let input = ArrayD::from_shape_simple_fn(shape, &mut log);
    let target = ArrayD::from_shape_simple_fn(shape, log);
    let target = match face {
        Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => target.exp(),
        _ => target,
    };
    let mut number = || A::of([0.0, 1.0, 2.5, random.unit()][random.below(4) as usize]);
    let weights = ArrayD::from_shape_simple_fn(IxDyn(shape).remove_axis(Axis(axis)), &mut number);
    let upstream = ArrayD::from_shape_simple_fn(shape, || A::of(random.unit() - 0.4));
    Operands { input: input.mapv(A::of), target: target.mapv(A::of), weights, upstream }
}

/// What the operands give, each in a layout of its own: per lane and per class, values and gradients.
pub fn answers<A: Number<Wide = A>>(
    settings: &Settings,
    operands: &Operands<A>,
    axis: usize,
    layouts: [Layout; 3],
    weighted: bool,
) -> [Vec<u64>; 7] {
    let Operands { input, target, weights, upstream } = operands;
    let stores = [layouts[0].store(input), layouts[1].store(target), layouts[2].store(upstream)];
    let (input, target) = (layouts[0].view(&stores[0]), layouts[1].view(&stores[1]));
    let upstream = layouts[2].view(&stores[2]);
    let batch = |reduction| {
        let batch = settings.batch(reduction, Axis(axis), &input, &target).unwrap();
        if weighted { batch.weights(weights).unwrap() } else { batch }
    };
    let (all, lanes) = (batch(AnyReduction::Pointwise), batch(AnyReduction::PerDistribution));
    let by_class = all.backward(&upstream).unwrap();
    let of_lanes = upstream.index_axis(Axis(axis), 0).to_owned();
    let by_lane = lanes.backward(&of_lanes).unwrap();
    let total = batch(AnyReduction::DistributionMean).forward().unwrap();
    [
        bits(&all.forward().unwrap()),
        bits(&lanes.forward().unwrap()),
        bits(&total),
        bits(&by_class.input),
        bits(&by_class.target),
        bits(&by_lane.input),
        bits(&by_lane.target),
    ]
}

/// Every divergence, on every face, in both forms.
fn settings() -> impl Iterator<Item = Settings> {
    let all = FAMILY.into_iter().flat_map(|d| FACES.map(|face| Settings::new(d, face)));
    all.flat_map(|settings| [settings, settings.generalized(true)])
}

/// Every divergence on every face, the forms in turn.
fn half_of_the_settings() -> impl Iterator<Item = Settings> {
    settings().enumerate().filter(|(i, _)| (i / 2 + i) % 2 == 0).map(|(_, settings)| settings)
}

fn layouts_change_nothing<A: Number<Wide = A>>(shape: &[usize], axis: usize) {
    for (i, settings) in half_of_the_settings().enumerate() {
        let operands = operands::<A>(settings.face, shape, axis);
        let weighted = i % 2 == 0;
        let expected = answers(&settings, &operands, axis, [Layout::C; 3], weighted);
        let mixed = [Layout::F, Layout::Step2, Layout::Rolled];
        for layouts in LAYOUTS.map(|layout| [layout; 3]).into_iter().chain([mixed]) {
            let ours = answers(&settings, &operands, axis, layouts, weighted);
            same(&ours, &expected, &format!("{} {shape:?} {layouts:?} {settings:?}", A::NAME));
        }
    }
}

#[test]
fn layout_changes_no_bit() {
    layouts_change_nothing::<f32>(&[5, 7, 10], 2);
    layouts_change_nothing::<f64>(&[31, 23], 0);
    layouts_change_nothing::<f32>(&[3, 65, 9], 1);
    layouts_change_nothing::<f64>(&[3, 150], 1);
    layouts_change_nothing::<f32>(&[1030, 3], 0);
}

/// The last axis moved forward, with the data.
fn axes_change_nothing<A: Number<Wide = A>>(shape: [usize; 3]) {
    for settings in settings() {
        let last = operands::<A>(settings.face, &shape, 2);
        let layouts = [Layout::C; 3];
        let expected = answers(&settings, &last, 2, layouts, true);
        for axis in 0..2 {
            let mut order = vec![0, 1];
            order.insert(axis, 2);
            let moved = |array: &ArrayD<A>| {
                array.view().permuted_axes(order.clone()).as_standard_layout().into_owned()
            };
            let operands = Operands {
                input: moved(&last.input),
                target: moved(&last.target),
                weights: last.weights.clone(),
                upstream: moved(&last.upstream),
            };
            let ours = answers(&settings, &operands, axis, layouts, true);
            // Of arrays with classes the order is another.
            let back = |bits: Vec<u64>| match bits.len() == expected[0].len() {
                true => {
                    let dim = IxDyn(operands.input.shape());
                    let mut array = ArrayD::from_shape_vec(dim, bits).unwrap();
                    (axis..2).for_each(|i| array.swap_axes(i, i + 1));
                    array.into_iter().collect()
                }
                false => bits,
            };
            same(&ours.map(back), &expected, &format!("{} {axis} {settings:?}", A::NAME));
        }
    }
}

#[test]
fn class_axis_moved_is_data_moved() {
    axes_change_nothing::<f32>([4, 5, 19]);
    axes_change_nothing::<f64>([2, 3, 70]);
}

fn threads_change_nothing<A: Number<Wide = A>>(shape: &[usize], axis: usize) {
    for settings in half_of_the_settings() {
        let operands = operands::<A>(settings.face, shape, axis);
        let with = |threads: usize| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| answers(&settings, &operands, axis, [Layout::C; 3], true))
        };
        same(&with(3), &with(1), &format!("{} {shape:?} {settings:?}", A::NAME));
    }
}

#[test]
fn threads_change_no_bit() {
    threads_change_nothing::<f32>(&[7000, 10], 1);
    threads_change_nothing::<f64>(&[70, 1001], 1);
    threads_change_nothing::<f32>(&[70, 1001], 0);
    threads_change_nothing::<f32>(&[1, 140_000], 1);
    // One thread visits the parts of a lane one after the other.
    threads_change_nothing::<f32>(&[2, 70_000], 1);
}

fn cuts_change_nothing<A: Number<Wide = A>>(classes: usize) {
    for settings in settings() {
        let Operands { input, target, weights, .. } =
            operands::<A>(settings.face, &[23, classes], 1);
        let rows = |array: &ArrayD<A>, from: usize, to: usize| {
            array.slice_axis(Axis(0), (from..to).into()).to_owned()
        };
        let partial = |from: usize, to: usize| -> Partial {
            let [x, t, w] = [&input, &target, &weights].map(|array| rows(array, from, to));
            let batch = settings.batch(DistributionMean, Axis(1), &x, &t).unwrap();
            batch.weights(&w).unwrap().partial().unwrap()
        };
        let whole = settings.batch(DistributionMean, Axis(1), &input, &target).unwrap();
        let whole = whole.weights(&weights).unwrap().forward().unwrap();
        for cuts in [vec![0, 23], vec![0, 1, 23], vec![0, 5, 5, 16, 17, 23]] {
            let mut all = Partial::default();
            // The last part first.
            cuts.windows(2).rev().for_each(|ends| all.merge(&partial(ends[0], ends[1])));
            let merged: A = match settings.face {
                Face::Given(_) => settings.given(DistributionMean).finish(&all),
                Face::Logits(kind) => settings.logits(DistributionMean, kind).finish(&all),
            }
            .unwrap();
            assert_eq!(merged.bits(), whole.bits(), "{} {cuts:?} {settings:?}", A::NAME);
        }
    }
}

#[test]
fn cuts_change_no_bit() {
    for classes in [7, 64, 65, 200] {
        cuts_change_nothing::<f32>(classes);
        cuts_change_nothing::<f64>(classes);
    }
}

fn weights_of_one_change_nothing<A: Number<Wide = A>>(classes: usize) {
    for settings in settings() {
        let mut operands = operands::<A>(settings.face, &[19, classes], 1);
        let weights = operands.weights.clone();
        operands.weights.fill(A::of(1.0));
        let of = |weighted| answers(&settings, &operands, 1, [Layout::C; 3], weighted);
        same(&of(true), &of(false), &format!("{} {classes} {settings:?}", A::NAME));
        // A weight does change something.
        operands.weights.assign(&weights);
        let other = answers(&settings, &operands, 1, [Layout::C; 3], true);
        assert_ne!(other[1], of_unweighted(&settings, &operands));
    }
}

fn of_unweighted<A: Number<Wide = A>>(settings: &Settings, operands: &Operands<A>) -> Vec<u64> {
    let [_, lanes, ..] = answers(settings, operands, 1, [Layout::C; 3], false);
    lanes
}

#[test]
fn weights_of_one_change_no_bit() {
    for classes in [3, 64, 65, 200] {
        weights_of_one_change_nothing::<f32>(classes);
        weights_of_one_change_nothing::<f64>(classes);
    }
}
