//! The report as JSON; docs/report.schema.json in the repository describes it.

use serde_json::{Map, Value, json};

use super::model::{Candidate, Estimate, Labels, Operand, Report, Summary};

/// Everything that the report holds.
pub fn json(report: &Report) -> Value {
    let [candidates, reference] = report.temperatures.map(number);
    json!({
        "rows": report.rows,
        "left_out": report.left_out,
        "classes": report.classes,
        "constant_rows": report.constant_rows,
        "shape": report.shape,
        "axis": report.axis,
        "computed_in": report.computed_in,
        "temperatures": { "candidates": candidates, "reference": reference },
        "weights": report.weights,
        "labels": report.labels,
        "reference": operand(&report.reference),
        "candidates": report.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "notes": report.notes,
    })
}

fn operand(operand: &Operand) -> Map<String, Value> {
    let deviating = operand
        .deviating
        .as_ref()
        .map(|it| json!({ "rows": it.rows, "first": it.first, "mass": number(it.mass) }));
    members([
        ("file", json!(operand.file)),
        ("format", json!(operand.format)),
        ("dtype", json!(operand.dtype)),
        ("holds", json!(operand.holds)),
        ("found", json!(operand.is_found)),
        ("deviating", json!(deviating)),
    ])
}

fn candidate(candidate: &Candidate) -> Value {
    let mut all = operand(&candidate.operand);
    let divergences =
        candidate.divergences.iter().map(|(name, it)| (name.clone(), summary(it).into()));
    all.append(&mut members([
        ("divergences", Value::Object(divergences.collect())),
        ("same_top", estimate(candidate.same_top)),
        ("acceptance", estimate(candidate.acceptance)),
    ]));
    if let Some(it) = &candidate.labels {
        all.append(&mut labels(it));
    }
    all.into()
}

fn labels(labels: &Labels) -> Map<String, Value> {
    let mut delta_p = summary(&labels.delta_p);
    delta_p.append(&mut members([
        ("rms", number(labels.delta_p_rms.mean)),
        ("rms_standard_error", number(labels.delta_p_rms.standard_error)),
    ]));
    let [perplexity, base] = [labels.perplexity, labels.base_perplexity];
    members([
        ("perplexity", number(perplexity.mean)),
        ("perplexity_standard_error", number(perplexity.standard_error)),
        ("base_perplexity", number(base.mean)),
        ("base_perplexity_standard_error", number(base.standard_error)),
        ("correlation", number(labels.correlation)),
        ("log_ratio", estimate(labels.log_ratio)),
        ("ratio", estimate(labels.ratio)),
        ("difference", estimate(labels.difference)),
        ("delta_p", delta_p.into()),
    ])
}

fn summary(summary: &Summary) -> Map<String, Value> {
    let quantiles =
        summary.quantiles.iter().map(|(percent, it)| (percent.to_string(), number(*it)));
    let [nan, infinite, minus_infinite] = summary.not_finite;
    let worst =
        summary.worst.iter().map(|(index, it)| json!({ "index": index, "value": number(*it) }));
    let buckets =
        summary.buckets.iter().map(|(from, to, count)| json!([number(*from), number(*to), count]));
    members([
        ("mean", number(summary.mean.mean)),
        ("standard_error", number(summary.mean.standard_error)),
        ("min", number(summary.min)),
        ("max", number(summary.max)),
        ("quantiles", Value::Object(quantiles.collect())),
        ("quantile_error", number(summary.quantile_error)),
        ("not_finite", json!({ "NaN": nan, "inf": infinite, "-inf": minus_infinite })),
        ("worst", worst.collect()),
        ("buckets", buckets.collect()),
    ])
}

fn estimate(estimate: Estimate) -> Value {
    json!({ "mean": number(estimate.mean), "standard_error": number(estimate.standard_error) })
}

/// JSON has neither NaN nor ∞: they are the strings `NaN`, `inf` and `-inf`.
pub fn number(number: f64) -> Value {
    if number.is_finite() { json!(number) } else { json!(number.to_string()) }
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
