//! The arguments of `kldiv compare`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use kldiv::Divergence;

use super::input::Holds;
use super::thresholds::{FailAbove, FailQuantile, Limits};

/// Compare candidates with a reference, row by row, in one pass over all files and in bounded memory.
///
/// A file is an array of numbers: file.npy, file.npz:name, file.safetensors:tensor, a base file of llama.cpp (llama-perplexity
/// --kl-divergence-base), or - for a .npy on standard input. The classes lie along one axis: the last, or --axis. All arrays must
/// have the same shape; types may differ. If the reference holds only the k best classes of each row, give --classes.
///
/// Divergences are in nats. With the reference p and the candidate q, forward is KL(p ‖ q), and reverse is KL(q ‖ p). Weights count
/// in means and their errors. Quantiles, extremes and the worst rows count each row once.
///
/// Exit codes: 0 success, 1 an error, 2 wrong arguments, 3 a threshold failed, 4 rows that are not distributions, or NaN divergences.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The file to compare with: the teacher, or the full model [default: a pair made from handwritten digits]
    #[arg(requires = "candidates")]
    pub reference: Option<String>,
    /// The files to compare: students, or quantised models
    #[arg(value_name = "CANDIDATE")]
    pub candidates: Vec<String>,
    /// What the reference holds
    #[arg(long, value_name = "WHAT", default_value = "auto", help_heading = "What the files hold")]
    pub reference_holds: Expected,
    /// What the candidates hold
    #[arg(long, value_name = "WHAT", default_value = "auto", help_heading = "What the files hold")]
    pub candidate_holds: Expected,
    /// The classes that the reference names, if it holds only the k best of each row: integers in an array of the reference's shape
    #[arg(
        long,
        value_name = "FILE",
        requires = "reference",
        conflicts_with = "labels",
        help_heading = "What the files hold"
    )]
    pub classes: Option<String>,
    /// The mass that the reference gives to the classes that --classes does not name [default: bucket]
    #[arg(long, requires = "classes", help_heading = "What the files hold")]
    pub tail: Option<Tail>,
    /// The largest difference from 1 that the sum of a row's probabilities may have
    #[arg(long, default_value_t = 1e-3, help_heading = "What the files hold")]
    pub tolerance: f64,
    /// Continue if rows are not distributions, and report how many and where; with --classes such a row of the reference still ends the run
    #[arg(long, help_heading = "What the files hold")]
    pub keep_going: bool,
    /// End with exit code 0 even if divergences are NaN
    #[arg(long, help_heading = "What the files hold")]
    pub allow_nan: bool,
    /// Read numpy's 2-byte void type, |V2, as bfloat16
    #[arg(long, help_heading = "What the files hold")]
    pub bf16: bool,
    /// The axis along which the classes lie, from 0; -1 is the last [default: -1]
    #[arg(long, allow_negative_numbers = true, help_heading = "What the files hold")]
    pub axis: Option<isize>,
    /// A divergence: forward, reverse, symmetric:0.5, jeffreys, jensen-shannon:0.5, skew:0.1, skew-reverse:0.1, total-variation; may
    /// be repeated [default: forward and reverse]
    #[arg(long, value_name = "NAME", value_parser = Divergence::from_str, help_heading = "What is computed")]
    pub divergence: Vec<Divergence>,
    /// The temperature, which divides logits
    #[arg(long, value_name = "T", default_value_t = 1.0, help_heading = "What is computed")]
    pub temperature: f64,
    /// The temperature of the reference's logits [default: the same]
    #[arg(long, value_name = "T", help_heading = "What is computed")]
    pub reference_temperature: Option<f64>,
    /// One weight for each row, in an array without the class axis; rows of weight 0 are left out
    #[arg(long, value_name = "FILE", help_heading = "What is computed")]
    pub weights: Option<String>,
    /// The true class of each row, for perplexity: integers in an array without the class axis, −100 for none; base files of
    /// llama.cpp hold their own labels
    #[arg(long, value_name = "FILE", help_heading = "What is computed")]
    pub labels: Option<String>,
    /// Print the report as JSON
    #[arg(long, help_heading = "What is written")]
    pub json: bool,
    /// Write the numbers of every row
    #[arg(long, value_name = "FILE", help_heading = "What is written")]
    pub csv: Option<PathBuf>,
    /// Draw histograms and quantiles to a file.svg or file.png
    #[arg(long, value_name = "FILE", help_heading = "What is written")]
    pub plot: Option<PathBuf>,
    /// Write the report as a page for a browser, in one file
    #[arg(long, value_name = "FILE.html", help_heading = "What is written")]
    pub report: Option<PathBuf>,
    /// Print nothing but errors, and no progress
    #[arg(long, help_heading = "What is written")]
    pub quiet: bool,
    /// Fail (exit code 3) if a candidate's mean is above this: 0.01, or reverse=0.01; may be repeated
    #[arg(long, value_name = "[NAME=]MEAN", help_heading = "For pipelines")]
    pub fail_above: Vec<FailAbove>,
    /// Fail (exit code 3) if a quantile is above this: 99:0.1 for the 99 % quantile, 0.1%:0.001, or reverse=99:0.1; may be repeated
    #[arg(long, value_name = "[NAME=]PERCENT:VALUE", help_heading = "For pipelines")]
    pub fail_quantile: Vec<FailQuantile>,
    /// Keep the state of the run in this file, and continue from it; a file STATE.lock beside it keeps other runs away
    ///
    /// A state of another version of this program, of other settings or of other files is refused. A file is recognised by its
    /// shape, type, length, time of last change and 64 samples of 16 KiB. An edit between the samples that also restores the time
    /// goes unnoticed.
    #[arg(long, value_name = "STATE", help_heading = "For pipelines")]
    pub resume: Option<PathBuf>,
    /// Seconds between two saves of the state
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, help_heading = "For pipelines")]
    pub save_every: f64,
    /// Bytes of each file that a thread reads at a time; at least one row
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, help_heading = "For pipelines")]
    pub block_bytes: usize,
    /// The shares of the rows for the processes of MPI, such as 5,1,0,2 [default: evenly]
    #[cfg(feature = "mpi")]
    #[arg(long, value_delimiter = ',', help_heading = "For pipelines")]
    pub shares: Vec<usize>,
}

/// What the user says of a file.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Expected {
    /// The program finds out from the first block
    Auto,
    /// Raw scores: their softmax gives probabilities
    Logits,
    LogProbabilities,
    Probabilities,
}

/// The mass that a reference gives to the classes that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Tail {
    /// They form one class, with the mass that the named classes leave
    Bucket,
    /// Each has the same share of the mass that the named classes leave
    Uniform,
    /// They have probability 0, and the named ones are divided by their sum
    Renormalized,
    /// They do not count; divergences may be negative
    Dropped,
}

impl Tail {
    fn of_library(self) -> kldiv::Tail {
        match self {
            Tail::Bucket => kldiv::Tail::Bucket,
            Tail::Uniform => kldiv::Tail::Uniform,
            Tail::Renormalized => kldiv::Tail::Renormalized,
            Tail::Dropped => kldiv::Tail::Dropped,
        }
    }
}

impl Expected {
    /// What it holds, unless that is to be found out.
    pub fn known(self) -> Option<Holds> {
        match self {
            Expected::Auto => None,
            Expected::Logits => Some(Holds::Logits),
            Expected::LogProbabilities => Some(Holds::LogProbabilities),
            Expected::Probabilities => Some(Holds::Probabilities),
        }
    }
}

impl Options {
    /// How the rows are shared among the processes.
    pub fn shares(&self) -> &[usize] {
        #[cfg(feature = "mpi")]
        return &self.shares;
        #[cfg(not(feature = "mpi"))]
        &[]
    }

    /// The limits that fail.
    pub fn limits(&self) -> Limits<'_> {
        Limits { means: &self.fail_above, quantiles: &self.fail_quantile }
    }

    /// Every file that is read.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        let operands = self.reference.iter().chain(&self.classes).chain(&self.candidates);
        operands.chain(&self.weights).chain(&self.labels)
    }

    /// What the reference says of the classes that it does not name.
    pub fn tail(&self) -> kldiv::Tail {
        self.tail.map(Tail::of_library).unwrap_or_default()
    }

    /// The divergences that are asked for, each once.
    pub fn divergences(&self) -> Vec<Divergence> {
        let mut all = self.divergence.clone();
        if all.is_empty() {
            all = vec![Divergence::Forward, Divergence::Reverse];
        }
        let mut once = Vec::new();
        all.into_iter().for_each(|divergence| {
            if !once.contains(&divergence) {
                once.push(divergence);
            }
        });
        once
    }
}
