//! The loss curves as SVG.

use std::error::Error;

use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::report::Spread;
use crate::training::History;

const SIZE: (u32, u32) = (900, 560);
/// Epochs from point to point: the backend rounds to whole pixels, and denser curves show it.
const STEP: usize = 10;
const FONT: &str = "sans-serif";

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// One loss over the epochs, from all seeds.
pub struct Curve {
    name: String,
    color: RGBColor,
    dashed: bool,
    losses: Vec<(f64, Spread)>,
}

impl Curve {
    pub fn new(
        name: &str,
        color: RGBColor,
        histories: &[&History],
        losses: fn(&History) -> &[f64],
    ) -> Self {
        let last = histories.first().map_or(0, |h| losses(h).len() - 1);
        let at = |epoch: usize| {
            let spread = Spread::of(histories.iter().map(|h| losses(h)[epoch]));
            (1.0 + epoch as f64, spread)
        };
        Self {
            name: name.to_owned(),
            color,
            dashed: false,
            losses: (0..last).step_by(STEP).chain([last]).map(at).collect(),
        }
    }

    pub fn dashed(self) -> Self {
        Self { dashed: true, ..self }
    }

    /// The mean, moved by so many standard deviations.
    fn points(&self, deviations: f64) -> Vec<(f64, f64)> {
        let moved = |s: &Spread| s.mean + deviations * s.deviation;
        (self.losses.iter().map(|(x, loss)| (*x, moved(loss)))).collect()
    }

    /// The outline of mean ± standard deviation.
    fn band(&self) -> Vec<(f64, f64)> {
        let (upper, lower) = (self.points(1.0), self.points(-1.0));
        upper.into_iter().chain(lower.into_iter().rev()).collect()
    }
}

pub fn svg(title: &str, curves: &[Curve]) -> Result<String, Box<dyn Error>> {
    let corners = curves.iter().flat_map(|curve| curve.points(1.0));
    let (right, top) =
        corners.fold((0.0, 0.0), |(right, top), (x, y)| (f64::max(right, x), f64::max(top, y)));

    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, (FONT, 20))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..right, 0.0..1.05 * top)?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc("loss: divergence [nats]")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .axis_desc_style((FONT, 16))
            .label_style((FONT, 14))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.1))
            .draw()?;
        for curve in curves {
            draw(&mut chart, curve)?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 14))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

fn draw(chart: &mut Chart, curve: &Curve) -> Result<(), Box<dyn Error>> {
    let style = curve.color.stroke_width(2);
    chart.draw_series([Polygon::new(curve.band(), curve.color.mix(0.12))])?;
    let points = curve.points(0.0);
    let series = if curve.dashed {
        chart.draw_series(DashedLineSeries::new(points, 6, 4, style))?
    } else {
        chart.draw_series(LineSeries::new(points, style))?
    };
    let (dash, gap) = if curve.dashed { (6, 4) } else { (24, 0) };
    series
        .label(&curve.name)
        .legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 24, y)], dash, gap, style));
    Ok(())
}
