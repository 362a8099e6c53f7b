//! Knowledge distillation (Hinton, Vinyals & Dean, 2015) on real handwritten digits.
//!
//! A teacher learns the labels of 8×8 images. Two students then learn from a few of the same
//! images at 4×4: one their labels, one the teacher's softened probabilities. They differ in
//! nothing else. `KLDivWithLogitsLoss` is the loss of all three.
//!
//! ```sh
//! cargo run --release --example distill
//! cargo run --release --example distill -- --divergence reverse loss-curves.svg
//! cargo run --release --example distill -- --all # compares four divergences
//! cargo run --release --example distill -- --top-k 3 # of the teacher only the three best classes of each image
//! ```

mod plot;
mod report;
mod training;

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use kldiv::Divergence;
use kldiv_digits::{CLASSES, Digits, Network};
use plotters::style::RGBColor;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rayon::prelude::*;

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

/// What `--all` compares.
const DIVERGENCES: [Divergence; 4] = [
    Divergence::Forward,
    Divergence::Reverse,
    Divergence::JensenShannon(0.5),
    Divergence::Skew(0.1),
];

/// Distils a teacher of handwritten digits into a smaller student, and compares it with a student of the labels.
#[derive(Clone, Debug, Parser)]
#[command(name = "distill")]
struct Arguments {
    /// Where the loss curves go [default: target/distill.svg]
    path: Option<PathBuf>,
    /// The divergence of the student from the teacher: forward, reverse, symmetric:0.5, jeffreys, jensen-shannon:0.5,
    /// skew:0.1, skew-reverse:0.1, total-variation
    #[arg(long, value_name = "NAME", default_value_t)]
    divergence: Divergence,
    /// Train a student by each of forward, reverse, jensen-shannon:0.5 and skew:0.1 too, and compare them
    #[arg(long)]
    all: bool,
    /// Of the teacher keep only the K best classes of each image, 1 to 10; the others form one class
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(1..=10))]
    top_k: Option<u8>,
}

impl Arguments {
    /// The divergence asked for, then the others.
    fn divergences(&self) -> Vec<Divergence> {
        let all: &[Divergence] = if self.all { &DIVERGENCES } else { &[] };
        let others = all.iter().copied().filter(|&divergence| divergence != self.divergence);
        [self.divergence].into_iter().chain(others).collect()
    }
}

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
    let arguments = Arguments::parse();
    let divergences = arguments.divergences();
    let (path, mut file) = output(arguments.path)?;
    let digits = Digits::load();
    println!(
        "{} digits, {SEEDS} seeds: {TEACHER_IMAGES} train the teacher, {STUDENT_IMAGES} of these \
         the students, {} are held out.",
        digits.count(),
        digits.count() - TEACHER_IMAGES,
    );

    let bar = progress_bar(1 + divergences.len());
    let runs: Vec<_> = (0..SEEDS)
        .into_par_iter()
        .map(|seed| distill(&digits, seed, &divergences, arguments.top_k, &bar))
        .collect::<Result<_, _>>()?;
    bar.finish_and_clear();

    let seeds_of = |network: usize| runs.iter().map(|run| &run[network]).collect::<Vec<_>>();
    let (teacher, hard) = (seeds_of(0), seeds_of(1));
    let soft: Vec<_> = (2..2 + divergences.len()).map(seeds_of).collect();
    let (row, by) = match arguments.divergence {
        Divergence::Forward => ("student, soft targets".to_owned(), String::new()),
        divergence => (format!("student, {divergence}"), format!(", {divergence}")),
    };
    let row = arguments.top_k.map_or(row.clone(), |k| format!("{row}, best {k}"));
    report::print_header();
    report::print_row("teacher, 8×8", &teacher);
    report::print_row("student, hard labels", &hard);
    report::print_row(&row, &soft[0]);
    report::print_verdict(&hard, &soft[0], STUDENT_T);
    if arguments.all {
        report::print_divergences(&divergences, &soft, STUDENT_T);
    }

    file.write_all(picture(&hard, &soft[0], &by)?.as_bytes())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("Loss curves: {}", path.display());
    Ok(())
}

/// The file for the picture, opened before the work so that a bad path costs no time.
fn output(path: Option<PathBuf>) -> Result<(PathBuf, File), String> {
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

fn progress_bar(students: usize) -> ProgressBar {
    let epochs = SEEDS * (TEACHER_EPOCHS + students * STUDENT_EPOCHS) as u64;
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} epochs, {eta} left");
    ProgressBar::new(epochs).with_style(style.expect("a valid template"))
}

/// One teacher, its student on hard labels, and those on soft targets, one by each divergence.
fn distill(
    digits: &Digits,
    seed: u64,
    divergences: &[Divergence],
    top_k: Option<u8>,
    bar: &ProgressBar,
) -> Result<Vec<History>, kldiv::Error> {
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
        // All students start from the same weights and see the images in the same order.
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
    let mut histories = vec![teacher_history, student(Objective::hard(&few))?];
    for &divergence in divergences {
        let best = top_k.map(usize::from);
        let objective = Objective::soft(&teacher, &few, TEMPERATURE, divergence, best);
        histories.push(student(objective)?);
    }
    Ok(histories)
}

/// `by` names the divergence of the soft targets.
fn picture(hard: &[&History], soft: &[&History], by: &str) -> Result<String, Box<dyn Error>> {
    const BLUE: RGBColor = RGBColor(0, 90, 181);
    const ORANGE: RGBColor = RGBColor(220, 90, 0);
    let title = format!(
        "Students on {STUDENT_IMAGES} images of 4×4: mean ± standard deviation over {SEEDS} seeds"
    );
    let curves = [
        Curve::new("hard labels, held out", BLUE, hard, |h| &h.held_out),
        Curve::new("soft targets, held out", ORANGE, soft, |h| &h.held_out),
        Curve::new("hard labels, training", BLUE, hard, |h| &h.training).dashed(),
        Curve::new(&format!("soft targets, training{by}"), ORANGE, soft, |h| &h.training).dashed(),
    ];
    plot::svg(&title, &curves)
}
