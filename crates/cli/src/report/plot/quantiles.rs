//! The quantiles of a divergence, from the least to the largest value.

use super::Quantity;
use super::axis::{Axis, ENDS};
use super::drawing::{BOTTOM, LEFT, RIGHT, TOP, color, empty, frame, stroke};
use crate::report::model::Summary;

pub fn panel(quantity: &Quantity<'_>) -> String {
    let title = format!("Quantiles of {}", quantity.name);
    let curves: Vec<Vec<(f64, f64)>> = quantity.summaries.iter().map(|it| points(it)).collect();
    let values = || curves.iter().flatten().map(|point| point.1);
    let [least, largest] = [values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max)];
    if least > largest {
        return empty(&title, "no quantile is positive and finite");
    }
    let x = Axis::percentiles([LEFT + 6.0, RIGHT]);
    let y = Axis::logarithmic([least, largest], [BOTTOM, TOP]);
    let mut svg = frame(&title, (&x, "rows [%] that do not exceed it"), (&y, &quantity.label()));
    for (candidate, curve) in curves.iter().enumerate() {
        let (color, stroke) = (color(candidate), stroke(candidate));
        let places = curve.iter().map(|&(percent, value)| (x.at(percent), y.at(value)));
        let line =
            places.clone().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
        svg += &format!("<polyline points=\"{line}\" fill=\"none\" {stroke}/>");
        for (x, y) in places {
            svg += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\" fill=\"{color}\"/>");
        }
    }
    svg
}

/// Per cent and value, where the value has a place on a logarithmic axis.
fn points(summary: &Summary) -> Vec<(f64, f64)> {
    let [first, last] = [(ENDS[0], summary.min), (ENDS[1], summary.max)];
    let all = [first].into_iter().chain(summary.quantiles.iter().copied()).chain([last]);
    all.filter(|(_, value)| *value > 0.0 && value.is_finite()).collect()
}
