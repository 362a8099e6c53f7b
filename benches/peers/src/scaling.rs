//! This crate over sizes, threads, classes, axes and layouts, beside the loop by hand and the roofline.

mod layouts;

use std::hint::black_box;
use std::time::Instant;

use kldiv::{KLDivLoss, Sum};
use ndarray::{Dimension, Ix2, Ix3};

use crate::cli::Options;
use crate::contender::{Contender, value};
use crate::machine;
use crate::record::{Point, Scaling};
use crate::timing::{Effort, Seconds, in_turn};
use kldiv_bench::{Problem, Shape, Target, Work};

pub const SIZE: &str = "size";
pub const ONE_THREAD: &str = "size, one thread";
pub const THREADS: &str = "threads";
pub const CLASSES: &str = "classes";
pub const STRIDE: &str = "stride";
pub const LAYOUT: &str = "layout";

/// Elements where something else varies.
const CONSTANT: usize = 10_000_000;
/// Powers of two, as images have them.
const IMAGES: usize = 1 << 23;
const IMAGE_CLASSES: usize = 32;

pub fn run(options: &Options) -> Scaling {
    let effort = Effort { rounds: (3, 101), ..options.effort() };
    let mut sweep = Sweep {
        effort: if options.quick { Effort::QUICK } else { effort },
        shrink: if options.quick { 100 } else { 1 },
        points: Vec::new(),
    };
    sweep.threads();
    sweep.sizes();
    sweep.classes();
    sweep.strides();
    sweep.layouts();
    Scaling {
        machine: machine::describe(),
        quick: options.quick,
        gigahertz: machine::gigahertz(),
        merge: merge(),
        points: sweep.points,
    }
}

struct Sweep {
    effort: Effort,
    /// Quick runs take so much less.
    shrink: usize,
    points: Vec<Point>,
}

/// Where a point belongs.
struct At<'n> {
    sweep: &'n str,
    series: String,
    x: f64,
}

impl Sweep {
    /// From one distribution to what fills memory.
    fn sizes(&mut self) {
        for classes in [10, 1000] {
            for half_decades in 4..=16 {
                let elements = 10_f64.powf(f64::from(half_decades) / 2.0) as usize;
                if elements < classes || elements > 100_000_000 / self.shrink {
                    continue;
                }
                let mut problem = problem::<Ix2>(&[elements / classes, classes], 1);
                for target in Target::ALL {
                    let x = (elements / classes * classes) as f64;
                    let series = format!("{classes} classes, {}", target.name());
                    let at = At { sweep: SIZE, series: series.clone(), x };
                    self.measure(at, &mut problem, target, true);
                    let at = At { sweep: ONE_THREAD, series, x };
                    pool(1).install(|| self.measure(at, &mut problem, target, false));
                }
            }
        }
    }

    fn threads(&mut self) {
        let all = rayon::current_num_threads();
        let counts: Vec<usize> =
            (0..).map(|power| 1 << power).take_while(|&count| count < all).chain([all]).collect();
        let shapes: [(&str, &[usize]); 3] = [
            ("1,000,000 × 10", &[1_000_000, 10]),
            ("4,096 × 1,000", &[4096, 1000]),
            ("512 × 32,000", &[512, 32_000]),
        ];
        for (name, lengths) in shapes {
            let mut problem = problem::<Ix2>(&[lengths[0] / self.shrink, lengths[1]], 1);
            self.each_count(name, &counts, &mut problem);
        }
        let mut problem = problem::<Ix3>(&[8, 21, 65536 / self.shrink], 1);
        self.each_count("8 × 21 × 256 × 256, axis 1", &counts, &mut problem);
    }

    fn each_count<D: Dimension + 'static>(
        &mut self,
        name: &str,
        counts: &[usize],
        problem: &mut Problem<f32, D>,
    ) {
        for &count in counts {
            let at = At { sweep: THREADS, series: name.to_owned(), x: count as f64 };
            pool(count).install(|| self.measure(at, problem, Target::Probability, false));
        }
    }

    fn classes(&mut self) {
        let elements = CONSTANT / self.shrink;
        for classes in
            [2, 5, 10, 20, 50, 64, 65, 80, 100, 128, 200, 500, 1000, 10_000, 100_000, 1_000_000]
        {
            if classes > elements {
                continue;
            }
            let mut problem = problem::<Ix2>(&[elements / classes, classes], 1);
            for target in Target::ALL {
                let series = target.name().to_owned();
                let at = At { sweep: CLASSES, series, x: classes as f64 };
                self.measure(at, &mut problem, target, true);
            }
        }
    }

    /// The class axis last, in the middle, and first.
    fn strides(&mut self) {
        let outer_and_inner = IMAGES / IMAGE_CLASSES / self.shrink.next_power_of_two();
        for power in (0..=outer_and_inner.ilog2()).step_by(2) {
            let inner = 1 << power;
            let lengths = [outer_and_inner / inner, IMAGE_CLASSES, inner];
            let mut problem = problem::<Ix3>(&lengths, 1);
            for target in Target::ALL {
                let series = target.name().to_owned();
                let at = At { sweep: STRIDE, series, x: inner as f64 };
                self.measure(at, &mut problem, target, true);
            }
        }
    }

    fn measure<D: Dimension + 'static>(
        &mut self,
        at: At,
        problem: &mut Problem<f32, D>,
        target: Target,
        by_hand: bool,
    ) {
        let mut contenders: Vec<Box<dyn Contender<Problem<f32, D>>>> = vec![
            value("roofline", move |problem: &mut Problem<f32, D>| problem.read(target)),
            value("ours", move |problem: &mut Problem<f32, D>| {
                problem.ours(Work::BatchMean, target)
            }),
        ];
        if by_hand {
            contenders.push(value("by hand", move |problem: &mut Problem<f32, D>| {
                problem.by_hand(Work::BatchMean, target)
            }));
        }
        let contenders: Vec<_> = contenders.iter().map(Box::as_ref).collect();
        let seconds = in_turn(problem, &contenders, self.effort);
        self.point(at, problem.operands.input.len(), &seconds);
    }

    fn point(&mut self, At { sweep, series, x }: At, elements: usize, seconds: &[Seconds]) {
        let median = |index: usize| seconds.get(index).map(|seconds| seconds.median);
        let (roofline, ours, by_hand) = (seconds[0].median, seconds[1].median, median(2));
        let rate = elements as f64 / ours / 1e9;
        let beside = by_hand
            .map_or(String::new(), |by_hand| format!(", by hand {:.2} × as long", by_hand / ours));
        println!(
            "{sweep}: {series}, {x}: {:.2} µs, {rate:.3}·10⁹/s, {:.2} of the roofline{beside}",
            ours * 1e6,
            roofline / ours
        );
        let (sweep, series) = (sweep.to_owned(), series.clone());
        self.points.push(Point { sweep, series, x, elements, ours, roofline, by_hand });
    }
}

fn problem<D: Dimension>(lengths: &[usize], axis: usize) -> Problem<f32, D> {
    Problem::new(&Shape { name: String::new(), lengths: lengths.to_vec(), axis })
}

pub fn pool(threads: usize) -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads")
}

/// Seconds of a merge.
fn merge() -> f64 {
    const MERGES: u32 = 10_000;
    let problem = problem::<Ix2>(&[1000, 10], 1);
    let (x, t) = problem.operands.pair(Target::Probability);
    let batch = KLDivLoss::new(Sum).batch(x, t).expect("operands that fit");
    let partial = batch.partial().expect("a sum");
    let mut sum = partial.clone();
    let start = Instant::now();
    for _ in 0..MERGES {
        sum.merge(black_box(&partial));
    }
    black_box(sum);
    start.elapsed().as_secs_f64() / f64::from(MERGES)
}
