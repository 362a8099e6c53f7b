//! The program `kldiv`.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kldiv_cli::failure::{Code, Failure};
use kldiv_cli::ranks::Ranks;
use kldiv_cli::{bench, compare, inspect};

/// Compares stored predictions of models: Kullback-Leibler and other divergences between distributions.
#[derive(Debug, Parser)]
#[command(name = "kldiv", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(Box<compare::options::Options>),
    Inspect(inspect::Options),
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let ranks = match Ranks::start() {
        Ok(ranks) => ranks,
        Err(failure) => return ended(&failure, ""),
    };
    let (rank, size) = ranks.place();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_first = rank == 0;
            if is_first || error.exit_code() != 0 {
                let _ = error.print();
            }
            if error.exit_code() != 0 && size > 1 {
                ranks.abort(Code::Usage);
            }
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let result = match arguments.command {
        Command::Compare(options) => compare::run(*options, &ranks),
        // One process of many is enough for these.
        _ if rank > 0 => Ok(()),
        Command::Inspect(options) => inspect::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if size == 1 {
        return ended(&failure, "");
    }
    let code = ended(&failure, &format!("process {rank} of {size}: "));
    ranks.abort(failure.code);
    code
}

/// Says why, in one line that is written at once: many processes may have the same to say at the same time.
fn ended(failure: &Failure, who: &str) -> ExitCode {
    let line = format!("error: {who}{failure}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    ExitCode::from(failure.code as u8)
}
