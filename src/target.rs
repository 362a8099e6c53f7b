//! What an operand holds.

/// What an operand holds: the target of a [`KLDivWithLogitsLoss`](crate::KLDivWithLogitsLoss), or either operand of an
/// [`OperandReport`](crate::OperandReport).
///
/// [`validated`](crate::KLDivLoss::validated) calls and [`diagnose`](crate::Batch::diagnose) check the condition that each variant names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Target {
    /// Raw scores z. The probabilities are softmax(z/τ). Condition: no z is NaN or +∞, and not all of a distribution are −∞.
    #[default]
    Logits,
    /// Probabilities t, not normalised again. Condition: t ≥ 0 and |Σt − 1| ≤ tolerance.
    Probabilities,
    /// Log-probabilities x, not normalised again. Condition: x ≤ tolerance and |Σeˣ − 1| ≤ tolerance.
    LogProbabilities,
}
