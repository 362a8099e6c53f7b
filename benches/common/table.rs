//! The closing table: roofline and ours in turn, in one run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ndarray::Dimension;

use super::{Number, Problem, Shape, Target, Work};

/// How long one row may take, and how often its loops run at least and at most.
const BUDGET: Duration = Duration::from_millis(400);
const ROUNDS: (usize, usize) = (7, 201);
/// Rounds in which the loop by hand takes part.
const BY_HAND: usize = 5;
/// Shorter work is repeated until it takes so long.
const SAMPLE: Duration = Duration::from_micros(50);

pub fn print_header() {
    let level = format!("{:?}", fearless_simd::Level::new());
    let level = level.split('(').next().unwrap_or(&level);
    println!("{} threads, {level}\n", rayon::current_num_threads());
    println!(
        "| shape | precision | target | reduction | ours | GB/s | roofline | by hand | \
         roofline / ours | by hand / ours | error |"
    );
    println!("|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|");
}

/// Prints the rows of a shape.
pub fn print_rows<A: Number, D: Dimension>(shape: &Shape) {
    let mut problem = Problem::<A, D>::new(shape);
    let bytes = 2 * shape.elements() * size_of::<A>();
    for target in Target::ALL {
        let errors = problem.check(&shape.name, target);
        for (work, error) in Work::ALL.into_iter().zip(errors) {
            let [ours, roofline, by_hand] = medians(&mut problem, work, target);
            println!(
                "| {} | {} | {} | {} | {} | {:.1} | {} | {} | {:.2} | {:.1} | {error:.0e} |",
                shape.name,
                A::NAME,
                target.name(),
                work.name(),
                readable(ours),
                bytes as f64 / ours / 1e9,
                readable(roofline),
                readable(by_hand),
                roofline / ours,
                by_hand / ours,
            );
        }
    }
}

/// Seconds of ours, the roofline and the loop by hand.
fn medians<A: Number, D: Dimension>(
    problem: &mut Problem<A, D>,
    work: Work,
    target: Target,
) -> [f64; 3] {
    let ours = |problem: &mut Problem<A, D>| problem.ours(work, target);
    let by_hand = |problem: &mut Problem<A, D>| problem.by_hand(work, target);
    let roofline = |problem: &mut Problem<A, D>| {
        if work.writes() { problem.read_and_write(target) } else { problem.read(target) }
    };
    let mut ours = Sampler::new(problem, &ours);
    let mut by_hand = Sampler::new(problem, &by_hand);
    let mut roofline = Sampler::new(problem, &roofline);
    for _ in 0..BY_HAND {
        by_hand.sample(problem);
    }
    let start = Instant::now();
    for round in 0..ROUNDS.1 {
        if round >= ROUNDS.0 && start.elapsed() > BUDGET {
            break;
        }
        roofline.sample(problem);
        ours.sample(problem);
    }
    [ours.median(), roofline.median(), by_hand.median()]
}

struct Sampler<'w, A, D: Dimension> {
    work: &'w dyn Fn(&mut Problem<A, D>) -> A,
    repeats: u32,
    seconds: Vec<f64>,
}

impl<'w, A, D: Dimension> Sampler<'w, A, D> {
    fn new(problem: &mut Problem<A, D>, work: &'w dyn Fn(&mut Problem<A, D>) -> A) -> Self {
        let mut sampler = Sampler { work, repeats: 1, seconds: Vec::new() };
        sampler.sample(problem);
        sampler.sample(problem);
        let once = sampler.seconds.pop().unwrap_or_default();
        sampler.repeats = (SAMPLE.as_secs_f64() / once) as u32 + 1;
        sampler.seconds.clear();
        sampler
    }

    fn sample(&mut self, problem: &mut Problem<A, D>) {
        let start = Instant::now();
        for _ in 0..self.repeats {
            black_box((self.work)(black_box(problem)));
        }
        self.seconds.push(start.elapsed().as_secs_f64() / f64::from(self.repeats));
    }

    fn median(mut self) -> f64 {
        self.seconds.sort_by(f64::total_cmp);
        self.seconds[self.seconds.len() / 2]
    }
}

fn readable(seconds: f64) -> String {
    let (number, unit) =
        if seconds < 1e-3 { (seconds * 1e6, "µs") } else { (seconds * 1e3, "ms") };
    let digits = if number < 10.0 { 2 } else { 1 };
    format!("{number:.digits$} {unit}")
}
