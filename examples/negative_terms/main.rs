//! "The mean is positive, but some values of the unreduced result are negative. Is that correct?"
//!
//! ```sh
//! cargo run --release --example negative_terms
//! ```
//!
//! Prints the answer as bars and draws it to `target/negative_terms.svg`, or to the path given.

mod plot;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::{env, fs};

use kldiv::{KLDivLoss, PerDistribution, Pointwise};
use ndarray::{Array1, array};

/// What one of the three panels shows.
pub struct Panel {
    pub title: &'static str,
    pub terms: Array1<f64>,
    pub sum: f64,
}

impl Panel {
    fn new(
        title: &'static str,
        generalized: bool,
        input: &Array1<f64>,
        target: &Array1<f64>,
    ) -> Result<Panel, kldiv::Error> {
        let terms = KLDivLoss::new(Pointwise).generalized(generalized).forward(input, target)?;
        let sum =
            KLDivLoss::new(PerDistribution).generalized(generalized).forward(input, target)?;
        Ok(Panel { title, terms, sum: sum.into_scalar() })
    }
}

fn softmax(scores: &Array1<f64>) -> Array1<f64> {
    let exps = scores.exp();
    &exps / exps.sum()
}

fn main() -> Result<(), Box<dyn Error>> {
    let p = softmax(&array![1.2, 0.3, -0.4]); // the target
    let logits = array![0.1, 0.6, 0.8]; // the model's raw scores
    let q = softmax(&logits);
    let log_q = q.ln();
    let panels = [
        Panel::new("two distributions", false, &log_q, &p)?,
        Panel::new("not a distribution: raw scores", false, &logits, &p)?,
        Panel::new("generalized terms", true, &log_q, &p)?,
    ];
    let diagnosis = KLDivLoss::new(PerDistribution).batch(&logits, &p)?.diagnose();

    let mut out = io::stdout().lock();
    writeln!(out, "target p = {p:.3}, model q = {q:.3}")?;
    writeln!(out, "\n1. The terms t·(ln t − x), with t = p and x = ln q. Some are negative:")?;
    bars(&mut out, &panels[0])?;
    writeln!(out, "   That is correct: q gives those classes more than p does. The sum over the")?;
    writeln!(out, "   classes of two distributions is the divergence, which is never negative.")?;
    writeln!(
        out,
        "\n2. The same with the model's raw scores as input, which are no log-probabilities:"
    )?;
    bars(&mut out, &panels[1])?;
    for line in diagnosis.to_string().lines() {
        writeln!(out, "   | {line}")?;
    }
    writeln!(out, "\n3. The generalized terms t·(ln t − x) − t + eˣ of the distributions in 1:")?;
    bars(&mut out, &panels[2])?;
    writeln!(out, "   None is negative, and the sum is the same.")?;

    let path = match env::args().nth(1) {
        Some(path) => path,
        None => {
            fs::create_dir_all("target")?;
            "target/negative_terms.svg".into()
        }
    };
    fs::write(&path, plot::svg(&panels)?)?;
    writeln!(out, "\nDrawn to {path}.")?;
    Ok(())
}

/// Characters a nat.
const SCALE: f64 = 20.0;
/// Characters left of zero.
const LEFT: usize = 26;

fn bars(out: &mut impl Write, panel: &Panel) -> io::Result<()> {
    for (class, &term) in panel.terms.iter().enumerate() {
        bar(out, &format!("class {class}"), term)?;
    }
    bar(out, "sum", panel.sum)
}

/// A bar from the zero line to the value, red below zero and blue above where colours show.
fn bar(out: &mut impl Write, name: &str, value: f64) -> io::Result<()> {
    let width = (value.abs() * SCALE).round() as usize;
    let block = "█".repeat(width);
    let (left, right) = if value < 0.0 { (block.as_str(), "") } else { ("", block.as_str()) };
    let colored = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    let (on, off) = match (colored, value < 0.0) {
        (false, _) => ("", ""),
        (_, true) => ("\x1b[31m", "\x1b[0m"),
        (_, false) => ("\x1b[34m", "\x1b[0m"),
    };
    let space = " ".repeat(LEFT.saturating_sub(left.chars().count()));
    writeln!(out, "   {name:<7} {value:>6.3} {space}{on}{left}{off}│{on}{right}{off}")
}
