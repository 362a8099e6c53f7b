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

/// The header, with what the last of the three times is of.
pub fn print_header(other: &str) {
    let level = format!("{:?}", fearless_simd::Level::new());
    let level = level.split('(').next().unwrap_or(&level);
    println!("{} threads, {level}\n", rayon::current_num_threads());
    println!(
        "| shape | precision | target | reduction | ours | GB/s | roofline | {other} | \
         roofline / ours | {other} / ours | error |"
    );
    println!("|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|");
}

/// Prints the rows of a shape.
pub fn print_rows<A: Number, D: Dimension>(shape: &Shape) {
    let mut problem = Problem::<A, D>::new(shape);
    for target in Target::ALL {
        let errors = problem.check(&shape.name, target);
        for (work, error) in Work::ALL.into_iter().zip(errors) {
            let ours = |problem: &mut Problem<A, D>| problem.ours(work, target);
            let by_hand = |problem: &mut Problem<A, D>| problem.by_hand(work, target);
            let roofline = |problem: &mut Problem<A, D>| {
                if work.writes() { problem.read_and_write(target) } else { problem.read(target) }
            };
            let times = medians(&mut problem, [&ours, &roofline, &by_hand]);
            print_row::<A>(shape, target.name(), work.name(), times, error);
        }
    }
}

/// Prints a row, given the seconds of ours, the roofline and the other, such as the loop by hand.
pub fn print_row<A: Number>(
    shape: &Shape,
    target: &str,
    work: &str,
    [ours, roofline, by_hand]: [f64; 3],
    error: f64,
) {
    println!(
        "| {} | {} | {target} | {work} | {} | {:.1} | {} | {} | {:.2} | {:.2} | {error:.0e} |",
        shape.name,
        A::NAME,
        readable(ours),
        (2 * shape.elements() * size_of::<A>()) as f64 / ours / 1e9,
        readable(roofline),
        readable(by_hand),
        roofline / ours,
        by_hand / ours,
    );
}

/// Something to be timed.
pub type Timed<'w, P, A> = &'w dyn Fn(&mut P) -> A;
/// Ours, the roofline, and the loop by hand.
pub type Loops<'w, P, A> = [Timed<'w, P, A>; 3];

/// Seconds of ours, the roofline and the loop by hand.
pub fn medians<P, A>(problem: &mut P, [ours, roofline, by_hand]: [Timed<'_, P, A>; 3]) -> [f64; 3] {
    let mut ours = Sampler::new(problem, ours);
    let mut by_hand = Sampler::new(problem, by_hand);
    let mut roofline = Sampler::new(problem, roofline);
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

struct Sampler<'w, P, A> {
    work: Timed<'w, P, A>,
    repeats: u32,
    seconds: Vec<f64>,
}

impl<'w, P, A> Sampler<'w, P, A> {
    fn new(problem: &mut P, work: Timed<'w, P, A>) -> Self {
        let mut sampler = Sampler { work, repeats: 1, seconds: Vec::new() };
        sampler.sample(problem);
        sampler.sample(problem);
        let once = sampler.seconds.pop().unwrap_or_default();
        sampler.repeats = (SAMPLE.as_secs_f64() / once) as u32 + 1;
        sampler.seconds.clear();
        sampler
    }

    fn sample(&mut self, problem: &mut P) {
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
