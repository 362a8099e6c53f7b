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

use std::fmt::Debug;
use std::hint::black_box;
use std::time::Duration;

use kldiv::half::{bf16, f16};
use kldiv::{BatchMean, Element, Error, KLDivLoss, PerDistribution, Pointwise};

use kldiv_bench::rounds::{Effort, Timed, in_turn};
use kldiv_bench::{Shape, Target, Work, log_probabilities, roofline};
use ndarray::{ArrayD, Axis, IxDyn, RemoveAxis};

/// For one row.
const EFFORT: Effort = Effort { budget: Duration::from_millis(500), rounds: (9, 1001) };

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
            print_rows(
                &shape,
                target,
                if once { Effort { rounds: (1, 1), ..EFFORT } } else { EFFORT },
            );
        }
    }
}

fn print_rows(shape: &Shape, target: Target, effort: Effort) {
    let singles = Problem::<f32>::new(shape, target);
    let operands = [&singles.input, &singles.target].map(|array| array.to_owned());
    let (f16s, bf16s) = (Problem::<f16>::new(shape, target), Problem::<bf16>::new(shape, target));
    f16s.check();
    bf16s.check();
    let mut all = (operands, singles, f16s, bf16s);
    type All = ([ArrayD<f32>; 2], Problem<f32>, Problem<f16>, Problem<bf16>);
    for work in Work::ALL {
        let loops: [Timed<'_, All, ()>; 4] = [
            &|all| read(&all.0),
            &|all| all.1.run(work).expect("a pair"),
            &|all| all.2.run(work).expect("a pair"),
            &|all| all.3.run(work).expect("a pair"),
        ];
        let [read, f32, f16, bf16] = in_turn(&mut all, loops, effort)
            .map(|times| shape.elements() as f64 / times.median() / 1e9);
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
            input: log_probabilities::<IxDyn>(shape, 1).mapv(A::narrow),
            target: log_probabilities::<IxDyn>(shape, 2).mapv(|y| A::narrow(probability(y))),
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
