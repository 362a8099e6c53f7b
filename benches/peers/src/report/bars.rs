//! A job: time and error of everybody, a group of bars for each shape, on logarithmic axes.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figures::tick;
use super::{FONT, color};
use crate::job::Job;
use crate::record::{Comparison, Row};

const SIZE: (u32, u32) = (1100, 760);
const LEGEND: u32 = 190;
/// Where the axis of the error begins, in ulp; less is drawn as a stub.
const LEAST: f64 = 0.01;
const CORRECT: f64 = 0.5;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub fn svg(comparison: &Comparison, job: Job) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.margin(6, 0, 0, 0).titled(job.title(), (FONT, 22))?;
        let (charts, legend) = area.split_horizontally(SIZE.0 - LEGEND);
        let panels = charts.split_evenly((2, 1));
        let times = Panel {
            comparison,
            job,
            axis: "time ÷ roofline",
            from: 1.0,
            least: 0.5,
            line: (1.0, BLACK),
            of: Row::multiple,
        };
        times.draw(&panels[0])?;
        let errors = Panel {
            axis: "error [ulp]",
            from: LEAST,
            least: LEAST,
            line: (CORRECT, RGBColor(60, 60, 60)),
            of: |row| row.error.map_or(f64::INFINITY, |error| error.max(1.3 * LEAST)),
            ..times
        };
        errors.draw(&panels[1])?;
        let names = comparison.contenders(job);
        draw_legend(&legend, names.iter().map(|name| (*name, color(name))))?;
        area.present()?;
    }
    Ok(svg)
}

/// One quantity of everybody.
struct Panel<'c> {
    comparison: &'c Comparison,
    job: Job,
    axis: &'c str,
    /// Where bars begin, and where the axis does.
    from: f64,
    least: f64,
    /// What to compare with.
    line: (f64, RGBColor),
    of: fn(&Row) -> f64,
}

impl Panel<'_> {
    fn draw(&self, area: &Area) -> Result<(), Box<dyn Error>> {
        let (shapes, contenders) = (&self.comparison.shapes, self.comparison.contenders(self.job));
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
            .y_desc(self.axis)
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
