//! The peers in Python: a process for each library, the same data, judged here.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ndarray::{ArrayD, Dimension};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use serde::Deserialize;

use crate::common::{Problem, Shape};
use crate::contender::Answer;
use crate::timing::Seconds;

pub const LIBRARIES: [&str; 3] = ["torch", "jax", "scipy"];

/// Where the interpreter and the data are.
#[derive(Clone, Debug)]
pub struct Python {
    pub program: PathBuf,
    pub script: PathBuf,
    pub data: PathBuf,
    pub threads: usize,
    pub quick: bool,
}

/// A line that the script prints.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Line {
    Result(Found),
    Versions { versions: Vec<String> },
    Skipped { skipped: String },
}

#[derive(Deserialize)]
pub struct Found {
    pub contender: String,
    pub job: String,
    pub seconds: Seconds,
    value: Option<f64>,
    array: Option<PathBuf>,
}

impl Found {
    pub fn answer(&self) -> Result<Answer, Box<dyn Error>> {
        let read = |path: &PathBuf| -> Result<Vec<f32>, Box<dyn Error>> {
            Ok(ArrayD::<f32>::read_npy(File::open(path)?)?.into_iter().collect())
        };
        Ok(Answer { value: self.value, array: self.array.as_ref().map(read).transpose()? })
    }
}

impl Python {
    /// Writes what the script reads.
    pub fn prepare<D: Dimension>(&self, problem: &Problem<f32, D>) -> Result<(), Box<dyn Error>> {
        std::fs::create_dir_all(&self.data)?;
        let operands = &problem.operands;
        operands.input.write_npy(File::create(self.data.join("input.npy"))?)?;
        operands.probabilities.write_npy(File::create(self.data.join("probabilities.npy"))?)?;
        operands
            .log_probabilities
            .write_npy(File::create(self.data.join("log_probabilities.npy"))?)?;
        Ok(())
    }

    pub fn run(&self, library: &str, shape: &Shape) -> Result<Vec<Line>, Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(&self.data).args(["--library", library]);
        command.args(["--axis", &shape.axis.to_string()]);
        command.args(["--threads", &self.threads.to_string()]);
        command.args(self.quick.then_some("--quick")).stderr(Stdio::inherit());
        let output = command.output()?;
        if !output.status.success() {
            return Err(format!("{} {library}: {}", script(&self.script), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

fn script(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
