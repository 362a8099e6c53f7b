//! What a run writes: the report on standard output, and files.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::input::without;
use super::measure::Measure;
use super::options::Options;
use super::state::{lock_of, unfinished, write_atomically};
use crate::failure::Failure;
use crate::formats::path_of;
use crate::report;
use crate::report::model::{Column, Report};
use crate::statistics::Tally;

/// Where the pair of digits and its picture go.
const DIGITS: &str = "kldiv-digits";

/// A pair of real files, where none are given.
pub fn make_digits(options: &mut Options) -> Result<(), Failure> {
    let directory = Path::new(DIGITS);
    if !options.quiet {
        eprintln!("no files given: a teacher and a student learn handwritten digits …");
    }
    let pair = kldiv_digits::pair().map_err(|error| Failure::new(error.to_string()))?;
    fs::create_dir_all(directory).map_err(|error| {
        Failure::new(format!("cannot make {DIGITS}: {error}; start elsewhere, or name two files"))
    })?;
    let name = |file: &str| directory.join(file).display().to_string();
    for (file, array) in [("teacher.npy", &pair.teacher), ("student.npy", &pair.student)] {
        let shape = format!("({}, {})", array.nrows(), array.ncols());
        write_npy(&name(file), "<f4", &shape, array.iter().flat_map(|x| x.to_le_bytes()))?;
    }
    let shape = format!("({},)", pair.labels.len());
    let labels = pair.labels.iter().flat_map(|label| label.to_le_bytes());
    write_npy(&name("labels.npy"), "<i8", &shape, labels)?;
    options.reference = Some(name("teacher.npy"));
    options.candidates = vec![name("student.npy")];
    options.labels.get_or_insert(name("labels.npy"));
    options.plot.get_or_insert(directory.join("divergences.svg"));
    Ok(())
}

/// Writes version 1 of the format. A file that is there already keeps its time of change, by which `--resume` knows it.
fn write_npy(
    name: &str,
    dtype: &str,
    shape: &str,
    numbers: impl Iterator<Item = u8>,
) -> Result<(), Failure> {
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
    // Of a length that is a multiple of 64, the ten bytes before it and the end of the line included.
    let header = format!("{header:<0$}\n", (header.len() + 11).next_multiple_of(64) - 11);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(numbers);
    if fs::read(name).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    write_atomically(Path::new(name), |file| file.write_all(&bytes))
}

/// No file that is written may take the place of one that is read, of another one, or of the state.
pub fn check_places(options: &Options) -> Result<(), Failure> {
    let mut taken: Vec<(PathBuf, String)> = Vec::new();
    for name in options.files() {
        let path = Path::new(path_of(name));
        taken.push((place(path), name.clone()));
    }
    let lock = options.resume.as_deref().map(lock_of);
    let written = [
        ("--resume", &options.resume),
        ("the lock", &lock),
        ("--csv", &options.csv),
        ("--plot", &options.plot),
        ("--report", &options.report),
    ];
    for (option, path) in written {
        let Some(path) = path else { continue };
        let own = place(path);
        if !own.parent().is_some_and(Path::is_dir) {
            let line = format!("{option} {}: there is no such directory; make it", path.display());
            return Err(Failure::usage(line));
        }
        let meanwhile = unfinished(&own);
        if let Some((_, name)) =
            taken.iter().find(|(other, _)| *other == own || *other == meanwhile)
        {
            let line =
                format!("{option} {} would overwrite {name}; name another file", path.display());
            return Err(Failure::usage(line));
        }
        taken.push((own, path.display().to_string()));
    }
    Ok(())
}

/// Where a file is, or will be, however it is spelled.
fn place(path: &Path) -> PathBuf {
    let there = path.canonicalize();
    let directory = || std::path::absolute(path)?.parent().unwrap_or(path).canonicalize();
    let meant = || Ok::<_, io::Error>(directory()?.join(path.file_name().unwrap_or_default()));
    there.or_else(|_| meant()).unwrap_or_else(|_| path.to_owned())
}

/// Refuses names that say something else than what is written.
pub fn check_endings(options: &Options) -> Result<(), Failure> {
    if let Some(plot) = &options.plot {
        is_png(plot)?;
    }
    let is_page =
        |path: &PathBuf| path.extension().is_some_and(|ending| ending == "html" || ending == "htm");
    match &options.report {
        Some(path) if !is_page(path) => {
            let line = format!("--report {}: give a name that ends in .html", path.display());
            Err(Failure::usage(line))
        }
        _ => Ok(()),
    }
}

/// Whether the plot is a PNG; an error where its name says neither that nor SVG.
pub fn is_png(plot: &Path) -> Result<bool, Failure> {
    let ending = plot.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("png") => Ok(true),
        Some("svg") => Ok(false),
        _ => {
            let line = format!("--plot {}: give a name that ends in .svg or .png", plot.display());
            Err(Failure::usage(line))
        }
    }
}

/// The report on standard output, and the files that are asked for.
pub fn write(
    options: &Options,
    report: &Report,
    measure: &Measure,
    tally: &Tally,
) -> Result<(), Failure> {
    if options.json {
        print(&format!("{}\n", report::json(report)))?;
    } else if !options.quiet {
        print(&report::text(report))?;
    }
    if let Some(path) = &options.csv {
        write_atomically(path, |mut file| report::csv(report, columns(measure, tally), &mut file))?;
    }
    if let Some(path) = &options.plot {
        let picture =
            if is_png(path)? { report::png(report)? } else { report::svg(report).into_bytes() };
        write_atomically(path, |file| file.write_all(&picture))?;
    }
    if let Some(path) = &options.report {
        let page = report::html(report);
        write_atomically(path, |file| file.write_all(page.as_bytes()))?;
    }
    Ok(())
}

/// Prints on standard output. A reader that has read enough, as `head` has, is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot print the report: {error}; make room where it goes")))
        }
        _ => Ok(()),
    }
}

/// The numbers of every row, NaN where a row is left out or has no label.
fn columns<'t>(measure: &Measure, tally: &'t Tally) -> Vec<Column<'t>> {
    let rows = without(&measure.shape, measure.axis.0).into_iter().product();
    let mut columns: Vec<Column<'t>> = Vec::new();
    for (file, found) in measure.files[1..].iter().zip(&tally.candidates) {
        for (divergence, found) in measure.divergences.iter().zip(&found.divergences) {
            let name = format!("{}: {divergence}", file.name);
            columns.push((name, in_order(rows, &tally.positions, &found.values)));
        }
        let delta = &found.labels.delta_p.values;
        if !delta.is_empty() {
            let name = format!("{}: delta_p", file.name);
            columns.push((name, in_order(rows, &tally.labelled, delta)));
        }
    }
    columns
}

/// Numbers of rows at these positions, in the order of C.
fn in_order(rows: usize, positions: &[u32], values: &[f64]) -> Box<dyn Iterator<Item = f64>> {
    let mut all = vec![f64::NAN; rows];
    for (&position, &value) in positions.iter().zip(values) {
        all[position as usize] = value;
    }
    Box::new(all.into_iter())
}
