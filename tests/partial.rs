//! Laws of partial results, with `==`: cut anywhere, merged in any order, added as integers.

mod common;
#[path = "partial/statistics.rs"]
mod statistics;

use common::layout::LAYOUTS;
use common::{Number, Operands, Random};
use kldiv::{DistributionMean, Error, KLDivLoss, KLDivWithLogitsLoss, Partial, Sum};
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
