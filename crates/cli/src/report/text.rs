//! The report on a terminal.

use unicode_width::UnicodeWidthStr;

use super::contents;
use super::model::Report;
use super::numbers::printable;

const WIDTH: usize = 100;

/// What the files were taken for, the tables with a row for each candidate, and what of each does not fit into them.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for (name, fact) in contents::facts(report) {
        text += &wrapped(&format!("{name:<13}"), &fact);
    }
    text += &format!("\n{}\n", wrapped("", &contents::caption(report)));
    text += &contents::overview(report).lines(WIDTH);
    text += &format!("\n{}", contents::predictions(report).lines(WIDTH));
    for candidate in &report.candidates {
        text += &format!("\n{}\n\n", heading(&printable(&candidate.operand.file)));
        if let Some(labels) = &candidate.labels {
            text += &contents::perplexities(labels).lines(WIDTH);
            text.push('\n');
        }
        text += &contents::distributions(candidate).lines(WIDTH);
    }
    text
}

fn heading(name: &str) -> String {
    format!("====== {name} ======")
}

/// A text behind a name, its further lines below its first.
fn wrapped(name: &str, text: &str) -> String {
    let mut lines = name.to_owned();
    let mut used = name.width();
    for (number, word) in text.split_whitespace().enumerate() {
        if number > 0 && used + 1 + word.width() > WIDTH {
            lines += &format!("\n{}", " ".repeat(name.width()));
            used = name.width();
        } else if number > 0 {
            lines.push(' ');
            used += 1;
        }
        lines += word;
        used += word.width();
    }
    lines + "\n"
}
