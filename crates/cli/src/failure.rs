//! Why a run failed: one line, and an exit code.

use std::fmt;

/// The exit codes of the program; 0 is that of a run that found nothing wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// A file that cannot be read or written, files that do not fit each other, and everything that the other codes do not name.
    Error = 1,
    /// Arguments that make no sense.
    Usage = 2,
    /// A mean or quantile above its limit in `--fail-above` or `--fail-quantile`, or not finite.
    Threshold = 3,
    /// Operands that are not distributions, or divergences that are NaN.
    NotDistributions = 4,
}

/// Why a run ended: one line that says what, and how to mend it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub code: Code,
    pub line: String,
}

impl Failure {
    /// An error of the code 1.
    pub fn new(line: impl Into<String>) -> Failure {
        Failure { code: Code::Error, line: line.into() }
    }

    /// Arguments that make no sense.
    pub fn usage(line: impl Into<String>) -> Failure {
        Failure::new(line).with(Code::Usage)
    }

    /// The same with another code.
    pub fn with(self, code: Code) -> Failure {
        Failure { code, ..self }
    }
}

impl fmt::Display for Failure {
    /// One line that steers no terminal, whatever an error of a library or a name in a file has to say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.split_whitespace().collect::<Vec<_>>().join(" ");
        f.write_str(&line.replace(char::is_control, "\u{fffd}"))
    }
}

impl std::error::Error for Failure {}

impl From<kldiv::Error> for Failure {
    fn from(error: kldiv::Error) -> Failure {
        Failure::new(error.to_string())
    }
}
