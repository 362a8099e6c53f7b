//! The three panels as SVG.

use std::error::Error;

use plotters::prelude::*;

use crate::Panel;

const SIZE: (u32, u32) = (960, 360);
const FONT: &str = "sans-serif";
/// Of all panels, in nats, with room for the labels at the bars' ends.
const RANGE: (f64, f64) = (-1.5, 0.95);
const POSITIVE: RGBColor = RGBColor(38, 98, 168);
const NEGATIVE: RGBColor = RGBColor(196, 58, 49);
const SUM: RGBColor = RGBColor(90, 90, 90);

pub fn svg(panels: &[Panel]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        for (part, panel) in area.split_evenly((1, panels.len())).iter().zip(panels) {
            draw(part, panel)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    panel: &Panel,
) -> Result<(), Box<dyn Error>> {
    let names = ["class 0", "class 1", "class 2", "sum"];
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, (FONT, 20))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..names.len() as f64, RANGE.0..RANGE.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_labels(5)
        .y_desc("nats")
        .y_label_formatter(&|y| format!("{y:.1}"))
        .axis_desc_style((FONT, 15))
        .label_style((FONT, 14))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .axis_style(TRANSPARENT)
        .draw()?;
    let values = panel.terms.iter().copied().chain([panel.sum]);
    for (i, (value, name)) in values.zip(names).enumerate() {
        let (left, right) = (i as f64 + 0.2, i as f64 + 0.8);
        let color = match (name, value < 0.0) {
            ("sum", _) => SUM,
            (_, true) => NEGATIVE,
            (_, false) => POSITIVE,
        };
        chart.draw_series([Rectangle::new([(left, 0.0), (right, value)], color.filled())])?;
        label(&mut chart, i as f64 + 0.5, value, &format!("{value:.2}"), -1)?;
        label(&mut chart, i as f64 + 0.5, RANGE.0, name, 1)?;
    }
    let zero = [(0.0, 0.0), (names.len() as f64, 0.0)];
    chart.draw_series([PathElement::new(zero, BLACK.stroke_width(2))])?;
    Ok(())
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Text beyond the end of a bar, or below everything.
fn label(
    chart: &mut Chart<'_, '_>,
    x: f64,
    value: f64,
    text: &str,
    side: i32,
) -> Result<(), Box<dyn Error>> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let below = value < 0.0 || side > 0;
    let (vertical, shift) = if below { (VPos::Top, 5) } else { (VPos::Bottom, -5) };
    let style = TextStyle::from((FONT, 14)).pos(Pos::new(HPos::Center, vertical));
    let text = EmptyElement::at((x, value)) + Text::new(text.to_owned(), (0, shift), style);
    chart.plotting_area().draw(&text)?;
    Ok(())
}
