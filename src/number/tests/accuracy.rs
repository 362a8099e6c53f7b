//! How far from the exact value, and where farthest.

use std::fmt::{self, Debug};
use std::thread;

use crate::fixtures;
use crate::number::{Float, Level};

/// The largest error met, and the argument that gave it.
#[derive(Clone, Copy)]
pub struct Worst<T> {
    pub error: f64,
    pub input: T,
}

impl<T: Float> Worst<T> {
    pub fn none() -> Worst<T> {
        Worst { error: 0.0, input: T::ZERO }
    }

    /// Takes note; a NaN counts as an infinite error.
    #[inline]
    pub fn note(&mut self, error: f64, input: T) {
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if error > self.error {
            *self = Worst { error, input };
        }
    }

    /// Asserts that nothing is worse than what the page of the function says, and that the page is not out of date.
    pub fn assert_is(self, stated: Worst<T>) {
        assert!(
            (self.error / stated.error - 1.0).abs() < 1e-3,
            "the worst is {self:?}, {stated:?} is stated"
        );
    }

    /// Asserts that nothing is worse than what the page of the function says.
    pub fn assert_within(self, stated: Worst<T>) {
        assert!(self.error <= stated.error * 1.001, "{self:?}, only {stated:?} is stated");
    }
}

impl<T: Float> Debug for Worst<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4e} at {:e}", self.error, self.input.to_f64())
    }
}

/// The error in units of the last place of single precision, which is 2⁻¹⁴⁹ where the exact value is
/// subnormal; of ∞ and NaN, whether they are where they should be.
#[inline(always)]
pub fn f32_ulps(found: f64, exact: f64) -> f64 {
    let (single, rounded) = (found as f32, exact as f32);
    let power = f64::from_bits(exact.to_bits() & 0x7ff << 52);
    let least = f64::from(f32::MIN_POSITIVE);
    let place = (if power > least { power } else { least }) * f64::from(f32::EPSILON);
    let finite = (single.abs() <= f32::MAX) & (rounded.abs() <= f32::MAX);
    let same = (single == rounded) | (single.is_nan() & rounded.is_nan());
    let special = if same { 0.0 } else { f64::INFINITY };
    if finite { (found - exact).abs() / place } else { special }
}

/// How many are computed at a time.
const MANY: usize = 1024;

/// The worst of every `step`th of all 2³² arguments, by each of the errors that `errors` gives of an argument.
pub fn over_all_f32<const N: usize>(
    step: usize,
    errors: impl Fn(f32) -> [f64; N] + Sync,
) -> [Worst<f32>; N] {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = |thread: u64| {
        let (from, to) = ((thread << 32) / threads, ((thread + 1) << 32) / threads);
        let mut worst = [Worst::none(); N];
        for first in (from..to).step_by(MANY * step) {
            let bits = |i| (first + (i * step) as u64).min(to - 1) as u32;
            over_some_f32(&std::array::from_fn(|i| f32::from_bits(bits(i))), &errors, &mut worst);
        }
        worst
    };
    let shares: Vec<_> = thread::scope(|scope| {
        let share = &share;
        let start = |thread| scope.spawn(move || share(thread));
        let running: Vec<_> = (0..threads).map(start).collect();
        running.into_iter().map(|share| share.join().unwrap()).collect()
    });
    shares.into_iter().fold([Worst::none(); N], |mut worst, share| {
        worst.iter_mut().zip(share).for_each(|(worst, share)| worst.note(share.error, share.input));
        worst
    })
}

fn over_some_f32<const N: usize>(
    inputs: &[f32; MANY],
    errors: &impl Fn(f32) -> [f64; N],
    worst: &mut [Worst<f32>; N],
) {
    let found = Level::best().run(
        #[inline(always)]
        || {
            let mut found = [[0.0; MANY]; N];
            for i in 0..MANY {
                // Not `errors(…)`: a call by reference would not be compiled for the level.
                let errors = (*errors)(inputs[i]);
                for n in 0..N {
                    found[n][i] = errors[n];
                }
            }
            found
        },
    );
    for (worst, found) in worst.iter_mut().zip(&found) {
        let news =
            found.iter().fold(false, |news, &error| news | error.is_nan() | (error > worst.error));
        if news {
            found.iter().zip(inputs).for_each(|(&error, &input)| worst.note(error, input));
        }
    }
}

/// The worst, in units of the last place, of the arguments in `tests/fixtures/elementary.npz`.
pub fn over_fixtures(name: &str, function: impl Fn(f64) -> (f64, f64)) -> Worst<f64> {
    let mut worst = Worst::none();
    for [input, rounded, left_over] in fixtures::elementary(name) {
        let (hi, lo) = function(input);
        let sum = hi + lo;
        let rounding = lo - (sum - hi);
        let place = f64_place(rounded);
        let error = if sum == rounded && sum.is_infinite() {
            0.0
        } else {
            ((sum - rounded) / place + (rounding / place - left_over)).abs()
        };
        worst.note(error, input);
    }
    worst
}

/// The distance to the next number.
pub fn f64_place(value: f64) -> f64 {
    let next = f64::from_bits(value.abs().to_bits() + 1);
    next - value.abs()
}
