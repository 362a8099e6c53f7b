//! What a call with a sparse target asks for.

use super::entries::Entries;
use crate::engine::{Request, Rule};
use crate::layout::Matrices;
use crate::number::Number;
use crate::softmax::FEW;
use crate::tail::Tail;
use crate::target::Target;

/// What a call with a sparse target asks for.
#[derive(Clone, Copy, Debug)]
pub struct SparseRequest {
    /// What a dense call would ask for.
    pub request: Request,
    /// What the classes get that are not named.
    pub tail: Tail,
    /// The number of named classes.
    pub named: usize,
    /// Whether the target is a label, with p = 1.
    pub is_label: bool,
}

impl SparseRequest {
    /// Whether whole lanes of targets are made. With few classes the loops for dense targets, 16 lanes at a time, are faster.
    pub fn is_spread(&self) -> bool {
        let Request { classes, .. } = self.request;
        let has_nothing_left = self.tail == Tail::Renormalized;
        self.named == classes || self.tail == Tail::Uniform || has_nothing_left && classes <= FEW
    }

    /// What the values are.
    pub fn holds(&self) -> Target {
        self.request.rule.holds()[1]
    }

    /// 1/τ of the input.
    pub fn rate(&self) -> f64 {
        match self.request.rule {
            Rule::Logits { softmax, .. } => 1.0 / softmax.temperatures[0],
            Rule::LogProbabilities { .. } => 1.0,
        }
    }

    /// Reads the named classes of a lane, and gives them the target that the tail makes of their values.
    pub fn read<A: Number>(&self, matrices: &Matrices<'_, A>, lane: usize, entries: &mut Entries) {
        let values = (!self.is_label).then_some(&matrices.target);
        match &matrices.classes {
            Some(classes) => entries.read(classes, values, lane),
            None => entries.clear(),
        }
        if self.tail == Tail::Renormalized && !self.is_label {
            entries.renormalize(self.request.level, self.holds());
        }
    }
}
