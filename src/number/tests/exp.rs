use rand::Rng;

use super::accuracy::{Worst, f32_ulps, over_all_f32, over_fixtures};
use super::{any_f32, any_f64, bits, random};
use crate::number::{Exp, exp, exp_of_normal};

/// The worst found, in ulp.
const F32: Worst<f32> = Worst { error: 0.918_89, input: 59.294_106 };
const F64: Worst<f64> = Worst { error: 0.907_52, input: -3.823_469_864_266_092_3 };

#[inline(always)]
fn error(y: f32, exact: f64) -> [f64; 1] {
    [f32_ulps(f64::from(exp(y)), exact)]
}

/// Against double precision as computed here, which takes a fraction of the time of the system's; that
/// is tested against mpmath, and the two against each other.
#[test]
#[ignore = "exhaustive: run by .ci/run in release"]
fn every_f32() {
    let [worst] = over_all_f32(
        1,
        #[inline(always)]
        |y| error(y, exp(f64::from(y))),
    );
    worst.assert_is(F32);
}

#[test]
fn every_4099th_f32() {
    let [worst] = over_all_f32(4099, |y| error(y, f64::from(y).exp()));
    worst.assert_within(F32);
}

#[test]
fn the_worst_f32_is_where_it_is_stated() {
    let [error] = error(F32.input, f64::from(F32.input).exp());
    Worst { error, ..F32 }.assert_is(F32);
    const { assert!(F32.error <= 1.0) };
}

#[test]
fn f64_against_mpmath() {
    over_fixtures("exp", |y| (exp(y), 0.0)).assert_is(F64);
    const { assert!(F64.error <= 2.0) };
}

fn specials<T: Exp>() {
    let is = |y: T, expected: T| assert_eq!(bits(exp(y)), bits(expected), "exp({y:?})");
    is(-T::INFINITY, T::ZERO);
    is(-T::MAX, T::ZERO);
    is(T::ZERO, T::ONE);
    is(-T::ZERO, T::ONE);
    is(T::MIN_POSITIVE, T::ONE);
    is(-T::MIN_POSITIVE, T::ONE);
    is(T::MAX, T::INFINITY);
    is(T::INFINITY, T::INFINITY);
    is(T::NAN, T::NAN);
    is(-T::NAN, T::NAN);
}

/// A NaN is one whatever its other bits are.
#[test]
fn payloads() {
    for payload in [1, 2, 0x7f, 0x80, 0x3f_ffff] {
        for sign in [0, 1] {
            assert!(exp(f32::from_bits(0x7fc0_0000 | payload | sign << 31)).is_nan());
            let quiet = 0x7ff8_0000_0000_0000 | u64::from(payload) | u64::from(sign) << 63;
            assert!(exp(f64::from_bits(quiet)).is_nan());
        }
    }
}

#[test]
fn specials_of_both_precisions() {
    specials::<f32>();
    specials::<f64>();
}

/// The last arguments before ∞ and 0, and the first of them; each decided by the exact value.
#[test]
fn ends_of_the_range() {
    assert!(exp(f32::HIGHEST).is_finite() && exp(f64::HIGHEST).is_finite());
    assert_eq!(exp(f32::HIGHEST.next_up()), f32::INFINITY);
    assert_eq!(exp(f64::HIGHEST.next_up()), f64::INFINITY);
    assert_eq!(exp(-103.972_07_f32), f32::from_bits(1));
    assert_eq!(exp(-103.972_1_f32), 0.0);
    assert_eq!(exp(-745.133_219_101_941_1), f64::from_bits(1));
    assert_eq!(exp(-745.133_219_101_941_2), 0.0);
    assert!(exp(f32::LOWEST).is_normal() && exp(f64::LOWEST).is_normal());
}

fn same<T: Exp>(y: T) {
    assert_eq!(bits(exp_of_normal(y)), bits(exp(y)), "exp({y:?})");
}

#[test]
fn normal_results_need_no_special_care() {
    let mut rng = random();
    for _ in 0..200_000 {
        let (small, tiny) = (any_f32(&mut rng), any_f64(&mut rng));
        same(if small.abs() < 80.0 { small } else { 0.0 });
        same(if tiny.abs() < 700.0 { tiny } else { 0.0 });
        same(rng.random_range(f32::LOWEST..=f32::HIGHEST));
        same(rng.random_range(f64::LOWEST..=f64::HIGHEST));
    }
    for ends in 0..1000 {
        same(f32::from_bits(f32::LOWEST.to_bits() - ends));
        same(f64::from_bits(f64::LOWEST.to_bits() - u64::from(ends)));
        same(f32::from_bits(f32::HIGHEST.to_bits() - ends));
        same(f64::from_bits(f64::HIGHEST.to_bits() - u64::from(ends)));
    }
}
