//! What can be asked for on the command line.

use std::path::{Path, PathBuf};

use clap::Parser;

/// How far a student's distributions are from a teacher's, over more data than memory holds.
///
/// The student's file holds log-probabilities ln q, the teacher's probabilities p; f32 or f64 arrays of the same
/// shape, as numpy.save writes them. Without files a pair is made from handwritten digits.
#[derive(Clone, Debug, Parser)]
#[command(name = "evaluate")]
pub struct Options {
    /// The student's log-probabilities
    #[arg(requires = "teacher")]
    pub student: Option<PathBuf>,
    /// The teacher's probabilities
    pub teacher: Option<PathBuf>,
    /// The axis along which classes lie [default: the last]
    #[arg(long)]
    pub axis: Option<usize>,
    /// The teacher's file holds log-probabilities
    #[arg(long)]
    pub log_target: bool,
    /// Both files hold logits
    #[arg(long, conflicts_with = "log_target")]
    pub logits: bool,
    /// What logits are divided by
    #[arg(long, default_value_t = 1.0, requires = "logits")]
    pub temperature: f64,
    /// One weight a distribution: an array without the class axis
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// Keep the state of the work in this file, and go on where it says
    #[arg(long, value_name = "STATE")]
    pub resume: Option<PathBuf>,
    /// Seconds between two saves of the state
    #[arg(long, default_value_t = 1.0)]
    pub save_every: f64,
    /// Draw a histogram of the divergences
    #[arg(long, value_name = "SVG")]
    pub plot: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Bytes of each file that are read at a time
    #[arg(long, default_value_t = 8 << 20)]
    pub block_bytes: usize,
}

impl Options {
    /// Student and teacher, which have been given or made by now.
    pub fn files(&self) -> [&Path; 2] {
        [&self.student, &self.teacher].map(|path| path.as_deref().unwrap_or(Path::new("")))
    }
}
