//! Time and error of everybody, a group of bars for each shape, on logarithmic axes.

use std::error::Error;

use kldiv::Divergence;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::figures::tick;
use super::{FONT, color};
use crate::job::Job;
use crate::record::{Comparison, Row};

const WIDTH: u32 = 1100;
const HEIGHT: u32 = 380;
const LEGEND: u32 = 190;
/// Where the axis of the error begins, in ulp; less is drawn as a stub.
const LEAST: f64 = 0.01;
const CORRECT: f64 = 0.5;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Times and errors of a job.
pub fn job(comparison: &Comparison, job: Job) -> Result<String, Box<dyn Error>> {
    let times = Panel::times(comparison, job, "time ÷ roofline".to_owned());
    let errors = Panel {
        axis: "error [ulp]".to_owned(),
        from: LEAST,
        least: LEAST,
        line: (CORRECT, RGBColor(60, 60, 60)),
        of: |row| row.error.map_or(f64::INFINITY, |error| error.max(1.3 * LEAST)),
        ..times
    };
    svg(&job.title(), &[times, errors], &comparison.contenders(&[job]))
}

/// Times of all jobs of a divergence.
pub fn divergence(
    comparison: &Comparison,
    divergence: Divergence,
) -> Result<String, Box<dyn Error>> {
    let jobs = Job::of(divergence);
    let times = jobs.map(|job| {
        let axis = format!("{}: time ÷ roofline", job.operands());
        Panel::times(comparison, job, axis)
    });
    svg(&divergence.to_string(), &times, &comparison.contenders(&jobs))
}

fn svg(title: &str, panels: &[Panel], contenders: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let size = (WIDTH, HEIGHT * panels.len() as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.margin(6, 0, 0, 0).titled(title, (FONT, 22))?;
        let (charts, legend) = area.split_horizontally(WIDTH - LEGEND);
        for (panel, area) in panels.iter().zip(charts.split_evenly((panels.len(), 1))) {
            panel.draw(&area)?;
        }
        let names = contenders.iter();
        draw_legend(&legend, names.map(|name| (*name, color(name))))?;
        area.present()?;
    }
    Ok(svg)
}

/// One quantity of everybody.
struct Panel<'c> {
    comparison: &'c Comparison,
    job: Job,
    axis: String,
    /// Where bars begin, and where the axis does.
    from: f64,
    least: f64,
    /// What to compare with.
    line: (f64, RGBColor),
    of: fn(&Row) -> f64,
}

impl<'c> Panel<'c> {
    fn times(comparison: &'c Comparison, job: Job, axis: String) -> Self {
        let (from, least, line) = (1.0, 0.5, (1.0, BLACK));
        Panel { comparison, job, axis, from, least, line, of: Row::multiple }
    }

    fn draw(&self, area: &Area) -> Result<(), Box<dyn Error>> {
        let (shapes, contenders) =
            (&self.comparison.shapes, self.comparison.contenders(&[self.job]));
        let rows = self.comparison.rows.iter().filter(|row| row.job == self.job.id());
        let finite = rows.map(self.of).filter(|value| value.is_finite());
        let most = 2.0 * finite.fold(10.0 * self.from, f64::max);
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..shapes.len() as f64, (self.least..most).log_scale())?;
        chart
            .configure_mesh()
            .y_desc(&self.axis)
            .axis_desc_style((FONT, 16))
            .label_style((FONT, 14))
            .y_label_formatter(&|y| tick(*y))
            .disable_x_mesh()
            .disable_x_axis()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .draw()?;
        let width = 1.0 / (contenders.len() as f64 + 1.5);
        for (group, shape) in shapes.iter().enumerate() {
            for (index, contender) in contenders.iter().enumerate() {
                let Some(row) = self.comparison.row(&shape.name, self.job, contender) else {
                    continue;
                };
                let left = group as f64 + (index as f64 + 0.75) * width;
                let corners = [(left, self.from), (left + 0.92 * width, (self.of)(row).min(most))];
                chart.draw_series([Rectangle::new(corners, color(contender).filled())])?;
            }
        }
        let (level, shade) = self.line;
        let ends = [(0.0, level), (shapes.len() as f64, level)];
        chart.draw_series([PathElement::new(ends, shade.stroke_width(1))])?;
        self.names(area, chart.plotting_area().get_pixel_range())
    }

    /// Below each group.
    fn names(
        &self,
        area: &Area,
        (x, y): (std::ops::Range<i32>, std::ops::Range<i32>),
    ) -> Result<(), Box<dyn Error>> {
        let (origin_x, origin_y) = area.get_base_pixel();
        let shapes = &self.comparison.shapes;
        let name = TextStyle::from((FONT, 15)).pos(CENTERED);
        let size = TextStyle::from((FONT, 12)).pos(CENTERED);
        for (group, shape) in shapes.iter().enumerate() {
            let middle = (group as f64 + 0.5) / shapes.len() as f64;
            let at = x.start + (middle * f64::from(x.end - x.start)) as i32;
            let (at, below) = (at - origin_x, y.end - origin_y);
            area.draw_text(&shape.name, &name, (at, below + 6))?;
            let lengths: Vec<String> = shape.lengths.iter().map(usize::to_string).collect();
            area.draw_text(&lengths.join(" × "), &size, (at, below + 24))?;
        }
        Ok(())
    }
}

const CENTERED: plotters::style::text_anchor::Pos = plotters::style::text_anchor::Pos {
    h_pos: plotters::style::text_anchor::HPos::Center,
    v_pos: plotters::style::text_anchor::VPos::Top,
};

pub fn draw_legend<'n>(
    area: &Area,
    entries: impl Iterator<Item = (&'n str, RGBColor)>,
) -> Result<(), Box<dyn Error>> {
    for (index, (name, color)) in entries.enumerate() {
        let y = 20 + 24 * index as i32;
        area.draw(&Rectangle::new([(8, y), (24, y + 14)], color.filled()))?;
        area.draw_text(name, &TextStyle::from((FONT, 15)), (32, y))?;
    }
    Ok(())
}
