//! Laws of partial results, with `==`: cut anywhere, merged in any order, added as integers.

mod common;

use common::layout::LAYOUTS;
use common::{Number, Operands, Random};
use kldiv::{
    DistributionMean, Error, KLDivLoss, KLDivWithLogitsLoss, Partial, PerDistribution, Sum,
};
use ndarray::{ArrayD, ArrayViewD, Axis, Slice};

const SHAPES: [([usize; 3], usize); 9] = [
    ([7, 3, 10], 2),
    ([5, 10, 4], 1),
    ([4, 6, 64], 2),
    ([65, 6, 4], 0),
    ([3, 2, 1000], 2),
    ([3, 1, 70_000], 2),
    ([40, 30, 1], 2),
    ([2, 100, 300], 1),
    ([3000, 1, 3], 2),
];

fn along<T: Clone>(array: &ArrayD<T>, axis: usize, [start, end]: [usize; 2]) -> ArrayD<T> {
    let end = end.min(array.len_of(Axis(axis)));
    array.slice_axis(Axis(axis), Slice::from(start..end)).to_owned()
}

/// Everything, or a range along axis `cut`.
fn partial<A: Number>(
    operands: &Operands<A>,
    weighted: bool,
    part: Option<(usize, [usize; 2])>,
) -> Partial {
    let criterion = KLDivLoss::new(Sum).axis(operands.axis).log_target(operands.log_target);
    let (cut, range) = part.unwrap_or((usize::from(operands.axis.0 == 0), [0, usize::MAX]));
    let (input, target) = (along(&operands.input, cut, range), along(&operands.target, cut, range));
    let lanes_cut = cut - usize::from(cut > operands.axis.0);
    let weights = along(&operands.weights, lanes_cut, range);
    let batch = criterion.batch(&input, &target).unwrap();
    let batch = if weighted { batch.weights(&weights).unwrap() } else { batch };
    batch.partial().unwrap()
}

fn merged(a: &Partial, b: &Partial) -> Partial {
    let mut merged = a.clone();
    merged.merge(b);
    merged
}

fn each_kind(check: impl Fn(&dyn Fn(Option<(usize, [usize; 2])>) -> Partial, [usize; 3], usize)) {
    for (shape, axis) in SHAPES {
        for (log_target, weighted) in [(false, false), (true, true)] {
            let single = Operands::<f32>::random(&shape, axis, log_target);
            check(&|part| partial(&single, weighted, part), shape, axis);
            let double = Operands::<f64>::random(&shape, axis, log_target);
            check(&|part| partial(&double, weighted, part), shape, axis);
        }
    }
}

#[test]
fn any_cut_is_the_whole() {
    each_kind(|partial, shape, axis| {
        let whole = partial(None);
        // Rows are counted along axis 0: cut along another, they would be counted twice.
        let cut = usize::from(axis == 0);
        let step = shape[cut].div_ceil(12);
        for at in (0..=shape[cut]).step_by(step) {
            let (a, b) = (partial(Some((cut, [0, at]))), partial(Some((cut, [at, shape[cut]]))));
            if cut == 0 {
                assert_eq!(merged(&a, &b), whole, "{shape:?} at {at}");
            }
            assert_eq!(merged(&a, &b), merged(&b, &a));
        }
    });
}

#[test]
fn merging_is_associative_and_has_an_identity() {
    each_kind(|partial, shape, axis| {
        let cut = usize::from(axis == 0);
        let thirds = [0, shape[cut] / 3, shape[cut] * 2 / 3, shape[cut]];
        let [a, b, c] = [0, 1, 2].map(|i| partial(Some((cut, [thirds[i], thirds[i + 1]]))));
        assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        assert_eq!(merged(&merged(&c, &a), &b), merged(&merged(&b, &c), &a));
        let nothing = Partial::default();
        assert_eq!(merged(&a, &nothing), a);
        assert_eq!(merged(&nothing, &a), a);
        assert_ne!(merged(&a, &b), merged(&merged(&a, &b), &b));
    });
}

#[test]
fn layout_changes_nothing() {
    for (shape, axis) in [([5, 40, 10], 2), ([20, 10, 33], 1), ([17, 5, 100], 2)] {
        let operands = Operands::<f32>::random(&shape, axis, false);
        let of = |input: &ArrayViewD<'_, f32>, target: &ArrayViewD<'_, f32>, weighted: bool| {
            let batch = KLDivLoss::new(Sum).axis(Axis(axis)).batch(input, target).unwrap();
            let batch = if weighted { batch.weights(&operands.weights).unwrap() } else { batch };
            batch.partial().unwrap()
        };
        for weighted in [false, true] {
            let expected = of(&operands.input.view(), &operands.target.view(), weighted);
            for layout in LAYOUTS {
                let store = [layout.store(&operands.input), layout.store(&operands.target)];
                let found = of(&layout.view(&store[0]), &layout.view(&store[1]), weighted);
                assert_eq!(found, expected, "{layout:?}");
            }
        }
    }
}

/// Mean, standard error and extremes, naively.
fn naive(divergences: &ArrayD<f64>, weights: Option<&ArrayD<f64>>) -> [f64; 5] {
    let ones = ArrayD::ones(divergences.raw_dim());
    let pairs = || divergences.iter().zip(weights.unwrap_or(&ones)).filter(|(_, w)| **w > 0.0);
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs().map(|(&d, &w)| f(d, w)).sum::<f64>();
    let total = sum(&|_, w| w);
    let mean = sum(&|d, w| w * d) / total;
    let variance = sum(&|d, w| w * (d - mean) * (d - mean)) / total;
    let n = total * total / sum(&|_, w| w * w);
    let fold = |f: fn(f64, f64) -> f64, start| pairs().fold(start, |m, (&d, _)| f(m, d));
    let (min, max) = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
    [pairs().count() as f64, mean, (variance / (n - 1.0)).sqrt(), min, max]
}

fn found(partial: &Partial) -> [f64; 5] {
    let count = partial.distributions() as f64;
    [count, partial.mean(), partial.standard_error(), partial.min(), partial.max()]
}

#[test]
fn statistics_are_those_of_the_divergences() {
    for (shape, axis) in SHAPES {
        let operands = Operands::<f64>::random(&shape, axis, false);
        let each = KLDivLoss::new(PerDistribution).axis(Axis(axis));
        let divergences = each.forward(&operands.input, &operands.target).unwrap();
        for weighted in [false, true] {
            let expected = naive(&divergences, weighted.then_some(&operands.weights));
            let found = found(&partial(&operands, weighted, None));
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    found.is_nan() && expected.is_nan()
                        || (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{shape:?} {weighted}: {found}, not {expected}"
                );
            }
            assert_eq!([found[0], found[3], found[4]], [expected[0], expected[3], expected[4]]);
        }
    }
}

#[test]
fn generalized_divergences_are_not_negative() {
    let operands = Operands::<f32>::random(&[300, 10], 1, false);
    let criterion = KLDivLoss::new(DistributionMean).generalized(true);
    let batch = criterion.batch(&operands.input, &operands.target).unwrap();
    let partial = batch.partial().unwrap();
    assert!(partial.min() >= 0.0 && partial.min() < partial.mean());
    assert_eq!(criterion.finish::<f32>(&partial), batch.forward());
}

#[test]
fn from_logits_the_laws_are_the_same() {
    for classes in [10, 100] {
        let operands = Operands::<f32>::random(&[40, classes], 1, true);
        let criterion = KLDivWithLogitsLoss::new(DistributionMean).temperature(2.0);
        let criterion = criterion.times_temperature_squared(true);
        let part = |rows: Slice, weighted: bool| {
            let [input, target, weights] = [&operands.input, &operands.target, &operands.weights]
                .map(|array| array.slice_axis(Axis(0), rows));
            let batch = criterion.batch(&input, &target).unwrap();
            let batch = if weighted { batch.weights(&weights).unwrap() } else { batch };
            (batch.partial().unwrap(), batch.forward().unwrap_or_default())
        };
        for weighted in [false, true] {
            let (whole, loss) = part(Slice::from(..), weighted);
            assert_eq!(criterion.finish::<f32>(&whole).unwrap().to_bits(), loss.to_bits());
            assert!((whole.mean() / f64::from(loss) - 1.0).abs() < 1e-6);
            for at in [0, 1, 17, 40] {
                let (head, tail) =
                    (part(Slice::from(..at), weighted), part(Slice::from(at..), weighted));
                assert_eq!(merged(&head.0, &tail.0), whole);
            }
        }
    }
}

/// Rows [q, 1 − q] against a target of [1, 0]: −ln q each.
fn of_rows(qs: &[f64], weights: Option<&[f64]>) -> Partial {
    let input =
        ArrayD::from_shape_fn(vec![qs.len(), 2], |i| (if i[1] == 0 { qs[i[0]] } else { 0.5 }).ln());
    let target = ArrayD::from_shape_fn(vec![qs.len(), 2], |i| if i[1] == 0 { 1.0 } else { 0.0 });
    let weights = weights.map(|w| ArrayD::from_shape_vec(vec![w.len()], w.to_vec()).unwrap());
    let batch = KLDivLoss::new(Sum).batch(&input, &target).unwrap();
    let batch = match &weights {
        Some(weights) => batch.weights(weights).unwrap(),
        None => batch,
    };
    batch.partial().unwrap()
}

#[test]
fn equal_divergences_have_no_spread() {
    for n in [2, 3, 1000, 2500] {
        let partial = of_rows(&vec![0.3; n], None);
        assert_eq!((partial.standard_error(), partial.min()), (0.0, partial.max()));
        let weights: Vec<_> = (0..n).map(|i| 0.1 + i as f64).collect();
        assert_eq!(of_rows(&vec![0.3; n], Some(&weights)).standard_error(), 0.0);
    }
}

/// A spread of 10⁻¹³ of the mean: squares rounded before they are summed would lose it.
#[test]
fn a_small_spread_is_kept() {
    let (a, b) = (0.3_f64, 0.3_f64 + 2e-14);
    let (low, high) = (-b.ln(), -a.ln());
    let error = of_rows(&[a, b, a, b], None).standard_error();
    let expected = (high - low) / 2.0 / 3_f64.sqrt();
    assert!((error / expected - 1.0).abs() < 1e-14, "{error:e}, not {expected:e}");
}

#[test]
fn of_nothing_and_of_one() {
    for partial in
        [Partial::default(), of_rows(&[], None), of_rows(&[f64::NAN, 0.5], Some(&[0.0; 2]))]
    {
        assert_eq!(partial.distributions(), 0);
        assert!(found(&partial)[1..].iter().all(|number| number.is_nan()));
    }
    for one in [of_rows(&[0.5], None), of_rows(&[0.5, f64::NAN], Some(&[3.0, 0.0]))] {
        let ln_2 = 2_f64.ln();
        assert_eq!((one.distributions(), one.mean(), one.min(), one.max()), (1, ln_2, ln_2, ln_2));
        assert!(one.standard_error().is_nan());
    }
    let empty = ArrayD::<f32>::zeros(vec![5, 0]);
    let empty = KLDivLoss::new(Sum).batch(&empty, &empty).unwrap().partial().unwrap();
    assert_eq!(found(&empty), [5.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn special_divergences() {
    let (ln_2, inf) = (2_f64.ln(), f64::INFINITY);
    let partial = of_rows(&[0.5, 0.0, 1.0], None);
    assert_eq!((partial.mean(), partial.min(), partial.max()), (inf, 0.0, inf));
    assert!(partial.min().is_sign_positive() && partial.standard_error().is_nan());
    let partial = of_rows(&[0.5, f64::INFINITY, 0.25], None);
    assert_eq!((partial.mean(), partial.min(), partial.max()), (-inf, -inf, 2.0 * ln_2));
    let partial = of_rows(&[0.5, 0.0, f64::NAN, 1.0], None);
    assert!(found(&partial)[1..].iter().all(|number| number.is_nan()));
    assert_eq!(Partial::from_words(&partial.to_words(), partial.extremes()), Ok(partial));
}

fn added<'a>(partials: impl IntoIterator<Item = &'a Partial>) -> Result<Partial, Error> {
    let (mut words, mut extremes) = ([0; Partial::WORDS], [i64::MIN; 2]);
    for partial in partials {
        words.iter_mut().zip(partial.to_words()).for_each(|(sum, word)| *sum += word);
        extremes = [0, 1].map(|i| partial.extremes()[i].max(extremes[i]));
    }
    Partial::from_words(&words, extremes)
}

#[test]
fn adding_words_is_merging() {
    assert_eq!(added([]), Ok(Partial::default()));
    each_kind(|partial, shape, axis| {
        let cut = usize::from(axis == 0);
        let parts: Vec<_> =
            (0..shape[cut].min(9)).map(|i| partial(Some((cut, [i, i + 1])))).collect();
        let mut all = Partial::default();
        for (i, part) in parts.iter().enumerate() {
            all.merge(part);
            assert_eq!(added(&parts[..=i]).as_ref(), Ok(&all));
        }
        assert_eq!(Partial::from_words(&all.to_words(), all.extremes()).as_ref(), Ok(&all));
    });
}

/// 2³¹ partial results added, as merging each with itself 31 times.
#[test]
fn there_is_headroom_for_two_billion() {
    let operands = Operands::<f64>::random(&[9, 2, 10], 2, false);
    let one = partial(&operands, true, None);
    let words = one.to_words().map(|word| word.checked_mul(1 << 31).unwrap());
    let mut all = one.clone();
    (0..31).for_each(|_| all = merged(&all, &all));
    assert_eq!(Partial::from_words(&words, one.extremes()).as_ref(), Ok(&all));
    let more = std::array::from_fn(|i| words[i].saturating_add(one.to_words()[i]));
    assert!(matches!(
        Partial::from_words(&more, one.extremes()),
        Err(Error::InvalidPartial { .. })
    ));
}

#[test]
fn damaged_words_are_refused() {
    let operands = Operands::<f32>::random(&[9, 2, 10], 2, false);
    let one = partial(&operands, true, None);
    let (words, extremes) = (one.to_words(), one.extremes());
    let refused = |words: &[i64; Partial::WORDS], extremes| {
        matches!(Partial::from_words(words, extremes), Err(Error::InvalidPartial { .. }))
    };
    for place in 0..Partial::WORDS {
        for bit in 0..64 {
            let mut damaged = words;
            damaged[place] ^= 1 << bit;
            assert!(refused(&damaged, extremes), "bit {bit} of word {place}");
        }
        let mut damaged = words;
        damaged.swap(place, (place + 1) % Partial::WORDS);
        assert!(damaged == words || refused(&damaged, extremes), "word {place} exchanged");
    }
    let mut random = Random(1951);
    for _ in 0..1000 {
        assert!(refused(&std::array::from_fn(|_| random.next() as i64), extremes));
    }
    assert!(refused(&words, [i64::MIN; 2]));
    assert!(refused(&words, [extremes[0], i64::MAX]));
    assert!(refused(&words, [!extremes[1] - 1, extremes[1]]));
    assert!(refused(&[0; Partial::WORDS], extremes));
}

#[test]
fn it_is_as_small_as_documented() {
    assert_eq!(Partial::WORDS, 362);
    assert!(size_of::<Partial>() < 3000);
}

#[test]
fn words_out_of_every_range_are_refused_without_a_panic() {
    let mut words = [0; Partial::WORDS];
    (words[0], words[1], words[2], words[3]) = (0x4b_4c_44_01, 1, i64::MIN, 1);
    assert!(Partial::from_words(&words, [i64::MIN; 2]).is_err());
    assert!(Partial::from_words(&[i64::MAX; Partial::WORDS], [i64::MAX; 2]).is_err());
    assert!(Partial::from_words(&[i64::MIN; Partial::WORDS], [i64::MIN; 2]).is_err());
}
