//! What was measured, as a table and as JSON.

use std::fmt;

use kldiv_bench::rounds::{Times, readable};
use kldiv_bench::{Shape, Task};
use serde::Serialize;

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The instruction set that was found.
    pub level: String,
    pub dtype: &'static str,
    /// What both sides hold: `logits`, or what the target holds beside log-probabilities.
    pub given: &'static str,
    /// Whether the gradient is computed beside the batch mean.
    pub gradient: bool,
    pub runs: Vec<Run>,
}

/// One shape, divergence and number of threads.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub shape: Vec<usize>,
    pub axis: usize,
    pub divergence: String,
    pub threads: usize,
    pub rounds: usize,
    pub ours: Measurement,
    pub by_hand: Measurement,
    pub by_hand_in_parallel: Measurement,
    /// A loop that reads both operands, and writes as much as a gradient has, and does nothing else.
    pub roofline: Measurement,
}

/// Of one loop.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    pub seconds: Seconds,
    pub elements_per_second: f64,
    /// Of the two operands.
    pub bytes_per_second: f64,
    /// The time as a multiple of ours: the median over the rounds.
    pub times_ours: f64,
    /// In units in the last place.
    pub errors: Option<Errors>,
}

/// Over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seconds {
    pub median: f64,
    #[serde(rename = "10")]
    pub low: f64,
    #[serde(rename = "90")]
    pub high: f64,
}

/// In units in the last place (ulp), against `f64`, or twice its digits for `f64`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Errors {
    /// Of the batch mean.
    pub mean: f64,
    /// The largest of the divergences of the distributions, in ulp of the divergence.
    pub worst_row: f64,
    /// The largest of the gradient's numbers, in ulp of the larger of p, q and the number, scaled as the gradient is.
    pub gradient: Option<f64>,
}

impl Run {
    pub(super) fn new(
        task: Task,
        shape: &Shape,
        size: usize,
        [ours, by_hand, in_parallel]: [Errors; 3],
        times: &[Times; 4],
    ) -> Run {
        let elements = shape.elements() as f64;
        let measurement = |index: usize, errors: Option<Errors>| {
            let times_of = &times[index];
            let median = times_of.median();
            Measurement {
                seconds: Seconds {
                    median,
                    low: times_of.quantile(0.1),
                    high: times_of.quantile(0.9),
                },
                elements_per_second: elements / median,
                bytes_per_second: 2.0 * size as f64 * elements / median,
                times_ours: times_of.multiple_of(&times[0]),
                errors,
            }
        };
        Run {
            shape: shape.lengths.clone(),
            axis: shape.axis,
            divergence: task.divergence.to_string(),
            threads: rayon::current_num_threads(),
            rounds: times[0].rounds(),
            ours: measurement(0, Some(ours)),
            by_hand: measurement(1, Some(by_hand)),
            by_hand_in_parallel: measurement(2, Some(in_parallel)),
            roofline: measurement(3, None),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = if self.gradient { "batch mean and gradient" } else { "batch mean" };
        let given = match self.given {
            "logits" => "logits, temperature 2".to_owned(),
            target => format!("log-probabilities, {target}"),
        };
        writeln!(f, "{asked}, {}, {given}; {}", self.dtype, self.level)?;
        for (index, run) in self.runs.iter().enumerate() {
            let last = index.checked_sub(1).map(|last| &self.runs[last]);
            if last.is_none_or(|last| (&last.shape, last.axis) != (&run.shape, run.axis)) {
                self.write_header(f, run)?;
            }
            write!(f, "{run}")?;
        }
        f.write_str(
            "\nTime: the median of the rounds, and what 10 % and 90 % of them stay below. 10⁹/s: elements of an operand.\n\
             GB/s: the two operands, read once. × kldiv: time as a multiple of kldiv's, the median over the rounds.\n\
             Errors in ulp: of the batch mean, and the largest of a row (distribution)",
        )?;
        f.write_str(if self.gradient { " and of a number of the gradient.\n" } else { ".\n" })
    }
}

impl Report {
    fn write_header(&self, f: &mut fmt::Formatter<'_>, run: &Run) -> fmt::Result {
        let lengths: Vec<String> = run.shape.iter().map(usize::to_string).collect();
        writeln!(f, "\n{}, classes along axis {}", lengths.join(" × "), run.axis)?;
        let columns = ["median", "10 %", "90 %", "10⁹/s", "GB/s", "× kldiv", "mean", "row"];
        write_row(f, "", columns.into_iter().chain(self.gradient.then_some("gradient")))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        writeln!(f, "{}, {} {threads}, {} rounds", self.divergence, self.threads, self.rounds)?;
        for (name, measurement) in [
            ("kldiv", &self.ours),
            ("by hand, one thread", &self.by_hand),
            ("by hand, in parallel", &self.by_hand_in_parallel),
            ("roofline", &self.roofline),
        ] {
            let Seconds { median, low, high } = measurement.seconds;
            let mut columns: Vec<String> = [median, low, high].map(readable).into();
            let rates = [measurement.elements_per_second, measurement.bytes_per_second];
            columns.extend(rates.map(|rate| format!("{:.2}", rate / 1e9)));
            columns.push(format!("{:.2}", measurement.times_ours));
            if let Some(Errors { mean, worst_row, gradient }) = measurement.errors {
                columns.extend([mean, worst_row].into_iter().chain(gradient).map(ulp));
            }
            write_row(f, name, columns)?;
        }
        Ok(())
    }
}

fn write_row(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    columns: impl IntoIterator<Item = impl fmt::Display>,
) -> fmt::Result {
    write!(f, "  {name:21}")?;
    columns.into_iter().try_for_each(|column| write!(f, " {column:>9}"))?;
    writeln!(f)
}

fn ulp(error: f64) -> String {
    if error < 1e5 { format!("{error:.2}") } else { format!("{error:.1e}") }
}
