//! What is told at the end.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::tally::Tally;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

pub struct Report<'a> {
    pub tally: &'a Tally,
    pub shape: &'a [usize],
    pub axis: usize,
}

impl Report<'_> {
    pub fn print(&self, json: bool) -> Result<(), String> {
        let text = if json { format!("{}\n", self.json()) } else { self.text() };
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| format!("cannot print the report: {error}"))
    }

    fn text(&self) -> String {
        let Tally { partial, sketch, worst } = self.tally;
        let [nan, infinite, minus_infinite] = sketch.not_finite();
        let mut text = format!(
            "distributions    {} of {} classes\n\
             mean divergence  {} ± {:.2e} nats\n\
             smallest         {}\n",
            partial.distributions(),
            self.shape[self.axis],
            partial.mean(),
            partial.standard_error(),
            partial.min(),
        );
        for (name, value) in self.quantiles() {
            text += &format!("{name:<16} {value:.4}\n");
        }
        text += &format!("largest          {}\n", partial.max());
        text += &format!("not finite       {nan} NaN, {infinite} ∞, {minus_infinite} −∞\n");
        text += "worst            ";
        let worst = worst
            .iter()
            .map(|(position, divergence)| format!("{:?} {divergence:.4}", self.index(position)));
        text + &worst.collect::<Vec<_>>().join("\n                 ") + "\n"
    }

    fn json(&self) -> Value {
        let Tally { partial, sketch, worst } = self.tally;
        let [nan, infinite, minus_infinite] = sketch.not_finite();
        let quantiles = self.quantiles().map(|(name, value)| (name.to_owned(), number(value)));
        let worst = worst.iter().map(|(position, divergence)| {
            json!({ "index": self.index(position), "divergence": number(divergence) })
        });
        json!({
            "distributions": partial.distributions(),
            "classes": self.shape[self.axis],
            "mean": number(partial.mean()),
            "standard_error": number(partial.standard_error()),
            "min": number(partial.min()),
            "max": number(partial.max()),
            "quantiles": Value::Object(quantiles.collect()),
            "not_finite": { "NaN": nan, "inf": infinite, "-inf": minus_infinite },
            "worst": worst.collect::<Vec<_>>(),
        })
    }

    /// A quantile is the middle of its bucket, but never beyond the extremes.
    fn quantiles(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let Tally { partial, sketch, .. } = self.tally;
        let [min, max] = [partial.min(), partial.max()];
        QUANTILES.into_iter().map(move |(name, share)| {
            let value = sketch.quantile(share);
            (name, if min <= max { value.clamp(min, max) } else { value })
        })
    }

    /// The index of a distribution, the class axis left out.
    fn index(&self, mut position: u64) -> Vec<u64> {
        let mut index = Vec::new();
        for (axis, &len) in self.shape.iter().enumerate().rev() {
            if axis != self.axis {
                index.insert(0, position % len as u64);
                position /= len as u64;
            }
        }
        index
    }
}

/// JSON knows neither NaN nor ∞.
fn number(number: f64) -> Value {
    if number.is_finite() { json!(number) } else { json!(number.to_string()) }
}
