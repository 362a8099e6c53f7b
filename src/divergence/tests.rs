use rand::Rng;
use rand::rngs::SmallRng;

use super::equal_weights::EqualWeights;
use super::forward::{Forward, GeneralizedForward};
use super::jensen_shannon::{AnyWeights, JensenShannon};
use super::reversed::Reversed;
use super::skew::Skew;
use super::source::{Between, LogProbabilities, Probabilities};
use super::symmetric::Symmetric;
use super::total_variation::TotalVariation;
use crate::divergence::{Forms, Formula, Kernel};
use crate::number::Real;
use crate::number::tests::{any_f32, any_f64, bits, random};

pub(crate) const PROBABILITY: Between<Probabilities, Forward> = Between::new(Forward);
pub(crate) const LOG_PROBABILITY: Between<LogProbabilities, Forward> = Between::new(Forward);
pub(crate) const GENERALIZED_PROBABILITY: Between<Probabilities, GeneralizedForward> =
    Between::new(GeneralizedForward);
pub(crate) const GENERALIZED_LOG_PROBABILITY: Between<LogProbabilities, GeneralizedForward> =
    Between::new(GeneralizedForward);
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
fn same<K: Kernel, T: Real>(kernel: K, x: T, t: T) -> bool {
    if !kernel.is_regular(x, t) {
        return false;
    }
    let short = [kernel.term::<T, false>(x, t), kernel.d_input::<T, false>(x, t)];
    let long = [kernel.term::<T, true>(x, t), kernel.d_input::<T, true>(x, t)];
    assert_eq!(short.map(bits), long.map(bits), "x = {x:?}, t = {t:?}: {short:?}, not {long:?}");
    let slopes = [kernel.d_target::<T, false>(x, t), kernel.d_target::<T, true>(x, t)];
    // The loops compute ∂/∂target with care, since 0 is regular and its slope is not.
    assert!(t == T::ZERO || bits(slopes[0]) == bits(slopes[1]), "x = {x:?}, t = {t:?}: {slopes:?}");
    true
}

fn usual_pairs<K: Kernel, T: Draw>(kernel: K) {
    let mut rng = random();
    let number = |from: f64, to: f64, rng: &mut SmallRng| T::from_f64(rng.random_range(from..to));
    let mut usual = 0;
    for _ in 0..100_000 {
        let (x, t) = (T::draw(&mut rng), T::draw(&mut rng));
        let (log_q, p) = (number(-30.0, 0.0, &mut rng), number(0.0, 1.0, &mut rng));
        let log_p = number(-90.0, 90.0, &mut rng);
        for (x, t) in [(x, t), (x, p), (x, log_p), (log_q, t), (log_q, p), (log_q, log_p)] {
            usual += usize::from(same::<_, T>(kernel, x, t));
        }
    }
    assert!(usual > 200_000, "only {usual} pairs were usual");

    let inputs = [T::ZERO, T::ONE, T::MAX, T::INFINITY, T::NAN, T::MIN_POSITIVE, T::LOWEST];
    let usual = |t: &T| kernel.irregularity(T::ZERO, *t) <= kernel.regular_bound::<T>();
    let half = T::from_f64(0.5);
    let targets = [T::ZERO, T::ONE, half, half + T::ONE, T::MIN_POSITIVE, T::TINY];
    let targets = targets.into_iter().chain([T::MAX, T::LOWEST, T::INFINITY, T::NAN]);
    let targets: Vec<_> = targets.flat_map(|t| [t, -t]).filter(usual).collect();
    assert!(targets.len() > 2 && !targets.iter().any(|t| t.is_nan()));
    for x in inputs.into_iter().flat_map(|x| [x, -x]) {
        for &t in &targets {
            let strange = kernel.irregularity(x, t) > kernel.regular_bound::<T>();
            assert!(strange || same::<_, T>(kernel, x, t), "x = {x:?}, t = {t:?} should be usual");
        }
        same::<_, T>(kernel, x, T::ZERO);
        same::<_, T>(kernel, x, -T::ZERO);
    }
}

#[test]
fn usual_pairs_give_the_same_bits_without_special_care() {
    usual_pairs::<_, f32>(PROBABILITY);
    usual_pairs::<_, f64>(PROBABILITY);
    usual_pairs::<_, f32>(LOG_PROBABILITY);
    usual_pairs::<_, f64>(LOG_PROBABILITY);
    usual_pairs::<_, f32>(GENERALIZED_PROBABILITY);
    usual_pairs::<_, f64>(GENERALIZED_PROBABILITY);
    usual_pairs::<_, f32>(GENERALIZED_LOG_PROBABILITY);
    usual_pairs::<_, f64>(GENERALIZED_LOG_PROBABILITY);
    each_of_the_family(Usual);
}

/// A check of a formula, for both kinds of target and both precisions.
trait Check {
    fn formula<F: Formula>(&self, formula: F) {
        self.kernel::<_, f32>(Between::<Probabilities, F>::new(formula));
        self.kernel::<_, f64>(Between::<Probabilities, F>::new(formula));
        self.kernel::<_, f32>(Between::<LogProbabilities, F>::new(formula));
        self.kernel::<_, f64>(Between::<LogProbabilities, F>::new(formula));
    }

    fn kernel<K: Kernel, T: Draw>(&self, kernel: K);
}

struct Usual;

impl Check for Usual {
    fn kernel<K: Kernel, T: Draw>(&self, kernel: K) {
        usual_pairs::<_, T>(kernel);
    }
}

struct Neutral;

impl Check for Neutral {
    fn kernel<K: Kernel, T: Draw>(&self, kernel: K) {
        padding_is_neutral::<_, T>(kernel);
    }
}

fn each_of_the_family(check: impl Check) {
    check.formula(Reversed(Forward));
    for forms in [Forms::Plain, Forms::Generalized, Forms::Far] {
        check.formula(Symmetric::new([0.3, 0.7], forms));
    }
    check.formula(Symmetric::new([0.0, 1.0], Forms::Generalized));
    check.formula(Symmetric::new([1.0, 1.0], Forms::Plain));
    check.formula(JensenShannon(EqualWeights));
    for beta in [1e-9, 0.3, 0.5, 0.9] {
        check.formula(JensenShannon(AnyWeights::new(beta)));
    }
    for alpha in [1e-9, 0.1, 0.9] {
        for forms in [Forms::Plain, Forms::Generalized, Forms::Far] {
            check.formula(Skew::new(alpha, forms));
            check.formula(Reversed(Skew::new(alpha, forms)));
        }
    }
    check.formula(TotalVariation);
}

/// Nothing is asked of the input: the shortcuts must keep its NaN.
fn nan_comes_through<K: Kernel, T: Real>(kernel: K) {
    let (x, t) = (T::NAN, kernel.neutral::<T>().1);
    assert!(kernel.term::<T, false>(x, t).is_nan() && kernel.term::<T, true>(x, t).is_nan());
    assert!(
        kernel.d_target::<T, false>(x, t).is_nan() && kernel.d_target::<T, true>(x, t).is_nan()
    );
    assert!(
        !kernel.d_input::<T, false>(x, t).is_nan() && !kernel.d_input::<T, true>(x, t).is_nan()
    );
    for x in [T::NAN, T::ONE, -T::INFINITY] {
        assert!(
            kernel.term::<T, true>(x, T::NAN).is_nan()
                && kernel.d_input::<T, true>(x, T::NAN).is_nan()
        );
        assert!(kernel.d_target::<T, true>(x, T::NAN).is_nan());
    }
}

#[test]
fn nan_comes_through_without_special_care() {
    nan_comes_through::<_, f32>(PROBABILITY);
    nan_comes_through::<_, f64>(PROBABILITY);
    nan_comes_through::<_, f32>(LOG_PROBABILITY);
    nan_comes_through::<_, f64>(LOG_PROBABILITY);
}

fn padding_is_neutral<K: Kernel, T: Real>(kernel: K) {
    let (x, t) = kernel.neutral::<T>();
    assert!(kernel.is_regular(x, t));
    assert!(kernel.term::<T, false>(x, t) == T::ZERO && kernel.term::<T, true>(x, t) == T::ZERO);
    assert!(
        kernel.d_input::<T, false>(x, t).abs() <= T::MAX
            && kernel.d_target::<T, true>(x, t).abs() <= T::MAX
    );
}

#[test]
fn padding_is_neutral_for_both_targets() {
    padding_is_neutral::<_, f32>(PROBABILITY);
    padding_is_neutral::<_, f64>(PROBABILITY);
    padding_is_neutral::<_, f32>(LOG_PROBABILITY);
    padding_is_neutral::<_, f64>(LOG_PROBABILITY);
    padding_is_neutral::<_, f32>(GENERALIZED_PROBABILITY);
    padding_is_neutral::<_, f64>(GENERALIZED_PROBABILITY);
    padding_is_neutral::<_, f32>(GENERALIZED_LOG_PROBABILITY);
    padding_is_neutral::<_, f64>(GENERALIZED_LOG_PROBABILITY);
    each_of_the_family(Neutral);
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
        let found = f64::from(PROBABILITY.term::<f32, false>(x, t));
        worst = worst.max((found - exact).abs() / f64::from(t));
    }
    assert!(worst < 1.5e-8, "{worst:e} · t");
}
