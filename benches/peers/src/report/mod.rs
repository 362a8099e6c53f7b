//! benches/REPORT.md, its charts, and the table in README.md, from what was measured.

mod bars;
mod figures;
mod goals;
mod lines;
mod model;
mod scaling;
mod tables;

use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::style::{BLACK, RGBColor};

use crate::job::{Job, OTHERS};
use crate::record::{Comparison, Machine, Row, Scaling};
use crate::timing::quartiles;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const FONT: &str = "sans-serif";
/// What stands in README.md between these is written here.
const MARKS: [&str; 2] = ["<!-- benches/peers: begin -->\n", "<!-- benches/peers: end -->"];

/// A quick run, or one of other shapes than the usual, is no report of this repository: it goes to `data`.
pub fn write(
    comparison: &Comparison,
    scaling: &Scaling,
    data: &Path,
) -> Result<(), Box<dyn Error>> {
    let usual = !comparison.quick && !scaling.quick && comparison.shapes.len() == 6;
    let benches = if usual { Path::new(ROOT).join("benches") } else { data.to_owned() };
    let charts = benches.join("charts");
    fs::create_dir_all(&charts)?;
    let chart = |name: &str, svg: String| fs::write(charts.join(format!("{name}.svg")), svg);
    let runs = ["f32", "f64"].map(|precision| comparison.in_precision(precision));
    let [single, double] = runs.each_ref().map(Comparison::middle);
    for job in Job::FORWARD {
        chart(&job.id(), bars::job(&single, job)?)?;
    }
    for divergence in OTHERS {
        chart(&tables::chart(divergence), bars::divergence(&single, divergence)?)?;
    }
    for (name, svg) in scaling::charts(scaling)? {
        chart(name, svg)?;
    }
    let report = [
        head(&single),
        tables::summary(&runs[0], &runs[1]),
        goals::text(comparison),
        Job::FORWARD.map(|job| tables::job(&single, job)).concat(),
        tables::others(&single),
        tables::in_double(&double),
        scaling::text(scaling),
        model::text(scaling),
        foot(comparison),
    ];
    let path = benches.join("REPORT.md");
    fs::write(&path, report.concat())?;
    println!("{}", path.display());
    if usual {
        readme(&Path::new(ROOT).join("README.md"), &tables::readme(&runs[0]))
    } else {
        Ok(())
    }
}

fn readme(path: &Path, block: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let [begin, end] = MARKS;
    let parts = text.split_once(begin);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or("README.md: no place for the table")?;
    Ok(fs::write(path, format!("{before}{begin}{block}{end}{after}"))?)
}

fn on(machine: &Machine) -> String {
    let Machine { date, processor, threads, caches, level, .. } = machine;
    format!("{date}, {threads} threads of {processor} ({level}; {caches})")
}

fn head(comparison: &Comparison) -> String {
    let Machine { compiler, system, .. } = &comparison.machine;
    let quick = if comparison.quick {
        "**A quick run: one round of each. Its figures say nothing but that all works.**\n\n"
    } else {
        ""
    };
    format!(
        "# Speed and error, beside others\n\n{quick}\
        Measured {on}, {system}, {compiler}; this page and its charts are written by\n\n\
        ```sh\nbenches/peers/run.sh\n```\n\n\
        `f32` where nothing else is said, medians of rounds in which everybody takes a turn on the same data until it has \
        taken 0.15 seconds and 5 turns, or 101. Multiples are medians over the rounds that both took part in, but under \
        “Scaling”, and of the gain of threads, quotients of medians. What takes less than 20 ms right after runs of its own, of 3 ms, in Python \
        of 30 ms, until its threads are awake. Where everything was run several times, each cell is of its own middle run. \
        The roofline is a multiply-add over both operands, in as many threads, that does nothing else; where an array is \
        written, one that writes as much into a buffer that exists. It takes part in every round. The peers in Python run in \
        a process for each library. The machine may be shared: \
        ratios hold, milliseconds less so. The quartiles of a contender lie {spread:.0} % of its median apart (the median of \
        all).\n\n\
        Errors are in units in the last place (ulp) of the precision, against terms and sums in twice the digits of `f64`: of the loss in \
        ulp of itself (0.5 is a correct rounding), of an array the worst number in ulp of the larger of the two parts \
        that it is the difference of; where there are both, the larger.\n\n\
        ndarray-stats, NumKong and SciPy take q, not ln q: its exponentials are not timed. \
        What NumKong adds to both sides, an epsilon, shows in its error, and so does a running sum in `f32` (“ndarray, \
        Zip”, “burn, flex”). “kldiv, buffer reused” and the gradients of “ndarray” write into an array that exists; all \
        others allocate theirs.\n\n",
        on = on(&comparison.machine),
        spread = 100.0 * spread(comparison),
    )
}

fn spread(comparison: &Comparison) -> f64 {
    let of = |row: &Row| (row.seconds.quartiles[1] - row.seconds.quartiles[0]) / row.seconds.median;
    quartiles(comparison.rows.iter().map(of).collect())[1]
}

fn foot(comparison: &Comparison) -> String {
    let mut text = format!("## Versions\n\n{}.\n", comparison.versions.join(", "));
    if !comparison.skipped.is_empty() {
        text += "\nLeft out:\n\n";
        text.extend(comparison.skipped.iter().map(|line| format!("- {line}\n")));
    }
    text
}

/// Everybody's color: ours stands out.
fn color(contender: &str) -> RGBColor {
    match contender {
        "kldiv" => RGBColor(200, 30, 60),
        "kldiv, buffer reused" => RGBColor(240, 130, 140),
        "ndarray, mapv" => RGBColor(190, 190, 190),
        "ndarray, Zip" => RGBColor(140, 140, 140),
        "ndarray, rayon" => RGBColor(90, 90, 90),
        "ndarray-stats" => RGBColor(160, 130, 90),
        "NumKong, rayon" => RGBColor(110, 70, 30),
        "candle" => RGBColor(240, 190, 60),
        "burn, ndarray" => RGBColor(235, 140, 40),
        "burn, flex" => RGBColor(200, 100, 20),
        "torch" => RGBColor(120, 170, 220),
        "torch.compile" => RGBColor(40, 100, 180),
        "jax.jit" => RGBColor(60, 150, 90),
        "scipy rel_entr" => RGBColor(150, 110, 180),
        _ => BLACK,
    }
}
