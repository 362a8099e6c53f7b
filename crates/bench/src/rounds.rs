//! Loops in turn, in many rounds: all see the same moments of the machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long the rounds may take together, and how many there are at least and at most.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub budget: Duration,
    pub rounds: (usize, usize),
}

/// Something to be timed.
pub type Timed<'w, P, R> = &'w dyn Fn(&mut P) -> R;

/// Shorter work is repeated until it takes so long.
const SAMPLE: f64 = 100e-6;
/// Before a sample the loop runs for about so many seconds, or once: caches, clock and threads are then as in a loop of its
/// own.
const WARMING: f64 = 2e-3;

/// Seconds of each loop, which runs in every round.
pub fn in_turn<P, R, const N: usize>(
    problem: &mut P,
    loops: [Timed<'_, P, R>; N],
    effort: Effort,
) -> [Times; N] {
    let once = loops.map(|work| {
        let first = seconds(problem, work, 1);
        if first < WARMING { first.min(seconds(problem, work, 1)) } else { first }
    });
    let mut rounds = [const { Vec::new() }; N];
    let (start, (least, most)) = (Instant::now(), effort.rounds);
    for round in 0..most {
        if round >= least && start.elapsed() > effort.budget {
            break;
        }
        for ((work, once), times) in loops.into_iter().zip(once).zip(&mut rounds) {
            seconds(problem, work, repeats(WARMING, once).min(1000));
            times.push(seconds(problem, work, repeats(SAMPLE, once)));
        }
    }
    rounds.map(Times)
}

fn repeats(seconds: f64, once: f64) -> u32 {
    (seconds / once) as u32 + 1
}

/// Seconds of one call, the mean of so many.
fn seconds<P, R>(problem: &mut P, work: Timed<'_, P, R>, repeats: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(work(black_box(problem)));
    }
    start.elapsed().as_secs_f64() / f64::from(repeats)
}

/// The seconds of a loop in each round.
#[derive(Clone, Debug)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn rounds(&self) -> usize {
        self.0.len()
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// What this share of the rounds does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(share * (sorted.len() - 1) as f64).round() as usize]
    }

    /// As a multiple of others': the median over the rounds.
    pub fn multiple_of(&self, others: &Times) -> f64 {
        Times(self.0.iter().zip(&others.0).map(|(one, other)| one / other).collect()).median()
    }
}

/// Three digits or so, with a unit.
pub fn readable(seconds: f64) -> String {
    let (number, unit) =
        if seconds < 1e-3 { (seconds * 1e6, "µs") } else { (seconds * 1e3, "ms") };
    let digits = if number < 10.0 { 2 } else { 1 };
    format!("{number:.digits$} {unit}")
}
