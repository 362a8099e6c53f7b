//! The target is given in its own space: the passes over a lane.
//!
//! ln q = (z − max z)/τ − ln S, S = Σe^((z − max z)/τ), with ln S in two parts of the computing type: its error is that of
//! (z − max z)/τ, three roundings, and of the last subtraction. With ln q at hand the rest is the term of a log-probability,
//! of which the loss from log-probabilities is made.
//!
//! With g_j = v_j·∂term/∂(ln q_j): ∂z_q = g − q·Σg.

use super::contribution::exp_or_zero;
use super::shift::{Peaks, normal_rate, padded};
use super::slopes::narrow_row;
use super::solver::{Factors, Outputs, Overlap, Settings, Solver};
use super::{Arrangement, Row, WIDTH};
use crate::divergence::Kernel;
use crate::elementwise::{
    Factors as OfEach, Operands, Prefetch, TILE, d_target, terms, terms_and_slopes,
};
use crate::number::{Level, Number, Real, exp, ln_of_normal, tree};

/// The pass that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    Totals,
    Terms,
}

/// From where ln q is counted, for the lane at each position.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
struct Base<T> {
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

impl<T: Real> Base<T> {
    fn new(settings: Settings) -> Self {
        let [rate, rest] = normal_rate::<T>(settings.rate);
        let row = [T::ZERO; WIDTH];
        let rate = [rate, rest * T::from_f64(4.0)];
        Base { settings, rate, peak: row, log: row, rest: row }
    }

    /// (z − max z)/τ at position `i`.
    #[inline(always)]
    fn log_weight(&self, z: T, i: usize) -> T {
        z.mul_add(T::from_f64(0.25), -self.peak[i]) * self.rate[0] * self.rate[1]
    }

    /// Takes ln S.
    fn take(&mut self, sums: &Row<f64>) {
        self.settings.level.run(
            #[inline(always)]
            || {
                for i in 0..WIDTH {
                    let (hi, lo) = ln_of_normal(sums[i]);
                    let log = if sums[i].is_nan() { sums[i] } else { hi + lo };
                    let head = T::from_f64(log);
                    let rest = (log - head.to_f64()) + (lo - (log - hi));
                    (self.log[i], self.rest[i]) = (head, T::from_f64(rest));
                }
            },
        );
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

    /// Adds the weights e^((z − max z)/τ) of a block to the sums.
    fn add_weights<N: Number<Real = T>>(&self, logits: &[N], sums: &mut Row<f64>) {
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
}

/// ln q, the target, and what is computed of both in a block.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
struct Block<T> {
    log_q: [T; TILE],
    target: [T; TILE],
    terms: [T; TILE],
    /// ∂term/∂(ln q).
    slopes: [T; TILE],
}

impl<T: Real> Block<T> {
    /// Computes ln q, and copies the target.
    fn read<N: Number<Real = T>>(&mut self, base: &Base<T>, operands: Operands<'_, N>) {
        let level = base.settings.level;
        level.run(
            #[inline(always)]
            || {
                let ((inputs, input), (targets, target)) =
                    (operands.input.as_chunks::<WIDTH>(), operands.target.as_chunks::<WIDTH>());
                let places = (self.log_q.as_chunks_mut().0, self.target.as_chunks_mut().0);
                let rows = inputs.iter().zip(targets);
                for ((z, from), (log_q, t)) in rows.zip(places.0.iter_mut().zip(&mut *places.1)) {
                    *log_q = base.log_q(&N::widen_all(level, z));
                    *t = N::widen_all(level, from);
                }
                let last = (places.0.get_mut(inputs.len()), places.1.get_mut(inputs.len()));
                if let ((Some(log_q), Some(t)), false) = (last, input.is_empty()) {
                    *log_q = base.log_q(&N::widen_all(level, &padded(input)));
                    *t = N::widen_all(level, &padded(target));
                }
            },
        );
    }

    /// ∂z_q from ln q, the slopes and Σg.
    fn d_logits<O: Number<Real = T>>(
        &self,
        Settings { level, rate, .. }: Settings,
        factors: Factors<'_>,
        sums: &Row<f64>,
        out: &mut [O],
    ) {
        level.run(
            #[inline(always)]
            || {
                for (index, out) in out.chunks_mut(WIDTH).enumerate() {
                    let start = index * WIDTH;
                    let factors = factors_of(factors, start, out.len());
                    let (log_q, slopes) = (&self.log_q[start..], &self.slopes[start..]);
                    let (Some(log_q), Some(slopes)) =
                        (log_q.first_chunk::<WIDTH>(), slopes.first_chunk::<WIDTH>())
                    else {
                        return;
                    };
                    let mut found = [0.0; WIDTH];
                    for i in 0..WIDTH {
                        let own = times(slopes[i].to_f64(), factors[i] * rate, log_q[i].is_nan());
                        found[i] = own - exp(log_q[i]).to_f64() * sums[i];
                    }
                    narrow_row(out, &found);
                }
            },
        );
    }

    /// Slopes with respect to the target, which are in the place of the terms, times the factors.
    fn times_factors<O: Number<Real = T>>(
        &self,
        level: Level,
        factors: Factors<'_>,
        out: &mut [O],
    ) {
        level.run(
            #[inline(always)]
            || {
                for (index, out) in out.chunks_mut(WIDTH).enumerate() {
                    let start = index * WIDTH;
                    let factors = factors_of(factors, start, out.len());
                    let rows = [&self.log_q, &self.target, &self.terms];
                    let [Some(log_q), Some(target), Some(slopes)] =
                        rows.map(|row| row[start..].first_chunk::<WIDTH>())
                    else {
                        return;
                    };
                    let mut found = [0.0; WIDTH];
                    for i in 0..WIDTH {
                        let nan = log_q[i].is_nan() | target[i].is_nan();
                        found[i] = times(slopes[i].to_f64(), factors[i], nan);
                    }
                    narrow_row(out, &found);
                }
            },
        );
    }

    /// Adds factor·slope of each element to the sums at each position.
    fn add_upstream(&self, level: Level, rate: f64, factors: &[f64], sums: &mut Row<f64>) {
        level.run(
            #[inline(always)]
            || {
                for start in (0..factors.len()).step_by(WIDTH) {
                    let len = WIDTH.min(factors.len() - start);
                    let factors = factors_of(Factors::Each(factors), start, len);
                    let (log_q, slopes) = (&self.log_q[start..], &self.slopes[start..]);
                    let (Some(log_q), Some(slopes)) =
                        (log_q.first_chunk::<WIDTH>(), slopes.first_chunk::<WIDTH>())
                    else {
                        return;
                    };
                    for i in 0..WIDTH {
                        let nan = log_q[i].is_nan();
                        let share = times(slopes[i].to_f64(), factors[i] * rate, nan);
                        sums[i] += if i < len { share } else { 0.0 };
                    }
                }
            },
        );
    }
}

/// The factor of each element of the row that starts at `start`.
#[inline(always)]
fn factors_of(factors: Factors<'_>, start: usize, len: usize) -> Row<f64> {
    match factors {
        Factors::Lanes(factors) => *factors,
        Factors::Each(factors) => {
            let factors = &factors[start..start + len];
            match <&Row<f64>>::try_from(factors) {
                Ok(row) => *row,
                Err(_) => {
                    let mut row = [0.0; WIDTH];
                    row[..len].copy_from_slice(factors);
                    row
                }
            }
        }
    }
}

/// Lanes of logits against targets in their own space.
#[derive(Clone, Debug)]
pub struct SoftTarget<K, T> {
    kernel: K,
    settings: Settings,
    pass: Pass,
    peaks: Peaks<T>,
    base: Base<T>,
    /// S, or the sums of the terms, of this part.
    sums: Row<f64>,
    /// The sums of the slopes of this part.
    slopes: Row<f64>,
    /// Both, of the parts that have ended in this pass.
    parts: Vec<[Row<f64>; 2]>,
    divergences: Row<f64>,
    /// Σ∂term/∂(ln q), of the lane at each position.
    slope: Row<f64>,
    /// Σg, where each class has its own factor.
    upstream: Row<f64>,
    block: Box<Block<T>>,
}

impl<K: Kernel, T: Real + Number<Real = T>> SoftTarget<K, T> {
    /// For no lanes yet.
    pub fn new(kernel: K, settings: Settings) -> Self {
        let (zeros, tile) = ([0.0; WIDTH], [T::ZERO; TILE]);
        SoftTarget {
            kernel,
            settings,
            pass: Pass::Peaks,
            peaks: Peaks::default(),
            base: Base::new(settings),
            sums: zeros,
            slopes: zeros,
            parts: Vec::new(),
            divergences: zeros,
            slope: zeros,
            upstream: zeros,
            block: Box::new(Block { log_q: tile, target: tile, terms: tile, slopes: tile }),
        }
    }

    /// Computes ln q, the terms, and the slopes where gradients are wanted.
    fn fill<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>) -> usize {
        let (Settings { level, gradients, .. }, len) = (self.settings, operands.input.len());
        let block = &mut *self.block;
        block.read(&self.base, operands);
        let operands = Operands { input: &block.log_q[..len], target: &block.target[..len] };
        let (kernel, nothing) = (self.kernel, Prefetch::NOTHING);
        let (out, slopes) = (&mut block.terms[..len], &mut block.slopes[..len]);
        match gradients {
            true => terms_and_slopes(level, kernel, operands, nothing, out, slopes),
            false => terms(level, kernel, operands, nothing, out),
        }
        len
    }

    /// ∂target in its own space.
    fn d_targets<O: Number<Real = T>>(&mut self, factors: Factors<'_>, out: &mut [O]) {
        let (Settings { level, .. }, len) = (self.settings, out.len());
        let block = &mut *self.block;
        let operands = Operands { input: &block.log_q[..len], target: &block.target[..len] };
        let slopes = &mut block.terms[..len];
        d_target(level, self.kernel, operands, OfEach::Uniform(1.0), slopes);
        block.times_factors(level, factors, out);
    }
}

/// slope·factor, but 0 · ±∞ = 0 unless an operand is NaN.
#[inline(always)]
fn times(slope: f64, factor: f64, nan: bool) -> f64 {
    let vanishes = ((slope == 0.0) | (factor == 0.0)) & !nan;
    if vanishes { 0.0 } else { slope * factor }
}

/// Adds the rows of a block to the sums at each position.
fn add_rows<T: Real>(level: Level, sums: &mut Row<f64>, numbers: &[T]) {
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

impl<K: Kernel, T: Real + Number<Real = T>, N: Number<Real = T>> Solver<N> for SoftTarget<K, T> {
    const TARGETS_ARE_APART: bool = true;
    type Wide = SoftTarget<K, f64>;

    fn wide(&self) -> SoftTarget<K, f64> {
        let settings = Settings { arrangement: Arrangement::OneLane, ..self.settings };
        SoftTarget::new(self.kernel, settings)
    }

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = Peaks::default();
        self.parts.clear();
        (self.sums, self.slopes) = ([0.0; WIDTH], [0.0; WIDTH]);
        self.upstream = [0.0; WIDTH];
    }

    fn is_long_pass(&self) -> bool {
        self.pass == Pass::Terms
    }

    fn visit<M: Overlap>(&mut self, operands: Operands<'_, N>, overlap: &mut M) {
        let level = self.settings.level;
        match self.pass {
            Pass::Peaks => level.run(
                #[inline(always)]
                || self.peaks.add(level, operands.input),
            ),
            Pass::Totals => self.base.add_weights(operands.input, &mut self.sums),
            Pass::Terms => {
                let len = self.fill(operands);
                add_rows(level, &mut self.sums, &self.block.terms[..len]);
                if self.settings.gradients {
                    add_rows(level, &mut self.slopes, &self.block.slopes[..len]);
                }
                for start in (0..len).step_by(WIDTH) {
                    overlap.step(level, start);
                }
            }
        }
    }

    fn end_part(&mut self) {
        if self.pass != Pass::Peaks {
            let found = [self.sums, self.slopes].map(|sums| match self.settings.arrangement {
                Arrangement::OneLane => [tree(sums); WIDTH],
                Arrangement::Sixteen => sums,
            });
            self.parts.push(found);
            (self.sums, self.slopes) = ([0.0; WIDTH], [0.0; WIDTH]);
        }
    }

    fn end_pass(&mut self) -> bool {
        let arrangement = self.settings.arrangement;
        let mut all = [[0.0; WIDTH]; 2];
        for part in self.parts.drain(..) {
            for (all, part) in all.iter_mut().zip(part) {
                (0..WIDTH).for_each(|i| all[i] += part[i]);
            }
        }
        match self.pass {
            Pass::Peaks => {
                let quarter = T::from_f64(0.25);
                self.base.peak = self.peaks.greatest(arrangement).map(|peak| peak * quarter);
                self.pass = Pass::Totals;
            }
            Pass::Totals => {
                self.base.take(&all[0]);
                self.pass = Pass::Terms;
            }
            Pass::Terms => {
                [self.divergences, self.slope] = all;
                return false;
            }
        }
        true
    }

    fn divergences(&self) -> &Row<f64> {
        &self.divergences
    }

    fn add_upstream(&mut self, operands: Operands<'_, N>, factors: &[f64]) {
        self.fill(operands);
        let Settings { level, rate, .. } = self.settings;
        self.block.add_upstream(level, rate, factors, &mut self.upstream);
    }

    fn outputs<O: Number<Real = T>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    ) {
        let len = self.fill(operands);
        if let Some(out) = out.terms {
            out.copy_from_slice(&self.block.terms[..len]);
        }
        if let Some(out) = out.d_input {
            let sums = match (factors, self.settings.arrangement) {
                (Factors::Lanes(factors), _) => std::array::from_fn(|i| {
                    times(self.slope[i], factors[i] * self.settings.rate, self.slope[i].is_nan())
                }),
                (Factors::Each(_), Arrangement::OneLane) => [tree(self.upstream); WIDTH],
                (Factors::Each(_), Arrangement::Sixteen) => self.upstream,
            };
            self.block.d_logits(self.settings, factors, &sums, out);
        }
        if let Some(out) = out.d_target {
            self.d_targets(factors, out);
        }
    }

    fn fork(&self) -> Self {
        SoftTarget { parts: Vec::new(), ..self.clone() }
    }

    fn absorb(&mut self, next: Self) {
        self.parts.extend(next.parts);
        self.peaks.merge(&next.peaks);
    }
}
