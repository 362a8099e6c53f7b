//! Each instruction set against the baseline.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use super::{all_bits, any_f64, random};
use crate::divergence::Divergence;
use crate::elementwise::{Factors, Loops, Operands, Prefetch, multiply, with_loops};
use crate::number::Number;
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

/// Everything that the loops compute of a pair of slices.
fn all<A: Number<Real = A> + Real>(
    loops: &dyn Loops<A>,
    level: Level,
    input: &[A],
    target: &[A],
) -> Vec<Vec<u64>> {
    let each: Vec<_> = (0..input.len()).map(|i| [0.0, -0.3, 1.0, 7e5][i % 4]).collect();
    let zeros = vec![0.0; input.len()];
    let split: Vec<_> = each.iter().map(|&factor| [factor, 0.5]).collect();
    let chunk = Operands { input, target };
    // What is ahead is fetched and no more, however long it is.
    let ahead = Prefetch::new([input, &target[..input.len() / 2], input]);
    let mut results = vec![];
    let mut out = vec![A::default(); input.len()];
    let mut slopes = out.clone();
    loops.terms(level, chunk, ahead, &mut out);
    results.push(all_bits(&out));
    loops.terms_and_slopes(level, chunk, ahead, [&mut out, &mut slopes]);
    assert_eq!(all_bits(&out), results[0]);
    results.push(all_bits(&slopes));
    let factors = [Factors::Uniform(1.0 / 3.0), Factors::Uniform(-0.25), Factors::Each(&zeros)];
    for factor in factors.into_iter().chain([Factors::Each(&each), Factors::Split(&split)]) {
        multiply(level, chunk, &slopes, factor, &mut out);
        results.push(all_bits(&out));
        if !loops.is_d_input_costly() {
            loops.d_input(level, chunk, factor, &mut out);
            assert_eq!(all_bits(&out), results[results.len() - 1], "{factor:?}");
        }
        loops.d_target(level, chunk, factor, &mut out);
        results.push(all_bits(&out));
    }
    results
}

fn levels_agree<A: Number<Real = A> + Real>(loops: &dyn Loops<A>, log_target: bool) {
    let (levels, mut rng) = (Level::all(), random());
    for count in (1..=70).chain([1023, 1024]) {
        let pairs = [
            (usual(true, count, &mut rng), usual(log_target, count, &mut rng)),
            (usual(true, count, &mut rng), sparse(count, &mut rng)),
            (special(true, count, &mut rng), usual(log_target, count, &mut rng)),
            (special(true, count, &mut rng), special(log_target, count, &mut rng)),
        ];
        for (input, target) in pairs {
            let baseline = all::<A>(loops, levels[0], &input, &target);
            for &level in &levels[1..] {
                let found = all::<A>(loops, level, &input, &target);
                assert_eq!(found, baseline, "{level:?}, x = {input:?}, t = {target:?}");
            }
        }
    }
}

#[test]
fn levels_agree_on_every_divergence() {
    let family = [
        Divergence::Forward,
        Divergence::Reverse,
        Divergence::Symmetric(0.3),
        Divergence::Jeffreys,
        Divergence::JensenShannon(0.3),
        Divergence::JensenShannon(0.5),
        Divergence::Skew(0.1),
        Divergence::SkewReverse(0.1),
        Divergence::TotalVariation,
    ];
    for divergence in family {
        for (generalized, log_target) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            with_loops::<f32, _>(divergence, generalized, log_target, |loops| {
                levels_agree(loops, log_target)
            });
            with_loops::<f64, _>(divergence, generalized, log_target, |loops| {
                levels_agree(loops, log_target)
            });
        }
    }
}
