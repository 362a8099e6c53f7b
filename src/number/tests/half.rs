//! Conversions of 16-bit numbers: all of them widened, and narrowed at every boundary between two.

use half::{bf16, f16};
use rand::Rng;

use super::{any_f32, any_f64, bits, random};
use crate::number::Level;
use crate::number::Number;

/// A 16-bit format, as the crate `half` converts it.
trait Format: Number<Real = f32> {
    const INFINITY: u16;
    fn of(bits: u16) -> Self;
    fn code(self) -> u16;
    fn rounded(value: f64) -> Self;
    fn exact(self) -> f64;
}

impl Format for f16 {
    const INFINITY: u16 = 0x7c00;
    fn of(bits: u16) -> f16 {
        f16::from_bits(bits)
    }
    fn code(self) -> u16 {
        self.to_bits()
    }
    fn rounded(value: f64) -> f16 {
        f16::from_f64_const(value)
    }
    fn exact(self) -> f64 {
        self.to_f64_const()
    }
}

impl Format for bf16 {
    const INFINITY: u16 = 0x7f80;
    fn of(bits: u16) -> bf16 {
        bf16::from_bits(bits)
    }
    fn code(self) -> u16 {
        self.to_bits()
    }
    fn rounded(value: f64) -> bf16 {
        bf16::from_f64_const(value)
    }
    fn exact(self) -> f64 {
        self.to_f64_const()
    }
}

/// The nearest by comparison with the middle of two neighbours, which is exact in `f64`. (The crate's own
/// rounding goes through `f32`, or leaves out the low half of an `f64`.)
fn nearest<F: Format>(value: f64) -> u16 {
    let (mut below, mut above) = (0, F::INFINITY);
    while above - below > 1 {
        let between = below + (above - below) / 2;
        let less = F::of(between).exact() <= value.abs();
        (below, above) = if less { (between, above) } else { (below, between) };
    }
    let distance = middle::<F>(below) - value.abs();
    let up = distance < 0.0 || distance == 0.0 && below % 2 == 1;
    below + u16::from(up) + (u16::from(value.is_sign_negative()) << 15)
}

/// Between a number and the next, which for the largest is what would be next with a larger exponent.
fn middle<F: Format>(code: u16) -> f64 {
    let (number, before) = (F::of(code).exact(), F::of(code.saturating_sub(1)).exact());
    match F::of(code + 1).exact() {
        f64::INFINITY => number + (number - before) / 2.0,
        next => number + (next - number) / 2.0,
    }
}

fn same<F: Format>(value: f64) {
    let ours = F::narrow(value);
    if value.is_nan() {
        assert!(ours.exact().is_nan(), "{ours}");
        return;
    }
    assert_eq!(ours.code(), nearest::<F>(value), "{value:e}: {ours}");
    let short = f64::from_bits(value.to_bits() & !0xffff_ffff);
    assert_eq!(F::narrow(short).code(), F::rounded(short).code(), "{short:e}, as the crate");
}

fn every_number_is_widened_exactly_and_narrowed_back<F: Format>() {
    for code in 0..=u16::MAX {
        let number = F::of(code);
        let (ours, exact) = (number.widen(), number.exact());
        assert_eq!(bits(f64::from(ours)), bits(exact), "{code:04x}: {ours:e}, not {exact:e}");
        assert_eq!(ours.is_sign_negative(), exact.is_sign_negative(), "{code:04x}");
        let back = F::narrow(exact);
        assert!(back.code() == code || exact.is_nan() && back.exact().is_nan(), "{code:04x}");
        assert_eq!(back.exact().is_sign_negative(), exact.is_sign_negative(), "{code:04x}");
    }
}

#[test]
fn every_16_bit_number_is_widened_exactly_and_narrowed_back() {
    every_number_is_widened_exactly_and_narrowed_back::<f16>();
    every_number_is_widened_exactly_and_narrowed_back::<bf16>();
}

/// At and beside every number and every middle between two: what is rounded twice goes wrong there.
fn boundaries_are_rounded_once<F: Format>() {
    for code in 0..F::INFINITY {
        for value in [F::of(code).exact(), middle::<F>(code)] {
            for by in [f64::EPSILON, 1e-12, 1e-8] {
                for value in [value, value * (1.0 + by), value * (1.0 - by)] {
                    same::<F>(value);
                    same::<F>(-value);
                }
            }
        }
    }
}

#[test]
fn boundaries_are_rounded_once_and_to_even() {
    boundaries_are_rounded_once::<f16>();
    boundaries_are_rounded_once::<bf16>();
}

fn any_number_is_rounded<F: Format>() {
    let mut rng = random();
    for _ in 0..300_000 {
        same::<F>(any_f64(&mut rng));
        let exponent = rng.random_range(-140..132);
        same::<F>(rng.random_range(-2.0..2.0) * 2_f64.powi(exponent));
        same::<F>(rng.random_range(-2.0..2.0) * 2_f64.powi(exponent / 5));
    }
    let small = [5e-324, f64::MIN_POSITIVE, 1e-310, f64::from(f32::from_bits(1))];
    let large = [f64::MAX, f64::INFINITY, f64::NAN, 65519.999, 65520.0, 65536.0, 3.4e38, 3.4e39];
    let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
    for value in small.into_iter().chain(large).chain([0.0, signalling]) {
        same::<F>(value);
        same::<F>(-value);
    }
}

#[test]
fn any_number_is_narrowed_to_the_nearest() {
    any_number_is_rounded::<f16>();
    any_number_is_rounded::<bf16>();
}

/// By the machine as by the formula, on every instruction set.
fn groups_are_converted_as_single_numbers<F: Format>() {
    let mut rng = random();
    let codes: Vec<u16> = (0..=u16::MAX).collect();
    let middles = (0..F::INFINITY).map(|code| middle::<F>(code) as f32);
    let beside = middles.flat_map(|value| [value, value.next_up(), -value.next_down()]);
    let values: Vec<f32> = beside.chain((0..100_000).map(|_| any_f32(&mut rng))).collect();
    let same = |found: F, expected: F| {
        found.code() == expected.code() || found.exact().is_nan() && expected.exact().is_nan()
    };
    for level in Level::all() {
        for codes in codes.as_chunks::<32>().0 {
            let numbers = codes.map(F::of);
            for (wide, number) in F::widen_all(level, &numbers).into_iter().zip(numbers) {
                assert_eq!(bits(wide), bits(number.widen()), "{level:?}: {number}");
            }
        }
        for values in values.as_chunks::<19>().0 {
            for factor in [1.0, 0.25, 2_f64.powi(-20), 1.0 / 3.0, 2_f64.powi(-130), 1e30] {
                let mut products = [F::default(); 19];
                F::multiply(level, values, factor, &mut products);
                for (found, &value) in products.into_iter().zip(values) {
                    let expected = F::narrow(f64::from(value) * factor);
                    assert!(same(found, expected), "{level:?}: {value:e} times {factor:e}");
                }
            }
        }
    }
}

#[test]
fn groups_are_converted_as_single_numbers_are() {
    groups_are_converted_as_single_numbers::<f16>();
    groups_are_converted_as_single_numbers::<bf16>();
}

/// From single precision, without a way through `f64`.
fn single_numbers_are_rounded<F: Format>() {
    let mut rng = random();
    let singles = (0..300_000).map(|_| any_f32(&mut rng));
    let middles = (0..F::INFINITY).map(|code| middle::<F>(code) as f32);
    let beside = middles.flat_map(|single| [single, single.next_up(), single.next_down()]);
    for single in singles.chain(beside).flat_map(|single| [single, -single]) {
        let (ours, expected) = (F::round(single), F::narrow(single.into()));
        let same = ours.code() == expected.code();
        assert!(same || single.is_nan() && ours.exact().is_nan(), "{single:e}");
    }
}

#[test]
fn single_numbers_are_rounded_to_the_nearest() {
    single_numbers_are_rounded::<f16>();
    single_numbers_are_rounded::<bf16>();
}
