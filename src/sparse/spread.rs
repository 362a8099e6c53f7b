//! Whole lanes of targets, made in scratch a few at a time.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};

use super::entries::Entries;
use super::request::SparseRequest;
use crate::engine::merged;
use crate::exact::ExactSum;
use crate::layout::{Matrices, Reader, Scratch, steps, write};
use crate::number::{Float, Number, ln};
use crate::partial::BufferedMoments;
use crate::tail::Tail;
use crate::target::Target;

/// The numbers of targets that are made at a time.
const SPREAD: usize = 1 << 14;

/// Computes matrices and returns their total.
pub fn compute<A: Number>(
    sparse: &SparseRequest,
    mut matrices: Matrices<'_, A>,
    mut moments: Option<&mut BufferedMoments>,
) -> ExactSum {
    let (lanes, classes) = matrices.input.dim();
    let mut spreading = Spreading {
        sparse,
        input: Reader::new(matrices.input),
        wide: Vec::new(),
        target: Vec::new(),
        gradient: Vec::new(),
        entries: Entries::default(),
        copy: Scratch::EMPTY,
    };
    let mut total = ExactSum::default();
    for lanes in steps(0..lanes, (SPREAD / classes).max(1)) {
        total = merged(total, spreading.lanes(&mut matrices, lanes, moments.as_deref_mut()));
    }
    total
}

/// The making of targets, with scratch.
struct Spreading<'s, 'a, A: Number> {
    sparse: &'s SparseRequest,
    input: Reader<'a, A>,
    /// The input in the computing type, if that is another.
    wide: Vec<A::Real>,
    target: Vec<A::Real>,
    gradient: Vec<A::Real>,
    entries: Entries,
    copy: Scratch<A>,
}

impl<A: Number> Spreading<'_, '_, A> {
    /// Computes some lanes, and returns their total.
    fn lanes(
        &mut self,
        matrices: &mut Matrices<'_, A>,
        lanes: Range<usize>,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        let request = &self.sparse.request;
        self.target.clear();
        lanes.clone().for_each(|lane| self.spread(matrices, lane));
        let rect = (lanes.clone(), 0..request.classes);
        let input = A::widened(request.level, self.input.read(&rect), &mut self.wide);
        let wants_gradient = matrices.d_input.is_some();
        self.gradient.resize(if wants_gradient { input.len() } else { 0 }, A::Real::ZERO);
        let (shape, some) = ((lanes.len(), request.classes), Slice::from(lanes));
        let whole = |slice| ArrayView2::from_shape(shape, slice);
        let gradient = ArrayViewMut2::from_shape(shape, &mut self.gradient[..]).ok();
        let total = request.compute::<A::Real>(
            Matrices {
                input: whole(input).unwrap_or_else(|_| unreachable!("as long as the lanes")),
                target: whole(&self.target)
                    .unwrap_or_else(|_| unreachable!("as long as the lanes")),
                classes: None,
                weights: matrices.weights.as_ref().map(|view| view.slice_axis(Axis(0), some)),
                upstream: matrices.upstream.as_ref().map(|view| view.slice_axis(Axis(0), some)),
                value: matrices.value.as_mut().map(|view| view.slice_axis_mut(Axis(0), some)),
                d_input: gradient.filter(|_| wants_gradient),
                d_target: None,
            },
            moments,
        );
        if let Some(d_input) = &mut matrices.d_input {
            write(d_input, &rect, &mut self.copy, |out| {
                out.iter_mut().zip(&self.gradient).for_each(|(out, &found)| *out = A::round(found));
            });
        }
        total
    }

    /// Makes the target of a lane. That of a lane of weight 0 is not looked at.
    fn spread(&mut self, matrices: &Matrices<'_, A>, lane: usize) {
        let SparseRequest { request, tail, named, is_label, .. } = *self.sparse;
        let (start, holds) = (self.target.len(), self.sparse.holds());
        let end = start + request.classes;
        if matrices.weights.as_ref().is_some_and(|weights| weights[[lane, 0]] == A::Real::ZERO) {
            return self.target.resize(end, A::Real::ZERO);
        }
        self.sparse.read(matrices, lane, &mut self.entries);
        let has_share = tail == Tail::Uniform && !is_label && named < request.classes;
        let left = if has_share { self.entries.mass_left(request.level, holds) } else { 0.0 };
        let each = left / (request.classes - named).max(1) as f64;
        let each = if holds == Target::Probabilities { each } else { ln(each) };
        self.target.resize(end, A::Real::from_f64(each));
        let Entries { classes, values, .. } = &self.entries;
        for (class, &value) in classes.iter().zip(values) {
            self.target[start + class] = A::Real::from_f64(value);
        }
    }
}
