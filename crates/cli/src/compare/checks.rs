//! Rows that are no distributions: the end of the run, or counted.

use kldiv::OperandReport;

use super::holds::Holds;
use super::measure::Measure;
use super::pair::Pair;
use crate::failure::{Code, Failure};
use crate::formats::Float;
use crate::statistics::Deviations;

/// Counts the rows that are no distributions, of a candidate and of the reference. A failure, unless the run is to go on.
pub fn check<A: Float>(
    measure: &Measure,
    pair: &Pair<'_, A>,
    position: impl Fn(&[usize]) -> u64,
    found: [&mut Deviations; 2],
    candidate: usize,
) -> Result<(), Failure> {
    let diagnosis = pair.diagnosis(measure.tolerance)?;
    let mut reports = [diagnosis.input, diagnosis.target];
    if pair.holds == [Holds::LogProbabilities, Holds::Logits] {
        // The call takes both for logits.
        let alone = Pair { target: pair.input, holds: [Holds::LogProbabilities; 2], ..*pair };
        reports[0] = alone.diagnosis(measure.tolerance)?.input;
    }
    let files = [candidate, 0];
    let operands = [pair.input, pair.target];
    for (i, found) in found.into_iter().enumerate().rev() {
        let OperandReport { improper, first: Some(first), .. } = &reports[i] else { continue };
        // The reference is the same for every candidate.
        if i == 1 && candidate > 1 {
            continue;
        }
        let at = position(&first.index);
        if !measure.keep_going {
            let (name, holds) = (&measure.files[files[i]].name, measure.holds(files[i]));
            let looks_like = Holds::of(operands[i], measure.axis, measure.tolerance, pair.mask)?;
            let looks_like = looks_like.filter(|other| *other != pair.holds[i]);
            let index = measure.index(at);
            let tolerance = measure.tolerance;
            let line = format!(
                "{name}: row {index:?} is no distribution, the first of {improper} in this block: taken as {holds}, its probabilities \
                 add up to {}, and --tolerance is {tolerance}; {}",
                first.mass,
                cause(holds, first.mass, looks_like, files[i] == 0),
            );
            return Err(Failure::new(line).with(Code::NotDistributions));
        }
        found.merge(Deviations { rows: *improper as u64, first: Some((at, first.mass.to_bits())) });
    }
    Ok(())
}

/// What such a mass looks like, and what helps.
fn cause(holds: Holds, mass: f64, looks_like: Option<Holds>, is_reference: bool) -> String {
    let side = if is_reference { "reference" } else { "candidate" };
    match (holds, looks_like) {
        (Holds::Logits, _) => "a logit is NaN or +∞, or all are −∞; leave such rows out with --weights, or count them with \
                               --keep-going --allow-nan"
            .to_owned(),
        (_, Some(other))
            if mass.is_finite()
                && mass != 0.0
                && (other != Holds::Logits || (mass - 1.0).abs() > 0.5) =>
        {
            format!("these rows look like {other}; give --{side}-holds {other}, or write the file again")
        }
        (Holds::LogProbabilities, _) if mass == 0.0 =>
            "a row of −∞ has no class; leave it out with --weights, or count such rows with --keep-going".to_owned(),
        _ if mass == 0.0 => "a row of zeros looks like data that was never written; write it, leave it out with --weights, or count \
                             such rows with --keep-going"
            .to_owned(),
        (Holds::Probabilities, _) if mass.is_nan() => format!(
            "it holds NaN or numbers below 0, which are no probabilities; if they are log-probabilities or logits, say so: \
             --{side}-holds log-probabilities, or --{side}-holds logits"
        ),
        _ if mass.is_nan() => {
            "it holds NaN; leave such rows out with --weights, or count them with --keep-going --allow-nan".to_owned()
        }
        _ => "if rounding did that, allow it with --tolerance; or count such rows with --keep-going".to_owned(),
    }
}
