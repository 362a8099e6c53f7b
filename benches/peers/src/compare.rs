//! Everybody on the same data: speed and error.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;

use kldiv::half::{bf16, f16};
use ndarray::Dimension;

use crate::contender::{Contender, Contenders, value};
use crate::job::Job;
use crate::oracle::Expected;
use crate::python::{LIBRARIES, Library, Python, Start};
use crate::record::{self, Comparison, Row};
use crate::rivals::{self, OURS, half, ours};
use crate::scaling::pool;
use crate::timing::{Effort, Seconds, in_turn};
use crate::{cli::Options, machine};
use kldiv_bench::{Measure, Number, Problem, Shape, for_each_precision};

/// The crates whose versions are told, where they are built.
const CRATES: [(&str, bool); 7] = [
    ("kldiv", true),
    ("ndarray", true),
    ("rayon", true),
    ("ndarray-stats", true),
    ("numkong", cfg!(feature = "numkong")),
    ("candle-core", cfg!(feature = "candle")),
    ("burn", cfg!(feature = "burn")),
];
/// Ulp within which an answer of this crate must be, before it is timed.
const ALLOWED: f64 = 16.0;

pub fn run(options: &Options, runs: usize) -> Result<Comparison, Box<dyn Error>> {
    let mut comparison = Comparing {
        effort: options.effort(),
        python: options.python(),
        run: 0,
        record: Comparison {
            machine: machine::describe(),
            quick: options.quick,
            runs,
            shapes: Shape::chosen().into_iter().map(record::Shape::from).collect(),
            rows: Vec::new(),
            versions: machine::versions(&CRATES),
            skipped: rivals::missing(),
        },
        failed: None,
    };
    if comparison.python.is_none() {
        let line = "torch, jax, scipy: no interpreter; `benches/peers/run.sh` sets one up";
        comparison.record.skipped.push(line.to_owned());
    }
    for (run, shape) in (0..runs).flat_map(|run| Shape::chosen().into_iter().map(move |s| (run, s)))
    {
        comparison.run = run;
        for_each_precision(&shape, &mut comparison);
        if let Some(error) = comparison.failed {
            return Err(error.into());
        }
    }
    Ok(comparison.record)
}

struct Comparing {
    effort: Effort,
    python: Option<Python>,
    run: usize,
    record: Comparison,
    failed: Option<String>,
}

/// Where a row belongs.
#[derive(Clone, Copy)]
struct At<'s> {
    shape: &'s str,
    job: Job,
    precision: &'static str,
}

impl Measure for Comparing {
    fn shape<A: Number, D: Dimension + 'static>(&mut self, shape: &Shape) {
        let outcome = self.jobs::<A, D>(shape);
        self.failed = self.failed.take().or(outcome.err().map(|error| error.to_string()));
    }
}

impl Comparing {
    fn jobs<A: Number, D: Dimension + 'static>(
        &mut self,
        shape: &Shape,
    ) -> Result<(), Box<dyn Error>> {
        let mut problem = Problem::<A, D>::new(shape);
        let libraries = self.libraries(shape, &problem)?;
        for job in Job::done_in(A::NAME) {
            let at = At { shape: &shape.name, job, precision: A::NAME };
            let expected = Expected::of(&problem, job);
            let mut contenders = rivals::of(job, &problem);
            for library in &libraries {
                let skipped = Library::join(library, job, &mut contenders);
                let skipped = skipped.unwrap_or_else(|error| vec![error.to_string()]);
                let skipped = skipped.iter().map(|line| format!("{}, {line}", job.id())).collect();
                self.tell(skipped, |record| &mut record.skipped);
            }
            self.timed(at, &mut problem, &contenders, Some(&expected));
            if A::NAME == "f32" && job.is_forward() && job.is_batch_mean() {
                self.ours_alone(at, &mut problem, &expected);
            }
        }
        Ok(())
    }

    /// Those in Python, ready to do a job.
    fn libraries<A: Number, D: Dimension>(
        &mut self,
        shape: &Shape,
        problem: &Problem<A, D>,
    ) -> Result<Vec<Rc<RefCell<Library>>>, Box<dyn Error>> {
        let Some(python) = self.python.clone() else { return Ok(Vec::new()) };
        python.prepare(problem)?;
        let mut libraries = Vec::new();
        for name in LIBRARIES {
            let skipped = match python.start(name, shape) {
                Ok((library, Start::Versions { versions })) => {
                    self.tell(versions, |record| &mut record.versions);
                    libraries.push(Rc::new(RefCell::new(library)));
                    continue;
                }
                Ok((_, Start::Skipped { skipped })) => skipped,
                Err(error) => format!("{name}: {error}"),
            };
            self.tell(vec![skipped], |record| &mut record.skipped);
        }
        Ok(libraries)
    }

    /// In one thread, and with 16-bit elements.
    fn ours_alone<A: Number, D: Dimension + 'static>(
        &mut self,
        at: At,
        problem: &mut Problem<A, D>,
        expected: &Expected,
    ) {
        if rayon::current_num_threads() > 1 {
            pool(1).install(|| self.timed(at, problem, &ours::of(at.job), Some(expected)));
        }
        let f16s = half::of::<f16, A, D>(at.job, problem);
        self.timed(At { precision: "f16", ..at }, problem, &f16s, None);
        let bf16s = half::of::<bf16, A, D>(at.job, problem);
        self.timed(At { precision: "bf16", ..at }, problem, &bf16s, None);
    }

    /// A row for each; ours are checked before anything is timed.
    fn timed<A: Number, D: Dimension + 'static>(
        &mut self,
        at: At,
        problem: &mut Problem<A, D>,
        contenders: &Contenders<A, D>,
        expected: Option<&Expected>,
    ) {
        let mut error = |one: &dyn Contender<_>| {
            expected.map_or(f64::NAN, |expected| expected.error(&one.answer(problem)))
        };
        let errors: Vec<f64> = contenders.iter().map(|one| error(one.as_ref())).collect();
        for (one, &error) in contenders.iter().zip(&errors) {
            let is_checked = one.name().starts_with(OURS) && expected.is_some();
            assert!(!is_checked || error <= ALLOWED, "{}: {error} ulp", one.name());
        }
        let roofline = roofline(at.job);
        let in_order: Vec<&dyn Contender<_>> =
            std::iter::once(&roofline).chain(contenders).map(Box::as_ref).collect();
        let seconds = in_turn(problem, &in_order, self.effort);
        for ((one, &error), time) in contenders.iter().zip(&errors).zip(&seconds[1..]) {
            if !time.is_whole() {
                let line = format!("{}, {}: ended in the middle", at.job.id(), one.name());
                self.tell(vec![line], |record| &mut record.skipped);
                continue;
            }
            self.row(at, one.name(), [time, &seconds[0]], error);
        }
    }

    /// Each line once, whatever the number of shapes.
    fn tell(&mut self, lines: Vec<String>, to: fn(&mut Comparison) -> &mut Vec<String>) {
        let known = to(&mut self.record);
        for line in lines {
            if !known.contains(&line) {
                known.push(line);
            }
        }
    }

    fn row(
        &mut self,
        At { shape, job, precision }: At,
        contender: &str,
        [seconds, roofline]: [&Seconds; 2],
        error: f64,
    ) {
        let row = Row {
            run: self.run,
            shape: shape.to_owned(),
            job: job.id(),
            precision: precision.to_owned(),
            threads: rayon::current_num_threads(),
            contender: contender.to_owned(),
            seconds: seconds.clone(),
            roofline: roofline.clone(),
            error: error.is_finite().then_some(error),
        };
        println!(
            "{shape:9} {:34} {precision:4} {} {contender:22} {:>11.2} µs {:8.2} × roofline {error:9.3} ulp",
            row.job,
            row.threads,
            seconds.median * 1e6,
            row.multiple(),
        );
        self.record.rows.push(row);
    }
}

fn roofline<A: Number, D: Dimension + 'static>(job: Job) -> Box<dyn Contender<Problem<A, D>>> {
    value("roofline", move |problem: &mut Problem<A, D>| {
        if job.writes() { problem.read_and_write(job.target()) } else { problem.read(job.target()) }
    })
}
