//! The histogram of a divergence.

use super::Quantity;
use super::axis::Axis;
use super::drawing::{BOTTOM, LEFT, RIGHT, TOP, color, empty, frame, remark, stroke};
use crate::report::model::Summary;
use crate::report::numbers::grouped as thousands;

/// As many bars as can be told apart.
const BARS: usize = 60;

/// From, to, how many.
type Bucket = (f64, f64, u64);
/// From, to, how many per cent.
type Bar = (f64, f64, f64);

pub fn panel(quantity: &Quantity<'_>) -> String {
    let title = format!("Histogram of {}", quantity.name);
    let buckets: Vec<Vec<Bucket>> = quantity.summaries.iter().map(|it| positive(it)).collect();
    let hidden = hidden(&quantity.summaries);
    let edges = edges(&buckets.concat());
    let [Some(&first), Some(&last)] = [edges.first(), edges.last()] else {
        return empty(&title, if hidden.is_empty() { "no rows" } else { &hidden });
    };
    let bars: Vec<Vec<Bar>> = quantity
        .summaries
        .iter()
        .zip(&buckets)
        .map(|(summary, buckets)| shared(buckets, &edges, count(summary)))
        .collect();
    let top = 1.05 * bars.iter().flatten().map(|bar| bar.2).fold(0.0, f64::max);
    let x = Axis::logarithmic([first, last], [LEFT, RIGHT]);
    let y = Axis::percentage(top, [BOTTOM, TOP]);
    let mut svg = frame(&title, (&x, &format!("{}, ▼ mean", quantity.label())), (&y, "rows [%]"));
    svg += &remark(&hidden);
    for (candidate, bars) in bars.iter().enumerate() {
        let (color, stroke) = (color(candidate), stroke(candidate));
        let outline = outline(bars, &x, &y);
        svg += &format!("<path d=\"{outline}\" fill=\"{color}\" fill-opacity=\"0.2\" {stroke}/>");
    }
    for (candidate, summary) in quantity.summaries.iter().enumerate() {
        let mean = summary.mean.mean;
        if first <= mean && mean <= last {
            let (color, at) = (color(candidate), x.at(mean));
            svg += &format!(
                "<path d=\"M{at:.1} {BOTTOM}l-5 -9h10z\" fill=\"{color}\" stroke=\"currentColor\"/>"
            );
        }
    }
    svg
}

/// The buckets that have a place on a logarithmic axis.
fn positive(summary: &Summary) -> Vec<Bucket> {
    let buckets = summary.buckets.iter().copied();
    buckets.filter(|&(from, to, _)| 0.0 < from && from < to && to.is_finite()).collect()
}

fn count(summary: &Summary) -> u64 {
    let finite: u64 = summary.buckets.iter().map(|bucket| bucket.2).sum();
    finite + summary.not_finite.iter().sum::<u64>()
}

/// What has no place there.
fn hidden(summaries: &[&Summary]) -> String {
    let buckets = || summaries.iter().flat_map(|it| &it.buckets);
    let sum = |is_in: fn(f64, f64) -> bool| -> u64 {
        buckets().filter(|&&(from, to, _)| is_in(from, to)).map(|bucket| bucket.2).sum()
    };
    let kinds = [
        (sum(|from, to| from <= 0.0 && to >= 0.0), "of 0"),
        (sum(|_, to| to < 0.0), "below 0"),
        (sum(|from, to| from > 0.0 && to == f64::INFINITY), "too large"),
        (summaries.iter().flat_map(|it| it.not_finite).sum(), "not finite"),
    ];
    let kinds = kinds.iter().filter(|kind| kind.0 > 0);
    let kinds = kinds.map(|&(count, kind)| format!("{} {kind}", thousands(count)));
    match kinds.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        some => format!("values not on this axis: {some}"),
    }
}

/// The edges of at most [`BARS`] bars of one width on the logarithmic axis, no narrower than a bucket.
fn edges(buckets: &[Bucket]) -> Vec<f64> {
    if buckets.is_empty() {
        return Vec::new();
    }
    let left = buckets.iter().map(|bucket| bucket.0).fold(f64::INFINITY, f64::min);
    let right = buckets.iter().map(|bucket| bucket.1).fold(0.0, f64::max);
    let first = left.log2();
    let octaves = right.log2() - first;
    let widest = buckets.iter().map(|(from, to, _)| to.log2() - from.log2()).fold(0.0, f64::max);
    let bars = (octaves / widest).clamp(1.0, BARS as f64) as usize;
    let between = (1..bars).map(|bar| (first + octaves * bar as f64 / bars as f64).exp2());
    [left].into_iter().chain(between).chain([right]).collect()
}

/// The height of each bar. A bucket that reaches over an edge is shared between its bars in proportion: were it given to one
/// as a whole, bars of two and of three buckets would stand side by side.
fn shared(buckets: &[Bucket], edges: &[f64], count: u64) -> Vec<Bar> {
    let height = |from: f64, to: f64| {
        let shares = buckets
            .iter()
            .map(|&(a, b, rows)| rows as f64 * (to.min(b) - from.max(a)).max(0.0) / (b - a));
        100.0 * shares.sum::<f64>() / count as f64
    };
    edges.windows(2).map(|edge| (edge[0], edge[1], height(edge[0], edge[1]))).collect()
}

/// The outlines of bars that stand side by side.
fn outline(bars: &[Bar], x: &Axis, y: &Axis) -> String {
    let mut path = String::new();
    for group in bars.chunk_by(|a, b| (a.2 > 0.0) == (b.2 > 0.0)).filter(|group| group[0].2 > 0.0) {
        path += &format!("M{:.1} {BOTTOM}", x.at(group[0].0));
        for &(_, to, height) in group {
            path += &format!("V{:.1}H{:.1}", y.at(height), x.at(to));
        }
        path += &format!("V{BOTTOM}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_equally_wide_and_keep_the_count() {
        let buckets: Vec<Bucket> = (0..1000)
            .map(|at| 1e-6 * (f64::from(at) / 64.0).exp2())
            .map(|from| (from, from * (1.0f64 / 64.0).exp2(), 3))
            .collect();
        let edges = edges(&buckets);
        assert_eq!(edges.len(), BARS + 1);
        let bars = shared(&buckets, &edges, 3000);
        assert!((bars.iter().map(|bar| bar.2).sum::<f64>() - 100.0).abs() < 1e-9);
        assert!(
            bars.iter().all(|bar| (bar.1 / bar.0 / (bars[0].1 / bars[0].0) - 1.0).abs() < 1e-9)
        );
    }

    #[test]
    fn a_single_bucket_is_one_bar() {
        assert_eq!(edges(&[(0.5, 0.505, 7)]), [0.5, 0.505]);
        assert_eq!(shared(&[(0.5, 0.505, 7)], &[0.5, 0.505], 7), [(0.5, 0.505, 100.0)]);
        assert!(edges(&[]).is_empty());
    }
}
