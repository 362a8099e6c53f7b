use rand::Rng;
use rand::rngs::SmallRng;

use crate::divergence::{
    GeneralizedLogProbability, GeneralizedProbability, LogProbability, Probability, Term,
};
use crate::number::Real;
use crate::number::tests::{any_f32, any_f64, bits, random};

/// Numbers of one precision.
trait Draw: Real {
    fn draw(rng: &mut SmallRng) -> Self;
}

impl Draw for f32 {
    fn draw(rng: &mut SmallRng) -> f32 {
        any_f32(rng)
    }
}

impl Draw for f64 {
    fn draw(rng: &mut SmallRng) -> f64 {
        any_f64(rng)
    }
}

/// Value and slopes, with and without special care, of a pair that needs none.
fn same<K: Term, T: Real>(x: T, t: T) -> bool {
    if !K::is_usual(x, t) {
        return false;
    }
    let short = [K::term::<T, false>(x, t), K::d_input::<T, false>(x, t)];
    let long = [K::term::<T, true>(x, t), K::d_input::<T, true>(x, t)];
    assert_eq!(short.map(bits), long.map(bits), "x = {x:?}, t = {t:?}: {short:?}, not {long:?}");
    let slopes = [K::d_target::<T, false>(x, t), K::d_target::<T, true>(x, t)];
    assert_eq!(bits(slopes[0]), bits(slopes[1]), "x = {x:?}, t = {t:?}: {slopes:?}");
    true
}

fn usual_pairs<K: Term, T: Draw>() {
    let mut rng = random();
    let number = |from: f64, to: f64, rng: &mut SmallRng| T::from_f64(rng.random_range(from..to));
    let mut usual = 0;
    for _ in 0..100_000 {
        let (x, t) = (T::draw(&mut rng), T::draw(&mut rng));
        let (log_q, p) = (number(-30.0, 0.0, &mut rng), number(0.0, 1.0, &mut rng));
        let log_p = number(-90.0, 90.0, &mut rng);
        for (x, t) in [(x, t), (x, p), (x, log_p), (log_q, t), (log_q, p), (log_q, log_p)] {
            usual += usize::from(same::<K, T>(x, t));
        }
    }
    assert!(usual > 200_000, "only {usual} pairs were usual");

    let inputs = [T::ZERO, T::ONE, T::MAX, T::INFINITY, T::NAN, T::MIN_POSITIVE, T::LOWEST];
    let usual = |t: &T| K::strangeness(T::ZERO, *t) <= K::usual::<T>();
    let targets =
        [T::ZERO, T::ONE, T::MIN_POSITIVE, T::TINY, T::MAX, T::LOWEST, T::INFINITY, T::NAN];
    let targets: Vec<_> = targets.into_iter().flat_map(|t| [t, -t]).filter(usual).collect();
    assert!(targets.len() > 2 && !targets.iter().any(|t| t.is_nan()));
    for x in inputs.into_iter().flat_map(|x| [x, -x]) {
        for &t in &targets {
            let strange = K::strangeness(x, t) > K::usual::<T>();
            assert!(strange || same::<K, T>(x, t), "x = {x:?}, t = {t:?} should be usual");
        }
        same::<K, T>(x, T::ZERO);
        same::<K, T>(x, -T::ZERO);
    }
}

#[test]
fn usual_pairs_give_the_same_bits_without_special_care() {
    usual_pairs::<Probability, f32>();
    usual_pairs::<Probability, f64>();
    usual_pairs::<LogProbability, f32>();
    usual_pairs::<LogProbability, f64>();
    usual_pairs::<GeneralizedProbability, f32>();
    usual_pairs::<GeneralizedProbability, f64>();
    usual_pairs::<GeneralizedLogProbability, f32>();
    usual_pairs::<GeneralizedLogProbability, f64>();
}

/// Nothing is asked of the input: the shortcuts must keep its NaN.
fn nan_comes_through<K: Term, T: Real>() {
    let (x, t) = (T::NAN, K::neutral::<T>().1);
    assert!(K::term::<T, false>(x, t).is_nan() && K::term::<T, true>(x, t).is_nan());
    assert!(K::d_target::<T, false>(x, t).is_nan() && K::d_target::<T, true>(x, t).is_nan());
    assert!(!K::d_input::<T, false>(x, t).is_nan() && !K::d_input::<T, true>(x, t).is_nan());
    for x in [T::NAN, T::ONE, -T::INFINITY] {
        assert!(
            K::term::<T, true>(x, T::NAN).is_nan() && K::d_input::<T, true>(x, T::NAN).is_nan()
        );
        assert!(K::d_target::<T, true>(x, T::NAN).is_nan());
    }
}

#[test]
fn nan_comes_through_without_special_care() {
    nan_comes_through::<Probability, f32>();
    nan_comes_through::<Probability, f64>();
    nan_comes_through::<LogProbability, f32>();
    nan_comes_through::<LogProbability, f64>();
}

fn padding_is_neutral<K: Term, T: Real>() {
    let (x, t) = K::neutral::<T>();
    assert!(K::is_usual(x, t));
    assert!(K::term::<T, false>(x, t) == T::ZERO && K::term::<T, true>(x, t) == T::ZERO);
    assert!(
        K::d_input::<T, false>(x, t).abs() <= T::MAX
            && K::d_target::<T, true>(x, t).abs() <= T::MAX
    );
}

#[test]
fn padding_is_neutral_for_both_targets() {
    padding_is_neutral::<Probability, f32>();
    padding_is_neutral::<Probability, f64>();
    padding_is_neutral::<LogProbability, f32>();
    padding_is_neutral::<LogProbability, f64>();
    padding_is_neutral::<GeneralizedProbability, f32>();
    padding_is_neutral::<GeneralizedProbability, f64>();
    padding_is_neutral::<GeneralizedLogProbability, f32>();
    padding_is_neutral::<GeneralizedLogProbability, f64>();
}

/// Near p = q the low part of ln t is all there is: the error is that of the unevaluated pair, far below an ulp of ln t.
#[test]
fn low_part_of_the_logarithm_is_kept() {
    let mut rng = random();
    let mut worst = 0.0f64;
    for _ in 0..100_000 {
        let t: f32 = rng.random_range(1e-6..1.0);
        let x = t.ln();
        let exact = f64::from(t) * (f64::from(t).ln() - f64::from(x));
        let found = f64::from(Probability::term::<f32, false>(x, t));
        worst = worst.max((found - exact).abs() / f64::from(t));
    }
    assert!(worst < 1.5e-8, "{worst:e} · t");
}
