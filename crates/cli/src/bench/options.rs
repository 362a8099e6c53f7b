//! What is asked for on the command line.

use std::time::Duration;

use clap::{Args, ValueEnum};
use kldiv::Divergence;
use kldiv_bench::{Given, Shape, Target, Task};

use crate::failure::Failure;

/// Measure the losses on this machine: time and error, beside a loop by hand and the speed of memory.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The shape of the arrays, such as 512x32000 or 8x21x256x256 [default: six common shapes]
    #[arg(value_name = "SHAPE")]
    pub shapes: Vec<String>,
    /// The axis along which the classes lie [default: the last]
    #[arg(long, requires = "shapes")]
    pub axis: Option<usize>,
    /// Both sides hold logits, at a temperature of 2
    #[arg(long, conflicts_with = "log_target")]
    pub logits: bool,
    /// The target holds log-probabilities, like the input
    #[arg(long)]
    pub log_target: bool,
    /// Compute the batch mean and its gradient, into a reused array [default: only the batch mean]
    #[arg(long)]
    pub gradient: bool,
    /// The divergence: forward, reverse, symmetric:0.5, jeffreys, jensen-shannon:0.5, skew:0.1, skew-reverse:0.1, total-variation
    #[arg(long = "divergence", value_name = "NAME", default_values_t = [Divergence::Forward])]
    pub divergences: Vec<Divergence>,
    /// The type of the numbers
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    pub dtype: Dtype,
    /// The numbers of threads, such as 1,2,8 [default: all threads of the machine]
    #[arg(long, value_delimiter = ',')]
    pub threads: Vec<usize>,
    /// Seconds for each measurement; at least three rounds
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The type of the elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Dtype {
    F32,
    F64,
    F16,
    Bf16,
}

impl Dtype {
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::F16 => "f16",
            Dtype::Bf16 => "bf16",
        }
    }
}

impl Options {
    pub(super) fn shapes(&self) -> Result<Vec<Shape>, Failure> {
        if self.shapes.is_empty() {
            return Ok(Shape::usual());
        }
        let shape = |text: &String| Shape::parse(text, self.axis).map_err(Failure::usage);
        self.shapes.iter().map(shape).collect()
    }

    pub(super) fn given(&self) -> Given {
        match (self.logits, self.log_target) {
            (true, _) => Given::Logits,
            (false, true) => Given::Pair(Target::LogProbability),
            (false, false) => Given::Pair(Target::Probability),
        }
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = Task> {
        let (given, gradient) = (self.given(), self.gradient);
        self.divergences.iter().map(move |&divergence| Task { divergence, given, gradient })
    }

    pub(super) fn budget(&self) -> Result<Duration, Failure> {
        Duration::try_from_secs_f64(self.seconds).map_err(|_| {
            Failure::usage(format!("--seconds {}: give a number of 0 or more", self.seconds))
        })
    }

    /// A pool for each number of threads.
    pub(super) fn pools(&self) -> Result<Vec<rayon::ThreadPool>, Failure> {
        let machine = [rayon::current_num_threads()];
        let counts = if self.threads.is_empty() { &machine[..] } else { &self.threads };
        let pool = |&count: &usize| match count {
            0 | 1025.. => Err(Failure::usage(format!(
                "--threads {count}: give numbers from 1 to 1024, such as 1,2,8"
            ))),
            count => rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .build()
                .map_err(|error| Failure::new(format!("--threads {count}: {error}"))),
        };
        counts.iter().map(pool).collect()
    }
}
