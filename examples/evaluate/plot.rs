//! The histogram of the divergences as SVG.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::tally::Tally;

const SIZE: (u32, u32) = (900, 560);
const FONT: &str = "sans-serif";
const BLUE: RGBColor = RGBColor(0, 90, 181);
const ORANGE: RGBColor = RGBColor(220, 90, 0);
/// As many bars as can be told apart.
const BARS: usize = 60;

/// From, to, how many: a bucket that reaches over two bars is shared between them.
type Bar = (f64, f64, f64);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub fn svg(tally: &Tally) -> Result<String, Box<dyn Error>> {
    let bars = grouped(&tally.sketch.bars().collect::<Vec<_>>());
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        match bars.first().zip(bars.last()) {
            Some((&(left, ..), &(_, right, _))) => {
                // Wide enough for numbers on the axis, were all divergences the same.
                let alone = right / left < 2.0;
                let range = if alone { left / 2.0..right * 2.0 } else { left..right };
                histogram(&area, tally, &bars, range)?;
            }
            None => kinds(&area, tally)?,
        }
        area.present()?;
    }
    Ok(svg)
}

fn builder<'a, 'b>(area: &'a Area<'b>, title: String) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.caption(title, (FONT, 20)).margin(16).x_label_area_size(48).y_label_area_size(72);
    builder
}

fn axes<X: Ranged + ValueFormatter<X::ValueType>>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, RangedCoordf64>>,
    label: &dyn Fn(&X::ValueType) -> String,
) -> Result<(), Box<dyn Error>> {
    chart
        .configure_mesh()
        .x_desc("Kullback–Leibler divergence [nats]")
        .y_desc("distributions")
        .x_label_formatter(&label)
        .y_label_formatter(&|y| if y.fract() == 0.0 { format!("{y}") } else { String::new() })
        .axis_desc_style((FONT, 16))
        .label_style((FONT, 14))
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .draw()?;
    Ok(())
}

fn histogram(
    area: &Area<'_>,
    tally: &Tally,
    bars: &[Bar],
    range: Range<f64>,
) -> Result<(), Box<dyn Error>> {
    let top = 1.05 * bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
    let mut chart =
        builder(area, title(tally)).build_cartesian_2d(range.clone().log_scale(), 0.0..top)?;
    axes(&mut chart, &|x| readable(*x))?;
    chart.draw_series(bars.iter().map(|&(from, to, count)| {
        Rectangle::new([(from, 0.0), (to, count)], BLUE.mix(0.7).filled())
    }))?;
    let (mean, median) = (tally.partial.mean(), tally.quantile(0.5));
    for (name, value, color) in [("mean", mean, ORANGE), ("median", median, BLACK)] {
        if range.start <= value && value <= range.end {
            let style = color.stroke_width(2);
            chart
                .draw_series(LineSeries::new([(value, 0.0), (value, top)], style))?
                .label(format!("{name} {}", readable(value)))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 14))
        .draw()?;
    Ok(())
}

/// Where none has a place on a logarithmic axis, as all are 0 of equal files: how many there are of each kind.
fn kinds(area: &Area<'_>, tally: &Tally) -> Result<(), Box<dyn Error>> {
    let [below, zero, huge] = tally.sketch.others();
    let not_finite = tally.sketch.not_finite().iter().sum();
    let kinds =
        [("below 0", below), ("about 0", zero), ("above 10⁷", huge), ("not finite", not_finite)];
    let top = 1.05 * kinds.map(|kind| kind.1).into_iter().max().unwrap_or(0).max(1) as f64;
    let title = format!("{} distributions", tally.partial.distributions());
    let mut chart =
        builder(area, title).build_cartesian_2d((0..kinds.len() - 1).into_segmented(), 0.0..top)?;
    axes(&mut chart, &|kind| match kind {
        SegmentValue::CenterOf(kind) => kinds[*kind].0.to_owned(),
        _ => String::new(),
    })?;
    chart.draw_series(kinds.iter().enumerate().map(|(kind, &(_, count))| {
        let corners =
            [(SegmentValue::Exact(kind), 0.0), (SegmentValue::Exact(kind + 1), count as f64)];
        let mut bar = Rectangle::new(corners, BLUE.mix(0.7).filled());
        bar.set_margin(0, 0, 40, 40);
        bar
    }))?;
    Ok(())
}

fn title(tally: &Tally) -> String {
    let not_finite: i64 = tally.sketch.not_finite().iter().sum();
    let others: i64 = tally.sketch.others().iter().sum();
    let mut title = format!("{} distributions", tally.partial.distributions());
    for (count, what) in [(others, "about 0, below or huge"), (not_finite, "not finite")] {
        if count > 0 {
            title += &format!(", {count} not shown: {what}");
        }
    }
    title
}

/// The buckets in bars of one width on the logarithmic axis. Buckets are half as wide at the end of an octave as at its
/// start: were each given to a bar as a whole, bars of two and of three buckets would stand side by side.
fn grouped(buckets: &[(f64, f64, i64)]) -> Vec<Bar> {
    let Some((&(left, ..), &(_, right, _))) = buckets.first().zip(buckets.last()) else {
        return Vec::new();
    };
    if let [(from, to, count)] = *buckets {
        return vec![(from, to, count as f64)];
    }
    // In octaves, and no narrower than a bucket.
    let width = ((right / left).log2() / BARS as f64).max(1.0 / 32.0);
    let edge = |bar: i32| (f64::from(bar) * width).exp2();
    let height = |from: f64, to: f64| {
        let share = |&(a, b, count): &(f64, f64, i64)| {
            count as f64 * (to.min(b) - from.max(a)).max(0.0) / (b - a)
        };
        buckets.iter().map(share).sum()
    };
    let bars = (left.log2() / width).floor() as i32..(right.log2() / width).ceil() as i32;
    bars.map(|bar| (edge(bar), edge(bar + 1), height(edge(bar), edge(bar + 1)))).collect()
}

fn readable(number: f64) -> String {
    if (1e-3..1e5).contains(&number) {
        let digits = (2 - number.log10().floor() as i32).max(0) as usize;
        let text = format!("{number:.digits$}");
        return if digits > 0 {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        };
    }
    format!("{number:.1e}")
}
