//! Matrices of logits: lanes go through a solver pass by pass, then values and gradients are written.

mod alone;
mod copier;
mod lane_factors;
mod panel;
mod wide;

use std::ops::Range;

use ndarray::ArrayView1;

use super::request::{Form, Request, Softmax, Values};
use super::results::Results;
use crate::divergence::Forms;
use crate::elementwise::{TILE, pair_loops, with_loops};
use crate::layout::{Matrices, Scratch};
use crate::number::{Float, Number};
use crate::softmax::{
    Arrangement, FEW, Formulas, GeneralTarget, LogitTarget, Rates, Settings, SoftTarget, Solver,
};
use crate::target::Target;
use lane_factors::Scale;

/// Computes matrices.
pub fn compute_matrices<A: Number>(
    form: Form,
    softmax: Softmax,
    matrices: Matrices<'_, A>,
    results: &mut Results<'_, A::Real>,
) {
    let Request { level, values, scale, .. } = *results.request;
    let (lanes, classes) = matrices.input.dim();
    let kept = if alone::is_cut(lanes, classes) { TILE } else { classes };
    let arrangement = match classes {
        ..=FEW => Arrangement::Sixteen,
        _ => Arrangement::OneLane,
    };
    let Softmax { temperatures, target, factor } = softmax;
    let each = matrices.upstream.as_ref().is_some_and(|view| view.ncols() > 1);
    let Form { divergence, generalized } = form;
    let rates = Rates::new(temperatures);
    let sides = [matrices.d_input.is_some(), matrices.d_target.is_some()];
    let outputs = sides != [false; 2] || (values == Values::Terms && matrices.value.is_some());
    let settings =
        Settings { level, arrangement, rates, outputs, sides, each, pairs: false, generalized };
    let scale = Scale::new::<A::Real>(scale, factor, rates.each());
    let work = MatricesWork { settings, factor, scale, matrices, results };
    if target != Target::Logits {
        let is_log = target == Target::LogProbabilities;
        return with_loops::<A::Real, _>(divergence, generalized, is_log, |loops| {
            with_loops::<f64, _>(divergence, generalized, is_log, |wide| {
                work.with_solver(SoftTarget::new(loops, wide, settings));
            });
        });
    }
    let forms = [Forms::both(generalized), Forms::Generalized, Forms::Far];
    let [Some(asked), Some(near), Some(far)] = forms.map(|forms| pair_loops(divergence, forms))
    else {
        return work.with_solver(LogitTarget::new(settings, kept));
    };
    let formulas = Formulas { asked: &*asked.0, near: &*near.0, far: &*far.0 };
    let wide = Formulas { asked: &*asked.1, near: &*near.1, far: &*far.1 };
    work.with_solver(GeneralTarget::new(formulas, wide, settings, kept));
}

/// The computation of matrices.
struct MatricesWork<'r, 'v, 'a, A: Number> {
    settings: Settings,
    factor: f64,
    scale: Scale,
    matrices: Matrices<'a, A>,
    results: &'r mut Results<'v, A::Real>,
}

impl<A: Number> MatricesWork<'_, '_, '_, A> {
    fn with_solver<S: Solver<A> + Solver<A::Real>>(self, solver: S) {
        match self.settings.arrangement {
            Arrangement::Sixteen => self.panels(solver),
            Arrangement::OneLane => self.lanes(solver),
        }
    }

    fn wants_terms(&self) -> bool {
        self.results.request.values == Values::Terms && self.matrices.value.is_some()
    }

    /// The weight of a lane, if there are weights.
    fn weight(&self, lane: usize) -> Option<A::Real> {
        self.matrices.weights.as_ref().map(|weights| weights[[lane, 0]])
    }

    /// The upstreams of a lane: one, or one for each class.
    fn upstream(&self, lane: usize) -> Option<ArrayView1<'_, A::Real>> {
        self.matrices.upstream.as_ref().map(|view| view.row(lane))
    }

    /// Whether each class has an upstream of its own.
    fn has_each(&self) -> bool {
        self.settings.each
    }

    /// Passes the divergences of at most a panel of lanes to the results.
    fn emit(&mut self, lanes: Range<usize>, divergences: &mut [f64]) {
        if !self.results.request.sums_lanes() {
            return;
        }
        for (lane, divergence) in lanes.clone().zip(&mut *divergences) {
            let is_skipped = self.weight(lane).is_some_and(|weight| weight == A::Real::ZERO);
            *divergence = if is_skipped { 0.0 } else { *divergence * self.factor };
        }
        let Matrices { weights, value, .. } = &mut self.matrices;
        self.results.emit(weights, value, lanes, divergences);
    }

    /// Term times factor and weight.
    fn weighted(&self, weight: Option<A::Real>) -> impl Fn(A::Real) -> A::Real + use<A> {
        let factor = A::Real::from_f64(self.factor);
        move |term| match weight {
            Some(weight) if weight == A::Real::ZERO => A::Real::ZERO,
            Some(weight) => term * factor * weight,
            None => term * factor,
        }
    }
}

/// The first `len` numbers of a vector, which are overwritten.
fn sized<T: Copy + Default>(vector: &mut Vec<T>, len: usize) -> &mut [T] {
    vector.resize(len, T::default());
    vector
}

/// Scratch for both gradients.
struct GradientScratch<A> {
    d_input: Vec<A>,
    d_target: Vec<A>,
    copy: Scratch<A>,
}

impl<A: Number> GradientScratch<A> {
    const EMPTY: Self =
        GradientScratch { d_input: Vec::new(), d_target: Vec::new(), copy: Scratch::EMPTY };
}
