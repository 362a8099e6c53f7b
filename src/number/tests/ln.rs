use rand::Rng;

use crate::number::ln::ln;

use super::accuracy::{Worst, f32_ulps, f64_place, over_all_f32, over_fixtures};
use super::{any_f32, any_f64, bits, random};
use crate::fixtures;
use crate::number::ln::ln_of_any;
use crate::number::{Ln, ln_of_normal, log_ratio_of_any, log_ratio_of_normal};

/// The worst found of ln, in ulp.
const F32: Worst<f32> = Worst { error: 0.944_03, input: 0.673_819_54 };
const F64: Worst<f64> = Worst { error: 0.905_57, input: 0.707_087_042_444_238_7 };
/// The worst found of the unevaluated pair: in ulp of ln t, and as it is.
const F32_PAIR: [Worst<f32>; 2] = [
    Worst { error: 0.444_17, input: 1.334_003_1 },
    Worst { error: 1.3961e-8, input: 0.020_838_764 },
];
const F64_PAIR: Worst<f64> = Worst { error: 0.415_92, input: 0.706_962_566_209_146_4 };

/// The worst found of ln t − x: in ulp of ln t at x = 0, and as it is at x = ln t rounded.
const F32_RATIO: [Worst<f32>; 2] = [
    Worst { error: 1.707_9, input: 2.700_790_6 },
    Worst { error: 1.3961e-8, input: 0.020_838_764 },
];
const F64_RATIO: [Worst<f64>; 2] = [
    Worst { error: 1.502_93, input: 54.437_374_051_203_42 },
    Worst { error: 2.3554e-17, input: 0.005_479_472_422_553_065 },
];

/// The errors of ln t in ulp, of hi + lo in ulp and as it is, and of ln t − x at x = 0 and near ln t.
#[inline(always)]
fn errors(t: f32, exact: f64) -> [f64; 5] {
    let (hi, lo) = ln_of_any(t);
    let pair = f64::from(hi) + f64::from(lo);
    let apart = |found: f64, exact: f64| {
        if exact.abs() <= f64::MAX { (found - exact).abs() } else { 0.0 }
    };
    let x = exact as f32;
    let (far, near) = (log_ratio_of_any(0.0, t), log_ratio_of_any(x, t));
    [
        f32_ulps(f64::from(ln(t)), exact),
        f32_ulps(pair, exact),
        apart(pair, exact),
        f32_ulps(f64::from(far), exact),
        apart(f64::from(near), exact - f64::from(x)),
    ]
}

const STATED: [Worst<f32>; 5] = [F32, F32_PAIR[0], F32_PAIR[1], F32_RATIO[0], F32_RATIO[1]];

/// Against double precision as computed here, which takes a fraction of the time of the system's; that
/// is tested against mpmath, and the two against each other.
#[test]
#[ignore = "exhaustive: run by .ci/run in release"]
fn every_f32() {
    let found = over_all_f32(
        1,
        #[inline(always)]
        |t| errors(t, ln(f64::from(t))),
    );
    found.into_iter().zip(STATED).for_each(|(found, stated)| found.assert_is(stated));
}

#[test]
fn every_4099th_f32() {
    let found = over_all_f32(4099, |t| errors(t, f64::from(t).ln()));
    found.into_iter().zip(STATED).for_each(|(found, stated)| found.assert_within(stated));
}

#[test]
fn the_worst_f32_is_where_it_is_stated() {
    for (which, stated) in STATED.into_iter().enumerate() {
        let error = errors(stated.input, f64::from(stated.input).ln())[which];
        Worst { error, ..stated }.assert_is(stated);
    }
    const { assert!(F32.error <= 1.0) };
}

#[test]
fn f64_against_mpmath() {
    over_fixtures("ln", |t| (ln(t), 0.0)).assert_is(F64);
    over_fixtures("ln", ln_of_any).assert_is(F64_PAIR);
    over_fixtures("ln", |t| (log_ratio_of_any(0.0, t), 0.0)).assert_is(F64_RATIO[0]);
    let mut near = Worst::none();
    for [t, x, left_over] in fixtures::elementary("ln").into_iter().filter(|row| row[0] < f64::MAX)
    {
        near.note((log_ratio_of_any(x, t) - left_over * f64_place(x)).abs(), t);
    }
    near.assert_is(F64_RATIO[1]);
    const { assert!(F64.error <= 2.0) };
}

fn specials<T: Ln>() {
    let is = |t: T, expected: T| {
        assert_eq!(bits(ln(t)), bits(expected), "ln({t:?})");
        let (hi, lo) = ln_of_any(t);
        assert_eq!(
            (bits(hi), lo == T::ZERO),
            (bits(expected), true),
            "ln({t:?}) = {hi:?} + {lo:?}"
        );
    };
    is(T::ZERO, -T::INFINITY);
    is(-T::ZERO, -T::INFINITY);
    is(T::INFINITY, T::INFINITY);
    is(T::ONE, T::ZERO);
    for negative in [T::MIN_POSITIVE, T::ONE, T::MAX, T::INFINITY] {
        is(-negative, T::NAN);
    }
    is(T::NAN, T::NAN);
    is(-T::NAN, T::NAN);
}

#[test]
fn specials_of_both_precisions() {
    specials::<f32>();
    specials::<f64>();
    for (f32, f64) in [(f32::from_bits(1), f64::from_bits(1)), (-1e-45, -5e-324)] {
        assert_eq!(ln(f32).is_nan(), f32 < 0.0);
        assert_eq!(ln(f64).is_nan(), f64 < 0.0);
    }
}

fn same_pair<T: Ln>(t: T) {
    let ((hi, lo), (any_hi, any_lo)) = (ln_of_normal(t), ln_of_any(t));
    assert_eq!([bits(hi), bits(lo)], [bits(any_hi), bits(any_lo)], "ln({t:?})");
    for x in [T::ZERO, hi, -T::ONE, T::MAX, -T::INFINITY] {
        let (ratio, any) = (log_ratio_of_normal(x, t), log_ratio_of_any(x, t));
        assert_eq!(bits(ratio), bits(any), "ln({t:?}) − {x:?}");
    }
}

#[test]
fn normal_numbers_need_no_special_care() {
    let mut rng = random();
    for _ in 0..200_000 {
        same_pair(Some(any_f32(&mut rng).abs()).filter(|t| t.is_normal()).unwrap_or(1.0));
        same_pair(Some(any_f64(&mut rng).abs()).filter(|t| t.is_normal()).unwrap_or(1.0));
        same_pair(rng.random_range(0.5..2.0f32));
        same_pair(rng.random_range(0.5..2.0f64));
    }
    for t in [f32::MIN_POSITIVE, f32::MAX, f32::LOW, f32::LOW.next_down(), 2.0 * f32::LOW] {
        same_pair(t);
    }
    for t in [f64::MIN_POSITIVE, f64::MAX, f64::LOW, f64::LOW.next_down(), 2.0 * f64::LOW] {
        same_pair(t);
    }
}
