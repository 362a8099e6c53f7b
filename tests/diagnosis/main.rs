//! What is found of operands that are distributions, and of those that are not: against a naive oracle,
//! in every layout; and the cause of every mistake.

mod causes;
#[path = "../common/mod.rs"]
mod common;
mod logits;
mod sums;
mod words;

use common::layout::{LAYOUTS, Layout};
use common::{Number, Random};
use kldiv::{
    Diagnosis, Error, KLDivLoss, Offender, Operand, OperandReport, PerDistribution, Pointwise, Sum,
};
use ndarray::{Array2, ArrayD, Axis, Dimension, IxDyn, RemoveAxis, Slice, array};
use proptest::prelude::*;

/// exp of the log-softmax of random scores along an axis.
fn distributions(shape: &[usize], axis: usize, seed: u64) -> ArrayD<f64> {
    let mut random = Random(seed);
    let scores = ArrayD::from_shape_simple_fn(shape, || (6.0 * random.unit() - 3.0).exp());
    let sums = scores.sum_axis(Axis(axis)).insert_axis(Axis(axis));
    scores / sums
}

/// The parts of a diagnosis that a naive look finds too.
#[derive(Debug, Default, PartialEq)]
struct Found {
    negative_terms: usize,
    most_negative: Option<(Vec<usize>, u64)>,
    negative_divergences: Option<(usize, Vec<usize>, u64)>,
    improper: [usize; 2],
    first: [Option<Vec<usize>>; 2],
    out_of_range: [usize; 2],
    special: [[usize; 3]; 2],
}

/// Masses are compared no nearer than this to a tolerance or to each other.
fn naive<A: Number<Wide = A>>(
    criterion: KLDivLoss<Pointwise>,
    [x, t]: [&ArrayD<A>; 2],
    weights: &ArrayD<A>,
    (axis, log_target, tolerance): (Axis, bool, f64),
) -> Found {
    let mut found = Found::default();
    let terms = criterion.forward(x, t).unwrap();
    let each = KLDivLoss::new(PerDistribution).axis(axis).log_target(log_target);
    let divergences = each.forward(x, t).unwrap();
    for (index, divergence) in divergences.indexed_iter() {
        if weights[&index].to() == 0.0 {
            continue;
        }
        let index = index.slice().to_vec();
        if divergence.to() < 0.0 {
            let first = || (0, index.clone(), divergence.to().to_bits());
            found.negative_divergences.get_or_insert_with(first).0 += 1;
        }
        let lane = |array: &ArrayD<A>| {
            let mut lane = array.view();
            for (k, &i) in index.iter().enumerate().rev() {
                let k = k + usize::from(k >= axis.0);
                lane.slice_axis_inplace(Axis(k), Slice::from(i..i + 1));
            }
            lane.iter().map(|n| n.to()).collect::<Vec<_>>()
        };
        for (class, term) in lane(&terms).into_iter().enumerate().filter(|&(_, term)| term < 0.0) {
            found.negative_terms += 1;
            let mut at = index.clone();
            at.insert(axis.0, class);
            let most = found.most_negative.get_or_insert_with(|| (at.clone(), 0.0_f64.to_bits()));
            let least = f64::from_bits(most.1);
            if (term < least) || (term == least && at < most.0) {
                *most = (at, term.to_bits());
            }
        }
        for (i, (lane, log)) in [(lane(x), true), (lane(t), log_target)].into_iter().enumerate() {
            let mass: f64 = lane.iter().map(|&n| if log { n.exp() } else { n }).sum();
            let out = lane.iter().filter(|&&n| if log { n > tolerance } else { n < 0.0 }).count();
            found.out_of_range[i] += out;
            for n in &lane {
                let is = [n.is_nan(), *n == f64::INFINITY, *n == f64::NEG_INFINITY];
                found.special[i]
                    .iter_mut()
                    .zip(is)
                    .for_each(|(count, is)| *count += usize::from(is));
            }
            let is_one = (mass - 1.0).abs() <= tolerance;
            if !is_one || out > 0 {
                found.improper[i] += 1;
                found.first[i].get_or_insert_with(|| index.clone());
            }
        }
    }
    found
}

fn index(offender: &Option<Offender>) -> Option<Vec<usize>> {
    offender.as_ref().map(|offender| offender.index.clone())
}

fn found(diagnosis: &Diagnosis) -> Found {
    let sides = [&diagnosis.input, &diagnosis.target];
    let first = diagnosis.first_negative_divergence.as_ref();
    Found {
        negative_terms: diagnosis.negative_terms,
        most_negative: diagnosis.most_negative_term.clone().map(|(i, term)| (i, term.to_bits())),
        negative_divergences: first.map(|(i, divergence)| {
            (diagnosis.negative_divergences, i.clone(), divergence.to_bits())
        }),
        improper: sides.map(|side| side.improper),
        first: sides.map(|side| index(&side.first)),
        out_of_range: sides.map(|side| side.out_of_range),
        special: sides.map(|side| [side.nan, side.plus_infinity, side.minus_infinity]),
    }
}

/// Random operands, a few of whose numbers are spoilt; zero weights.
#[derive(Clone, Debug)]
struct Case {
    operands: [ArrayD<f64>; 2],
    weights: ArrayD<f64>,
    axis: usize,
    log_target: bool,
    layout: Layout,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        8 => prop::collection::vec(1..9_usize, 1..=4),
        1 => (20..40_usize, 2..70_usize).prop_map(|(a, b)| vec![a, b]),
        1 => (1..4_usize, 1000..1100_usize).prop_map(|(a, b)| vec![a, b]),
    ];
    let settings = (shape, any::<u64>(), any::<bool>(), 0..LAYOUTS.len(), 0..4_u64);
    settings.prop_flat_map(|(shape, seed, log_target, layout, spoilt)| {
        (0..shape.len()).prop_map(move |axis| {
            let mut random = Random(seed);
            let mut spoil = |array: ArrayD<f64>| {
                array.mapv_into(|n| match random.below(60) {
                    0 if spoilt > 0 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5, 0.5, 1.5]
                        [random.below(6) as usize],
                    _ => n,
                })
            };
            let x = spoil(distributions(&shape, axis, seed).ln());
            let t = distributions(&shape, axis, !seed);
            let t = spoil(if log_target { t.ln() } else { t });
            let mut random = Random(seed ^ 5);
            let lanes = IxDyn(&shape).remove_axis(Axis(axis));
            let mut weight = || if random.below(5) == 0 { 0.0 } else { 1.5 };
            let weights = ArrayD::from_shape_simple_fn(lanes, &mut weight);
            Case { operands: [x, t], weights, axis, log_target, layout: LAYOUTS[layout] }
        })
    })
}

fn check<A: Number<Wide = A>>(case: &Case) {
    let operands = case.operands.each_ref().map(|array| array.mapv(A::of));
    let weights = case.weights.mapv(A::of);
    let stores = operands.each_ref().map(|array| case.layout.store(array));
    let [x, t] = stores.each_ref().map(|store| case.layout.view(store));
    let weights_store = case.layout.store(&weights);
    let weighing = case.layout.view(&weights_store);
    let axis = Axis(case.axis);
    let criterion = KLDivLoss::new(Pointwise).axis(axis).log_target(case.log_target);
    let batch = criterion.validated(1e-3).batch(&x, &t).unwrap().weights(&weighing).unwrap();
    let diagnosis = batch.diagnose();
    let setting = (axis, case.log_target, 1e-3);
    let expected = naive(criterion, operands.each_ref(), &weights, setting);
    assert_eq!(found(&diagnosis), expected, "{}", A::NAME);
    assert_eq!(diagnosis.is_proper(), expected.improper == [0, 0]);
    let skipped = weights.iter().filter(|weight| weight.to() == 0.0).count();
    assert_eq!([diagnosis.skipped, diagnosis.distributions], [skipped, weights.len() - skipped]);
    check_refusal(&diagnosis, batch.forward().err());
    if diagnosis.is_proper() {
        assert_eq!(diagnosis.likely_causes, []);
    }
}

/// What `validated` refuses is the first that `diagnose` finds.
fn check_refusal(diagnosis: &Diagnosis, refused: Option<Error>) {
    let first = |operand, report: &OperandReport| {
        let Offender { index, mass, .. } = report.first.clone()?;
        Some((index, operand, mass))
    };
    let both = [first(Operand::Input, &diagnosis.input), first(Operand::Target, &diagnosis.target)];
    let expected = both.into_iter().flatten().min_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let refused = refused.map(|error| match error {
        Error::NotADistribution { operand, index, mass } => (index, operand, mass),
        other => panic!("{other}"),
    });
    match (&refused, &expected) {
        (Some(refused), Some(expected)) if expected.2.is_nan() => {
            assert!(refused.2.is_nan() && (&refused.0, refused.1) == (&expected.0, expected.1));
        }
        _ => assert_eq!(refused, expected),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn agrees_with_a_naive_look(case in cases()) {
        check::<f32>(&case);
        check::<f64>(&case);
    }
}

/// 40 distributions of 5 classes, p and q.
fn proper() -> [Array2<f64>; 2] {
    [1, 2].map(|seed| distributions(&[40, 5], 1, seed).into_dimensionality().unwrap())
}

#[test]
fn a_proper_batch_names_no_cause_in_any_layout() {
    for (shape, axis) in [(vec![40, 5], 1), (vec![5, 40], 0), (vec![3, 7, 4, 2], 1), (vec![9], 0)] {
        for log_target in [false, true] {
            let x = distributions(&shape, axis, 1).ln();
            let t = distributions(&shape, axis, 2);
            let t = if log_target { t.ln() } else { t };
            for layout in LAYOUTS {
                let stores = [layout.store(&x), layout.store(&t)];
                let [x, t] = stores.each_ref().map(|store| layout.view(store));
                let criterion = KLDivLoss::new(Sum).log_target(log_target).axis(Axis(axis));
                let diagnosis = criterion.batch(&x, &t).unwrap().diagnose();
                assert!(diagnosis.is_proper() && diagnosis.likely_causes.is_empty());
                assert!(diagnosis.negative_terms > 0 && diagnosis.negative_divergences == 0);
                assert!(diagnosis.to_string().ends_with("No divergence is negative."));
            }
        }
    }
}

#[test]
fn nan_names_no_cause_and_is_counted() {
    let [p, mut q] = proper();
    q[[7, 2]] = f64::NAN;
    let diagnosis = KLDivLoss::new(Sum).batch(&q.ln(), &p).unwrap().diagnose();
    assert_eq!((diagnosis.input.nan, diagnosis.input.improper), (1, 1));
    let first = diagnosis.input.first.as_ref().unwrap();
    assert!(first.index == [7] && first.mass.is_nan() && diagnosis.likely_causes.is_empty());
}

#[test]
fn the_worst_is_farthest_from_one() {
    let [p, q] = proper();
    let mut target = p.clone();
    target.row_mut(3).mapv_inplace(|n| 1.5 * n);
    target.row_mut(9).fill(0.0);
    let diagnosis = KLDivLoss::new(Sum).batch(&q.ln(), &target).unwrap().diagnose();
    let OperandReport { improper, first, worst, .. } = diagnosis.target;
    assert_eq!((improper, first.unwrap().index, worst.unwrap().index), (2, vec![3], vec![9]));

    let input = array![[800.0, 0.0], [f64::NAN, 0.0], [800.0, 800.0]];
    let target = Array2::from_elem((3, 2), 0.5);
    let diagnosis = KLDivLoss::new(Sum).batch(&input, &target).unwrap().diagnose();
    let worst = diagnosis.input.worst.unwrap();
    assert!(worst.index == [1] && worst.mass.is_nan(), "{worst:?}");
}

#[test]
fn nothing_is_diagnosed_of_nothing() {
    for shape in [[0, 3], [4, 0], [0, 0], [1 << 50, 0]] {
        let empty = Array2::<f32>::zeros(shape);
        let diagnosis = KLDivLoss::new(Sum).batch(&empty, &empty).unwrap().diagnose();
        assert_eq!((diagnosis.distributions, diagnosis.negative_terms), (shape[0], 0));
        assert_eq!(diagnosis.is_proper(), shape[0] == 0);
        assert_eq!(diagnosis.likely_causes, []);
        let forward = KLDivLoss::new(Sum).validated(1e-3).forward(&empty, &empty);
        assert_eq!(forward.is_ok(), shape[0] == 0, "{shape:?}");
    }
}

#[test]
fn in_words() {
    let (x, t) =
        (array![[0.2_f64, 0.3, 0.5], [0.6, 0.3, 0.1]], array![[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]);
    let diagnosis = KLDivLoss::new(Sum).batch(&x, &t).unwrap().diagnose();
    let text = diagnosis.to_string();
    let said = [
        "2 distributions of 3 classes. ",
        "The input should hold log-probabilities, but does not in 2 of 2: first at [0] with mass 4.220, worst at [1] with mass 4.277; 6 numbers above 0.001",
        "The target holds probabilities, as it should.",
        "6 terms (100.0 %) are negative, the most negative -0.5966 at [0, 2]. Only sums over the classes of distributions are never negative.",
        "2 divergences are negative, the first -1.410 at [0]: the operands are not distributions.",
        "Likely cause: the input holds probabilities",
    ];
    said.iter().for_each(|said| assert!(text.contains(said), "{text}\n{said}"));
}

/// Whatever the layout and wherever it is: the index of the only distribution that is none.
#[test]
fn the_offender_is_found_where_the_inner_axis_is_short() {
    for shape in [[3000, 4, 2], [2, 4, 3000], [40, 4, 40]] {
        let [x, t] = [1, 2].map(|seed| distributions(&shape, 1, seed));
        let x = x.ln();
        for (i, j) in [(0, 0), (shape[0] / 2, 1), (shape[0] - 1, shape[2] - 1)] {
            let mut t = t.clone();
            t[[i, 2, j].as_slice()] += 0.5;
            t[[shape[0] - 1, 1, shape[2] - 1].as_slice()] += 0.25;
            for layout in LAYOUTS {
                let stores = [layout.store(&x), layout.store(&t)];
                let [x, t] = stores.each_ref().map(|store| layout.view(store));
                let criterion = KLDivLoss::new(Sum).axis(Axis(1)).validated(1e-3);
                let diagnosis = criterion.batch(&x, &t).unwrap().diagnose();
                assert_eq!(
                    index(&diagnosis.target.first),
                    Some(vec![i, j]),
                    "{shape:?} {layout:?}"
                );
                assert_eq!(
                    index(&diagnosis.target.worst),
                    Some(vec![i, j]),
                    "{shape:?} {layout:?}"
                );
                check_refusal(&diagnosis, criterion.forward(&x, &t).err());
            }
        }
    }
}

/// One distribution of so many classes is looked at in parts.
#[test]
fn one_very_long_distribution() {
    let [p, q] = [1, 2].map(|seed| distributions(&[1, 300_001], 1, seed));
    let x = q.ln();
    let criterion = KLDivLoss::new(Pointwise);
    let weights = ArrayD::ones(IxDyn(&[1]));
    for (place, number) in [(0, 0.0), (299_000, -0.25), (150_000, f64::NAN)] {
        let mut t = p.clone();
        t[[0, place].as_slice()] = number;
        let batch = criterion.validated(1e-3).batch(&x, &t).unwrap();
        let expected = naive(criterion, [&x, &t], &weights, (Axis(1), false, 1e-3));
        assert_eq!(found(&batch.diagnose()), expected);
        check_refusal(&batch.diagnose(), batch.forward().err());
    }
}
