//! The diagnosis as text.

use std::fmt;

use super::{Diagnosis, LikelyCause, OperandReport};
use crate::error::Operand;
use crate::target::Target;

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", counted(self.distributions, "distribution"), classes(self.classes))?;
        if self.skipped > 0 {
            write!(f, "; {} of weight 0 skipped", self.skipped)?;
        }
        writeln!(f, ". Tolerance: a distribution may sum to 1 ± {}.", self.tolerance)?;
        self.operand(f, Operand::Input, &self.input)?;
        self.operand(f, Operand::Target, &self.target)?;
        if self.input.holds != Target::Logits {
            self.terms(f)?;
            self.divergences(f)?;
        }
        self.likely_causes.iter().try_for_each(|cause| write!(f, "\nLikely cause: {cause}."))
    }
}

impl Diagnosis {
    fn operand(
        &self,
        f: &mut fmt::Formatter<'_>,
        operand: Operand,
        report: &OperandReport,
    ) -> fmt::Result {
        let (holds, limit) = match report.holds {
            Target::Probabilities => ("probabilities", "below 0".into()),
            Target::LogProbabilities => ("log-probabilities", format!("above {}", self.tolerance)),
            Target::Logits => ("logits", String::new()),
        };
        write!(f, "The {operand} ")?;
        match (&report.first, &report.worst) {
            (Some(first), _) if report.holds == Target::Logits => {
                let (improper, all) = (report.improper, self.distributions);
                write!(
                    f,
                    "holds logits, of which {improper} of {all} have no softmax: first{}",
                    at(&first.index)
                )?;
            }
            (Some(first), Some(worst)) => {
                let (improper, all) = (report.improper, self.distributions);
                write!(f, "should hold {holds}, but does not in {improper} of {all}: ")?;
                write!(f, "first{} with mass {}", at(&first.index), short(first.mass))?;
                if first != worst {
                    write!(f, ", worst{} with mass {}", at(&worst.index), short(worst.mass))?;
                }
            }
            _ => write!(f, "holds {holds}, as it should")?,
        }
        let counts = [
            (report.out_of_range, limit.as_str()),
            (report.nan, "NaN"),
            (report.plus_infinity, "+∞"),
            (report.minus_infinity, "−∞"),
        ];
        for (count, what) in counts.into_iter().filter(|&(count, _)| count > 0) {
            write!(f, "; {} {what}", counted(count, "number"))?;
        }
        if report.only_minus_infinity > 0 {
            write!(f, "; {} of −∞ alone", counted(report.only_minus_infinity, "distribution"))?;
        }
        writeln!(f, ".")
    }

    fn terms(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((index, term)) = &self.most_negative_term else {
            return writeln!(f, "No term is negative.");
        };
        let share = 100.0 * self.share_of_negative_terms();
        let count = counted(self.negative_terms, "term");
        let are = if self.negative_terms == 1 { "is" } else { "are" };
        writeln!(
            f,
            "{count} ({share:.1} %) {are} negative, the most negative {}{}. Only sums over the classes of distributions are never negative.",
            short(*term),
            at(index)
        )
    }

    fn divergences(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((index, divergence)) = &self.first_negative_divergence else {
            return write!(f, "No divergence is negative.");
        };
        let count = counted(self.negative_divergences, "divergence");
        let are = if self.negative_divergences == 1 { "is" } else { "are" };
        let why = if self.is_proper() {
            "a sum near 0 may be negative if masses are not exactly 1"
        } else {
            "the operands are not distributions"
        };
        write!(f, "{count} {are} negative, the first {}{}: {why}.", short(*divergence), at(index))
    }
}

impl fmt::Display for LikelyCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LikelyCause::ProbabilitiesAsInput => f.write_str(
                "the input holds probabilities; pass their logarithms, input.ln()",
            ),
            LikelyCause::LogProbabilitiesAsTarget => f.write_str(
                "the target holds log-probabilities; call .log_target(true), or from logits .target(Target::LogProbabilities)",
            ),
            LikelyCause::ProbabilitiesAsLogTarget => f.write_str(
                "the target holds probabilities; call .log_target(false), or from logits .target(Target::Probabilities)",
            ),
            LikelyCause::Swapped => f.write_str(
                "input and target are swapped; pass the model's log-probabilities first and the target second",
            ),
            LikelyCause::Logits(operand) => write!(
                f,
                "the {operand} holds raw scores (logits); take their log-softmax (for a target of probabilities their softmax), or use KLDivWithLogitsLoss with .target(Target::Logits)",
            ),
            LikelyCause::ProbabilitiesAsLogits(Operand::Target) => f.write_str(
                "the target holds probabilities where logits are expected; call .target(Target::Probabilities)",
            ),
            LikelyCause::ProbabilitiesAsLogits(Operand::Input) => f.write_str(
                "the input holds probabilities where logits are expected; pass their logarithms, input.ln()",
            ),
            LikelyCause::ClassAxis { operand, axis } => write!(
                f,
                "the classes of the {operand} lie along axis {axis}, where its masses are 1; call .axis(Axis({axis})), or take its softmax along the class axis",
            ),
            LikelyCause::Scaled { operand, mass } => {
                let mass = short(*mass);
                write!(f, "the {operand} was multiplied by {mass}; divide its probabilities by {mass}")
            }
            LikelyCause::Unnormalized(operand) => write!(
                f,
                "the {operand} holds numbers that were not normalized, such as counts; divide each distribution by its sum over the class axis",
            ),
        }
    }
}

/// The index of a distribution as text. It is empty if there is only one axis.
fn at(index: &[usize]) -> String {
    if index.is_empty() { String::new() } else { format!(" at {index:?}") }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn classes(count: usize) -> String {
    if count == 1 { "1 class".into() } else { format!("{count} classes") }
}

/// A number with four significant digits.
fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        size @ 1e-4..1e6 => {
            let powers = [1e3, 1e2, 1e1, 1.0, 1e-1, 1e-2, 1e-3];
            let digits = powers.iter().filter(|&&power| size < power).count();
            format!("{number:.digits$}")
        }
        size if size.is_finite() => format!("{number:.3e}"),
        _ => number.to_string(),
    }
}
