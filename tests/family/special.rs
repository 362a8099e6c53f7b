//! What special values give: the tables of `Divergence`'s documentation, at every position of lanes of every length.

use kldiv::{Divergence, PerDistribution, Pointwise, Target};
use ndarray::{Array2, ArrayView2, Axis};

use super::common::Number;
use super::definition::{INF, limits};
use super::{EXTREMES, FAMILY, Face, Settings};

const NAN: f64 = f64::NAN;

/// An input, a target, and what they give: the term, ∂/∂input and ∂/∂target. `None` is not laid down.
#[derive(Clone, Copy, Debug)]
struct Pair {
    x: f64,
    t: f64,
    expected: [Option<f64>; 3],
    /// What is added up for them, where that is more than they are.
    sizes: [f64; 3],
}

/// Pairs of which one side or both exclude the class.
fn excluded<A: Number>(settings: Settings) -> Vec<Pair> {
    let log = settings.face == super::LOGS;
    let positive =
        if log { vec![-1000.0, -1.0, 0.0, 3.0] } else { vec![A::TINY, 0.25, 1.0, A::MAX] };
    let zeros = if log { vec![-INF] } else { vec![0.0, -0.0] };
    let pairs = |xs: &[f64], ts: &[f64]| -> Vec<[f64; 2]> {
        xs.iter().flat_map(|&x| ts.iter().map(move |&t| [x, t])).collect()
    };
    let all = [
        (pairs(&[-INF], &positive), [false, true]),
        // Where eˣ underflows the model still has the class.
        (pairs(&[-1000.0, -1.0, 0.0, 3.0], &zeros), [true, false]),
        (pairs(&[-INF], &zeros), [true, true]),
    ];
    let mut found = vec![];
    for (pairs, absent) in all {
        for [x, t] in pairs {
            let p = A::of(if log { t.exp() } else { t }).to();
            let q = A::of(x.exp()).to();
            let [plain, all] = [false, settings.generalized].map(|form| {
                let [term, d_x, d_p, d_y] = limits(settings.divergence, form, [p, q], absent);
                [term, d_x, if log { d_y } else { d_p }]
            });
            let sizes = std::array::from_fn(|i| plain[i].abs() + (all[i] - plain[i]).abs());
            let expected = all.map(Some);
            found.push(Pair { x, t, expected, sizes });
        }
    }
    found
}

/// Infinite probabilities.
fn infinite(settings: Settings) -> Vec<Pair> {
    let Settings { divergence, generalized, .. } = settings;
    let large_p = match divergence {
        Divergence::Reverse | Divergence::SkewReverse(_) if !generalized => -INF,
        _ => INF,
    };
    let large_q = match divergence {
        Divergence::Forward | Divergence::Skew(_) if !generalized => -INF,
        _ => INF,
    };
    let ts = if settings.face == super::LOGS { [-1.0, 0.0] } else { [0.25, 1.0] };
    let pair = |x, t, term| Pair { x, t, expected: [Some(term), None, None], sizes: [0.0; 3] };
    vec![
        pair(-1.0, INF, large_p),
        pair(0.0, INF, large_p),
        pair(INF, ts[0], large_q),
        pair(INF, ts[1], large_q),
    ]
}

/// Pairs that give NaN. ∂/∂x of `Forward` is −p, or generalized q − p, and ∂/∂y of `Reverse` is −q, whatever the other number is.
fn not_numbers<A: Number>(settings: Settings) -> Vec<Pair> {
    let log = settings.face == super::LOGS;
    let usual = if log { [-INF, -1000.0, -1.0, 3.0, INF] } else { [0.0, A::TINY, 0.25, 1.0, INF] };
    let mut pairs: Vec<_> = usual.into_iter().map(|t| [NAN, t]).collect();
    pairs.extend([-INF, -1000.0, -1.0, INF, NAN].map(|x| [x, NAN]));
    pairs.push([INF, INF]);
    if !log {
        pairs.extend([-INF, -1.0, 3.0].iter().flat_map(|&x| [-A::TINY, -1.0].map(|t| [x, t])));
    }
    let (divergence, plain) = (settings.divergence, !settings.generalized);
    let pair = |[x, t]: [f64; 2]| {
        let [q, p] = [x.exp(), if log { t.exp() } else { t }].map(|number| A::of(number).to());
        let both_infinite = x == INF && t == INF;
        let d_x = match divergence {
            Divergence::Forward if plain => Some(-p),
            // Below 0 it is a number.
            Divergence::Forward => Some(if both_infinite { NAN } else { q - p }),
            _ => (!both_infinite).then_some(NAN),
        };
        let d_t = match divergence {
            Divergence::Reverse if plain && log => Some(-q),
            _ => (!both_infinite).then_some(NAN),
        };
        Pair { x, t, expected: [Some(NAN), d_x, d_t], sizes: [0.0; 3] }
    };
    pairs.into_iter().map(pair).collect()
}

/// Within 4 ulp of what is added up: of a logarithm, a product or two, and exp; or within the smallest number.
fn is<A: Number>(found: f64, expected: f64, size: f64) -> bool {
    let expected = A::of(expected).to();
    let size = if size > expected.abs() { size } else { expected.abs() };
    let close = (found - expected).abs() <= 4.0 * A::EPSILON * size + A::TINY;
    found == expected || expected.is_finite() && close || found.is_nan() && expected.is_nan()
}

/// The pair at every fourth position of each of four lanes, so that it visits all, and ordinary neighbours elsewhere.
fn lanes<A: Number>(pair: Pair, log: bool, classes: usize) -> [Array2<A>; 2] {
    let ordinary = |class: usize| -0.1 - (class % 7) as f64;
    let special = |lane: usize, class: usize| (lane + class).is_multiple_of(4);
    let x = |(lane, class)| if special(lane, class) { pair.x } else { ordinary(class + 3) };
    let t = |(lane, class)| match (special(lane, class), log) {
        (true, _) => pair.t,
        (_, true) => ordinary(class),
        _ => -0.1 * ordinary(class),
    };
    [Array2::from_shape_fn((4, classes), x), Array2::from_shape_fn((4, classes), t)]
        .map(|operand| operand.mapv(A::of))
}

/// Says what is wrong, if anything.
fn check<A: Number<Wide = A>>(
    settings: Settings,
    pair: Pair,
    axis: Axis,
    [x, t]: [&ArrayView2<'_, A>; 2],
) -> Result<(), String> {
    let at = |index| format!("{} {:?}, {axis:?}, {index:?}: {pair:?}", A::NAME, x.dim());
    let batch = settings.batch(Pointwise, axis, x, t).unwrap();
    let terms = batch.forward().unwrap();
    let gradients = batch.backward(&Array2::from_elem(x.dim(), A::of(1.0))).unwrap();
    let (same, gradient) = batch.value_and_grad().unwrap();
    for (index, term) in terms.indexed_iter() {
        let found = [*term, gradients.input[index], gradients.target[index]].map(A::to);
        let mut fits = same[index].bits() == term.bits()
            && gradient[index].bits() == gradients.input[index].bits();
        fits &= match (index.0 + index.1) % 4 {
            0 => (0..3).all(|i| {
                pair.expected[i].is_none_or(|expected| is::<A>(found[i], expected, pair.sizes[i]))
            }),
            _ => found.iter().all(|number| number.is_finite()),
        };
        if !fits {
            return Err(format!("{} gives {found:?}", at(index)));
        }
    }
    let sums = settings.batch(PerDistribution, axis, x, t).unwrap().forward().unwrap();
    let naive = terms.map_axis(axis, |lane| lane.iter().map(|term| term.to()).sum::<f64>());
    for (lane, (found, naive)) in sums.iter().zip(&naive).enumerate() {
        let (found, naive) = (found.to(), A::of(*naive).to());
        let fits = if naive.is_finite() { found.is_finite() } else { is::<A>(found, naive, 0.0) };
        if !fits {
            return Err(format!("{}: sum {found}, not {naive}", at((lane, 0))));
        }
    }
    Ok(())
}

/// In three layouts.
fn check_pair<A: Number<Wide = A>>(
    settings: Settings,
    pair: Pair,
    classes: usize,
) -> Result<(), String> {
    let [x, t] = lanes::<A>(pair, settings.face == super::LOGS, classes);
    check(settings, pair, Axis(1), [&x.view(), &t.view()])?;
    check(settings, pair, Axis(0), [&x.t(), &t.t()])?;
    let [x, t] = [x, t].map(|operand| operand.t().as_standard_layout().into_owned());
    check(settings, pair, Axis(0), [&x.view(), &t.view()])
}

fn check_tables<A: Number<Wide = A>>(lengths: &[usize], divergences: &[Divergence]) {
    let targets = [Target::Probabilities, Target::LogProbabilities];
    let mut mistakes = vec![];
    for (&divergence, target) in divergences.iter().flat_map(|d| targets.map(|t| (d, t))) {
        for generalized in [false, true] {
            let settings = Settings::new(divergence, Face::Given(target)).generalized(generalized);
            let mut pairs = excluded::<A>(settings);
            pairs.extend(infinite(settings));
            pairs.extend(not_numbers::<A>(settings));
            for pair in pairs {
                let mut all = lengths.iter().map(|&n| check_pair::<A>(settings, pair, n));
                if let Some(Err(mistake)) = all.find(Result::is_err) {
                    mistakes.push(format!("{divergence}, generalized {generalized}, {mistake}"));
                }
            }
        }
    }
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

fn lengths() -> Vec<usize> {
    (1..=40).chain([100]).collect()
}

#[test]
fn special_values_f32() {
    check_tables::<f32>(&lengths(), &FAMILY);
}

#[test]
fn special_values_f64() {
    check_tables::<f64>(&lengths(), &FAMILY);
}

#[test]
fn special_values_where_a_parameter_is_near_its_end() {
    check_tables::<f32>(&[3, 17, 100], &EXTREMES);
    check_tables::<f64>(&[3, 17, 100], &EXTREMES);
}

fn jensen_shannon(p: [f64; 2], q: [f64; 2]) -> f64 {
    let settings =
        Settings::new(Divergence::JensenShannon(0.5), Face::Given(Target::Probabilities));
    let (x, t) = (Array2::from(vec![q.map(f64::ln)]), Array2::from(vec![p]));
    settings.rows(PerDistribution, &x, &t).forward().unwrap()[0]
}

#[test]
fn jensen_shannon_of_the_smallest_number() {
    assert_eq!(jensen_shannon([0.0, 1.0], [5e-324, 1.0]), 0.0);
}

/// Found by arithmetic of 60 digits.
#[test]
fn jensen_shannon_of_almost_equal_numbers() {
    let found = jensen_shannon([0.027501475, 0.055202297], [0.027537677, 0.055334348]);
    assert!((found - 4.539117887e-8).abs() < 1e-17, "{found:e}");
}

/// Shares far below every power of e that the fast loops compute.
#[test]
fn tiny_shares() {
    use kldiv::{KLDivLoss, Sum};
    use ndarray::array;

    let criterion =
        |alpha| KLDivLoss::new(Sum).log_target(true).divergence(Divergence::Skew(alpha));
    for (x, expected) in [(-800.0, 744.440_071_921_381_3), (-720.0, 720.0)] {
        let found = criterion(5e-324).forward(&array![x], &array![0.0_f64]).unwrap();
        assert!((found - expected).abs() < 1e-12 * expected, "{found}");
    }
    let found = criterion(1e-38).forward(&array![-150.0_f32], &array![0.0_f32]).unwrap();
    assert!((found - 87.498_23).abs() < 1e-5, "{found}");
    // Two equal numbers, also where both overflow.
    for divergence in crate::FAMILY {
        let criterion = KLDivLoss::new(Sum).log_target(true).divergence(divergence);
        assert_eq!(
            criterion.forward(&array![100.0_f32], &array![100.0_f32]),
            Ok(0.0),
            "{divergence}"
        );
    }
}
