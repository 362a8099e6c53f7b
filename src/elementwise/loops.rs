//! The loops of a divergence, chosen once a call. They are a trait object, so the code that traverses tiles is compiled once.

use std::marker::PhantomData;

use super::gradients::{Factors, d_input, d_target};
use super::prefetch::Prefetch;
use super::terms::{Operands, terms, terms_and_slopes};
use crate::divergence::{
    Between, Divergence, Forms, Formula, Kernel, LogProbabilities, Probabilities, Work,
};
use crate::number::{Level, Number};

/// The loops over tiles of an input of log-probabilities and a target.
pub trait Loops<A: Number>: Sync {
    /// Whether gradients take ∂/∂input from the terms' loop rather than compute it again.
    fn is_d_input_costly(&self) -> bool;
    /// An input and a target whose term is 0 and whose derivatives are finite, for padding.
    fn neutral(&self) -> [A; 2];
    /// Computes the terms.
    fn terms(
        &self,
        level: Level,
        tile: Operands<'_, A>,
        next: Prefetch<'_, A>,
        out: &mut [A::Real],
    );
    /// Computes the terms and ∂term/∂input.
    fn terms_and_slopes(
        &self,
        level: Level,
        tile: Operands<'_, A>,
        next: Prefetch<'_, A>,
        out: [&mut [A::Real]; 2],
    );
    /// Computes ∂term/∂input, times the factors. Does nothing if that derivative is costly: it is then computed with the terms.
    fn d_input(&self, level: Level, tile: Operands<'_, A>, factors: Factors<'_>, out: &mut [A]);
    /// Computes ∂term/∂target, times the factors.
    fn d_target(&self, level: Level, tile: Operands<'_, A>, factors: Factors<'_>, out: &mut [A]);
}

impl<K: Kernel, A: Number> Loops<A> for K {
    fn is_d_input_costly(&self) -> bool {
        K::D_INPUT_IS_COSTLY
    }

    fn neutral(&self) -> [A; 2] {
        let (input, target) = Kernel::neutral::<A::Real>(*self);
        [input, target].map(A::round)
    }

    fn terms(
        &self,
        level: Level,
        tile: Operands<'_, A>,
        next: Prefetch<'_, A>,
        out: &mut [A::Real],
    ) {
        terms(level, *self, tile, next, out);
    }

    fn terms_and_slopes(
        &self,
        level: Level,
        tile: Operands<'_, A>,
        next: Prefetch<'_, A>,
        [out, slopes]: [&mut [A::Real]; 2],
    ) {
        terms_and_slopes(level, *self, tile, next, out, slopes);
    }

    fn d_input(&self, level: Level, tile: Operands<'_, A>, factors: Factors<'_>, out: &mut [A]) {
        if !K::D_INPUT_IS_COSTLY {
            d_input(level, *self, tile, factors, out);
        }
    }

    fn d_target(&self, level: Level, tile: Operands<'_, A>, factors: Factors<'_>, out: &mut [A]) {
        d_target(level, *self, tile, factors, out);
    }
}

/// Calls `work` with the loops of a divergence, or of its generalized form, for a target of log-probabilities or of
/// probabilities.
#[inline]
pub fn with_loops<A: Number, R>(
    divergence: Divergence,
    generalized: bool,
    log_target: bool,
    work: impl FnOnce(&dyn Loops<A>) -> R,
) -> R {
    divergence
        .with_formula(Forms::both(generalized), WithLoops { log_target, work, number: PhantomData })
}

/// What is done with the loops of any formula.
struct WithLoops<A, W> {
    log_target: bool,
    work: W,
    number: PhantomData<A>,
}

impl<A: Number, R, W: FnOnce(&dyn Loops<A>) -> R> Work for WithLoops<A, W> {
    type Output = R;

    #[inline]
    fn run<F: Formula>(self, formula: F) -> R {
        match self.log_target {
            true => (self.work)(&Between::<LogProbabilities, F>::new(formula)),
            false => (self.work)(&Between::<Probabilities, F>::new(formula)),
        }
    }
}
