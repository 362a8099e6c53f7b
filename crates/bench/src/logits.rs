//! The loss from logits, at τ = 2, as people write it: log-softmaxes, then the loss of these.

use fearless_simd::{Level, Simd, dispatch};
use kldiv::{BatchMean, KLDivWithLogitsLoss};
use ndarray::{Array, Axis, Dimension, Zip};

use crate::{Number, Problem, Target};

pub const TEMPERATURE: f64 = 2.0;

impl<A: Number, D: Dimension> Problem<A, D> {
    /// The two logits. A log-softmax is as good as any.
    pub fn logits(&self) -> (&Array<A, D>, &Array<A, D>) {
        self.operands.pair(Target::LogProbability)
    }

    pub fn criterion(&self) -> KLDivWithLogitsLoss<BatchMean> {
        KLDivWithLogitsLoss::new(BatchMean).axis(self.axis).temperature(TEMPERATURE)
    }

    /// log-softmax of both, lane by lane, then the sum of e^y·(y − x).
    pub fn logits_by_hand(&mut self) -> A {
        let (log_q, log_p) = self.both_log_softmax();
        let mut loss = A::zero();
        Zip::from(&log_q).and(&log_p).for_each(|&x, &y| loss += y.exp() * (y - x));
        loss / A::of(log_q.shape()[0] as f64)
    }

    /// The same, and (q − p)/τ.
    pub fn gradient_by_hand(&mut self) -> A {
        let (log_q, log_p) = self.both_log_softmax();
        let (rows, rate) = (A::of(log_q.shape()[0] as f64), A::of(TEMPERATURE));
        let mut loss = A::zero();
        Zip::from(&mut self.output).and(&log_q).and(&log_p).for_each(|out, &x, &y| {
            let p = y.exp();
            loss += p * (y - x);
            *out = (x.exp() - p) / (rate * rows);
        });
        loss / rows
    }

    pub fn both_log_softmax(&self) -> (Array<A, D>, Array<A, D>) {
        let (student, teacher) = self.logits();
        (log_softmax(student, self.axis), log_softmax(teacher, self.axis))
    }
}

pub fn log_softmax<A: Number, D: Dimension>(logits: &Array<A, D>, axis: Axis) -> Array<A, D> {
    let mut log = logits / A::of(TEMPERATURE);
    for mut lane in log.lanes_mut(axis) {
        let peak = lane.fold(A::neg_infinity(), |peak, &z| peak.max(z));
        let sum = lane.iter().map(|&z| (z - peak).exp()).sum::<A>();
        let total = peak + sum.ln();
        lane.mapv_inplace(|z| z - total);
    }
    log
}

/// ln Σe^z, 16 at a time with the instructions of this machine: the greatest, then the sum. The exponential is good to a few ulp for
/// finite numbers, and takes no others.
pub fn log_sum_exp(logits: &[f32]) -> f32 {
    dispatch!(Level::new(), simd => simd.vectorize(#[inline(always)] || log_sum_exp_in_place(logits)))
}

#[inline(always)]
fn log_sum_exp_in_place(logits: &[f32]) -> f32 {
    const WIDTH: usize = 16;
    let (rows, tail) = logits.as_chunks::<WIDTH>();
    let mut peaks = [f32::MIN; WIDTH];
    for row in rows {
        for i in 0..WIDTH {
            peaks[i] = if row[i] > peaks[i] { row[i] } else { peaks[i] };
        }
    }
    let peak = peaks.iter().chain(tail).fold(f32::MIN, |a, &b| if b > a { b } else { a });
    let mut sums = [0.0; WIDTH];
    for row in rows {
        for i in 0..WIDTH {
            sums[i] += exp(row[i] - peak);
        }
    }
    peak + sums.into_iter().chain(tail.iter().map(|z| exp(z - peak))).sum::<f32>().ln()
}

/// e^y for −80 ≤ y ≤ 0, and something small below.
#[inline(always)]
fn exp(y: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5·2²³
    let y = if y < -80.0 { -80.0 } else { y };
    let shifted = y.mul_add(std::f32::consts::LOG2_E, ROUND);
    let r = (shifted - ROUND).mul_add(-std::f32::consts::LN_2, y);
    let p = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let e = p.into_iter().reduce(|sum: f32, next| sum.mul_add(r, next)).unwrap_or(1.0);
    f32::from_bits(e.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::log_sum_exp;

    #[test]
    fn the_yardstick_is_right() {
        for len in [1, 15, 16, 100, 1000] {
            let logits: Vec<f32> = (0..len).map(|i| ((i * 37 % 101) as f32) / 5.0 - 7.0).collect();
            let expected = logits.iter().map(|&z| f64::from(z).exp()).sum::<f64>().ln();
            let found = f64::from(log_sum_exp(&logits));
            assert!((found - expected).abs() < 1e-5, "{len}: {found}, not {expected}");
        }
    }
}
