//! `kldiv compare`: one pass over the reference, any number of candidates.
//!
//! The way: [`input`] reads blocks of files that fit each other, [`measure`] computes, [`state`] remembers, [`assemble`] makes a report of
//! the tally, [`outputs`] writes it, [`thresholds`] judges.

mod assemble;
pub mod input;
pub mod measure;
pub mod options;
pub mod outputs;
pub mod state;
mod thresholds;

use std::ops::Range;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::{Code, Failure};
use crate::formats::{Float, fnv};
use crate::ranks::Ranks;
use crate::statistics::{EXACT_ROWS, Run, Tally};
use input::{Inputs, each_block};
use measure::Measure;
use options::Options;
use state::State;

/// What a file holds is found out from so many bytes at a time, whatever blocks are asked for.
const FIRST: usize = 1 << 18;

/// Compares, reports, and fails where a threshold does.
pub fn run(mut options: Options, ranks: &Ranks) -> Result<(), Failure> {
    check(&options, ranks)?;
    if options.reference.is_none() {
        outputs::make_digits(&mut options)?;
    }
    let mut inputs = Inputs::open(&options)?;
    outputs::check_places(&options)?;
    if options.csv.is_some() && inputs.rows() > EXACT_ROWS {
        let line = format!(
            "--csv: numbers of rows are kept up to {EXACT_ROWS} rows; compare parts of the files"
        );
        return Err(Failure::usage(line));
    }
    let (measure, tally) = match inputs.is_single() {
        true => compare::<f32>(&mut inputs, &options, ranks)?,
        false => compare::<f64>(&mut inputs, &options, ranks)?,
    };
    // Of many processes the first alone knows everything.
    let Some(tally) = tally else { return Ok(()) };
    let report = assemble::report(&inputs, &measure, &options, &tally);
    outputs::write(&options, &report, &measure, &tally)?;
    if let Some(what) = assemble::nothing_or_nan(&tally)
        && !options.allow_nan
    {
        return Err(Failure::new(what).with(Code::NotDistributions));
    }
    let failed =
        thresholds::failed(&options.limits(), &options.candidates, &measure.divergences, &tally);
    match failed {
        failed if failed.is_empty() => Ok(()),
        failed => Err(Failure::new(failed.join("; ")).with(Code::Threshold)),
    }
}

/// What can be refused before a file is opened.
fn check(options: &Options, ranks: &Ranks) -> Result<(), Failure> {
    thresholds::check_names(&options.limits(), &options.divergences())?;
    let usage = |line: String| Err(Failure::usage(line));
    for (name, value) in [
        ("--temperature", Some(options.temperature)),
        ("--reference-temperature", options.reference_temperature),
    ] {
        if value.is_some_and(|value| !(value.is_normal() && value > 0.0)) {
            return usage(format!("{name} must be a number above 0"));
        }
    }
    check_tolerance(options.tolerance)?;
    if Duration::try_from_secs_f64(options.save_every).is_err() {
        return usage("--save-every must be a number of seconds".to_owned());
    }
    let stdin = options.files().filter(|name| *name == "-").count();
    if options.resume.is_some() && stdin > 0 {
        return usage(
            "--resume needs files; standard input cannot be read from the middle".to_owned(),
        );
    }
    if ranks.place().1 > 1 && (options.resume.is_some() || stdin > 0 || options.reference.is_none())
    {
        let line =
            "with many processes each reads its own part; give files, and leave out --resume";
        return usage(line.to_owned());
    }
    outputs::check_endings(options)?;
    if stdin > 1 {
        return usage(
            "- is standard input, which can be read once; give files for the others".to_owned(),
        );
    }
    Ok(())
}

pub fn check_tolerance(tolerance: f64) -> Result<(), Failure> {
    if tolerance.is_finite() && tolerance >= 0.0 {
        return Ok(());
    }
    Err(Failure::usage(format!("--tolerance {tolerance}: give a number of at least 0")))
}

/// What is measured, and what was found; of many processes the first alone has the latter.
fn compare<A: Float>(
    inputs: &mut Inputs,
    options: &Options,
    ranks: &Ranks,
) -> Result<(Measure, Option<Tally>), Failure> {
    let fingerprint = inputs.fingerprint(options)?;
    // Shares as well: rows would be left out, or counted twice.
    ranks.check_same(fnv(fingerprint.content, format!("{:?}", options.shares()).as_bytes()))?;
    let pause = Duration::try_from_secs_f64(options.save_every).unwrap_or_default();
    let state = options.resume.as_ref();
    let mut state = state.map(|path| State::open(path, fingerprint, pause)).transpose()?;
    let mut part = ranks.part(inputs.blocks.slabs(), options.shares())?;
    let mut tally = Tally::new(options.candidates.len(), options.divergences().len());
    if let Some(state) = &state
        && let Some((done, before)) = state.load()?
    {
        check_state(inputs, options, done, &before).map_err(|what| {
            state.refusal(&format!(
                "is damaged, or was changed: {what} cannot be that of these files"
            ))
        })?;
        (part.start, tally) = (done, before);
    }
    let bar = progress_bar(inputs, &part, options.quiet || ranks.place().1 > 1);
    let bytes = inputs.bytes_per_slab();
    let result = pass::<A>(inputs, options, part, tally, |left, tally| {
        bar.set_position(left.start as u64 * bytes);
        state.as_mut().map_or(Ok(()), |state| state.save(&left, tally))
    });
    bar.finish_and_clear();
    let (measure, tally) = result?;
    Ok((measure, ranks.merged(tally)?))
}

/// What a state says that no run over these files can have found. Its check was right, but anybody can compute that.
fn check_state(
    inputs: &Inputs,
    options: &Options,
    done: usize,
    tally: &Tally,
) -> Result<(), &'static str> {
    let (all, slabs) = (inputs.rows(), inputs.blocks.slabs());
    if done > slabs {
        return Err("its number of blocks");
    }
    tally.check(&Run {
        all,
        read: done as u64 * (all / slabs as u64),
        is_read: &|position| inputs.slab(position) < done,
        candidates: options.candidates.len(),
        divergences: options.divergences().len(),
        has_weights: inputs.weights.is_some(),
        has_labels: inputs.labels.is_some() || inputs.tokens.is_some(),
        is_kept: all <= EXACT_ROWS,
    })
}

/// Block after block of these slabs, each told what is left.
fn pass<A: Float>(
    inputs: &mut Inputs,
    options: &Options,
    mut slabs: Range<usize>,
    mut tally: Tally,
    mut after: impl FnMut(Range<usize>, &Tally) -> Result<(), Failure> + Send,
) -> Result<(Measure, Tally), Failure> {
    let mut measure = Measure::new(inputs, options);
    let mut first = None;
    // The first rows decide, for every process and after a restart. Standard input cannot be read twice.
    if !measure.is_known() && inputs.has_stdin() {
        let (block, left) = inputs.read::<A>(slabs, &mut Vec::new())?;
        measure.find_holds(&block)?;
        (first, slabs) = (Some(block), left);
    } else if !measure.is_known() {
        let mut again = Inputs::open(options)?;
        again.cut(FIRST);
        let mut left = 0..again.blocks.slabs();
        while !measure.is_known() && !left.is_empty() {
            let (block, rest) = again.read::<A>(left, &mut Vec::new())?;
            measure.find_holds(&block)?;
            left = rest;
        }
    }
    measure.take_the_rest_for_logits();
    measure.check_settings()?;
    let mut merge = |found: Tally, left| {
        tally.merge(&found);
        after(left, &tally)
    };
    if let Some(mut block) = first {
        merge(measure.block(&mut block, &mut Default::default())?, slabs.clone())?;
    }
    each_block(inputs, slabs, |block, kept| measure.block::<A>(block, kept), merge)?;
    Ok((measure, tally))
}

/// On a terminal only, and with the rate and the time that is left.
fn progress_bar(inputs: &Inputs, part: &Range<usize>, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bytes = inputs.bytes_per_slab();
    let style = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(part.end as u64 * bytes).with_style(style);
    let bar = bar.with_position(part.start as u64 * bytes);
    bar.reset_eta();
    bar
}
