//! The peers in Python: a process for each library, the same data, turns among all others, judged here.

use std::cell::RefCell;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use ndarray::{Array, ArrayD, Dimension};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::contender::{Answer, Contender, Contenders};
use crate::job::Job;
use kldiv_bench::{Number, Problem, Real, Shape};

pub const LIBRARIES: [&str; 3] = ["torch", "jax", "scipy"];
/// As the script calls them.
pub const PEERS: [&str; 4] = ["torch", "torch.compile", "jax.jit", "scipy rel_entr"];
/// Threads of a library spin before they sleep: those of OpenMP for up to three milliseconds.
const REST: Duration = Duration::from_millis(5);
/// Seconds until a call takes no longer than in a loop of its own: until those threads are awake.
const WARMING: f64 = 30e-3;

/// Where the interpreter and the data are.
#[derive(Clone, Debug)]
pub struct Python {
    pub program: PathBuf,
    pub script: PathBuf,
    pub data: PathBuf,
    pub threads: usize,
}

/// What a library says first.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Start {
    Versions { versions: Vec<String> },
    Skipped { skipped: String },
}

/// Who does a job.
#[derive(Deserialize)]
struct Ways {
    contenders: Vec<String>,
    skipped: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Found {
    value: Option<f64>,
    array: Option<PathBuf>,
}

/// A library that answers line by line.
pub struct Library {
    name: &'static str,
    child: Child,
    /// `None` once it was told to end.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
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

    /// Starts a library, and has its first word.
    pub fn start(
        &self,
        name: &'static str,
        shape: &Shape,
    ) -> Result<(Library, Start), Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(&self.data).args(["--library", name]);
        command.args(["--axis", &shape.axis.to_string()]);
        command.args(["--threads", &self.threads.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take().ok_or("no pipe")?);
        let mut library = Library { name, child, to, from: BufReader::new(from) };
        let start = library.hear()?;
        Ok((library, start))
    }
}

impl Library {
    /// Adds those of its ways that do a job; why others do not.
    pub fn join<A: Number, D: Dimension + 'static>(
        this: &Rc<RefCell<Library>>,
        job: Job,
        all: &mut Contenders<A, D>,
    ) -> Result<Vec<String>, Box<dyn Error>> {
        let Ways { contenders, skipped } = this.borrow_mut().ask(&("job", job.id()))?;
        for name in contenders {
            let name = PEERS.iter().find(|peer| **peer == name).ok_or("an unknown contender")?;
            all.push(Box::new(Way { library: this.clone(), name }));
        }
        Ok(skipped)
    }

    fn ask<R: DeserializeOwned>(&mut self, what: &impl serde::Serialize) -> Result<R, String> {
        let answer = self.tell(what).and_then(|()| self.hear());
        answer.map_err(|error| format!("{}: {error}", self.name))
    }

    fn tell(&mut self, what: &impl serde::Serialize) -> Result<(), Box<dyn Error>> {
        let to = self.to.as_mut().ok_or("the script was told to end")?;
        writeln!(to, "{}", serde_json::to_string(what)?)?;
        Ok(to.flush()?)
    }

    fn hear<R: DeserializeOwned>(&mut self) -> Result<R, Box<dyn Error>> {
        let mut line = String::new();
        match self.from.read_line(&mut line)? {
            0 => Err(format!("the script ended: {}", self.child.wait()?).into()),
            _ => Ok(serde_json::from_str(&line)?),
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

/// A library's way to do the job that it was asked for last.
struct Way {
    library: Rc<RefCell<Library>>,
    name: &'static str,
}

impl<A: Number, D: Dimension> Contender<Problem<A, D>> for Way {
    fn name(&self) -> &'static str {
        self.name
    }

    fn time(&self, _: &mut Problem<A, D>, warming: f64, repeats: u32) -> f64 {
        let warming = if warming > 0.0 { WARMING } else { 0.0 };
        let seconds = self.library.borrow_mut().ask(&("time", self.name, warming, repeats));
        std::thread::sleep(REST);
        seconds.unwrap_or(f64::INFINITY) // As the report shows one that has ended: not at all.
    }

    fn answer(&self, _: &mut Problem<A, D>) -> Answer {
        let found = self.library.borrow_mut().ask(&("answer", self.name));
        let Found { value, array } = found.unwrap_or_default();
        Answer { value, array: array.and_then(|path| read::<A>(&path).ok()) }
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
