//! The peers in Python: a process for each library, the same data, judged here.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ndarray::{Array, ArrayD, Dimension};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use serde::Deserialize;

use crate::common::{Number, Problem, Shape};
use crate::contender::Answer;
use crate::job::Job;
use crate::timing::Seconds;

pub const LIBRARIES: [&str; 3] = ["torch", "jax", "scipy"];
/// As the script calls them.
pub const PEERS: [&str; 4] = ["torch", "torch.compile", "jax.jit", "scipy rel_entr"];

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
    pub fn answer<A: Number>(&self) -> Result<Answer, Box<dyn Error>> {
        let array = self.array.as_deref().map(read::<A>).transpose()?;
        Ok(Answer { value: self.value, array })
    }
}

fn read<A: Number>(path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let file = File::open(path)?;
    Ok(match A::NAME {
        "f64" => ArrayD::<f64>::read_npy(file)?.into_iter().collect(),
        _ => ArrayD::<f32>::read_npy(file)?.into_iter().map(f64::from).collect(),
    })
}

fn write<A: Number, D: Dimension>(path: &Path, array: &Array<A, D>) -> Result<(), Box<dyn Error>> {
    let (file, wide) = (File::create(path)?, array.mapv(A::into));
    let written = match A::NAME {
        "f64" => wide.write_npy(file),
        _ => wide.mapv(f32::of).write_npy(file),
    };
    Ok(written?)
}

impl Python {
    /// Writes what the script reads.
    pub fn prepare<A: Number, D: Dimension>(
        &self,
        problem: &Problem<A, D>,
    ) -> Result<(), Box<dyn Error>> {
        std::fs::create_dir_all(&self.data)?;
        let operands = &problem.operands;
        write(&self.data.join("input.npy"), &operands.input)?;
        write(&self.data.join("probabilities.npy"), &operands.probabilities)?;
        write(&self.data.join("log_probabilities.npy"), &operands.log_probabilities)
    }

    pub fn run(
        &self,
        library: &str,
        shape: &Shape,
        jobs: &[Job],
    ) -> Result<Vec<Line>, Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(&self.data).args(["--library", library]);
        command.args(["--axis", &shape.axis.to_string()]);
        command.args(["--threads", &self.threads.to_string()]);
        command.arg("--jobs").args(jobs.iter().map(|job| job.id()));
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
