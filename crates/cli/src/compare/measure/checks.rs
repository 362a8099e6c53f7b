//! Rows that are no distributions, and what they look like.

use kldiv::{Error, OperandReport};
use ndarray::ArrayD;

use super::pair::Pair;
use crate::compare::input::Holds;
use crate::failure::{Code, Failure};
use crate::formats::Float;

/// A side of a comparison of which a row is no distribution.
pub struct Side<'m> {
    pub name: &'m str,
    /// What the file was taken for, and what the operand holds now.
    pub holds: [Holds; 2],
    pub is_reference: bool,
    /// The index of the row.
    pub index: Vec<u64>,
}

/// What is wrong with the candidate and with the reference.
pub fn reports<A: Float>(pair: &Pair<'_, A>, tolerance: f64) -> Result<[OperandReport; 2], Error> {
    let diagnosis = pair.diagnosis(tolerance)?;
    let mut reports = [diagnosis.input, diagnosis.target];
    if pair.holds == [Holds::LogProbabilities, Holds::Logits] {
        // The call takes both for logits.
        reports[0] = report_of_input(pair, tolerance)?;
    }
    Ok(reports)
}

/// What is wrong with the candidate alone.
pub fn report_of_input<A: Float>(
    pair: &Pair<'_, A>,
    tolerance: f64,
) -> Result<OperandReport, Error> {
    let alone = Pair { target: pair.input, classes: None, holds: [pair.holds[0]; 2], ..*pair };
    Ok(alone.diagnosis(tolerance)?.input)
}

/// The failure of a row of a reference whose named classes cannot be part of a distribution.
pub fn refusal_of_named(side: &Side<'_>, mass: f64, tolerance: f64) -> Failure {
    let Side { name, holds: [holds, _], index, .. } = side;
    let line = format!(
        "{name}: row {index:?} cannot be part of a distribution: taken as {holds}, the probabilities of the named classes sum to {mass}, \
         and --tolerance is {tolerance}; say what it holds by --reference-holds, or leave such rows out with --weights"
    );
    Failure::new(line).with(Code::NotDistributions)
}

/// The failure that says where such a row is, and what helps.
pub fn refusal<A: Float>(
    side: &Side<'_>,
    operand: &ArrayD<A>,
    pair: &Pair<'_, A>,
    report: &OperandReport,
    tolerance: f64,
) -> Result<Failure, Error> {
    let Side { name, holds: [holds, now], is_reference, index } = side;
    let looks_like = Holds::of(operand, pair.axis, tolerance, pair.mask)?;
    let looks_like = looks_like.filter(|other| other != now);
    let mass = report.first.as_ref().map_or(f64::NAN, |first| first.mass);
    let line = format!(
        "{name}: row {index:?} is not a distribution, the first of {} in this block: taken as {holds}, its probabilities sum to {mass}, \
         and --tolerance is {tolerance}; {}",
        report.improper,
        cause(*holds, mass, looks_like, *is_reference),
    );
    Ok(Failure::new(line).with(Code::NotDistributions))
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
            "it holds NaN or numbers below 0, which are not probabilities; if they are log-probabilities or logits, give \
             --{side}-holds log-probabilities, or --{side}-holds logits"
        ),
        _ if mass.is_nan() => {
            "it holds NaN; leave such rows out with --weights, or count them with --keep-going --allow-nan".to_owned()
        }
        _ => "if this is rounding, allow it with --tolerance; or count such rows with --keep-going".to_owned(),
    }
}
