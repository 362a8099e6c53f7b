//! Curves on logarithmic axes.

use std::error::Error;

use plotters::prelude::*;

use super::FONT;
use super::bars::draw_legend;
use super::figures::{power, tick};

const SIZE: (u32, u32) = (1000, 480);
const LEGEND: u32 = 220;

pub struct Curve {
    pub name: String,
    pub color: RGBColor,
    pub width: u32,
    pub points: Vec<(f64, f64)>,
}

pub struct Chart<'c> {
    pub title: &'c str,
    pub x: &'c str,
    pub y: &'c str,
    pub curves: Vec<Curve>,
}

impl Chart<'_> {
    pub fn svg(&self) -> Result<String, Box<dyn Error>> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let range = |of: fn(&(f64, f64)) -> f64| {
            let least = points().map(of).fold(f64::INFINITY, f64::min);
            least..points().map(of).fold(0.0, f64::max)
        };
        let (x, y) = (range(|point| point.0), range(|point| point.1));
        let y = below(0.9 * y.start)..above(1.1 * y.end);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE)?;
            let (lines, legend) = area
                .margin(6, 0, 0, 0)
                .titled(self.title, (FONT, 20))?
                .split_horizontally(SIZE.0 - LEGEND);
            let mut chart = ChartBuilder::on(&lines)
                .margin(14)
                .x_label_area_size(46)
                .y_label_area_size(66)
                .build_cartesian_2d(x.log_scale(), y.log_scale())?;
            chart
                .configure_mesh()
                .x_desc(self.x)
                .y_desc(self.y)
                .x_label_formatter(&|x| power(*x))
                .y_label_formatter(&|y| tick(*y))
                .axis_desc_style((FONT, 16))
                .label_style((FONT, 14))
                .light_line_style(TRANSPARENT)
                .bold_line_style(BLACK.mix(0.1))
                .draw()?;
            for Curve { color, width, points, .. } in &self.curves {
                let style = color.stroke_width(*width);
                chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
                let marks = points.iter().map(|&point| Circle::new(point, 3, color.filled()));
                chart.draw_series(marks)?;
            }
            let named = self.curves.iter().filter(|curve| !curve.name.is_empty());
            draw_legend(&legend, named.map(|curve| (curve.name.as_str(), curve.color)))?;
            area.present()?;
        }
        Ok(svg)
    }
}

/// 1, 2 and 5 times a power of ten, and the next one.
fn steps(value: f64) -> [f64; 4] {
    let decade = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * decade)
}

fn below(value: f64) -> f64 {
    steps(value).into_iter().filter(|&step| step <= value).fold(0.0, f64::max)
}

fn above(value: f64) -> f64 {
    steps(value).into_iter().filter(|&step| step >= value).fold(f64::INFINITY, f64::min)
}
