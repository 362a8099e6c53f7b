//! The example `evaluate` over many processes, and a data-parallel training step, on MPI.
//!
//! ```text
//! cargo build --release -p kldiv-distributed
//! mpirun -n 4 target/release/distributed student.npy teacher.npy
//! mpirun -n 4 target/release/distributed --train
//! ```
//!
//! Every rank measures its share of the rows. What it knows are integers, so the sum over all ranks is exact, and
//! the report is bit for bit that of one process.

#[path = "../../evaluate/blocks.rs"]
mod blocks;
#[path = "../../distill/data.rs"]
#[allow(dead_code)] // a part of it is for the other examples
mod data;
#[path = "../../evaluate/measure.rs"]
mod measure;
#[path = "../../evaluate/npy.rs"]
mod npy;
#[path = "../../evaluate/options.rs"]
mod options;
#[path = "../../evaluate/pair.rs"]
#[allow(dead_code)] // the progress bar's
mod pair;
mod reduce;
#[path = "../../evaluate/report.rs"]
mod report;
mod share;
#[path = "../../evaluate/sketch.rs"]
#[allow(dead_code)] // the histogram's
mod sketch;
#[path = "../../evaluate/tally.rs"]
mod tally;
mod train;

use std::error::Error;
use std::io::{self, Write};
use std::panic;
use std::process::{self, ExitCode};
use std::time::Instant;

use clap::Parser;
use mpi::Threading;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use npy::Number;
use options::Options;
use pair::Pair;
use report::Report;
use tally::Tally;

/// How far a student's distributions are from a teacher's, each rank measuring its share.
///
/// Mean, standard error, smallest and largest are of divergences in f64; quantiles and the worst are of the same
/// narrowed to the files' type.
#[derive(Clone, Debug, Parser)]
#[command(name = "distributed")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// How the rows are shared among the ranks, such as 5,1,0,2 [default: evenly]
    #[arg(long, value_delimiter = ',')]
    shares: Vec<usize>,
    /// Train on handwritten digits instead, every rank with its share of them
    #[arg(long, conflicts_with_all = ["student", "shares"])]
    train: bool,
}

fn main() -> ExitCode {
    // The library has threads of its own; only this one speaks to MPI.
    let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
        eprintln!("error: MPI was initialized already");
        return ExitCode::FAILURE;
    };
    let world = universe.world();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            if error.exit_code() != 0 {
                // The others may have arguments of their own, and wait.
                let _ = error.print();
                world.abort(error.exit_code());
            }
            if world.rank() == 0 {
                let _ = error.print();
            }
            return ExitCode::SUCCESS;
        }
    };
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        tell(panic);
        // Unwinding would end in waiting for the others, who wait for this rank.
        process::abort();
    }));
    if let Err(error) = run(&world, &arguments) {
        // The others may wait for this rank: without an abort they would for ever.
        // Written at once: all ranks may have the same to say at the same time.
        let line = format!("error: rank {} of {}: {error}\n", world.rank(), world.size());
        let _ = io::stderr().write_all(line.as_bytes());
        world.abort(1);
    }
    ExitCode::SUCCESS
}

fn run(world: &SimpleCommunicator, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.train {
        return train::run(world);
    }
    if arguments.options.student.is_none() {
        return Err("which files? student.npy teacher.npy, or --train".into());
    }
    let mut pair = Pair::open(&arguments.options)?;
    let shares = format!("{:?}", arguments.shares);
    let run = npy::fnv(pair.fingerprint()?.content, shares.as_bytes());
    reduce::same_everywhere(world, run)?;
    let tally = if pair.is_single() {
        evaluate::<f32>(world, &mut pair, &arguments.shares)?
    } else {
        evaluate::<f64>(world, &mut pair, &arguments.shares)?
    };
    world.barrier(); // so that the time is that of the reduction alone
    let start = Instant::now();
    if let Some(tally) = reduce::to_root(world, &tally)? {
        let (bytes, time) = (reduce::BYTES, start.elapsed());
        eprintln!("reduced {bytes} bytes a rank over {} ranks in {time:.1?}", world.size());
        let axis = pair.measure.axis;
        Report { tally: &tally, shape: pair.shape(), axis }.print(arguments.options.json)?;
    }
    Ok(())
}

/// What this rank finds in its share.
fn evaluate<A: Number>(
    world: &SimpleCommunicator,
    pair: &mut Pair,
    shares: &[usize],
) -> Result<Tally, Box<dyn Error>> {
    let mut left = share::of(world, pair.blocks.slabs(), shares)?;
    let mut tally = Tally::default();
    while !left.is_empty() {
        let (measured, rest) = pair.step::<A>(left)?;
        tally.add(&measured);
        left = rest;
    }
    Ok(tally)
}
