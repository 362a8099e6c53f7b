//! ln q = (z − max z)/τ − ln S of a block of logits, and what is made of it and the slopes of the terms.

use super::contribution::exp_or_zero;
use super::shift::normal_rate;
use super::{Factors, Settings};
use super::{Row, WIDTH, each_row, filled, narrow_row, padded};
use crate::elementwise::{Operands, TILE, fetch};
use crate::number::{Level, Number, Real, exp, ln_of_normal, reduced, tree};

/// So many weights are added in the computing type, 16 side by side, before their sums are added in `f64`.
const EARLY: usize = 8 * WIDTH;

/// What ln q is computed with, for the lane at each position.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct LogSoftmax<T> {
    settings: Settings,
    /// Two numbers whose product is 4/τ.
    rate: [T; 2],
    /// max z/4: no difference of two quarters overflows.
    peak: Row<T>,
    /// ln S, rounded.
    log: Row<T>,
    /// What `log` lacks of ln S.
    rest: Row<T>,
}

impl<T: Real> LogSoftmax<T> {
    pub fn new(settings: Settings) -> Self {
        let [rate, rest] = normal_rate::<T>(settings.rates.common);
        let row = [T::ZERO; WIDTH];
        let rate = [rate, rest * T::from_f64(4.0)];
        LogSoftmax { settings, rate, peak: row, log: row, rest: row }
    }

    /// Takes the greatest logit of each lane.
    pub fn take_peaks(&mut self, peaks: Row<T>) {
        self.peak = peaks.map(|peak| peak * T::from_f64(0.25));
    }

    /// Takes S of each lane.
    pub fn take_totals(&mut self, totals: &Row<f64>) {
        self.settings.level.run(
            #[inline(always)]
            || {
                for i in 0..WIDTH {
                    let (hi, lo) = ln_of_normal(totals[i]);
                    let log = if totals[i].is_nan() { totals[i] } else { hi + lo };
                    let head = T::from_f64(log);
                    let rest = (log - head.to_f64()) + (lo - (log - hi));
                    (self.log[i], self.rest[i]) = (head, T::from_f64(rest));
                }
            },
        );
    }

    /// (z − max z)/τ at position `i`.
    #[inline(always)]
    fn log_weight(&self, z: T, i: usize) -> T {
        z.mul_add(T::from_f64(0.25), -self.peak[i]) * self.rate[0] * self.rate[1]
    }

    /// e^((z − max z)/τ) of a row.
    #[inline(always)]
    fn weights(&self, z: &Row<T>) -> Row<T> {
        let mut weights = [T::ZERO; WIDTH];
        for i in 0..WIDTH {
            let y = self.log_weight(z[i], i);
            weights[i] = if y.is_nan() { y } else { exp_or_zero(y) };
        }
        weights
    }

    /// ln q of a row.
    #[inline(always)]
    fn log_q(&self, z: &Row<T>) -> Row<T> {
        let mut log_q = [T::ZERO; WIDTH];
        for i in 0..WIDTH {
            log_q[i] = (self.log_weight(z[i], i) - self.log[i]) - self.rest[i];
        }
        log_q
    }

    /// Adds the weights e^((z − max z)/τ) of a block to the sums at each position.
    pub fn add_weights<N: Number<Real = T>>(&self, logits: &[N], sums: &mut Row<f64>) {
        let level = self.settings.level;
        level.run(
            #[inline(always)]
            || {
                let (rows, tail) = logits.as_chunks::<WIDTH>();
                let mut all = *sums;
                for row in rows {
                    let weights = self.weights(&N::widen_all(level, row));
                    for i in 0..WIDTH {
                        all[i] += weights[i].to_f64();
                    }
                }
                if !tail.is_empty() {
                    let weights = self.weights(&N::widen_all(level, &padded(tail)));
                    for i in 0..WIDTH {
                        all[i] += if i < tail.len() { weights[i].to_f64() } else { 0.0 };
                    }
                }
                *sums = all;
            },
        );
    }

    /// Σe^((z − max z)/τ) of a block whose greatest number is finite. Meanwhile the next block is prefetched.
    ///
    /// Numbers far below the greatest count as the least normal number, which changes nothing: the sum is at least 1.
    pub fn total<N: Number<Real = T>>(&self, logits: &[N], next: &[N]) -> f64 {
        let level = self.settings.level;
        let rate = self.rate[0] * self.rate[1];
        let is_usual = (rate >= T::MIN_POSITIVE) & (rate <= T::MAX);
        if !is_usual {
            let mut sums = [0.0; WIDTH];
            self.add_weights(logits, &mut sums);
            return tree(sums);
        }
        level.run(
            #[inline(always)]
            || {
                // The sums in f64 come behind the loop: their conversions would halve the vectors in it.
                let mut early = [[T::ZERO; WIDTH]; TILE / EARLY];
                let blocks = logits.chunks(EARLY).zip((0..).step_by(EARLY)).zip(&mut early);
                for ((numbers, start), early) in blocks {
                    let (rows, tail) = numbers.as_chunks::<WIDTH>();
                    let mut sums = [T::ZERO; WIDTH];
                    for (row, place) in rows.iter().zip((start..).step_by(WIDTH)) {
                        fetch::<_, WIDTH>(next, place);
                        let weights = self.bounded_weights(&N::widen_all(level, row), rate);
                        for i in 0..WIDTH {
                            sums[i] += weights[i];
                        }
                    }
                    if !tail.is_empty() {
                        let weights =
                            self.bounded_weights(&N::widen_all(level, &padded(tail)), rate);
                        for i in 0..WIDTH {
                            sums[i] += if i < tail.len() { weights[i] } else { T::ZERO };
                        }
                    }
                    *early = sums;
                }
                let mut sums = [0.0; WIDTH];
                for early in &early[..logits.len().div_ceil(EARLY)] {
                    for i in 0..WIDTH {
                        sums[i] += early[i].to_f64();
                    }
                }
                tree(sums)
            },
        )
    }

    /// factor·e^((z − max z)/τ) of a row, where 0 · ±∞ = 0.
    #[inline(always)]
    fn scaled(&self, z: &Row<T>, factor: f64) -> Row<f64> {
        let weights = self.weights(z);
        let mut scaled = [0.0; WIDTH];
        for i in 0..WIDTH {
            let weight = weights[i].to_f64();
            // Adding 0 makes a zero positive, as `times` does.
            scaled[i] = match factor.is_finite() {
                true => weight.mul_add(factor, 0.0),
                false => times(weight, factor, weight.is_nan() | factor.is_nan()),
            };
        }
        scaled
    }

    /// e^((z − max z)/τ) of a row, with 4/τ at hand, and no less than the least normal number.
    #[inline(always)]
    fn bounded_weights(&self, z: &Row<T>, rate: T) -> Row<T> {
        let mut weights = [T::ZERO; WIDTH];
        for i in 0..WIDTH {
            let y = z[i].mul_add(T::from_f64(0.25), -self.peak[i]) * rate;
            let (r, k) = reduced(if T::LOWEST > y { T::LOWEST } else { y });
            // Times a power of 2, so that NaN stays NaN.
            weights[i] = T::exp_reduced(r) * T::ONE.scale(k);
        }
        weights
    }

    /// Writes factor·e^((z − max z)/τ) of each number of a block, rounded once more.
    pub fn scaled_weights<N: Number<Real = T>>(&self, logits: &[N], factor: f64, out: &mut [N]) {
        let level = self.settings.level;
        level.run(
            #[inline(always)]
            || {
                let ((rows, tail), (places, last)) =
                    (logits.as_chunks::<WIDTH>(), out.as_chunks_mut::<WIDTH>());
                for (row, place) in rows.iter().zip(places) {
                    narrow_row(place, &self.scaled(&N::widen_all(level, row), factor));
                }
                if !tail.is_empty() {
                    narrow_row(last, &self.scaled(&N::widen_all(level, &padded(tail)), factor));
                }
            },
        );
    }
}

/// ln q, the target, and what is computed of both in a block.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Block<T> {
    pub log_q: [T; TILE],
    pub target: [T; TILE],
    /// The terms, or where they are no longer needed ∂term/∂target.
    pub terms: [T; TILE],
    /// ∂term/∂(ln q).
    pub slopes: [T; TILE],
}

/// The row that starts at a place of a block.
#[inline(always)]
fn row<T>(numbers: &[T; TILE], start: usize) -> &Row<T> {
    &numbers.as_chunks().0[start / WIDTH]
}

impl<T: Real> Block<T> {
    pub fn new() -> Self {
        let tile = [T::ZERO; TILE];
        Block { log_q: tile, target: tile, terms: tile, slopes: tile }
    }

    /// Computes ln q, and copies the target.
    pub fn read<N: Number<Real = T>>(
        &mut self,
        softmax: &LogSoftmax<T>,
        operands: Operands<'_, N>,
    ) {
        let level = softmax.settings.level;
        level.run(
            #[inline(always)]
            || {
                let ((inputs, input), (targets, target)) =
                    (operands.input.as_chunks::<WIDTH>(), operands.target.as_chunks::<WIDTH>());
                let places = (self.log_q.as_chunks_mut().0, self.target.as_chunks_mut().0);
                let rows = inputs.iter().zip(targets);
                for ((z, from), (log_q, t)) in rows.zip(places.0.iter_mut().zip(&mut *places.1)) {
                    *log_q = softmax.log_q(&N::widen_all(level, z));
                    *t = N::widen_all(level, from);
                }
                if !input.is_empty() {
                    let last = inputs.len();
                    places.0[last] = softmax.log_q(&N::widen_all(level, &padded(input)));
                    places.1[last] = N::widen_all(level, &padded(target));
                }
            },
        );
    }

    /// ∂z_q = g − q·Σg from ln q and the slopes; `sums` holds Σg.
    pub fn d_logits<O: Number<Real = T>>(
        &self,
        Settings { level, rates, .. }: Settings,
        factors: Factors<'_>,
        sums: &Row<f64>,
        out: &mut [O],
    ) {
        chain_rule(
            level,
            #[inline(always)]
            |log_q| exp(log_q),
            [&self.log_q, &self.target],
            &self.slopes,
            (factors, rates.common),
            sums,
            out,
        );
    }

    /// ∂term/∂target, which stands in the place of the terms, times the factors.
    pub fn d_target<O: Number<Real = T>>(&self, level: Level, factors: Factors<'_>, out: &mut [O]) {
        level.run(
            #[inline(always)]
            || {
                each_row(
                    out,
                    #[inline(always)]
                    |out, start| {
                        let factors = factors_of(factors, start, out.len());
                        let [log_q, target, slopes] =
                            [&self.log_q, &self.target, &self.terms].map(|all| row(all, start));
                        let mut found = [0.0; WIDTH];
                        for i in 0..WIDTH {
                            let nan = log_q[i].is_nan() | target[i].is_nan();
                            found[i] = times(slopes[i].to_f64(), factors[i], nan);
                        }
                        narrow_row(out, &found);
                    },
                );
            },
        );
    }

    /// Adds g = factor·slope of each element to the sums at each position.
    pub fn add_upstream(&self, level: Level, rate: f64, factors: &[f64], sums: &mut Row<f64>) {
        let operands = [&self.log_q, &self.target];
        add_upstream(level, operands, &self.slopes, (factors, rate), sums);
    }
}

/// ∂z = g − weight·Σg over τ, from the slopes g of a block; `sums` holds Σg. `weight` makes the softmax of the first operand. An
/// infinite g is the limit itself.
pub fn chain_rule<T: Real, O: Number<Real = T>>(
    level: Level,
    weight: impl Fn(T) -> T,
    operands: [&[T; TILE]; 2],
    slopes: &[T; TILE],
    (factors, rate): (Factors<'_>, f64),
    sums: &Row<f64>,
    out: &mut [O],
) {
    level.run(
        #[inline(always)]
        || {
            each_row(
                out,
                #[inline(always)]
                |out, start| {
                    let factors = factors_of(factors, start, out.len());
                    let ([a, b], slopes) =
                        (operands.map(|all| row(all, start)), row(slopes, start));
                    let mut found = [0.0; WIDTH];
                    for i in 0..WIDTH {
                        let nan = a[i].is_nan() | b[i].is_nan();
                        let own = times(slopes[i].to_f64(), factors[i] * rate, nan);
                        let others = times(weight(a[i]).to_f64(), sums[i], nan | sums[i].is_nan());
                        let is_limit = (own.abs() == f64::INFINITY) & !nan;
                        found[i] = if is_limit { own } else { own - others };
                    }
                    narrow_row(out, &found);
                },
            );
        },
    );
}

/// Adds g = factor·slope/τ of each element to the sums at each position.
pub fn add_upstream<T: Real>(
    level: Level,
    operands: [&[T; TILE]; 2],
    slopes: &[T; TILE],
    (factors, rate): (&[f64], f64),
    sums: &mut Row<f64>,
) {
    level.run(
        #[inline(always)]
        || {
            for (index, factors) in factors.chunks(WIDTH).enumerate() {
                let (start, len, factors) = (index * WIDTH, factors.len(), filled(factors));
                let ([a, b], slopes) = (operands.map(|all| row(all, start)), row(slopes, start));
                for i in 0..WIDTH {
                    let nan = a[i].is_nan() | b[i].is_nan();
                    let share = times(slopes[i].to_f64(), factors[i] * rate, nan);
                    sums[i] += if i < len { share } else { 0.0 };
                }
            }
        },
    );
}

/// The factor of each element of the row that starts at `start`.
#[inline(always)]
fn factors_of(factors: Factors<'_>, start: usize, len: usize) -> Row<f64> {
    match factors {
        Factors::Lanes(factors) => *factors,
        Factors::Each(factors) => filled(&factors[start..start + len]),
    }
}

/// slope·factor, but 0 · ±∞ = 0 unless an operand is NaN.
#[inline(always)]
pub fn times(slope: f64, factor: f64, nan: bool) -> f64 {
    let vanishes = ((slope == 0.0) | (factor == 0.0)) & !nan;
    if vanishes { 0.0 } else { slope * factor }
}

/// Adds the rows of a block to the sums at each position.
pub fn add_rows<T: Real>(level: Level, sums: &mut Row<f64>, numbers: &[T]) {
    level.run(
        #[inline(always)]
        || {
            let (rows, tail) = numbers.as_chunks::<WIDTH>();
            let mut all = *sums;
            for row in rows {
                for i in 0..WIDTH {
                    all[i] += row[i].to_f64();
                }
            }
            *sums = all;
            sums.iter_mut().zip(tail).for_each(|(sum, number)| *sum += number.to_f64());
        },
    );
}
