//! Each instruction set against the baseline.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use super::{all_bits, any_f64, random};
use crate::divergence::{
    GeneralizedLogProbability, GeneralizedProbability, LogProbability, Probability, Term,
};
use crate::elementwise::{
    Ahead, Chunk, Factor, d_input, d_target, terms, terms_added, terms_and_slopes, times,
};
use crate::exact::Adder;
use crate::number::Number;
use crate::number::WIDTH;
use crate::number::{Level, Real};

/// What every target and input is tried with now and then.
const SPECIAL: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1e-45,
    5e-324,
    1e-310,
    1e-39,
    -104.0,
    3.4e38,
    1e308,
];

fn usual<A: Number>(log: bool, count: usize, rng: &mut SmallRng) -> Vec<A> {
    let number = |_| if log { rng.random_range(-20.0..0.0) } else { rng.random_range(1e-30..1.0) };
    (0..count).map(number).map(A::narrow).collect()
}

fn special<A: Number>(log: bool, count: usize, rng: &mut SmallRng) -> Vec<A> {
    let mut numbers = usual(log, count, rng);
    for number in &mut numbers {
        match rng.random_range(0..4) {
            0 => *number = A::narrow(*SPECIAL.choose(rng).unwrap()),
            1 => *number = A::narrow(any_f64(rng)),
            _ => {}
        }
    }
    numbers
}

/// Probabilities, many of them 0.
fn sparse<A: Number>(count: usize, rng: &mut SmallRng) -> Vec<A> {
    let mut numbers = usual(false, count, rng);
    let zeros = numbers.iter_mut().filter(|_| rng.random());
    zeros.for_each(|number| *number = A::default());
    numbers
}

/// Terms in the order in which they are added.
#[derive(Default)]
struct Added<T>(Vec<T>);

impl<T: Copy + Default> Adder<T> for Added<T> {
    fn add(&mut self, terms: &[T; WIDTH]) {
        self.0.extend(terms);
    }
}

fn added<K: Term, A: Number<Real = A> + Real>(
    level: Level,
    input: &[A],
    target: &[A],
) -> Option<Vec<u64>> {
    let mut out = vec![A::default(); input.len()];
    let (chunk, result) = (Chunk { input, target }, |added: &Added<A>| all_bits(&added.0));
    terms_added::<K, A, Added<A>, _>(level, chunk, Ahead::NOTHING, &mut out, result)
}

/// Everything the kernel computes of a pair of slices.
fn all<K: Term, A: Number<Real = A> + Real>(
    level: Level,
    input: &[A],
    target: &[A],
) -> Vec<Vec<u64>> {
    let each: Vec<_> = (0..input.len()).map(|i| [0.0, -0.3, 1.0, 7e5][i % 4]).collect();
    let chunk = Chunk { input, target };
    // What is ahead is fetched and no more, however long it is.
    let ahead = Ahead::new([input, &target[..input.len() / 2], &[]], input);
    let mut results = vec![];
    let mut out = vec![A::default(); input.len()];
    let mut slopes = out.clone();
    terms::<K, A>(level, chunk, ahead, &mut out);
    results.push(all_bits(&out));
    terms_and_slopes::<K, A>(level, chunk, ahead, &mut out, &mut slopes);
    assert_eq!(all_bits(&out), results[0]);
    results.push(all_bits(&slopes));
    let factors = [Factor::Uniform(1.0 / 3.0), Factor::Uniform(-0.25), Factor::Uniform(0.0)];
    for factor in factors.into_iter().chain([Factor::Each(&each)]) {
        d_input::<K, A>(level, chunk, None, factor, &mut out);
        results.push(all_bits(&out));
        d_input::<K, A>(level, chunk, Some(&slopes), factor, &mut out);
        assert_eq!(all_bits(&out), results[results.len() - 1], "{factor:?}");
        d_target::<K, A>(level, chunk, factor, &mut out);
        results.push(all_bits(&out));
    }
    times(level, &mut out, target);
    results.push(all_bits(&out));
    results
}

fn levels_agree<K: Term, A: Number<Real = A> + Real>(log_target: bool) {
    let (levels, mut rng) = (Level::all(), random());
    for count in (1..=70).chain([1023, 1024]) {
        let pairs = [
            (usual(true, count, &mut rng), usual(log_target, count, &mut rng)),
            (usual(true, count, &mut rng), sparse(count, &mut rng)),
            (special(true, count, &mut rng), usual(log_target, count, &mut rng)),
            (special(true, count, &mut rng), special(log_target, count, &mut rng)),
        ];
        for (input, target) in pairs {
            let baseline = all::<K, A>(levels[0], &input, &target);
            for &level in &levels[1..] {
                let found = all::<K, A>(level, &input, &target);
                assert_eq!(found, baseline, "{level:?}, x = {input:?}, t = {target:?}");
            }
        }
    }
}

/// All terms are added, in their order, where nothing is strange: zeros among targets are not, where inputs are finite.
fn terms_are_added<K: Term, A: Number<Real = A> + Real>(log_target: bool) {
    let mut rng = random();
    for count in (0..=70).chain([1008, 1024]) {
        let input = usual::<A>(true, count, &mut rng);
        let targets = [usual(log_target, count, &mut rng), sparse(count, &mut rng)];
        for (mut target, level) in targets
            .into_iter()
            .flat_map(|target| Level::all().into_iter().map(move |level| (target.clone(), level)))
        {
            let term = |(&x, &t): (&A, &A)| K::term::<A, true>(x, t);
            let expected: Vec<_> = input.iter().zip(&target).map(term).collect();
            let mut terms = expected.clone();
            self::terms::<K, A>(
                level,
                Chunk { input: &input, target: &target },
                Ahead::NOTHING,
                &mut terms,
            );
            assert_eq!(all_bits(&terms), all_bits(&expected), "{level:?}, {count}");
            let possible = level.is_wide() && !K::IN_TWO_LOOPS && count.is_multiple_of(WIDTH);
            let expected = possible.then(|| all_bits(&expected));
            assert_eq!(added::<K, A>(level, &input, &target), expected, "{level:?}, {count}");
            for place in 0..count {
                let usual = std::mem::replace(&mut target[place], A::NAN);
                assert_eq!(added::<K, A>(level, &input, &target), None, "{level:?}, {place}");
                target[place] = usual;
            }
        }
    }
}

#[test]
fn terms_are_added_in_their_order() {
    terms_are_added::<Probability, f32>(false);
    terms_are_added::<Probability, f64>(false);
    terms_are_added::<LogProbability, f32>(true);
    terms_are_added::<LogProbability, f64>(true);
    terms_are_added::<GeneralizedProbability, f32>(false);
    terms_are_added::<GeneralizedLogProbability, f64>(true);
}

#[test]
fn levels_agree_on_probabilities() {
    levels_agree::<Probability, f32>(false);
    levels_agree::<Probability, f64>(false);
    levels_agree::<GeneralizedProbability, f32>(false);
    levels_agree::<GeneralizedProbability, f64>(false);
}

#[test]
fn levels_agree_on_log_probabilities() {
    levels_agree::<LogProbability, f32>(true);
    levels_agree::<LogProbability, f64>(true);
    levels_agree::<GeneralizedLogProbability, f32>(true);
    levels_agree::<GeneralizedLogProbability, f64>(true);
}
