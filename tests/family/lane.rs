//! A lane of classes by the definition, in `f64`: values, and gradients by the chain rule of the softmax.

use kldiv::Target;

use super::common::Number;
use super::definition::{Class, Computed, INF, Results};
use super::{Face, Settings};

/// The terms of a lane, and both gradients of Σ upstream · term.
#[derive(Clone, Debug)]
pub struct Lane {
    pub terms: Vec<Computed>,
    pub d_input: Vec<Computed>,
    pub d_target: Vec<Computed>,
}

/// ln softmax(z/τ), and what its rounding error is relative to.
fn log_softmax(z: &[f64], temperature: f64) -> Vec<[f64; 2]> {
    let peak = z.iter().fold(-INF, |peak, &z| peak.max(z));
    let over = |&z: &f64| (z - peak) / temperature;
    let sum: f64 = z.iter().map(|z| over(z).exp()).sum();
    z.iter().map(|z| [over(z) - sum.ln(), (z / temperature).abs() + 1.0]).collect()
}

/// The classes of a lane.
pub fn classes(settings: &Settings, input: &[f64], target: &[f64]) -> Vec<Class> {
    let given = |numbers: &[f64], log: bool| -> Vec<[f64; 2]> {
        numbers.iter().map(|&number| [if log { number } else { number.ln() }, 0.0]).collect()
    };
    let [of_input, of_target] = settings.temperatures;
    let (log_q, log_p) = match settings.face {
        Face::Given(kind) => (given(input, true), given(target, kind != Target::Probabilities)),
        Face::Logits(Target::Logits) => {
            (log_softmax(input, of_input), log_softmax(target, of_target))
        }
        Face::Logits(kind) => {
            (log_softmax(input, of_input), given(target, kind != Target::Probabilities))
        }
    };
    let class = |(&[log_q, error_q], &[log_p, error_p]): (&[f64; 2], &[f64; 2])| {
        let finite = |number: f64| if number.is_finite() { number.abs() } else { 0.0 };
        let d_size = finite(log_p) + finite(log_q) + finite(error_p) + finite(error_q);
        Class { p: log_p.exp(), q: log_q.exp(), log_p, log_q, d: log_p - log_q, d_size }
    };
    log_q.iter().zip(&log_p).map(class).collect()
}

/// g − p·Σg over τ, and 0 · ±∞ = 0. Of two infinities the class's own is the limit, since p < 1.
fn chain(slopes: &[Computed], shares: &[[f64; 2]], rate: f64) -> Vec<Computed> {
    let sum: f64 = slopes.iter().map(|slope| slope.value).sum();
    let size: f64 = slopes.iter().map(|slope| slope.size).sum();
    let times = |share: f64, sum: f64| if share == 0.0 { 0.0 } else { share * sum };
    let gradient = |(slope, &[share, share_size]): (&Computed, &[f64; 2])| {
        let away = if slope.value.is_infinite() { 0.0 } else { times(share, sum) };
        let value = (slope.value - away) * rate;
        Computed { value, size: (slope.size + times(share * share_size, size)) * rate.abs() }
    };
    slopes.iter().zip(shares).map(gradient).collect()
}

/// The terms and gradients of a lane.
pub fn lane(settings: &Settings, input: &[f64], target: &[f64], upstream: &[f64]) -> Lane {
    let classes = classes(settings, input, target);
    let results: Vec<Results> =
        classes.iter().map(|c| c.results(settings.divergence, settings.generalized)).collect();
    let [of_input, of_target] = settings.temperatures;
    let of_target =
        if settings.face == Face::Logits(Target::Logits) { of_target } else { of_input };
    let factor = if settings.squared { of_input * of_target } else { 1.0 };
    // From logits a probability is only as right as the logarithm that it is the exponential of.
    let from_logits = matches!(settings.face, Face::Logits(_));
    let conditioning = |class: &Class| if from_logits { 1.0 + class.d_size } else { 1.0 };
    let scaled = |pick: fn(&Results) -> Computed, with: &dyn Fn(usize) -> f64| -> Vec<Computed> {
        let scale = |(j, found): (usize, &Results)| {
            let (by, Computed { value, size }) = (with(j) * factor, pick(found));
            let size = size * by.abs() * conditioning(&classes[j]);
            Computed { value: value * by, size }
        };
        results.iter().enumerate().map(scale).collect()
    };
    let by_upstream = |j: usize| upstream[j];
    let terms = scaled(|found| found.term, &|_| 1.0);
    let d_x = scaled(|found| found.d_x, &by_upstream);
    let d_y = scaled(|found| found.d_y, &by_upstream);
    let d_p = scaled(|found| found.d_p, &by_upstream);
    let share = |pick: fn(&Class) -> f64| -> Vec<[f64; 2]> {
        classes.iter().map(|class| [pick(class), conditioning(class)]).collect()
    };
    let d_input = match from_logits {
        true => chain(&d_x, &share(|class| class.q), 1.0 / of_input),
        false => d_x,
    };
    let d_target = match settings.face {
        Face::Logits(Target::Logits) => chain(&d_y, &share(|class| class.p), 1.0 / of_target),
        Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => d_p,
        _ => d_y,
    };
    Lane { terms, d_input, d_target }
}

/// Whether a number is the expected one: infinities and NaN exactly, others to so many ulp of their size, or as near as what
/// underflows on the way lets it be.
pub fn agrees<A: Number>(found: A, expected: Computed, ulps: f64) -> bool {
    let (Computed { value, size }, found) = (expected, found.to());
    // Subnormals times logarithms as large as 1000.
    let underflow = A::TINY / A::EPSILON * 1e4;
    match value.is_finite() {
        true => (found - value).abs() <= ulps * A::EPSILON * size + underflow,
        false => found == value || found.is_nan() && value.is_nan(),
    }
}
