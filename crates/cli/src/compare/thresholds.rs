//! Limits that a pipeline sets: `--fail-above`, `--fail-quantile`.

use std::str::FromStr;

use kldiv::Divergence;

use crate::failure::Failure;
use crate::statistics::Tally;

/// No mean may be above this: `0.01`, or `reverse=0.01`.
#[derive(Clone, Debug, PartialEq)]
pub struct FailAbove {
    divergence: Option<Divergence>,
    limit: f64,
}

/// No such quantile may be above this: `99:0.1`, or `reverse=99:0.1`.
#[derive(Clone, Debug, PartialEq)]
pub struct FailQuantile {
    divergence: Option<Divergence>,
    percent: f64,
    limit: f64,
}

impl FromStr for FailAbove {
    type Err = String;

    fn from_str(text: &str) -> Result<FailAbove, String> {
        let (divergence, limit) = named(text)?;
        Ok(FailAbove { divergence, limit: number(limit)? })
    }
}

impl FromStr for FailQuantile {
    type Err = String;

    fn from_str(text: &str) -> Result<FailQuantile, String> {
        let (divergence, rest) = named(text)?;
        let (percent, limit) = rest.split_once(':').ok_or("give PERCENT:VALUE, such as 99:0.1")?;
        let has_sign = percent.ends_with('%');
        let percent = number(percent.trim_end_matches('%'))?;
        if percent > 0.0 && percent < 1.0 && !has_sign {
            let share = 100.0 * percent;
            return Err(format!(
                "{percent} is below one per cent; write {percent}%, or {share} if the {share}th is meant"
            ));
        }
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("{percent} is not a percentage from 0 to 100"));
        }
        Ok(FailQuantile { divergence, percent, limit: number(limit)? })
    }
}

/// The divergence before `=`, if there is one, and the rest.
fn named(text: &str) -> Result<(Option<Divergence>, &str), String> {
    let Some((name, rest)) = text.split_once('=') else { return Ok((None, text)) };
    Ok((Some(name.parse().map_err(|error: kldiv::Error| error.to_string())?), rest))
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| !number.is_nan());
    number.ok_or_else(|| format!("{text:?} is not a number"))
}

/// All limits of a run.
pub struct Limits<'l> {
    pub means: &'l [FailAbove],
    pub quantiles: &'l [FailQuantile],
}

/// Refuses a limit of a divergence that is not computed, before anything is read.
pub fn check_names(limits: &Limits<'_>, all: &[Divergence]) -> Result<(), Failure> {
    let named = limits.means.iter().filter_map(|limit| limit.divergence);
    let named = named.chain(limits.quantiles.iter().filter_map(|limit| limit.divergence));
    for divergence in named {
        if !all.contains(&divergence) {
            let line = format!(
                "a limit of {divergence}, which is not computed; add --divergence {divergence}"
            );
            return Err(Failure::usage(line));
        }
    }
    Ok(())
}

/// Which limits fail, a sentence each. A limit without a name is one of the first divergence. NaN is above every limit.
pub fn failed(
    limits: &Limits<'_>,
    candidates: &[String],
    divergences: &[Divergence],
    tally: &Tally,
) -> Vec<String> {
    let place = |named: Option<Divergence>| {
        named.and_then(|named| divergences.iter().position(|&other| other == named)).unwrap_or(0)
    };
    let mut failed = Vec::new();
    for (name, candidate) in candidates.iter().zip(&tally.candidates) {
        let mut check = |what: String, found: f64, limit: f64| {
            // Rows that are no distributions may give −∞.
            if found > limit || !found.is_finite() {
                let how = if found > limit { "above" } else { "not up to" };
                failed.push(format!("{name}: {what} is {found}, {how} {limit}"));
            }
        };
        for limit in limits.means {
            let at = place(limit.divergence);
            let found = candidate.divergences[at].mean();
            check(format!("the mean {} divergence", divergences[at]), found, limit.limit);
        }
        for limit in limits.quantiles {
            let at = place(limit.divergence);
            let found = candidate.divergences[at].quantile(limit.percent / 100.0);
            let what =
                format!("the quantile {} % of the {} divergence", limit.percent, divergences[at]);
            check(what, found, limit.limit);
        }
    }
    failed
}
