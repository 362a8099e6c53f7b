//! What a call asks for: the rule, the values, the factor of the gradients.

use crate::divergence::Divergence;
use crate::elementwise::{FEW_CLASSES, sum_each, sum_each_of_many};
use crate::number::{Float, Level, Scaled};
use crate::target::Target;

/// How logits are normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// What the target holds.
    pub target: Target,
    /// The temperatures of the input and of a target of logits.
    pub temperatures: [f64; 2],
    /// The factor of values, terms and gradients: 1, or the product of the temperatures.
    pub factor: f64,
}

/// The divergence of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// The divergence.
    pub divergence: Divergence,
    /// Whether its terms are those of the generalized form.
    pub generalized: bool,
}

impl Form {
    /// The form that gives the same result with the sides exchanged, if its loops are faster.
    fn exchanged(self) -> Option<Form> {
        let is_reverse = self.divergence.simplest() == Divergence::Reverse;
        is_reverse.then_some(Form { divergence: Divergence::Forward, ..self })
    }
}

/// What the operands hold, and the divergence that is computed of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The input holds log-probabilities, the target probabilities or log-probabilities.
    LogProbabilities {
        /// The divergence.
        form: Form,
        /// Whether the target holds log-probabilities.
        log_target: bool,
    },
    /// The input holds logits.
    Logits {
        /// The divergence.
        form: Form,
        /// How they are normalised.
        softmax: Softmax,
    },
}

impl Rule {
    /// The divergence.
    pub fn form(self) -> Form {
        match self {
            Rule::LogProbabilities { form, .. } | Rule::Logits { form, .. } => form,
        }
    }

    /// The rule that gives the same result with the sides exchanged, if its loops are faster. Both sides must hold the same.
    pub fn exchanged(self) -> Option<Rule> {
        match self {
            Rule::LogProbabilities { form, log_target: true } => {
                Some(Rule::LogProbabilities { form: form.exchanged()?, log_target: true })
            }
            Rule::Logits { form, softmax } if softmax.target == Target::Logits => {
                let [input, target] = softmax.temperatures;
                let softmax = Softmax { temperatures: [target, input], ..softmax };
                Some(Rule::Logits { form: form.exchanged()?, softmax })
            }
            _ => None,
        }
    }

    /// What the input and the target hold.
    pub fn holds(self) -> [Target; 2] {
        match self {
            Rule::LogProbabilities { log_target: false, .. } => {
                [Target::LogProbabilities, Target::Probabilities]
            }
            Rule::LogProbabilities { .. } => [Target::LogProbabilities, Target::LogProbabilities],
            Rule::Logits { softmax, .. } => [Target::Logits, softmax.target],
        }
    }
}

/// The values that a call computes of the terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// No value, only gradients.
    Nothing,
    /// Each term.
    Terms,
    /// The sum of each distribution: its divergence.
    Divergences,
    /// The sum of all terms.
    Total,
    /// The sum of all terms, and the moments of the divergences.
    Partial,
}

/// What a call asks of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The instruction set.
    pub level: Level,
    /// What the operands hold, and the divergence.
    pub rule: Rule,
    /// The values to compute.
    pub values: Values,
    /// The factor of every gradient: the upstream of a scalar loss over the divisor.
    pub scale: Scaled,
    /// The number of classes.
    pub classes: usize,
}

impl Request {
    /// Whether the sums of lanes are computed.
    pub fn sums_lanes(&self) -> bool {
        match self.values {
            Values::Nothing | Values::Terms => false,
            Values::Divergences | Values::Partial => true,
            Values::Total => !self.adds_terms(),
        }
    }

    /// Whether there is a total, and it is the exact sum of the terms.
    pub fn totals_terms(&self) -> bool {
        self.totals() && self.adds_terms()
    }

    /// Whether there is a total, and it is the exact sum of the lanes' sums.
    pub fn totals_lanes(&self) -> bool {
        self.totals() && !self.adds_terms()
    }

    /// Whether there is a total.
    fn totals(&self) -> bool {
        matches!(self.values, Values::Total | Values::Partial)
    }

    /// Whether a total is the exact sum of the terms, and not of the lanes' sums.
    fn adds_terms(&self) -> bool {
        self.has_few_classes() && !matches!(self.rule, Rule::Logits { .. })
    }

    /// Whether there are at most [`FEW_CLASSES`] classes.
    pub fn has_few_classes(&self) -> bool {
        self.classes <= FEW_CLASSES
    }

    /// Sums lanes that lie one behind the other and fit a tile.
    pub fn sum_each<T: Float>(&self, terms: &[T], sums: &mut [f64]) {
        match self.has_few_classes() {
            true => sum_each(self.level, terms, self.classes, sums),
            false => sum_each_of_many(self.level, terms, self.classes, sums),
        }
    }
}
