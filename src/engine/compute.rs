//! What one thread computes of matrices [lane, class]: the one place where a rule becomes a kernel or a softmax.

use super::logits::compute_matrices;
use super::pass::Pass;
use super::request::{Form, Request, Rule};
use super::results::Results;
use crate::elementwise::{FEW_CLASSES, Loops, Operands, PART, Prefetch, TILE, with_loops};
use crate::exact::{ExactSum, RUN, block_sum};
use crate::layout::{Matrices, join};
use crate::number::{Aligned, Number};
use crate::partial::BufferedMoments;

/// Batches of at most this number of elements use a shorter scratch buffer, which takes less time to clear.
const SHORT: usize = 128;
/// The same for matrices of at most this number of elements.
const MODERATE: usize = 384;

impl Request {
    /// Computes matrices and returns their total.
    ///
    /// [`Element::compute`](crate::Element::compute) calls it for each type, so that the loops are compiled in this crate and not
    /// again in every crate that calls it.
    pub fn compute<A: Number>(
        &self,
        matrices: Matrices<'_, A>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        if let Some(rule) = self.rule.exchanged() {
            return Request { rule, ..*self }.compute(matrices.swapped(), moments);
        }
        match self.rule {
            Rule::LogProbabilities { form: Form { divergence, generalized }, log_target } => {
                with_loops(divergence, generalized, log_target, |loops| {
                    match matrices.input.len() {
                        ..=MODERATE => {
                            let scratch = &mut scratch::<A::Real, MODERATE>().0;
                            in_scratch(self, loops, matrices, moments, scratch)
                        }
                        _ => {
                            let scratch = &mut scratch::<A::Real, TILE>().0;
                            in_scratch(self, loops, matrices, moments, scratch)
                        }
                    }
                })
            }
            Rule::Logits { form, softmax } => {
                let mut results = Results::new(self, moments);
                compute_matrices(form, softmax, matrices, &mut results);
                results.finish()
            }
        }
    }

    /// The total of a small batch whose operands are contiguous. With more than [`FEW_CLASSES`] classes they must be whole
    /// distributions, one behind the other. It needs no matrices, buffers or limbs of an exact sum.
    ///
    /// [`Element::total`](crate::Element::total) calls it for each type.
    pub fn total_of<A: Number>(&self, operands: Operands<'_, A>) -> Option<f64> {
        let Rule::LogProbabilities { form, log_target } = self.rule else { return None };
        if let Some(rule) = self.rule.exchanged() {
            let Operands { input, target } = operands;
            let operands = Operands { input: target, target: input };
            return Request { rule, ..*self }.total_of(operands);
        }
        let Form { divergence, generalized } = form;
        Some(with_loops(divergence, generalized, log_target, |loops| match operands.input.len() {
            ..=SHORT => total(self, loops, operands, &mut scratch::<A::Real, SHORT>().0),
            _ => total(self, loops, operands, &mut scratch::<A::Real, TILE>().0),
        }))
    }
}

fn in_scratch<A: Number>(
    request: &Request,
    loops: &dyn Loops<A>,
    mut matrices: Matrices<'_, A>,
    moments: Option<&mut BufferedMoments>,
    scratch: &mut [A::Real],
) -> ExactSum {
    let mut results = Results::new(request, moments);
    let mut pass = Pass::new(loops, &mut results, [matrices.input, matrices.target], scratch);
    if matrices.input.ncols() > PART && matrices.input.nrows() == 1 {
        let mut value = if request.sums_lanes() { matrices.value.take() } else { None };
        let weights = matrices.weights;
        let sum = parts(request, loops, matrices);
        pass.results.emit(&weights, &mut value, 0..1, &mut [sum.value()]);
    } else {
        pass.run(&mut matrices);
    }
    results.finish()
}

/// The exact sum of the sums of parts of [`PART`] classes of one lane, computed in parallel.
fn parts<A: Number>(
    request: &Request,
    loops: &dyn Loops<A>,
    mut lane: Matrices<'_, A>,
) -> ExactSum {
    let classes = lane.input.ncols();
    let count = classes.div_ceil(PART);
    if count > 1 {
        let (a, b) = lane.split_classes(count / 2 * PART);
        let (a, b) = join(|| parts(request, loops, a), || parts(request, loops, b));
        return merged(a, b);
    }
    let mut terms = scratch::<A::Real, TILE>();
    let mut results = Results::new(request, None);
    let mut pass = Pass::new(loops, &mut results, [lane.input, lane.target], &mut terms.0);
    let mut total = ExactSum::default();
    total.add(pass.part(&mut lane, 0, 0..classes));
    total
}

/// The total of a small batch.
fn total<A: Number>(
    request: &Request,
    loops: &dyn Loops<A>,
    operands: Operands<'_, A>,
    scratch: &mut [A::Real],
) -> f64 {
    let (Request { level, classes, .. }, len) = (*request, operands.input.len());
    loops.terms(level, operands, Prefetch::NOTHING, &mut scratch[..len]);
    if request.has_few_classes() {
        // Zeros at the end are cheaper than a tail.
        return block_sum(level, &scratch[..len.next_multiple_of(RUN)]);
    }
    let mut sums = [0.0; TILE / FEW_CLASSES];
    let sums = &mut sums[..len / classes];
    request.sum_each(&scratch[..len], sums);
    block_sum(level, sums)
}

/// A scratch buffer for terms.
#[inline(always)]
fn scratch<T: Default + Copy, const N: usize>() -> Aligned<[T; N]> {
    Aligned([T::default(); N])
}

/// The sum of two exact sums.
pub fn merged(mut a: ExactSum, b: ExactSum) -> ExactSum {
    a.merge(&b);
    a
}
