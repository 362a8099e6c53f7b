//! The accumulator against a naive big integer, and its laws.

mod naive;
mod wide;

use naive::Naive;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::ExactSum;
use super::span::{DIGIT_BITS, SUM_BLOCK};
use crate::number::{Float, Level};

fn random() -> SmallRng {
    SmallRng::seed_from_u64(1951)
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

fn sum(numbers: &[f64]) -> ExactSum {
    let mut sum = ExactSum::default();
    numbers.iter().for_each(|&number| sum.add(number));
    sum
}

/// A finite number of exponent `from..to`, subnormal where that is below −1022.
fn number(from: i32, to: i32, rng: &mut SmallRng) -> f64 {
    let significand = 1.0 + rng.random::<f64>();
    let sign = if rng.random() { 1.0 } else { -1.0 };
    let exponent = rng.random_range(from..to);
    sign * significand * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

fn numbers(count: usize, from: i32, to: i32, rng: &mut SmallRng) -> Vec<f64> {
    (0..count).map(|_| number(from, to, rng)).collect()
}

fn assert_rounds_like_naive(numbers: &[f64]) {
    let naive = Naive::sum(numbers);
    assert_eq!(bits(sum(numbers).value()), bits(naive), "Σ {numbers:?} should be {naive:e}");
}

#[test]
fn any_numbers() {
    let mut rng = random();
    for (from, to) in [(-1074, 1024), (-1074, -1000), (-60, 60), (960, 1024), (-3, 3)] {
        for count in 0..200 {
            assert_rounds_like_naive(&numbers(count, from, to, &mut rng));
        }
    }
    let subnormal = |rng: &mut SmallRng| f64::from_bits(rng.random_range(0..1 << 52));
    for count in 0..200 {
        let numbers: Vec<_> = (0..count).map(|_| subnormal(&mut rng)).collect();
        assert_rounds_like_naive(&numbers);
    }
}

/// What fits an integer of 128 bits is read out of it, with the bits that limbs would give.
#[test]
fn short_sums_are_what_long_ones_are() {
    let mut rng = random();
    let mut short = [0; 2];
    for (from, to) in [(-1074, -1000), (-30, 30), (-3, 3), (900, 960), (-80, 80)] {
        for count in 0..200 {
            let sum = sum(&numbers(count, from, to, &mut rng));
            let value = sum.short_value();
            short[usize::from(value.is_some())] += 1;
            if let Some(value) = value {
                assert_eq!(bits(value), bits(sum.long_value()), "{sum:?}");
            }
        }
    }
    assert!(short.iter().all(|&count| count > 100), "{short:?}");
}

/// What is left when everything large has gone.
#[test]
fn cancellation() {
    let mut rng = random();
    for round in 0..300 {
        let large = numbers(20, -1000, 1020, &mut rng);
        let left = number(-1074, 1000, &mut rng);
        let mut all: Vec<_> = large.iter().flat_map(|&number| [number, -number]).collect();
        all.push(left);
        all.shuffle(&mut rng);
        assert_eq!(sum(&all).value().to_bits(), left.to_bits(), "round {round}");
        all.extend(numbers(3, -1074, -900, &mut rng));
        assert_rounds_like_naive(&all);
    }
    assert_eq!(sum(&[1e300, 1.0, -1e300]).value(), 1.0);
    assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).value(), f64::MAX);
    assert_eq!(sum(&[f64::MAX, f64::from_bits(1), -f64::MAX]).value(), f64::from_bits(1));
}

/// Halves of the last place go to even, and anything below them decides, however small.
#[test]
fn ties() {
    let mut rng = random();
    for exponent in (-1021..1023).step_by(7).chain([-1021, -1022, -1020, 1022, 1023]) {
        for _ in 0..4 {
            let whole = number(exponent, exponent + 1, &mut rng);
            let place = whole.abs().next_up() - whole.abs();
            let half = if place > f64::from_bits(1) { place / 2.0 } else { 0.0 };
            for tie in [half, -half, half / 2.0, 1.5 * half] {
                assert_rounds_like_naive(&[whole, tie]);
                for below in [half / 2f64.powi(60), half / 2f64.powi(500), f64::from_bits(1)] {
                    assert_rounds_like_naive(&[whole, tie, below]);
                    assert_rounds_like_naive(&[whole, tie, -below]);
                }
            }
        }
    }
    assert_eq!(sum(&[1.0, f64::EPSILON / 2.0]).value(), 1.0);
    assert_eq!(sum(&[1.0 + f64::EPSILON, f64::EPSILON / 2.0]).value(), 1.0 + 2.0 * f64::EPSILON);
    let one_up = sum(&[1.0, f64::EPSILON / 2.0, f64::from_bits(1)]).value();
    assert_eq!(one_up, 1.0 + f64::EPSILON);
}

#[test]
fn overflow() {
    let half_place = 2f64.powi(970);
    for sign in [1.0, -1.0] {
        assert_eq!(sum(&[sign * f64::MAX, sign * half_place]).value(), sign * f64::INFINITY);
        let below = [sign * f64::MAX, sign * half_place, -sign * f64::from_bits(1)];
        assert_eq!(sum(&below).value(), sign * f64::MAX);
        assert_eq!(sum(&[sign * f64::MAX; 1000]).value(), sign * f64::INFINITY);
    }
    let mut all = vec![f64::MAX; 1000];
    all.extend([-f64::MAX; 1000]);
    assert_eq!(sum(&all).value(), 0.0);
}

#[test]
fn specials() {
    let value = |numbers: &[f64]| bits(sum(numbers).value());
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for others in [&[][..], &[1.0, -f64::MAX], &[f64::MAX, f64::MAX], &[-f64::MAX, -f64::MAX]] {
        let with = |special: &[f64]| value(&[others, special, others].concat());
        assert_eq!(with(&[inf]), bits(inf));
        assert_eq!(with(&[-inf]), bits(-inf));
        assert_eq!(with(&[inf, inf]), bits(inf));
        assert_eq!(with(&[inf, -inf]), bits(nan));
        assert_eq!(with(&[nan]), bits(nan));
        assert_eq!(with(&[-nan, inf]), bits(nan));
    }
    assert_eq!(value(&[]), 0);
    assert_eq!(value(&[-0.0, 0.0, -0.0]), 0);
    assert_eq!(value(&[1.0, -1.0]), 0);
}

#[test]
fn merging_at_every_split_and_in_any_order() {
    let mut rng = random();
    for (from, to) in [(-1074, 1024), (-30, 30)] {
        let mut numbers = numbers(80, from, to, &mut rng);
        let expected = sum(&numbers).value().to_bits();
        for split in 0..=numbers.len() {
            let (head, tail) = numbers.split_at(split);
            for (first, second) in [(head, tail), (tail, head)] {
                let mut merged = sum(first);
                merged.merge(&sum(second));
                assert_eq!(merged.value().to_bits(), expected, "split at {split}");
            }
        }
        for _ in 0..50 {
            numbers.shuffle(&mut rng);
            let mut merged = ExactSum::default();
            for chunk in numbers.chunks(rng.random_range(1..20)) {
                merged.merge(&sum(chunk));
                merged.merge(&ExactSum::default());
            }
            assert_eq!(merged.value().to_bits(), expected);
        }
    }
    let mut merged = sum(&[f64::INFINITY]);
    merged.merge(&sum(&[1.0]));
    assert_eq!(merged.value(), f64::INFINITY);
    merged.merge(&sum(&[f64::NEG_INFINITY]));
    assert!(merged.value().is_nan());
}

/// Carries are brought on before a limb is full, and change nothing.
#[test]
fn carries() {
    let mut sum = ExactSum::default();
    let mut one = ExactSum::default();
    one.add(f64::from_bits(0xffff_ffff));
    for _ in 0..40 {
        sum.merge(&one);
        one = {
            let mut twice = one.clone();
            twice.merge(&one);
            twice
        };
    }
    let expected = 4_294_967_295.0 * (2f64.powi(40) - 1.0);
    assert_eq!(sum.value() / f64::from_bits(1), expected);
}

#[test]
fn times_is_repeated_addition() {
    let mut rng = random();
    for round in 0..200 {
        let mut numbers = numbers(round % 7, -1074, 1000, &mut rng);
        numbers.iter_mut().for_each(|number| *number = number.abs());
        let count = rng.random_range(0..12);
        let repeated = sum(&numbers.repeat(count)).value();
        assert_eq!(sum(&numbers).times(count as u64).value().to_bits(), repeated.to_bits());
    }
    assert_eq!(sum(&[0.1, 1e-300]).times(1 << 40).value(), 0.1 * 2f64.powi(40));
    assert_eq!(sum(&[f64::from_bits(1)]).times(1 << 63).value(), 2f64.powi(63 - 1074));
    assert!(sum(&[f64::NAN]).times(2).value().is_nan());
}

/// Exactly: also what rounding would hide, since taking the numbers off again leaves nothing.
fn assert_block_is_each<T: Float>(block: &[T]) {
    let numbers: Vec<_> = block.iter().map(|number| number.to_f64()).collect();
    let taken_off: Vec<_> = numbers.iter().map(|number| -number).collect();
    let (expected, nothing) =
        (sum(&numbers).value(), sum(&[numbers, taken_off.clone()].concat()).value());
    for level in Level::all() {
        let mut at_once = ExactSum::default();
        at_once.add_block(level, block);
        let found = at_once.value();
        assert_eq!(
            bits(found),
            bits(expected),
            "{level:?}: {found:e}, not {expected:e}: {block:?}"
        );
        at_once.merge(&sum(&taken_off));
        let left = at_once.value();
        assert_eq!(bits(left), bits(nothing), "{level:?}: {left:e} is left of {block:?}");
    }
}

const LENGTHS: [usize; 13] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 100, 1023, 1024, SUM_BLOCK];

fn blocks<T: Float>() {
    let mut rng = random();
    let log2 = |number: T| number.to_f64().log2().floor() as i32;
    let (least, low, most) = (log2(T::TINY), log2(T::MIN_POSITIVE), log2(T::MAX));
    for top in [least + 1, low, low + 40, 0, most - 2, most - 1, most, most + 1] {
        // From one digit to more than there are, and where blocks of f32 cease to be exact in f64.
        for span in (1..8 * DIGIT_BITS).step_by(9).chain(17..22) {
            for length in LENGTHS {
                let from = (top - span).clamp(least, top - 1);
                let mut block: Vec<_> =
                    numbers(length, from, top, &mut rng).into_iter().map(T::from_f64).collect();
                assert_block_is_each(&block);
                for number in &mut block {
                    match rng.random_range(0..4) {
                        0 => *number = T::ZERO,
                        1 => *number = -T::ZERO,
                        _ => {}
                    }
                }
                assert_block_is_each(&block);
            }
        }
    }
}

#[test]
fn blocks_of_f32_are_their_elements() {
    blocks::<f32>();
}

/// Rounded to the last place of the first digit, that is 2¹⁰²², where 1.5·2¹⁰²³ more overflows.
#[test]
fn blocks_of_the_greatest_number_of_its_exponent() {
    let great = f64::from_bits(0x7fcf_ffff_ffff_ffff);
    for count in [1, 2, SUM_BLOCK] {
        assert_block_is_each(&vec![great; count]);
        assert_block_is_each(&vec![-great; count]);
    }
}

#[test]
fn blocks_of_f64_are_their_elements() {
    blocks::<f64>();
}

fn extreme_blocks<T: Float>() {
    let mut rng = random();
    let all_ones = T::from_f64(2f64.powi(T::DIGITS) - 1.0);
    for number in [T::ONE, T::MAX, T::MIN_POSITIVE, all_ones, T::ZERO] {
        for length in LENGTHS {
            // All of one sign and as large as they can be: the integers add up to the most there is.
            assert_block_is_each(&vec![number; length]);
            assert_block_is_each(&vec![-number; length]);
        }
        for place in 0..40 {
            for special in [T::INFINITY, -T::INFINITY, T::NAN, T::MAX, T::MIN_POSITIVE, -T::ZERO] {
                let mut block = vec![number; 40];
                block[place] = special;
                assert_block_is_each(&block);
                block[rng.random_range(0..40)] = -special;
                assert_block_is_each(&block);
            }
        }
    }
}

#[test]
fn blocks_of_extremes() {
    extreme_blocks::<f32>();
    extreme_blocks::<f64>();
}
