//! `kldiv bench`: how fast and how accurate batched losses are on this machine, beside the loop by hand and the roofline.

mod options;
mod report;

use std::io::{self, Write};

use kldiv::half::{bf16, f16};
use kldiv_bench::oracle::Oracle;
use kldiv_bench::rounds::{Effort, Timed, in_turn};
use kldiv_bench::{Problem, Shape, Stored, Task, roofline};
use ndarray::{Dimension, Ix2, IxDyn};

pub use options::{Dtype, Options};
pub use report::{Errors, Measurement, Report, Run, Seconds};

use crate::failure::Failure;

/// Rounds at least and at most, whatever the budget is.
const ROUNDS: (usize, usize) = (3, 1001);

/// Measures, and prints the report.
///
/// # Errors
/// Arguments that make no sense, and threads that cannot be started.
pub fn run(options: &Options) -> Result<(), Failure> {
    let report = measure(options)?;
    let text = match options.json {
        true => serde_json::to_string_pretty(&report).map(|json| json + "\n"),
        false => Ok(report.to_string()),
    };
    let text = text.map_err(|error| Failure::new(error.to_string()))?;
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::new(format!("cannot write the report: {error}")))
}

/// Measures every shape, divergence and number of threads.
///
/// # Errors
/// As [`run`].
pub fn measure(options: &Options) -> Result<Report, Failure> {
    let (shapes, pools) = (options.shapes()?, options.pools()?);
    let effort = Effort { budget: options.budget()?, rounds: ROUNDS };
    let mut runs = Vec::new();
    for shape in &shapes {
        check_memory(shape)?;
        let measured = match options.dtype {
            Dtype::F32 => of_type::<f32>(options, shape, &pools, effort),
            Dtype::F64 => of_type::<f64>(options, shape, &pools, effort),
            Dtype::F16 => of_type::<f16>(options, shape, &pools, effort),
            Dtype::Bf16 => of_type::<bf16>(options, shape, &pools, effort),
        };
        runs.extend(measured);
    }
    Ok(Report {
        level: roofline::level(),
        dtype: options.dtype.name(),
        given: options.given().name(),
        gradient: options.gradient,
        runs,
    })
}

/// Matrices are measured as what they are, the others as arrays of dynamic rank.
/// Operands, outputs and the oracle's numbers take up to some 40 bytes for each element.
fn check_memory(shape: &Shape) -> Result<(), Failure> {
    let fits = |bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    if shape.elements().checked_mul(40).is_some_and(fits) {
        return Ok(());
    }
    let line = format!(
        "{}: this machine has no memory for {} numbers; give a smaller shape",
        shape.name,
        shape.elements()
    );
    Err(Failure::usage(line))
}

fn of_type<A: Stored>(
    options: &Options,
    shape: &Shape,
    pools: &[rayon::ThreadPool],
    effort: Effort,
) -> Vec<Run> {
    match shape.lengths.len() {
        2 => of_rank::<A, Ix2>(options, shape, pools, effort),
        _ => of_rank::<A, IxDyn>(options, shape, pools, effort),
    }
}

fn of_rank<A: Stored, D: Dimension>(
    options: &Options,
    shape: &Shape,
    pools: &[rayon::ThreadPool],
    effort: Effort,
) -> Vec<Run> {
    let mut problem = Problem::<A, D>::with_targets(shape, &[options.given().target()]);
    let mut runs = Vec::new();
    for task in options.tasks() {
        let oracle = Oracle::new(task, &problem);
        for pool in pools {
            runs.push(pool.install(|| one(task, shape, &oracle, &mut problem, effort)));
        }
    }
    runs
}

/// Everybody in turn, in the same rounds, after the errors of each.
fn one<A: Stored, D: Dimension>(
    task: Task,
    shape: &Shape,
    oracle: &Oracle,
    problem: &mut Problem<A, D>,
    effort: Effort,
) -> Run {
    let rows = oracle.error_of_each::<A>(&task.each(problem));
    let rows_by_hand = oracle.error_of_each::<A>(&task.each_by_hand(problem));
    let ours = |problem: &mut Problem<A, D>| task.ours(problem);
    let by_hand = |problem: &mut Problem<A, D>| task.by_hand(problem);
    let in_parallel = |problem: &mut Problem<A, D>| task.by_hand_in_parallel(problem);
    let roofline = |problem: &mut Problem<A, D>| task.roofline(problem);
    let mut errors = |work: Timed<'_, Problem<A, D>, A::Loss>, worst_row| {
        let mean = oracle.error::<A>(work(problem));
        Errors {
            mean,
            worst_row,
            gradient: task.gradient.then(|| oracle.error_of_gradient(problem)),
        }
    };
    let errors =
        [errors(&ours, rows), errors(&by_hand, rows_by_hand), errors(&in_parallel, rows_by_hand)];
    let times = in_turn(problem, [&ours, &by_hand, &in_parallel, &roofline], effort);
    Run::new(task, shape, size_of::<A>(), errors, &times)
}
