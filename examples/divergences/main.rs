//! Which divergence covers the modes of its target, and which seeks one of them?
//!
//! The target has two normal components. One normal distribution is fitted to it, by each of three divergences.
//! `KLDivWithLogitsLoss` gives values and gradients.
//!
//! ```sh
//! cargo run --release --example divergences
//! ```
//!
//! Prints the fits and draws them to `target/divergences.svg`, or to the path given.

mod fit;
mod plot;

use std::error::Error;
use std::{env, fs};

use kldiv::{DistributionMean, Divergence, KLDivWithLogitsLoss, Target};
use ndarray::Array1;

use fit::{Minimum, Normal, STARTS};

const BINS: usize = 200;
const RANGE: (f64, f64) = (-5.0, 5.0);
/// Share, mean and standard deviation.
const COMPONENTS: [(f64, f64, f64); 2] = [(0.7, -1.5, 0.5), (0.3, 2.0, 0.5)];

/// What one of the three panels shows.
pub struct Panel {
    pub title: &'static str,
    pub divergence: Divergence,
    /// The lowest first.
    pub minima: Vec<Minimum>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let width = (RANGE.1 - RANGE.0) / BINS as f64;
    let grid = Array1::from_shape_fn(BINS, |bin| RANGE.0 + (bin as f64 + 0.5) * width);
    let p = target(&grid);
    let log_p = p.ln();

    let panels = [
        ("forward", Divergence::Forward),
        ("reverse", Divergence::Reverse),
        ("Jensen–Shannon, β = 0.5", Divergence::JensenShannon(0.5)),
    ]
    .map(|(title, divergence)| {
        fit::minima(divergence, &grid, &log_p).map(|minima| Panel { title, divergence, minima })
    });
    let panels = panels.into_iter().collect::<Result<Vec<_>, _>>()?;

    let [(share, mean, sigma), (other_share, other_mean, other_sigma)] = COMPONENTS;
    println!(
        "The target: {share}·N({mean}, {sigma}²) + {other_share}·N({other_mean}, {other_sigma}²), on {BINS} bins.\n\
         One normal distribution, fitted from {STARTS} starts. The best fit by each divergence, and the divergences that it has:\n"
    );
    let names = panels.iter().map(|panel| format!("{:>19}", panel.divergence.to_string()));
    println!("{:19}  {:>6}  {:>6}  {}", "by", "mean", "sigma", names.collect::<String>());
    for panel in &panels {
        let normal = panel.minima[0].normal;
        let values = panels
            .iter()
            .map(|of| divergence_of(of.divergence, normal, &grid, &log_p))
            .map(|value| value.map(|value| format!("{value:>19.4}")))
            .collect::<Result<String, _>>()?;
        println!("{}  {values}", fit_text(panel.divergence, normal));
    }

    println!("\nEvery place where descents ended:\n");
    println!("{:19}  {:>6}  {:>6}  {:>19}  starts", "by", "mean", "sigma", "divergence");
    for panel in &panels {
        for Minimum { normal, loss, starts } in &panel.minima {
            println!("{}  {loss:>19.4}  {starts:>6}", fit_text(panel.divergence, *normal));
        }
    }

    let path = match env::args().nth(1) {
        Some(path) => path,
        None => {
            fs::create_dir_all("target")?;
            "target/divergences.svg".into()
        }
    };
    fs::write(&path, plot::svg(&grid, &p, &panels)?)?;
    println!("\nDrawn to {path}.");
    Ok(())
}

/// The target's probabilities, one a bin.
fn target(grid: &Array1<f64>) -> Array1<f64> {
    let density = |x: f64| -> f64 {
        let component = |(share, mean, sigma): (f64, f64, f64)| {
            share / sigma * (-0.5 * ((x - mean) / sigma).powi(2)).exp()
        };
        COMPONENTS.map(component).iter().sum()
    };
    let densities = grid.mapv(density);
    &densities / densities.sum()
}

fn divergence_of(
    divergence: Divergence,
    normal: Normal,
    grid: &Array1<f64>,
    log_p: &Array1<f64>,
) -> Result<f64, kldiv::Error> {
    KLDivWithLogitsLoss::new(DistributionMean)
        .target(Target::LogProbabilities)
        .divergence(divergence)
        .forward(&normal.logits(grid), log_p)
}

fn fit_text(divergence: Divergence, normal: Normal) -> String {
    let name = divergence.to_string();
    format!("{name:19}  {:>6.3}  {:>6.3}", normal.mean, normal.sigma())
}
