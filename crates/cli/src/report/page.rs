//! The report as one page that needs nothing else: no script, no font, no file beside it.

use super::contents;
use super::model::Report;
use super::numbers::{grouped, printable};
use super::plot::{self, HEIGHT, WIDTH, escaped};
use super::table::Table;

const STYLE: &str = include_str!("page.css");

/// The figures that every report has, in plain words.
const FIGURES: [(&str, &str); 6] = [
    (
        "mean ± standard error",
        "The mean over the rows, and how far it would typically be from that of another sample of as many rows.",
    ),
    (
        "quantiles",
        "So many per cent of the rows do not exceed the number. The median is that of 50 %. A mean says little about the \
         worst rows: read 99 %, 99.9 % and the maximum beside it.",
    ),
    ("worst", "The rows that are farthest from 0, with their index; the class axis is left out."),
    (
        "same top",
        "The share of rows in which reference and candidate have the same most likely class.",
    ),
    (
        "acceptance",
        "1 minus the total variation, in the mean: the share of a draft's tokens that speculative decoding keeps if the \
         candidate drafts for the reference, or the reference for the candidate.",
    ),
    (
        "constant rows",
        "Rows of one number only. Unwritten data looks like that; such rows make the mean smaller than it is.",
    ),
];

/// The figures that need labels.
const LABELS: [(&str, &str); 4] = [
    (
        "PPL(Q), PPL(base)",
        "The perplexity of the candidate and that of the reference: e to the mean negative log-likelihood of the labels.",
    ),
    (
        "ln(PPL(Q)/PPL(base))",
        "The mean loss of log-likelihood. Its error is small where both models find the same rows difficult, since their \
         covariance counts.",
    ),
    ("Cor", "The correlation of the logarithms of the two perplexities."),
    (
        "Δp",
        "The probability of the label by the candidate less that by the reference: above 0 the candidate is better. RMS \
         is the root of the mean square.",
    ),
];

/// Files, tables, pictures, and what the figures mean.
pub fn html(report: &Report) -> String {
    let reference = escaped(&printable(&report.reference.file));
    let title = format!("Divergence from {reference}");
    let (rows, classes) = (grouped(report.rows), grouped(report.classes));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p>{rows} rows of {classes} classes.</p>\n"
    );
    page += &section("Candidates", &format!("<p>{}</p>\n", escaped(&contents::caption(report))));
    page += &table("Divergences", &contents::overview(report));
    page += &table("Predictions", &contents::predictions(report));
    page += &pictures(report);
    for candidate in &report.candidates {
        page += &section(&printable(&candidate.operand.file), "");
        if let Some(labels) = &candidate.labels {
            page += &table("Perplexity", &contents::perplexities(labels));
        }
        page += &table("Distribution over the rows", &contents::distributions(candidate));
    }
    let facts = contents::facts(report);
    let facts = facts.iter().map(|(name, fact)| (*name, fact.as_str()));
    page += &section("Files and settings", &list(facts));
    let names = contents::divergences(report);
    let divergences = names.iter().map(|name| (name.as_str(), meaning(name)));
    let has_labels = report.candidates.iter().any(|it| it.labels.is_some());
    let labels = LABELS.into_iter().filter(|_| has_labels);
    page += &section("What the figures mean", &list(divergences.chain(FIGURES).chain(labels)));
    let version = env!("CARGO_PKG_VERSION");
    page + &format!("<footer>kldiv {version}</footer>\n</body>\n</html>\n")
}

/// A divergence in words, p being the reference and q the candidate.
fn meaning(divergence: &str) -> &'static str {
    match divergence.split(':').next().unwrap_or_default() {
        "forward" => {
            "KL(p ‖ q) of the reference p and the candidate q: how many nats the candidate needs more than the reference, on \
             average over what the reference expects. Large where the candidate misses a class of the reference."
        }
        "reverse" => {
            "KL(q ‖ p) of the reference p and the candidate q. Large where the candidate expects a class that the reference \
             excludes."
        }
        "symmetric" => {
            "λ·KL(p ‖ q) + (1 − λ)·KL(q ‖ p), the number being λ: between forward and reverse."
        }
        "jeffreys" => "KL(p ‖ q) + KL(q ‖ p): the same whichever of both is the reference.",
        "jensen-shannon" => {
            "β·KL(p ‖ m) + (1 − β)·KL(q ‖ m) with m = βp + (1 − β)q, the number being β: bounded, by ln 2 for β = 0.5."
        }
        "skew" => "KL(p ‖ αp + (1 − α)q), the number being α: as forward, but bounded by −ln α.",
        "skew-reverse" => {
            "KL(q ‖ αq + (1 − α)p), the number being α: as reverse, but bounded by −ln α."
        }
        "total-variation" => {
            "½·Σ|p − q|, from 0 to 1: the largest difference of the two probabilities of any event. It has no unit."
        }
        _ => "See the documentation of kldiv.",
    }
}

fn section(title: &str, inside: &str) -> String {
    format!("<h2>{}</h2>\n{inside}", escaped(title))
}

/// A legend, and the panels side by side where there is room.
fn pictures(report: &Report) -> String {
    let marks = report.candidates.iter().enumerate().map(|(at, candidate)| {
        let mark = plot::mark(at);
        let name = escaped(&printable(&candidate.operand.file));
        format!(
            "<li><svg width=\"26\" height=\"12\" viewBox=\"0 0 26 12\" aria-hidden=\"true\">{mark}</svg> {name}</li>\n"
        )
    });
    let panels = plot::panels(report).into_iter().map(|(title, inside)| {
        let title = escaped(&title);
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{inside}</svg>\n"
        )
    });
    format!(
        "<h2>Pictures</h2>\n<ul class=\"legend\">\n{}</ul>\n<div class=\"panels\">\n{}</div>\n",
        marks.collect::<String>(),
        panels.collect::<String>()
    )
}

/// A table that can be scrolled sideways where there is no room.
fn table(label: &str, table: &Table) -> String {
    let mut html = format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n<table>\n"
    );
    if !table.header.iter().all(String::is_empty) {
        html += &format!("<thead><tr><td>{}</td>", escaped(table.corner));
        for name in &table.header {
            html += &format!("<th scope=\"col\" colspan=\"2\">{}</th>", escaped(name));
        }
        html += "</tr></thead>\n";
    }
    html += "<tbody>\n";
    for (name, cells) in &table.rows {
        html += &format!("<tr><th scope=\"row\">{}</th>", escaped(name));
        for cell in cells {
            let [number, rest] = [&cell.number, &cell.rest].map(|it| escaped(it));
            html += &format!("<td>{number}</td><td class=\"rest\">{rest}</td>");
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table>\n</div>\n"
}

fn list<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let entries = entries
        .map(|(name, text)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(text)));
    format!("<dl>\n{}</dl>\n", entries.collect::<String>())
}
