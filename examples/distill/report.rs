//! The table, and what may be concluded from it.

use std::fmt;

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
    println!("{:22}  {training:>13}  {held_out:>13}  {:>13}  {accuracy}", "", "at its lowest");
}

pub fn print_row(name: &str, histories: &[History]) {
    let loss = |of: fn(&History) -> f64| Spread::of(histories.iter().map(of)).to_string();
    let training = loss(|history| last(&history.training));
    let held_out = loss(|history| last(&history.held_out));
    let lowest = loss(|history| lowest(&history.held_out));
    let accuracy = Spread::of(histories.iter().map(|history| 100.0 * history.accuracy));
    let accuracy = format!("{accuracy:.1} %");
    println!("{name:22}  {training:>13}  {held_out:>13}  {lowest:>13}  {accuracy:>17}");
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
pub fn print_verdict(hard: &[History], soft: &[History], t: f64) {
    let gains = || (soft.iter().zip(hard)).map(|(soft, hard)| soft.accuracy - hard.accuracy);
    let better = gains().filter(|&gain| gain > 0.0).count();
    let gain = Spread::of(gains().map(|gain| 100.0 * gain));
    let (low, high) = gain.interval(t);
    let verdict = if low > 0.0 {
        "soft targets beat hard labels"
    } else if high < 0.0 {
        "hard labels beat soft targets"
    } else {
        "no clear difference between soft targets and hard labels"
    };
    println!(
        "Verdict: {verdict}: {:+.1} points of accuracy (95 % interval {low:+.1} to {high:+.1}), \
         ahead in {better} of {} seeds.",
        gain.mean,
        hard.len(),
    );
}
