//! The report of a tally.

use kldiv::Tail;

use super::input::{Holds, Inputs};
use super::measure::Measure;
use super::options::Options;
use crate::formats::Type;
use crate::report::model;
use crate::report::model::{Candidate, Deviating, Estimate, Operand, Report};
use crate::statistics::{CandidateTally, Deviations, Mean, Tally};

pub fn report(inputs: &Inputs, measure: &Measure, options: &Options, tally: &Tally) -> Report {
    let operand = |file: usize| operand(inputs, measure, file, tally.deviations[file]);
    let of_tokens = inputs.tokens.as_ref().map(|(name, _)| format!("the tokens in {name}"));
    let labels = inputs.labels.as_ref().map(|file| file.name.clone()).or(of_tokens);
    let has_labels = tally.base.rows() > 0;
    let candidate = |(i, found): (usize, &CandidateTally)| Candidate {
        operand: operand(i + 1),
        divergences: (measure.divergences.iter().zip(&found.divergences))
            .map(|(divergence, found)| {
                (divergence.to_string(), found.summary(|position| measure.index(position)))
            })
            .collect(),
        same_top: found.same_top.estimate(),
        acceptance: found.acceptance.estimate(),
        labels: has_labels.then(|| of_labels(measure, &tally.base, found)),
    };
    Report {
        rows: tally.rows,
        left_out: tally.left_out,
        classes: measure.shape[measure.axis.0] as u64,
        constant_rows: tally.constant_rows,
        shape: measure.shape.clone(),
        axis: measure.axis.0,
        computed_in: if inputs.is_single() { "f32" } else { "f64" },
        temperatures: measure.temperatures,
        weights: options.weights.clone(),
        reference: operand(0),
        candidates: tally.candidates.iter().enumerate().map(candidate).collect(),
        notes: notes(inputs, measure, tally),
        labels,
    }
}

fn operand(inputs: &Inputs, measure: &Measure, file: usize, deviations: Deviations) -> Operand {
    let array = &inputs.operands[file];
    Operand {
        file: array.name.clone(),
        format: array.format,
        dtype: array.dtype.to_string(),
        holds: measure.holds(file).name(),
        is_found: measure.files[file].is_found,
        deviating: deviations.first.map(|(position, mass)| Deviating {
            rows: deviations.rows,
            first: measure.index(position),
            mass: f64::from_bits(mass),
        }),
    }
}

/// Why a report says nothing: no rows, or NaN.
pub fn nothing_or_nan(tally: &Tally) -> Option<String> {
    if tally.rows == 0 {
        return Some(
            "no row counts: all weights are 0; give weights above 0, or allow it with --allow-nan"
                .to_owned(),
        );
    }
    let nans: u64 = (tally.candidates.iter().flat_map(|found| &found.divergences))
        .map(|found| found.nans())
        .sum();
    if nans > 0 {
        return Some(format!(
            "{nans} divergences are NaN; mend the files, or allow them with --allow-nan"
        ));
    }
    let mut ratios = tally.candidates.iter().map(|found| found.labels.log_ratio.estimate().mean);
    (tally.base.rows() > 0 && ratios.any(f64::is_nan)).then(|| {
        "the ratio of the perplexities is NaN: both sides give a label the probability 0; mend the files, or allow it with --allow-nan"
            .to_owned()
    })
}

/// What the labels say, to first order in the errors, as llama.cpp's perplexity tool computes it.
fn of_labels(measure: &Measure, base: &Mean, found: &CandidateTally) -> model::Labels {
    let [base, own, log_ratio] =
        [base, &found.labels.log_loss, &found.labels.log_ratio].map(Mean::estimate);
    // Var(a − b) = Var a + Var b − 2·Cov(a, b), each of a mean.
    let [of_base, of_own, of_ratio] =
        [base, own, log_ratio].map(|mean| mean.standard_error.powi(2));
    let covariance = (of_base + of_own - of_ratio) / 2.0;
    let exp = |Estimate { mean, standard_error }: Estimate| Estimate {
        mean: mean.exp(),
        standard_error: mean.exp() * standard_error,
    };
    let [perplexity, base_perplexity] = [exp(own), exp(base)];
    let of_difference = perplexity.standard_error.powi(2) + base_perplexity.standard_error.powi(2)
        - 2.0 * perplexity.mean * base_perplexity.mean * covariance;
    let squared = found.labels.delta_p_squared.estimate();
    let rms = squared.mean.sqrt();
    let of_rms = if rms == 0.0 { 0.0 } else { squared.standard_error / (2.0 * rms) };
    model::Labels {
        perplexity,
        base_perplexity,
        correlation: covariance / (own.standard_error * base.standard_error),
        log_ratio,
        ratio: exp(log_ratio),
        difference: Estimate {
            mean: perplexity.mean - base_perplexity.mean,
            standard_error: of_difference.max(0.0).sqrt(),
        },
        delta_p: found.labels.delta_p.summary(|position| measure.index(position)),
        delta_p_rms: Estimate { mean: rms, standard_error: of_rms },
    }
}

fn notes(inputs: &Inputs, measure: &Measure, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    let of_llama =
        |i: &usize| inputs.operands[*i].dtype == Type::Log16 && measure.holds(*i) == Holds::Logits;
    let names: Vec<&str> =
        (0..inputs.operands.len()).filter(of_llama).map(|i| &inputs.operands[i].name[..]).collect();
    if !names.is_empty() {
        notes.push(format!(
            "Base files of llama.cpp: {}. They hold 16-bit log-probabilities, clamped 16 below the largest of a row. Their probabilities \
             sum to 1 only within a few thousandths, so they were normalised again. Figures that llama-perplexity prints from the logits \
             themselves differ from about the fourth digit on.",
            names.join(", ")
        ));
    }
    if measure.has_classes {
        notes.push(format!(
            "The reference names {} of {} classes of each row; its tail is {}. {}",
            inputs.operands[0].shape[measure.axis.0],
            measure.shape[measure.axis.0],
            measure.tail,
            match measure.tail {
                Tail::Bucket => "Divergences are lower bounds, and acceptance is an upper bound.",
                Tail::Dropped => "The other classes are left out: divergences may be negative, and acceptance is too high.",
                _ => "",
            }
        ));
    }
    let has_zeros = |i: &usize| {
        measure.holds(*i) == Holds::Probabilities && inputs.operands[*i].dtype == Type::F16
    };
    let infinite = tally
        .candidates
        .iter()
        .flat_map(|found| &found.divergences)
        .any(|found| found.infinities() > 0);
    if infinite && (0..inputs.operands.len()).any(|i| has_zeros(&i)) {
        notes.push(
            "Some divergences are infinite. Probabilities below 6e-8 are 0 in f16; log-probabilities or logits in f16 keep them."
                .to_owned(),
        );
    }
    if tally.constant_rows > 0 {
        notes.push(format!(
            "{} rows hold one number only in every file, like data that was never written. They count, and move the \
             means towards 0. Leave them out with --weights if they are a mistake.",
            tally.constant_rows
        ));
    }
    notes
}
