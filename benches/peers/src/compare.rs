//! Everybody on the same data: speed and error.

use std::error::Error;

use ndarray::Dimension;

use crate::common::{self, Measure, Number, Problem, Shape};
use crate::contender::{Contender, Contenders, value};
use crate::job::Job;
use crate::oracle::Expected;
use crate::python::{LIBRARIES, Line, Python};
use crate::record::{self, Comparison, Row};
use crate::rivals::{self, OURS};
use crate::timing::{Effort, Seconds, in_turn};
use crate::{cli::Options, machine};

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

pub fn run(options: &Options) -> Result<Comparison, Box<dyn Error>> {
    let mut comparison = Comparing {
        effort: options.effort(),
        python: options.python(),
        record: Comparison {
            machine: machine::describe(),
            quick: options.quick,
            shapes: Vec::new(),
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
    for shape in Shape::chosen() {
        common::with_rank::<f32>(&shape, &mut comparison);
    }
    match comparison.failed {
        Some(error) => Err(error),
        None => Ok(comparison.record),
    }
}

struct Comparing {
    effort: Effort,
    python: Option<Python>,
    record: Comparison,
    failed: Option<Box<dyn Error>>,
}

impl Measure for Comparing {
    fn shape<A: Number, D: Dimension + 'static>(&mut self, shape: &Shape) {
        let mut problem = Problem::<f32, D>::new(shape);
        let (lengths, axis) = (shape.lengths.clone(), shape.axis);
        self.record.shapes.push(record::Shape { name: shape.name.clone(), lengths, axis });
        for job in Job::ALL {
            self.in_rust(shape, &mut problem, job);
        }
        if let Some(python) = self.python.clone() {
            let outcome = self.in_python(&python, shape, &mut problem);
            self.failed = self.failed.take().or(outcome.err());
        }
    }
}

impl Comparing {
    fn in_rust<D: Dimension + 'static>(
        &mut self,
        shape: &Shape,
        problem: &mut Problem<f32, D>,
        job: Job,
    ) {
        let expected = Expected::of(problem, job);
        let contenders: Contenders<D> = rivals::of(job, problem);
        let errors: Vec<f64> =
            contenders.iter().map(|one| expected.error(&one.answer(problem))).collect();
        drop(expected);
        assert!(contenders[0].name() == OURS && errors[0] <= ALLOWED, "{} ulp", errors[0]);
        let roofline = roofline::<D>(job);
        let in_order: Vec<&dyn Contender<_>> =
            std::iter::once(&roofline).chain(&contenders).map(Box::as_ref).collect();
        let seconds = in_turn(problem, &in_order, self.effort);
        for ((one, error), &time) in contenders.iter().zip(errors).zip(&seconds[1..]) {
            self.row(shape, job, one.name(), time, seconds[0].median, error);
        }
    }

    fn in_python<D: Dimension + 'static>(
        &mut self,
        python: &Python,
        shape: &Shape,
        problem: &mut Problem<f32, D>,
    ) -> Result<(), Box<dyn Error>> {
        python.prepare(problem)?;
        let expected: Vec<Expected> =
            Job::ALL.iter().map(|&job| Expected::of(problem, job)).collect();
        let mut before = self.rooflines(problem);
        for library in LIBRARIES {
            let lines = python.run(library, shape).unwrap_or_else(|error| {
                vec![Line::Skipped { skipped: format!("{library}: {error}") }]
            });
            let after = self.rooflines(problem);
            for line in lines {
                let found = match line {
                    Line::Result(found) => found,
                    Line::Versions { versions } => {
                        self.tell(versions, |record| &mut record.versions);
                        continue;
                    }
                    Line::Skipped { skipped } => {
                        self.tell(vec![skipped], |record| &mut record.skipped);
                        continue;
                    }
                };
                let job = Job::with_id(&found.job).ok_or("the script did another job")?;
                let error = expected[job as usize].error(&found.answer()?);
                let roofline = (before[job as usize] + after[job as usize]) / 2.0;
                self.row(shape, job, &found.contender, found.seconds, roofline, error);
            }
            before = after;
        }
        Ok(())
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

    /// Seconds of the roofline of each job.
    fn rooflines<D: Dimension + 'static>(&self, problem: &mut Problem<f32, D>) -> Vec<f64> {
        let alone = |job| in_turn(problem, &[roofline::<D>(job).as_ref()], self.effort)[0].median;
        Job::ALL.map(alone).to_vec()
    }

    fn row(
        &mut self,
        shape: &Shape,
        job: Job,
        contender: &str,
        seconds: Seconds,
        roofline: f64,
        error: f64,
    ) {
        println!(
            "{:9} {:16} {contender:22} {:>11.2} µs {:8.2} × roofline {error:9.3} ulp",
            shape.name,
            job.id(),
            seconds.median * 1e6,
            seconds.median / roofline,
        );
        self.record.rows.push(Row {
            shape: shape.name.clone(),
            job: job.id().to_owned(),
            contender: contender.to_owned(),
            seconds,
            roofline,
            error: error.is_finite().then_some(error),
        });
    }
}

fn roofline<D: Dimension + 'static>(job: Job) -> Box<dyn Contender<Problem<f32, D>>> {
    value("roofline", move |problem: &mut Problem<f32, D>| {
        if job.writes() { problem.read_and_write(job.target()) } else { problem.read(job.target()) }
    })
}
