//! What is told at the end.
//!
//! Mean, standard error and extremes are of divergences in `f64`. Quantiles and the worst are of the same as the library
//! returns them one by one: narrowed to `f32` where the files are.

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
        written
            .map_err(|error| format!("cannot print the report: {error}; make room where it goes"))
    }

    fn text(&self) -> String {
        let Tally { partial, sketch, worst } = self.tally;
        let [nan, infinite, minus_infinite] = sketch.not_finite();
        let mut text = format!(
            "distributions    {} of {} classes\n\
             mean divergence  {:?} ± {:.2e} nats\n\
             smallest         {:?}\n",
            partial.distributions(),
            self.shape[self.axis],
            partial.mean(),
            partial.standard_error(),
            partial.min(),
        );
        for (name, value) in self.quantiles() {
            text += &format!("{name:<16} {}\n", short(value));
        }
        text += &format!("largest          {:?}\n", partial.max());
        text += &format!("not finite       {nan} NaN, {infinite} ∞, {minus_infinite} −∞\n");
        text += "worst            ";
        let worst = worst.iter().map(|(position, divergence)| {
            format!("{:?} {}", self.index(position), short(divergence))
        });
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

    fn quantiles(&self) -> impl Iterator<Item = (&'static str, f64)> {
        QUANTILES.into_iter().map(|(name, share)| (name, self.tally.quantile(share)))
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

/// Four digits behind the point, or as many that count.
fn short(number: f64) -> String {
    let plain = !number.is_finite() || number == 0.0 || (1e-2..1e6).contains(&number.abs());
    if plain { format!("{number:.4}") } else { format!("{number:.3e}") }
}

/// JSON knows neither NaN nor ∞.
fn number(number: f64) -> Value {
    if number.is_finite() { json!(number) } else { json!(number.to_string()) }
}
