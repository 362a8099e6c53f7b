//! The histogram of the divergences as SVG.

use std::error::Error;

use plotters::prelude::*;

use crate::tally::Tally;

const SIZE: (u32, u32) = (900, 560);
const FONT: &str = "sans-serif";
const BLUE: RGBColor = RGBColor(0, 90, 181);
const ORANGE: RGBColor = RGBColor(220, 90, 0);
/// As many bars as can be told apart.
const BARS: usize = 60;

/// From, to, how many.
type Bar = (f64, f64, i64);

pub fn svg(tally: &Tally) -> Result<String, Box<dyn Error>> {
    let bars = grouped(tally.sketch.bars().collect());
    let Some((&(left, ..), &(_, right, _))) = bars.first().zip(bars.last()) else {
        return Err("nothing to draw: no divergence is finite and above 0".into());
    };
    let top = bars.iter().map(|bar| bar.2).max().unwrap_or(1) as f64;
    let title = title(tally);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, (FONT, 20))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d((left..right).log_scale(), 0.0..1.05 * top)?;
        chart
            .configure_mesh()
            .x_desc("Kullback–Leibler divergence [nats]")
            .y_desc("distributions")
            .x_label_formatter(&|x| readable(*x))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .axis_desc_style((FONT, 16))
            .label_style((FONT, 14))
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.1))
            .draw()?;
        chart.draw_series(bars.iter().map(|&(from, to, count)| {
            Rectangle::new([(from, 0.0), (to, count as f64)], BLUE.mix(0.7).filled())
        }))?;
        let (mean, median) = (tally.partial.mean(), tally.sketch.quantile(0.5));
        for (name, value, color) in [("mean", mean, ORANGE), ("median", median, BLACK)] {
            if left <= value && value <= right {
                chart
                    .draw_series(LineSeries::new(
                        [(value, 0.0), (value, 1.05 * top)],
                        color.stroke_width(2),
                    ))?
                    .label(format!("{name} {}", readable(value)))
                    .legend(move |(x, y)| {
                        PathElement::new([(x, y), (x + 24, y)], color.stroke_width(2))
                    });
            }
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 14))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

fn title(tally: &Tally) -> String {
    let [nan, infinite, minus_infinite] = tally.sketch.not_finite();
    let mut title = format!("{} distributions", tally.partial.distributions());
    for (count, what) in [
        (tally.sketch.others(), "about 0, below or huge"),
        (nan + infinite + minus_infinite, "not finite"),
    ] {
        if count > 0 {
            title += &format!(", {count} not shown: {what}");
        }
    }
    title
}

/// Neighbouring buckets taken together until there are few enough.
fn grouped(mut bars: Vec<Bar>) -> Vec<Bar> {
    let Some((&(left, ..), &(_, right, _))) = bars.first().zip(bars.last()) else { return bars };
    // In octaves, and no narrower than a bucket.
    let width = ((right / left).log2() / BARS as f64).max(1.0 / 32.0);
    let bar = |value: f64| (value.log2() / width).floor();
    bars.dedup_by(|next, bar_so_far| {
        let together = bar(next.0) == bar(bar_so_far.0);
        if together {
            bar_so_far.2 += next.2;
        }
        together
    });
    for (from, to, _) in &mut bars {
        (*from, *to) = ((bar(*from) * width).exp2(), ((bar(*from) + 1.0) * width).exp2());
    }
    bars
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
