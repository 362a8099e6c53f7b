//! What is measured, and how: the part of the command line that is the same on one process and on many.

use std::path::{Path, PathBuf};

use clap::Args;

#[derive(Clone, Debug, Args)]
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
    #[arg(long, requires = "student")]
    pub log_target: bool,
    /// Both files hold logits
    #[arg(long, conflicts_with = "log_target", requires = "student")]
    pub logits: bool,
    /// What logits are divided by
    #[arg(long, default_value_t = 1.0, requires = "logits")]
    pub temperature: f64,
    /// One weight a distribution: an array without the class axis
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Bytes of each file that are read at a time, or one distribution where that has more
    #[arg(long, default_value_t = 8 << 20)]
    pub block_bytes: usize,
}

impl Options {
    /// Student and teacher, which have been given or made by now.
    pub fn files(&self) -> [&Path; 2] {
        [&self.student, &self.teacher].map(|path| path.as_deref().unwrap_or(Path::new("")))
    }
}
