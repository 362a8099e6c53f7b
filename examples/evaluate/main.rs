//! How far a student is from a teacher, over files of any size: blocks, exact partial results, and a state
//! from which an interrupted run goes on to the same bits.
//!
//! ```text
//! cargo run --release --example evaluate -- student.npy teacher.npy --resume state --plot divergences.svg
//! ```
//!
//! The way: [`npy`] reads any part of a file, [`blocks`] says which, [`measure`] computes, [`tally`] keeps.

mod blocks;
#[path = "../distill/data.rs"]
mod data;
mod digits;
mod measure;
#[path = "../distill/network.rs"]
mod network;
mod npy;
mod options;
mod pair;
mod plot;
mod report;
mod sketch;
mod state;
mod tally;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use npy::Number;
use options::Options;
use pair::Pair;
use report::Report;
use state::State;
use tally::Tally;

/// Where the pair of digits and its histogram go.
const DIGITS: &str = "target/evaluate";

/// How far a student's distributions are from a teacher's, over more data than memory holds.
///
/// The student's file holds log-probabilities ln q, the teacher's probabilities p; f32 or f64 arrays of the same
/// shape, as numpy.save writes them. Without files a pair is made from handwritten digits.
///
/// Mean, standard error, smallest and largest are of divergences in f64; quantiles and the worst are of the same
/// narrowed to the files' type. A weight of 0 leaves a distribution out; any other counts in mean and standard error,
/// and changes neither the extremes nor the quantiles, in which each distribution counts once.
#[derive(Clone, Debug, Parser)]
#[command(name = "evaluate")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Keep the state of the work in this file, and go on where it says; a file STATE.lock beside it keeps other runs
    /// away
    ///
    /// A state is refused where it is of another version of this program, of other settings, or of other files: known
    /// by shape, type, length, time of last change and 64 samples of 16 KiB. An edit between the samples by someone who
    /// puts the time back goes unnoticed.
    #[arg(long, value_name = "STATE")]
    resume: Option<PathBuf>,
    /// Seconds between two saves of the state
    #[arg(long, default_value_t = 1.0)]
    save_every: f64,
    /// Draw a histogram of the divergences
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.options.student.is_none() {
        make_digits(&mut arguments)?;
    }
    let mut pair = Pair::open(&arguments.options)?;
    refuse_to_overwrite(&arguments)?;
    let run = pair.fingerprint()?;
    // Held to the end of the run, and with it the lock.
    let state = arguments.resume.as_ref().map(|path| State::open(path, run)).transpose()?;
    let tally = if pair.is_single() {
        evaluate::<f32>(&mut pair, state.as_ref(), arguments.save_every)?
    } else {
        evaluate::<f64>(&mut pair, state.as_ref(), arguments.save_every)?
    };
    let axis = pair.measure.axis;
    Report { tally: &tally, shape: pair.shape(), axis }.print(arguments.options.json)?;
    if let Some(path) = &arguments.plot {
        state::write_atomically(path, plot::svg(&tally)?.as_bytes())?;
        eprintln!("histogram: {}", path.display());
    }
    Ok(())
}

fn make_digits(arguments: &mut Arguments) -> Result<(), Box<dyn Error>> {
    let directory = Path::new(DIGITS);
    eprintln!("no files given: a teacher and a student learn handwritten digits …");
    let files = digits::pair(directory)?;
    eprintln!("{} and {}", files[0].display(), files[1].display());
    [arguments.options.student, arguments.options.teacher] = files.map(Some);
    arguments.plot.get_or_insert_with(|| directory.join("divergences.svg"));
    Ok(())
}

/// The histogram must not take the place of what is read, nor of the state.
fn refuse_to_overwrite(arguments: &Arguments) -> Result<(), String> {
    let Options { student, teacher, weights, .. } = &arguments.options;
    let Some(plot) = arguments.plot.as_deref() else { return Ok(()) };
    let same = |path: &Path| place(path) == place(plot);
    let lock = arguments.resume.as_deref().map(state::lock_of);
    let others = [student, teacher, weights, &arguments.resume, &lock];
    match others.into_iter().flatten().find(|path| same(path)) {
        Some(path) => Err(format!("--plot {} would overwrite {}", plot.display(), path.display())),
        None => Ok(()),
    }
}

/// Where a file is, or will be, however it is spelled.
fn place(path: &Path) -> PathBuf {
    let there = path.canonicalize();
    let directory = || std::path::absolute(path)?.parent().unwrap_or(path).canonicalize();
    let meant = || Ok::<_, std::io::Error>(directory()?.join(path.file_name().unwrap_or_default()));
    there.or_else(|_| meant()).unwrap_or_else(|_| path.to_owned())
}

/// Block after block, from where the state says.
fn evaluate<A: Number>(
    pair: &mut Pair,
    state: Option<&State>,
    save_every: f64,
) -> Result<Tally, Box<dyn Error>> {
    let pause = Duration::try_from_secs_f64(save_every)
        .map_err(|_| format!("--save-every {save_every}: give a number of seconds"))?;
    let (done, mut tally) = state.map_or(Ok((0, Tally::default())), State::load)?;
    let slabs = pair.blocks.slabs();
    let bar =
        progress_bar(slabs as u64 * pair.bytes_per_slab(), done as u64 * pair.bytes_per_slab());
    let (mut left, mut saved) = (done.min(slabs)..slabs, Instant::now());
    while !left.is_empty() {
        let (measured, rest) = pair.step::<A>(left)?;
        tally.add(&measured);
        left = rest;
        bar.set_position(left.start as u64 * pair.bytes_per_slab());
        if let Some(state) = state
            && (saved.elapsed() >= pause || left.is_empty())
        {
            state.save(left.start, &tally)?;
            saved = Instant::now();
        }
    }
    bar.finish_and_clear();
    Ok(tally)
}

fn progress_bar(bytes: u64, done: u64) -> ProgressBar {
    let style = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("a valid template");
    let bar = ProgressBar::new(bytes).with_style(style).with_position(done);
    bar.reset_eta();
    bar
}
