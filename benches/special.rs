//! What zeros, infinities and masks cost: the batch mean, as a multiple of the time that usual numbers take.
//!
//! ```sh
//! cargo bench --bench special
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench --bench special
//! ```
//!
//! All are made of logits: where the target's is −∞ its probability is 0, where the input's is so is its logarithm, and where
//! both are, a class has neither. Beside the time of usual numbers stands what share of it their roofline takes, a loop that
//! merely reads as many, and the bytes a second. Each loss is compared with one in `f64` before anything is timed. Without
//! `KLDIV_SHAPE` the shapes are tiny, imagenet and segment. `RAYON_NUM_THREADS` sets the threads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use kldiv::{BatchMean, Error, KLDivLoss, KLDivWithLogitsLoss};
use kldiv_bench::{Shape, roofline};
use ndarray::{Array, ArrayD, Axis, IxDyn, Zip};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// How long one job may take, and how often at least; shorter work is repeated until it takes so long.
const BUDGET: Duration = Duration::from_millis(500);
const ROUNDS: usize = 9;
const SAMPLE: Duration = Duration::from_micros(100);

fn main() {
    let once = std::env::args().any(|argument| argument == "--test");
    println!("{} threads, f32\n", rayon::current_num_threads());
    print!("| shape | numbers |");
    Job::ALL.iter().for_each(|job| print!(" {} |", job.name()));
    println!("\n|---|---|{}", "--:|".repeat(Job::ALL.len()));
    let chosen = std::env::var_os("KLDIV_SHAPE").is_some();
    for shape in Shape::chosen() {
        if chosen || ["tiny", "imagenet", "segment"].contains(&&*shape.name) {
            print_rows(&shape, if once { Duration::ZERO } else { BUDGET });
        }
    }
}

fn print_rows(shape: &Shape, budget: Duration) {
    let problems = Kind::ALL.map(|kind| Problem::new(shape, kind));
    let times = Job::ALL.map(|job| medians(&problems, job, budget));
    let bytes = (2 * shape.elements() * size_of::<f32>()) as f64;
    for (row, kind) in Kind::ALL.iter().enumerate() {
        print!("| {} | {} |", shape.name, kind.name());
        for (read, times) in &times {
            let usual = times[0];
            match row {
                0 => print!(
                    " {:.2} µs, {:.2}, {:.1} GB/s |",
                    usual * 1e6,
                    read / usual,
                    bytes / usual / 1e9
                ),
                _ => print!(" {:.2} |", times[row] / usual),
            }
        }
        println!();
    }
}

/// Which numbers are among the usual ones.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Usual,
    HalfOfTargets,
    AllTargetsButOne,
    LastTenth,
    AnyTenth,
    AnyTenthLeast,
    AnyTenthOfInputs,
    AnyTenthFar,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Usual,
        Kind::HalfOfTargets,
        Kind::AllTargetsButOne,
        Kind::LastTenth,
        Kind::AnyTenth,
        Kind::AnyTenthLeast,
        Kind::AnyTenthOfInputs,
        Kind::AnyTenthFar,
    ];

    fn name(self) -> &'static str {
        match self {
            Kind::Usual => "usual",
            Kind::HalfOfTargets => "half of the targets 0",
            Kind::AllTargetsButOne => "all targets 0 but one",
            Kind::LastTenth => "the last tenth of the classes with neither",
            Kind::AnyTenth => "any tenth of the classes with neither",
            Kind::AnyTenthLeast => "any tenth of the logits the least number",
            Kind::AnyTenthOfInputs => "any tenth of the inputs −∞: the loss is infinite",
            Kind::AnyTenthFar => "any tenth of the target's logits 80 below",
        }
    }

    /// The logits of a class.
    fn logits(self, [z_q, z_p]: [f32; 2], class: f64, chance: f64) -> [f32; 2] {
        let (nothing, tenth) = (f32::NEG_INFINITY, chance < 0.1);
        match self {
            Kind::HalfOfTargets if chance < 0.5 && class > 0.0 => [z_q, nothing],
            Kind::AllTargetsButOne if class > 0.0 => [z_q, nothing],
            Kind::LastTenth if class >= 0.9 => [nothing; 2],
            Kind::AnyTenth if tenth && class > 0.0 => [nothing; 2],
            Kind::AnyTenthLeast if tenth && class > 0.0 => [f32::MIN; 2],
            Kind::AnyTenthOfInputs if tenth && class > 0.0 => [nothing, z_p],
            Kind::AnyTenthFar if tenth => [z_q, z_p - 80.0],
            _ => [z_q, z_p],
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Job {
    Terms { log_target: bool, generalized: bool },
    Logits,
    LogitsWithGradient,
}

impl Job {
    const ALL: [Job; 6] = [
        Job::Terms { log_target: false, generalized: false },
        Job::Terms { log_target: true, generalized: false },
        Job::Terms { log_target: false, generalized: true },
        Job::Terms { log_target: true, generalized: true },
        Job::Logits,
        Job::LogitsWithGradient,
    ];

    fn name(self) -> &'static str {
        match self {
            Job::Terms { log_target: false, generalized: false } => "probability",
            Job::Terms { log_target: true, generalized: false } => "log target",
            Job::Terms { log_target: false, generalized: true } => "generalized",
            Job::Terms { log_target: true, generalized: true } => "generalized, log target",
            Job::Logits => "from logits",
            Job::LogitsWithGradient => "from logits, with gradient",
        }
    }
}

struct Problem {
    axis: Axis,
    /// Of the input and the target.
    logits: [ArrayD<f32>; 2],
    logs: [ArrayD<f32>; 2],
    probabilities: ArrayD<f32>,
}

impl Problem {
    fn new(shape: &Shape, kind: Kind) -> Self {
        let (axis, mut random) = (Axis(shape.axis), SmallRng::seed_from_u64(1));
        let mut normal = || {
            let scores = Array::random_using(IxDyn(&shape.lengths), StandardNormal, &mut random);
            scores.mapv(|score: f64| score as f32)
        };
        let mut logits = [normal(), normal()];
        let [input, target] = &mut logits;
        for (mut input, mut target) in input.lanes_mut(axis).into_iter().zip(target.lanes_mut(axis))
        {
            let classes = input.len() as f64;
            for (class, (z_q, z_p)) in input.iter_mut().zip(&mut target).enumerate() {
                [*z_q, *z_p] = kind.logits([*z_q, *z_p], class as f64 / classes, random.random());
            }
        }
        let wide = [&logits[0], &logits[1]].map(|logits| log_softmax(logits, axis));
        let logs = [&wide[0], &wide[1]].map(|logs| logs.mapv(|log| log as f32));
        let probabilities = wide[1].mapv(|log| log.exp() as f32);
        let problem = Problem { axis, logits, logs, probabilities };
        problem.check(kind, &wide);
        problem
    }

    fn run(&self, job: Job, gradient: &mut ArrayD<f32>) -> Result<f32, Error> {
        let [input, target] = &self.logits;
        let from_logits = KLDivWithLogitsLoss::new(BatchMean).axis(self.axis);
        match job {
            Job::Terms { log_target, generalized } => {
                let criterion = KLDivLoss::new(BatchMean).axis(self.axis).generalized(generalized);
                let target = if log_target { &self.logs[1] } else { &self.probabilities };
                criterion.log_target(log_target).forward(&self.logs[0], target)
            }
            Job::Logits => from_logits.forward(input, target),
            Job::LogitsWithGradient => {
                from_logits.batch(input, target)?.value_and_grad_into(gradient)
            }
        }
    }

    /// Seconds of the second of two times that both operands are merely read.
    fn read(&self, repeats: u32) -> f64 {
        let [x, t] = self.logs.each_ref().map(|logs| logs.as_slice().expect("in order"));
        let mut start = Instant::now();
        for turn in 0..2 * repeats {
            if turn == repeats {
                start = Instant::now();
            }
            black_box(roofline::read(black_box(x), t));
        }
        start.elapsed().as_secs_f64() / f64::from(repeats)
    }

    fn check(&self, kind: Kind, [log_q, log_p]: &[ArrayD<f64>; 2]) {
        let rows = log_q.shape()[0] as f64;
        let mut expected = 0.0;
        Zip::from(log_q).and(log_p).for_each(|x, y| {
            expected += if y.exp() > 0.0 { y.exp() * (y - x) } else { 0.0 };
        });
        expected /= rows;
        let mut gradient = ArrayD::zeros(log_q.raw_dim());
        for job in Job::ALL {
            let found = f64::from(self.run(job, &mut gradient).expect("operands that fit"));
            let right = found == expected || (found / expected - 1.0).abs() < 1e-5;
            assert!(right, "{}, {}: {found}, not {expected}", kind.name(), job.name());
        }
        // The last job left its gradient.
        Zip::from(&gradient).and(log_q).and(log_p).for_each(|&found, x, y| {
            let expected = (x.exp() - y.exp()) / rows;
            let near = (f64::from(found) - expected).abs() < 1e-6 / rows;
            assert!(near, "{}: a gradient of {found}, not {expected}", kind.name());
        });
    }
}

fn log_softmax(logits: &ArrayD<f32>, axis: Axis) -> ArrayD<f64> {
    let mut logs = logits.mapv(f64::from);
    for mut lane in logs.lanes_mut(axis) {
        let peak = lane.fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
        let total = peak + lane.iter().map(|z| (z - peak).exp()).sum::<f64>().ln();
        lane -= total;
    }
    logs
}

/// Seconds, of each kind.
type Times = [f64; Kind::ALL.len()];

/// Seconds of the roofline, and of a job on each problem.
fn medians(problems: &[Problem; Kind::ALL.len()], job: Job, budget: Duration) -> (f64, Times) {
    let mut gradient = ArrayD::zeros(problems[0].logits[0].raw_dim());
    let mut timed = |problem: &Problem, repeats: u32| {
        let start = Instant::now();
        for _ in 0..repeats {
            black_box(black_box(problem).run(job, &mut gradient)).expect("operands that fit");
        }
        start.elapsed().as_secs_f64() / f64::from(repeats)
    };
    timed(&problems[0], 1);
    let repeats = (SAMPLE.as_secs_f64() / timed(&problems[0], 1)) as u32 + 1;
    let (mut read, mut seconds) = (Vec::new(), [const { Vec::new() }; Kind::ALL.len()]);
    let start = Instant::now();
    let rounds = if budget.is_zero() { 1 } else { ROUNDS };
    while seconds[0].len() < rounds || start.elapsed() < budget {
        read.push(problems[0].read(repeats));
        for (problem, seconds) in problems.iter().zip(&mut seconds) {
            timed(problem, repeats); // its operands are in the caches that hold them
            seconds.push(timed(problem, repeats));
        }
    }
    (median(read), seconds.map(median))
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
