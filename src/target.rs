//! What an operand holds.

/// What an operand holds: the target of a [`KLDivWithLogitsLoss`](crate::KLDivWithLogitsLoss), or either operand in an
/// [`OperandReport`](crate::OperandReport).
///
/// A [`validated`](crate::KLDivLoss::validated) call and a [diagnosis](crate::Batch::diagnose) check the condition of each variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Target {
    /// Raw scores z, of which the softmax of z/τ is taken. None is NaN or +∞, and not all are −∞, so that the softmax is
    /// not NaN.
    #[default]
    Logits,
    /// Probabilities, taken as they are: t ≥ 0 with |Σt − 1| ≤ tolerance.
    Probabilities,
    /// Log-probabilities, taken as they are: x ≤ tolerance with |Σeˣ − 1| ≤ tolerance.
    LogProbabilities,
}
