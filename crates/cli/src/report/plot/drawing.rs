//! A panel as SVG: two axes, and what lies between them.
//!
//! Lines and letters have the colour of the text around the picture, so that they suit a page with a dark ground.

use super::axis::Axis;

/// The size of a panel.
pub const WIDTH: f64 = 460.0;
pub const HEIGHT: f64 = 300.0;
/// Where its axes end.
pub const LEFT: f64 = 62.0;
pub const RIGHT: f64 = WIDTH - 18.0;
pub const TOP: f64 = 34.0;
pub const BOTTOM: f64 = HEIGHT - 50.0;

/// Colours that also those tell apart who see red and green alike (Okabe and Ito's, the yellow and the black
/// replaced by two that are seen on white and on black), the most different first.
const COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f6b3a", "#808080"];
/// Every four candidates the next, so that colour is not all that tells them apart.
const DASHES: [&str; 4] = ["none", "6 3", "2 2.5", "8 3 2 3"];

/// The colour of a candidate.
pub fn color(candidate: usize) -> &'static str {
    COLORS[candidate % COLORS.len()]
}

/// How the lines of a candidate are drawn.
pub fn stroke(candidate: usize) -> String {
    let dash = DASHES[candidate / 4 % DASHES.len()];
    format!("stroke=\"{}\" stroke-dasharray=\"{dash}\" stroke-width=\"1.8\"", color(candidate))
}

/// What stands beside a candidate's name in a legend: 26 × 12.
pub fn mark(candidate: usize) -> String {
    let (color, stroke) = (color(candidate), stroke(candidate));
    format!(
        "<rect width=\"26\" height=\"12\" fill=\"{color}\" fill-opacity=\"0.2\"/>\
         <path d=\"M0 6h26\" fill=\"none\" {stroke}/>"
    )
}

/// Starts a panel: the title, and the axes with their names, ticks and grid.
pub fn frame(title: &str, x: (&Axis, &str), y: (&Axis, &str)) -> String {
    let mut svg = text([LEFT, 16.0], "start", 14, title);
    for (at, label) in x.0.ticks() {
        svg += &line([at, BOTTOM], [at, BOTTOM + 4.0], 0.8);
        svg += &text([at, BOTTOM + 17.0], "middle", 12, label);
    }
    for (at, label) in y.0.ticks() {
        svg += &line([LEFT, at], [RIGHT, at], 0.15);
        svg += &text([LEFT - 6.0, at + 4.0], "end", 12, label);
    }
    svg += &line([LEFT, BOTTOM], [RIGHT, BOTTOM], 0.8);
    svg += &text([(LEFT + RIGHT) / 2.0, BOTTOM + 38.0], "middle", 13, x.1);
    let middle = (TOP + BOTTOM) / 2.0;
    svg += &format!("<g transform=\"rotate(-90 14 {middle})\">");
    svg += &text([14.0, middle], "middle", 13, y.1);
    svg + "</g>"
}

/// A panel that has nothing to show says why.
pub fn empty(title: &str, why: &str) -> String {
    let middle = [(LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0];
    text([LEFT, 16.0], "start", 14, title) + &text(middle, "middle", 13, why)
}

/// A remark below the title.
pub fn remark(what: &str) -> String {
    text([LEFT, 30.0], "start", 11, what)
}

fn text([x, y]: [f64; 2], anchor: &str, size: u32, text: &str) -> String {
    let text = escaped(text);
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" \
         fill=\"currentColor\">{text}</text>"
    )
}

fn line([x, y]: [f64; 2], [to_x, to_y]: [f64; 2], opacity: f64) -> String {
    format!(
        "<path d=\"M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}\" stroke=\"currentColor\" stroke-opacity=\"{opacity}\"/>"
    )
}

/// A text within SVG or HTML, or within a quoted attribute of theirs.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            _ => safe.push(letter),
        }
    }
    safe
}
