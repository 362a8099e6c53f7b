//! Knowledge distillation (Hinton, Vinyals & Dean, 2015) on real handwritten digits.
//!
//! A teacher learns the labels of 8×8 images. Two students then learn from a few of the same
//! images at 4×4: one their labels, one the teacher's softened probabilities. They differ in
//! nothing else. `KLDivWithLogitsLoss` is the loss of all three.
//!
//! ```text
//! cargo run --release --example distill [loss-curves.svg]
//! ```

mod data;
mod network;
mod plot;
mod report;
mod training;

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use plotters::style::RGBColor;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rayon::prelude::*;

use data::{CLASSES, Digits};
use network::Network;
use plot::Curve;
use training::{History, Objective, Training};

const SEEDS: u64 = 5;
/// Student's t with `SEEDS` − 1 degrees of freedom: 95 % of it lies within ± this.
const STUDENT_T: f64 = 2.776;

const TEACHER_IMAGES: usize = 1200;
const TEACHER_UNITS: usize = 64;
const TEACHER_EPOCHS: usize = 40;

const STUDENT_IMAGES: usize = 200;
const STUDENT_UNITS: usize = 32;
/// Until the hard labels are almost learnt by heart. The budget matters: after 200 epochs, with
/// the training loss still falling, both students do equally well.
const STUDENT_EPOCHS: usize = 1000;
const TEMPERATURE: f64 = 2.0;

const DEFAULT_PATH: &str = "target/distill.svg";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (path, mut file) = output()?;
    let digits = Digits::load()?;
    println!(
        "{} digits, {SEEDS} seeds: {TEACHER_IMAGES} train the teacher, {STUDENT_IMAGES} of these \
         the students, {} are held out.",
        digits.len(),
        digits.len() - TEACHER_IMAGES,
    );

    let bar = progress_bar();
    let runs: Vec<_> = (0..SEEDS)
        .into_par_iter()
        .map(|seed| distill(&digits, seed, &bar))
        .collect::<Result<_, _>>()?;
    bar.finish_and_clear();

    let (teacher, hard, soft): (Vec<_>, Vec<_>, Vec<_>) = runs.into_iter().collect();
    report::print_header();
    report::print_row("teacher, 8×8", &teacher);
    report::print_row("student, hard labels", &hard);
    report::print_row("student, soft targets", &soft);
    report::print_verdict(&hard, &soft, STUDENT_T);

    file.write_all(picture(&hard, &soft)?.as_bytes())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("Loss curves: {}", path.display());
    Ok(())
}

/// The file for the picture, opened before the work so that a bad path costs no time.
fn output() -> Result<(PathBuf, File), String> {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let open = || match &path {
        Some(path) => File::create(path),
        None => fs::create_dir_all("target").and_then(|()| File::create(DEFAULT_PATH)),
    };
    let file = open();
    let path = path.unwrap_or_else(|| DEFAULT_PATH.into());
    match file {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(format!("cannot write {}: {error}", path.display())),
    }
}

fn progress_bar() -> ProgressBar {
    let epochs = SEEDS * (TEACHER_EPOCHS + 2 * STUDENT_EPOCHS) as u64;
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} epochs, {eta} left");
    ProgressBar::new(epochs).with_style(style.expect("a valid template"))
}

/// One teacher, and its students on hard labels and on soft targets.
fn distill(
    digits: &Digits,
    seed: u64,
    bar: &ProgressBar,
) -> Result<(History, History, History), kldiv::Error> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (seen, held_out) = digits.split(TEACHER_IMAGES, &mut rng);
    let mut teacher = Network::new(64, TEACHER_UNITS, CLASSES, &mut rng);
    let lesson = Training {
        digits: &seen,
        objective: Objective::hard(&seen),
        held_out: &held_out,
        epochs: TEACHER_EPOCHS,
    };
    let teacher_history = lesson.run(&mut teacher, &mut rng, bar)?;

    let (few, _) = seen.split(STUDENT_IMAGES, &mut rng);
    let student = |objective| {
        // Both students start from the same weights and see the images in the same order.
        let mut rng = rng.clone();
        let mut network = Network::new(16, STUDENT_UNITS, CLASSES, &mut rng);
        let lesson = Training {
            digits: &few.coarse(),
            objective,
            held_out: &held_out.coarse(),
            epochs: STUDENT_EPOCHS,
        };
        lesson.run(&mut network, &mut rng, bar)
    };
    let hard = student(Objective::hard(&few))?;
    let soft = student(Objective::soft(&teacher, &few, TEMPERATURE))?;
    Ok((teacher_history, hard, soft))
}

fn picture(hard: &[History], soft: &[History]) -> Result<String, Box<dyn Error>> {
    const BLUE: RGBColor = RGBColor(0, 90, 181);
    const ORANGE: RGBColor = RGBColor(220, 90, 0);
    let title = format!(
        "Students on {STUDENT_IMAGES} images of 4×4: mean ± standard deviation over {SEEDS} seeds"
    );
    let curves = [
        Curve::new("hard labels, held out", BLUE, hard, |h| &h.held_out),
        Curve::new("soft targets, held out", ORANGE, soft, |h| &h.held_out),
        Curve::new("hard labels, training", BLUE, hard, |h| &h.training).dashed(),
        Curve::new("soft targets, training", ORANGE, soft, |h| &h.training).dashed(),
    ];
    plot::svg(&title, &curves)
}
