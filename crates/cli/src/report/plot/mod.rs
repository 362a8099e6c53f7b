//! Pictures: of each divergence a histogram and the quantiles, all candidates in one panel.

mod axis;
mod drawing;
mod histogram;
mod quantiles;

use std::fmt::Write as _;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::contents::divergences;
use super::model::{Report, Summary};
use super::numbers::{Style, grouped, printable};
use crate::failure::Failure;
pub use drawing::{HEIGHT, WIDTH, escaped, mark};

/// Part of DejaVu Sans, so that a PNG needs no font of the system.
const FONT: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");
/// Points of a PNG for each unit of the picture.
const SCALE: f32 = 2.0;
/// Around the picture, and the height of a line of the legend.
const MARGIN: f64 = 16.0;
const LINE: f64 = 20.0;

/// One divergence of all candidates: what it is called, and its unit.
pub struct Quantity<'a> {
    name: String,
    summaries: Vec<&'a Summary>,
}

impl Quantity<'_> {
    /// `forward [nats]`; the total variation has no unit.
    fn label(&self) -> String {
        if self.name == "total-variation" {
            self.name.clone()
        } else {
            format!("{} [nats]", self.name)
        }
    }
}

/// The panels as the inside of SVG elements of [`WIDTH`] × [`HEIGHT`], and what each shows: a histogram and the quantiles
/// of the first divergence, and so on.
pub fn panels(report: &Report) -> Vec<(String, String)> {
    let quantities = divergences(report).into_iter().enumerate().map(|(at, name)| Quantity {
        name,
        summaries: report
            .candidates
            .iter()
            .filter_map(|it| Some(&it.divergences.get(at)?.1))
            .collect(),
    });
    let both = |it: Quantity<'_>| {
        [
            (format!("Histogram of {}", it.name), histogram::panel(&it)),
            (format!("Quantiles of {}", it.name), quantiles::panel(&it)),
        ]
    };
    quantities.flat_map(both).collect()
}

/// The picture: a legend, then a line of two panels for each divergence.
pub fn svg(report: &Report) -> String {
    let panels = panels(report);
    let mut inside = String::new();
    let mut top = MARGIN + LINE;
    let rows = grouped(report.rows);
    let title = format!("Divergence from {}, {rows} rows", printable(&report.reference.file));
    write(&mut inside, MARGIN, top - 6.0, 16, &title);
    for (at, candidate) in report.candidates.iter().enumerate() {
        top += LINE;
        inside += &format!("<g transform=\"translate({MARGIN} {})\">{}</g>", top - 14.0, mark(at));
        let mut text = printable(&candidate.operand.file);
        if let Some((name, first)) = candidate.divergences.first() {
            text += &format!(": mean {name} {}", Style::Nats.number(first.mean.mean));
        }
        write(&mut inside, MARGIN + 34.0, top - 4.0, 13, &text);
    }
    top += MARGIN;
    for (at, (_, panel)) in panels.iter().enumerate() {
        let (x, y) = (MARGIN + (at % 2) as f64 * WIDTH, top + (at / 2) as f64 * HEIGHT);
        inside += &format!("<g transform=\"translate({x} {y})\">{panel}</g>\n");
    }
    let width = 2.0 * (MARGIN + WIDTH);
    let height = top + panels.len().div_ceil(2) as f64 * HEIGHT + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{inside}</svg>\n"
    )
}

/// The same picture as PNG.
pub fn png(report: &Report) -> Result<Vec<u8>, Failure> {
    let failed =
        |why: String| Failure::new(format!("cannot draw a PNG: {why}; write an .svg instead"));
    let mut options = Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let tree = Tree::from_str(&svg(report), &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let mut picture = size
        .and_then(|size| Pixmap::new(size.width(), size.height()))
        .ok_or_else(|| failed("it is too large".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
    picture.encode_png().map_err(|error| failed(error.to_string()))
}

/// A text at the left end of its baseline.
fn write(svg: &mut String, x: f64, y: f64, size: u32, text: &str) {
    let text = escaped(text);
    // Writing to a String cannot fail.
    let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\">{text}</text>");
}
