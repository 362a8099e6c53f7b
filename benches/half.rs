//! 16-bit elements beside `f32`: elements a second, in turn, in one run.
//!
//! ```sh
//! cargo bench --features half --bench half
//! KLDIV_SHAPE=8x21x256x256 KLDIV_AXIS=1 cargo bench --features half --bench half
//! ```
//!
//! "read" is the roofline of 16-bit operands. Small probabilities are subnormal in binary16: those of "vocab" mostly
//! are. Each answer is compared with that of the same numbers as `f32` before anything is timed.
//! `RAYON_NUM_THREADS` sets the threads.

mod common;

use std::fmt::Debug;
use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{Shape, Target, Work, roofline};
use kldiv::half::{bf16, f16};
use kldiv::{BatchMean, Element, Error, KLDivLoss, PerDistribution, Pointwise};
use ndarray::{Array, ArrayD, Axis, IxDyn, RemoveAxis};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// How long one row may take, and how often at least; shorter work is repeated until it takes so long.
const BUDGET: Duration = Duration::from_millis(500);
const ROUNDS: usize = 9;
const SAMPLE: Duration = Duration::from_micros(100);

fn main() {
    let once = std::env::args().any(|argument| argument == "--test");
    let threads = rayon::current_num_threads();
    println!("{threads} threads; 10⁹ elements a second\n");
    println!(
        "| shape | target | reduction | read | f32 | f16 | bf16 | f16 / f32 | bf16 / f32 | bf16, GB/s |"
    );
    println!("|---|---|---|--:|--:|--:|--:|--:|--:|--:|");
    for shape in Shape::chosen() {
        for target in Target::ALL {
            print_rows(&shape, target, if once { Duration::ZERO } else { BUDGET });
        }
    }
}

fn print_rows(shape: &Shape, target: Target, budget: Duration) {
    let halves: (Problem<f16>, Problem<bf16>) =
        (Problem::new(shape, target), Problem::new(shape, target));
    let (mut f16s, mut bf16s) = halves;
    let mut singles = Problem::<f32>::new(shape, target);
    f16s.check();
    bf16s.check();
    let operands = [&singles.input, &singles.target].map(|array| array.to_owned());
    for work in Work::ALL {
        let mut loops: [&mut dyn FnMut(); 4] = [
            &mut || read(&operands),
            &mut || singles.run(work).unwrap(),
            &mut || f16s.run(work).unwrap(),
            &mut || bf16s.run(work).unwrap(),
        ];
        let [read, f32, f16, bf16] =
            medians(&mut loops, budget).map(|time| shape.elements() as f64 / time / 1e9);
        let (name, target, work) = (&shape.name, target.name(), work.name());
        let ratios = format!("{:.2} | {:.2}", f16 / f32, bf16 / f32);
        println!(
            "| {name} | {target} | {work} | {read:.2} | {f32:.2} | {f16:.2} | {bf16:.2} | {ratios} | {:.1} |",
            4.0 * bf16
        );
    }
}

/// Reads as many bytes as two operands of 16 bits hold.
fn read([x, t]: &[ArrayD<f32>; 2]) {
    let (x, t) = (x.as_slice().expect("in order"), t.as_slice().expect("in order"));
    let half = x.len() / 2;
    black_box(roofline::read(&x[..half], &t[..half]));
}

/// Operands, and the buffers that results are written to again and again.
struct Problem<A: Element> {
    axis: Axis,
    log_target: bool,
    input: ArrayD<A>,
    target: ArrayD<A>,
    gradient: ArrayD<A>,
    terms: ArrayD<A::Loss>,
    divergences: ArrayD<A::Loss>,
}

impl<A: Element<Loss = f32> + Debug> Problem<A> {
    /// Softmaxes of normal scores.
    fn new(shape: &Shape, target: Target) -> Self {
        let (axis, log_target) = (Axis(shape.axis), target == Target::LogProbability);
        let dim = IxDyn(&shape.lengths);
        let probability = |y: f64| if log_target { y } else { y.exp() };
        Problem {
            axis,
            log_target,
            input: log_softmax(shape, 1).mapv(A::narrow),
            target: log_softmax(shape, 2).mapv(|y| A::narrow(probability(y))),
            gradient: ArrayD::default(dim.clone()),
            divergences: ArrayD::zeros(dim.remove_axis(axis)),
            terms: ArrayD::zeros(dim),
        }
    }

    fn run(&mut self, work: Work) -> Result<(), Error> {
        let (x, t) = (&self.input, &self.target);
        let mean = KLDivLoss::new(BatchMean).axis(self.axis).log_target(self.log_target);
        match work {
            Work::BatchMean => black_box(mean.forward(black_box(x), t)?),
            Work::ValueAndGrad => mean.batch(x, t)?.value_and_grad_into(&mut self.gradient)?,
            Work::PerDistribution => {
                let each = KLDivLoss::new(PerDistribution).axis(self.axis);
                let each = each.log_target(self.log_target).batch(x, t)?;
                each.forward_into(&mut self.divergences)?;
                0.0
            }
            Work::Pointwise => {
                let terms = KLDivLoss::new(Pointwise).axis(self.axis).log_target(self.log_target);
                terms.batch(x, t)?.forward_into(&mut self.terms)?;
                0.0
            }
        };
        Ok(())
    }

    /// Every answer is that of the same numbers as `f32`, a gradient rounded.
    fn check(&self) {
        let Problem { axis, log_target, input, target, .. } = self;
        let wide = [input, target].map(|array| array.mapv(A::widen));
        macro_rules! criterion {
            ($reduction:expr) => {
                KLDivLoss::new($reduction).axis(*axis).log_target(*log_target)
            };
        }
        macro_rules! check {
            ($reduction:expr) => {
                let criterion = criterion!($reduction);
                assert_eq!(criterion.forward(input, target), criterion.forward(&wide[0], &wide[1]));
            };
        }
        check!(BatchMean);
        check!(PerDistribution);
        check!(Pointwise);
        let (_, found) = criterion!(BatchMean).value_and_grad(input, target).expect("a pair");
        let (_, wide) = criterion!(BatchMean).value_and_grad(&wide[0], &wide[1]).expect("a pair");
        // Rounding is monotonic, and the `f32` is rounded once too.
        let rounded = |wide: f32, factor: f64| A::narrow(f64::from(wide) * factor).widen();
        let right = |found: f32, wide: f32| {
            let [inner, outer] = [1.0 - 1e-6, 1.0 + 1e-6].map(|factor| rounded(wide, factor));
            inner.abs() <= found.abs() && found.abs() <= outer.abs() && found * wide >= 0.0
        };
        assert!(found.iter().zip(&wide).all(|(found, &wide)| right(found.widen(), wide)));
    }
}

fn log_softmax(shape: &Shape, seed: u64) -> ArrayD<f64> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut scores = Array::random_using(IxDyn(&shape.lengths), StandardNormal, &mut random);
    for mut lane in scores.lanes_mut(Axis(shape.axis)) {
        let sum: f64 = lane.iter().map(|score: &f64| score.exp()).sum();
        lane -= sum.ln();
    }
    scores
}

/// Seconds of each loop.
fn medians(loops: &mut [&mut dyn FnMut(); 4], budget: Duration) -> [f64; 4] {
    let timed = |work: &mut dyn FnMut(), repeats: u32| {
        let start = Instant::now();
        (0..repeats).for_each(|_| work());
        start.elapsed().as_secs_f64() / f64::from(repeats)
    };
    timed(loops[0], 1);
    let repeats = (SAMPLE.as_secs_f64() / timed(loops[0], 1)) as u32 + 1;
    let mut seconds = [const { Vec::new() }; 4];
    let start = Instant::now();
    let rounds = if budget.is_zero() { 1 } else { ROUNDS };
    while seconds[0].len() < rounds || start.elapsed() < budget {
        for (work, seconds) in loops.iter_mut().zip(&mut seconds) {
            seconds.push(timed(*work, repeats));
        }
    }
    seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    })
}
