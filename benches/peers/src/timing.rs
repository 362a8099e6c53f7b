//! Everybody in turn, medians of many rounds.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::contender::Contender;

/// How long one contender may take at one job, and how often it runs at least and at most.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub budget: Duration,
    pub rounds: (usize, usize),
}

impl Effort {
    pub const FULL: Effort = Effort { budget: Duration::from_millis(150), rounds: (5, 101) };
    pub const QUICK: Effort = Effort { budget: Duration::ZERO, rounds: (1, 1) };
}

/// Shorter work is repeated until it takes so long.
const SAMPLE: f64 = 500e-6;
/// Calls shorter than this are warmed up before each sample,
const WARMED_UP: f64 = 20e-3;
/// for so many seconds: caches, clock and threads are then as in a loop of their own.
const WARMING: f64 = 3e-3;

/// Seconds: the median and the quartiles, and those of each round that it took part in, which are the first ones.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Seconds {
    pub median: f64,
    pub quartiles: [f64; 2],
    pub rounds: Vec<f64>,
}

impl Seconds {
    pub fn of(rounds: Vec<f64>) -> Seconds {
        let [low, median, high] = quartiles(rounds.clone());
        Seconds { median, quartiles: [low, high], rounds }
    }

    /// As a multiple of others', the median over the rounds that both took part in: they saw neighbouring moments of
    /// the machine.
    pub fn multiple_of(&self, others: &Seconds) -> f64 {
        let multiples = self.rounds.iter().zip(&others.rounds).map(|(one, other)| one / other);
        quartiles(multiples.collect())[1]
    }

    /// Whether it took part to the end.
    pub fn is_whole(&self) -> bool {
        self.rounds.iter().all(|seconds| seconds.is_finite())
    }
}

/// With the median in the middle.
pub fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [0.25, 0.5, 0.75].map(|part| numbers[(part * (numbers.len() - 1) as f64).round() as usize])
}

/// Seconds of each. The first is the roofline, which takes part in every round.
pub fn in_turn<P>(
    problem: &mut P,
    contenders: &[&dyn Contender<P>],
    effort: Effort,
) -> Vec<Seconds> {
    let mut samplers: Vec<_> =
        contenders.iter().map(|&contender| Sampler::new(contender, problem)).collect();
    loop {
        let wanting: Vec<bool> = samplers.iter().map(|sampler| sampler.wants(effort)).collect();
        if !wanting.iter().any(|&wants| wants) {
            break;
        }
        for (index, sampler) in samplers.iter_mut().enumerate() {
            if index == 0 || wanting[index] {
                sampler.sample(problem);
            }
        }
    }
    samplers.into_iter().map(|sampler| Seconds::of(sampler.seconds)).collect()
}

struct Sampler<'c, P> {
    contender: &'c dyn Contender<P>,
    once: f64,
    spent: Duration,
    seconds: Vec<f64>,
}

impl<'c, P> Sampler<'c, P> {
    fn new(contender: &'c dyn Contender<P>, problem: &mut P) -> Self {
        let first = contender.time(problem, 0.0, 1);
        let once = first.min(contender.time(problem, first.min(WARMING), 1));
        Sampler { contender, once, spent: Duration::ZERO, seconds: Vec::new() }
    }

    fn wants(&self, effort: Effort) -> bool {
        let (least, most) = effort.rounds;
        let rounds = self.seconds.len();
        rounds < least || (rounds < most && self.spent < effort.budget)
    }

    fn sample(&mut self, problem: &mut P) {
        let start = Instant::now();
        let warming = if self.once < WARMED_UP { WARMING } else { 0.0 };
        let repeats = (SAMPLE / self.once) as u32 + 1;
        let seconds = self.contender.time(problem, warming, repeats);
        self.seconds.push(seconds / f64::from(repeats));
        self.spent += start.elapsed();
    }
}
