//! The table, and what may be concluded from it.

use std::fmt;

use kldiv::Divergence;

use crate::training::History;

/// Mean and standard deviation over the seeds.
#[derive(Clone, Copy)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
    standard_error: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0)).sqrt();
        Self { mean, deviation, standard_error: deviation / count.sqrt() }
    }

    /// Where the true mean lies, by so many standard errors.
    fn interval(self, t: f64) -> (f64, f64) {
        let margin = t * self.standard_error;
        (self.mean - margin, self.mean + margin)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        write!(f, "{:.digits$} ± {:.digits$}", self.mean, self.deviation)
    }
}

pub fn print_header() {
    let [training, held_out, accuracy] = ["training loss", "held-out loss", "held-out accuracy"];
    println!("{:27}  {training:>13}  {held_out:>13}  {:>13}  {accuracy}", "", "at its lowest");
}

pub fn print_row(name: &str, histories: &[&History]) {
    let loss = |of: fn(&History) -> f64| Spread::of(histories.iter().map(|h| of(h))).to_string();
    let training = loss(|history| last(&history.training));
    let held_out = loss(|history| last(&history.held_out));
    let lowest = loss(|history| lowest(&history.held_out));
    let accuracy = Spread::of(histories.iter().map(|history| 100.0 * history.accuracy));
    let accuracy = format!("{accuracy:.1} %");
    println!("{name:27}  {training:>13}  {held_out:>13}  {lowest:>13}  {accuracy:>17}");
}

fn last(losses: &[f64]) -> f64 {
    losses.last().copied().unwrap_or(f64::NAN)
}

fn lowest(losses: &[f64]) -> f64 {
    losses.iter().copied().fold(f64::NAN, f64::min)
}

/// Compares the two students seed by seed, for both start from the same weights and images.
///
/// `t` is the quantile of Student's distribution that bounds the interval.
pub fn print_verdict(hard: &[&History], soft: &[&History], t: f64) {
    let gain = Gain::of(soft, hard, t);
    let verdict = match gain.sign() {
        1.. => "soft targets beat hard labels",
        0 => "no clear difference between soft targets and hard labels",
        _ => "hard labels beat soft targets",
    };
    println!("Verdict: {verdict}: {gain}.");
}

/// Compares students on soft targets: each divergence with the first, seed by seed.
pub fn print_divergences(divergences: &[Divergence], soft: &[Vec<&History>], t: f64) {
    println!("\nStudents on soft targets by divergence, which is what their training loss is:");
    print_header();
    for (divergence, histories) in divergences.iter().zip(soft) {
        print_row(&divergence.to_string(), histories);
    }
    let (first, others) = (&soft[0], divergences.iter().zip(soft).skip(1));
    let mut clear = 0;
    for (divergence, histories) in others {
        let gain = Gain::of(histories, first, t);
        clear += gain.sign().abs();
        println!("{divergence} against {}: {gain}.", divergences[0]);
    }
    let count = divergences.len() - 1;
    println!("{clear} of {count} intervals exclude 0. Each is for one comparison alone.\n");
}

/// How much more accurate some students are than others, in points, paired by seed.
struct Gain {
    mean: f64,
    interval: (f64, f64),
    ahead: usize,
    seeds: usize,
}

impl Gain {
    fn of(students: &[&History], others: &[&History], t: f64) -> Self {
        let pairs = || students.iter().zip(others);
        let gains = || pairs().map(|(student, other)| student.accuracy - other.accuracy);
        let gain = Spread::of(gains().map(|gain| 100.0 * gain));
        Gain {
            mean: gain.mean,
            interval: gain.interval(t),
            ahead: gains().filter(|&gain| gain > 0.0).count(),
            seeds: students.len(),
        }
    }

    /// 0 where the interval has 0 in it.
    fn sign(&self) -> i32 {
        let (low, high) = self.interval;
        i32::from(low > 0.0) - i32::from(high < 0.0)
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gain { mean, interval: (low, high), ahead, seeds } = self;
        write!(
            f,
            "{mean:+.1} points of accuracy (95 % interval {low:+.1} to {high:+.1}), ahead in {ahead} of {seeds} seeds"
        )
    }
}
