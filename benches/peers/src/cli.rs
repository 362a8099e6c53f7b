//! What is asked for on the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::python::Python;
use crate::timing::Effort;

/// The loss beside other ways to compute it. `KLDIV_SHAPE` and `KLDIV_AXIS` choose another shape than the usual six,
/// `RAYON_NUM_THREADS` the threads.
#[derive(Debug, Parser)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
    /// Where records and data go.
    #[arg(long, global = true, default_value = "target/peers")]
    pub data: PathBuf,
    /// The Python with torch, jax and scipy; without it they are skipped.
    #[arg(long, global = true)]
    pub python: Option<PathBuf>,
    /// One round of each, to see that all works.
    #[arg(long, global = true)]
    pub quick: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Everybody on the same data.
    Compare {
        /// How often, one after the other.
        #[arg(long, default_value = "1")]
        runs: NonZeroUsize,
    },
    /// This crate over sizes, threads, classes, axes and layouts.
    Scaling,
    /// From both records, benches/REPORT.md and benches/charts.
    Report,
}

impl Options {
    pub fn effort(&self) -> Effort {
        if self.quick { Effort::QUICK } else { Effort::FULL }
    }

    pub fn python(&self) -> Option<Python> {
        Some(Python {
            program: self.python.clone()?,
            script: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/python/peers.py")),
            data: self.data.join("data"),
            threads: rayon::current_num_threads(),
        })
    }

    pub fn comparison(&self) -> PathBuf {
        self.data.join("comparison.json")
    }

    pub fn scaling(&self) -> PathBuf {
        self.data.join("scaling.json")
    }
}
