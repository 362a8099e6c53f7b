//! What was measured, as JSON.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::timing::Seconds;

/// When and on what.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Machine {
    pub date: String,
    pub processor: String,
    pub threads: usize,
    pub caches: String,
    pub level: String,
    pub compiler: String,
    pub system: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Shape {
    pub name: String,
    pub lengths: Vec<usize>,
    pub axis: usize,
}

impl From<kldiv_bench::Shape> for Shape {
    fn from(kldiv_bench::Shape { name, lengths, axis }: kldiv_bench::Shape) -> Shape {
        Shape { name, lengths, axis }
    }
}

/// One contender at one job on one shape, in one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Row {
    pub run: usize,
    pub shape: String,
    pub job: String,
    pub precision: String,
    pub threads: usize,
    pub contender: String,
    pub seconds: Seconds,
    /// Of all rounds, of which this took part in the first; that of `f32` for 16-bit elements.
    pub roofline: Seconds,
    /// In ulp; see `oracle`. `None` is infinite, or not known for 16-bit elements.
    pub error: Option<f64>,
}

impl Row {
    /// The same in every run.
    fn key(&self) -> (&str, &str, &str, usize, &str) {
        (&self.shape, &self.job, &self.precision, self.threads, &self.contender)
    }

    /// Time as a multiple of the roofline's.
    pub fn multiple(&self) -> f64 {
        self.seconds.multiple_of(&self.roofline)
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Comparison {
    pub machine: Machine,
    pub quick: bool,
    pub runs: usize,
    pub shapes: Vec<Shape>,
    pub rows: Vec<Row>,
    pub versions: Vec<String>,
    pub skipped: Vec<String>,
}

impl Comparison {
    pub fn only(&self, wanted: impl Fn(&Row) -> bool) -> Comparison {
        let rows = self.rows.iter().filter(|row| wanted(row)).cloned().collect();
        let (machine, shapes) = (self.machine.clone(), self.shapes.clone());
        let (versions, skipped) = (self.versions.clone(), self.skipped.clone());
        Comparison { machine, shapes, rows, versions, skipped, ..*self }
    }

    /// In one precision, in as many threads as the machine has.
    pub fn in_precision(&self, precision: &str) -> Comparison {
        self.only(|row| row.precision == precision && row.threads == self.machine.threads)
    }

    /// Of each row the run in the middle, by multiples of the roofline.
    pub fn middle(&self) -> Comparison {
        let mut left = self.clone();
        let mut rows = Vec::new();
        while let Some(first) = left.rows.first().cloned() {
            let (mut runs, rest): (Vec<Row>, Vec<Row>) =
                left.rows.into_iter().partition(|row| row.key() == first.key());
            runs.sort_by(|a, b| a.multiple().total_cmp(&b.multiple()));
            rows.push(runs.swap_remove(runs.len() / 2));
            left.rows = rest;
        }
        Comparison { rows, ..left }
    }
}

/// One size of one sweep.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Point {
    pub sweep: String,
    pub series: String,
    /// What varies.
    pub x: f64,
    pub elements: usize,
    pub ours: f64,
    pub roofline: f64,
    pub by_hand: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Scaling {
    pub machine: Machine,
    pub quick: bool,
    /// Of the processor while it works, in 10⁹ a second.
    pub gigahertz: f64,
    /// Seconds of a merge of two partial results.
    pub merge: f64,
    pub points: Vec<Point>,
}

impl Scaling {
    pub fn sweep<'s>(&'s self, sweep: &'s str) -> impl Iterator<Item = &'s Point> {
        self.points.iter().filter(move |point| point.sweep == sweep)
    }
}

pub fn save(path: &Path, record: &impl Serialize) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(path, serde_json::to_string_pretty(record)? + "\n")?)
}

pub fn load<R: DeserializeOwned>(path: &Path) -> Result<R, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}
