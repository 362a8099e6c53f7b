//! The three panels as SVG.

use std::error::Error;

use ndarray::Array1;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Panel;
use crate::fit::Normal;

const SIZE: (u32, u32) = (960, 360);
/// The backend rounds to whole pixels, which curves show. So it draws on a larger sheet, shown at `SIZE`.
const SCALE: u32 = 4;
const FONT: &str = "sans-serif";
const X: (f64, f64) = (-4.0, 4.0);
/// Of the densities, with room for the text.
const Y: (f64, f64) = (0.0, 1.05);
const DASH: u32 = 4 * SCALE;
const TARGET: RGBColor = RGBColor(90, 90, 90);
const BEST: RGBColor = RGBColor(38, 98, 168);
const OTHER: RGBColor = RGBColor(196, 58, 49);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

pub fn svg(
    grid: &Array1<f64>,
    p: &Array1<f64>,
    panels: &[Panel],
) -> Result<String, Box<dyn Error>> {
    let (width, height) = SIZE;
    let mut svg = String::new();
    {
        let sheet = (SCALE * width, SCALE * height);
        let area = SVGBackend::with_string(&mut svg, sheet).into_drawing_area();
        area.fill(&WHITE)?;
        let (panels_area, legend_area) = area.split_vertically(SCALE * (height - 32));
        for (part, panel) in panels_area.split_evenly((1, panels.len())).iter().zip(panels) {
            draw(part, grid, p, panel)?;
        }
        legend(&legend_area)?;
        area.present()?;
    }
    let size = |scale: u32| format!("width=\"{}\" height=\"{}\"", scale * width, scale * height);
    Ok(svg.replacen(&size(SCALE), &size(1), 1))
}

fn draw(
    area: &Area<'_>,
    grid: &Array1<f64>,
    p: &Array1<f64>,
    panel: &Panel,
) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, font(20))
        .margin(12 * SCALE)
        .x_label_area_size(28 * SCALE)
        .y_label_area_size(48 * SCALE)
        .build_cartesian_2d(X.0..X.1, Y.0..Y.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .set_all_tick_mark_size(5 * SCALE)
        .x_labels(5)
        .y_labels(5)
        .y_desc("density")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .axis_desc_style(font(15))
        .label_style(font(14))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12).stroke_width(SCALE))
        .axis_style(TRANSPARENT)
        .draw()?;

    let target = densities(grid, p);
    chart.draw_series([Polygon::new(closed(&target), TARGET.mix(0.3))])?;
    let (best, others) = panel.minima.split_first().ok_or("no fit")?;
    for minimum in others {
        let curve = densities(grid, &softmax(minimum.normal, grid));
        chart.draw_series(DashedLineSeries::new(curve, DASH, DASH, OTHER.stroke_width(SCALE)))?;
    }
    let curve = densities(grid, &softmax(best.normal, grid));
    chart.draw_series([PathElement::new(curve, BEST.stroke_width(2 * SCALE))])?;

    let Normal { mean, .. } = best.normal;
    text(&mut chart, 0.94, format!("mean {mean:.2}, σ {:.2}", best.normal.sigma()))?;
    text(&mut chart, 0.86, format!("{:.3} nats", best.loss))?;
    Ok(())
}

/// The densities in the part of the grid that is shown.
fn densities(grid: &Array1<f64>, probabilities: &Array1<f64>) -> Vec<(f64, f64)> {
    let width = grid[1] - grid[0];
    let points = grid.iter().zip(probabilities).map(|(&x, &probability)| (x, probability / width));
    points.filter(|(x, _)| (X.0..=X.1).contains(x)).collect()
}

fn closed(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (first, last) = (curve[0].0, curve[curve.len() - 1].0);
    [(first, 0.0)].into_iter().chain(curve.iter().copied()).chain([(last, 0.0)]).collect()
}

fn softmax(normal: Normal, grid: &Array1<f64>) -> Array1<f64> {
    let exps = normal.logits(grid).exp();
    &exps / exps.sum()
}

/// Text at the right, at this height.
fn text(chart: &mut Chart<'_, '_>, y: f64, text: String) -> Result<(), Box<dyn Error>> {
    let style = TextStyle::from(font(14)).pos(Pos::new(HPos::Right, VPos::Center));
    chart.plotting_area().draw(&Text::new(text, (X.1, y), style))?;
    Ok(())
}

fn font(size: u32) -> (&'static str, u32) {
    (FONT, size * SCALE)
}

fn legend(area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let style = TextStyle::from(font(14)).pos(Pos::new(HPos::Left, VPos::Center));
    let at = |x: i32, y: i32| (x * SCALE as i32, y * SCALE as i32);
    let line = |x: i32| [at(x, 12), at(x + 24, 12)];
    let words = |x: i32, words: &'static str| Text::new(words, at(x + 32, 12), style.clone());
    let (target, best, other) = (192, 322, 452);
    let box_of_target = [at(target, 7), at(target + 24, 18)];
    area.draw(&Rectangle::new(box_of_target, TARGET.mix(0.3).filled()))?;
    area.draw(&words(target, "the target"))?;
    area.draw(&PathElement::new(line(best), BEST.stroke_width(2 * SCALE)))?;
    area.draw(&words(best, "the best fit"))?;
    let dashes = OTHER.stroke_width(SCALE);
    area.draw(&DashedPathElement::new(line(other), DASH, DASH, dashes))?;
    area.draw(&words(other, "other minima, where some starts ended"))?;
    Ok(())
}
