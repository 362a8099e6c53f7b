//! The loss beside other ways to compute it: speed and error on the same data, and how it scales.
//!
//! `benches/peers/run.sh` does all of it.

mod cli;
mod compare;
mod contender;
mod job;
mod machine;
mod oracle;
mod python;
mod record;
mod report;
mod rivals;
mod scaling;
mod timing;

use std::error::Error;
use std::fs;

use clap::Parser;
use cli::{Command, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    fs::create_dir_all(&options.data)?;
    match options.command {
        Command::Compare { runs } => {
            record::save(&options.comparison(), &compare::run(&options, runs.get())?)
        }
        Command::Scaling => record::save(&options.scaling(), &scaling::run(&options)),
        Command::Report => {
            let comparison = record::load(&options.comparison())?;
            report::write(&comparison, &record::load(&options.scaling())?, &options.data)
        }
    }
}
