//! What a target holds.

/// What the target of a [`KLDivWithLogitsLoss`](crate::KLDivWithLogitsLoss) holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Target {
    /// Raw scores: p = softmax(target/τ).
    #[default]
    Logits,
    /// Probabilities p, taken as they are.
    Probabilities,
    /// Log-probabilities ln p, taken as they are.
    LogProbabilities,
}
