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

/// One contender at one job on one shape.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Row {
    pub shape: String,
    pub job: String,
    pub contender: String,
    pub seconds: Seconds,
    /// That of the same rounds, or the rounds just before and after.
    pub roofline: f64,
    /// In ulp; see `oracle`. `None` is infinite.
    pub error: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Comparison {
    pub machine: Machine,
    pub quick: bool,
    pub shapes: Vec<Shape>,
    pub rows: Vec<Row>,
    pub versions: Vec<String>,
    pub skipped: Vec<String>,
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
