//! The gradients of a lane whose factors leave the range of the computing type: computed in `f64`, with exponents of their own.

use std::ops::Range;

use super::MatricesWork;
use super::lane_factors::LaneFactor;
use crate::elementwise::{Operands, PART, Prefetch, TILE};
use crate::layout::steps;
use crate::number::{Float, Number, Scaled, WIDTH};
use crate::softmax::{Factors, Outputs, Solver};

/// The exponent of the largest factor times 1/τ.
const LARGEST: i32 = 500;

impl<A: Number> MatricesWork<'_, '_, '_, A> {
    /// The gradients of a lane whose factors are 0 or extreme. A gradient that is `None` is not computed.
    pub(super) fn unusual_gradients<N: Number, S: Solver<N>>(
        &self,
        lane: usize,
        factor: &LaneFactor,
        solver: &S,
        out: [Option<&mut [A]>; 2],
    ) {
        let operands = [&self.matrices.input, &self.matrices.target].map(|view| view.row(lane));
        if let LaneFactor::Extreme(factors) = factor {
            let wide = operands.map(|lane| lane.iter().map(|z| z.widen().to_f64()).collect());
            return wide_gradients(
                &mut solver.wide(),
                &wide,
                (factors, self.settings.rates.common),
                out,
            );
        }
        let is_looked_at = matches!(factor, LaneFactor::Zero);
        let has_nan = operands.map(|lane| is_looked_at && lane.iter().any(|z| z.widen().is_nan()));
        let gradient = |nan: bool| A::narrow(if nan { f64::NAN } else { 0.0 });
        let [d_input, d_target] = out;
        if let Some(out) = d_input {
            out.fill(gradient(has_nan != [false; 2]));
        }
        if let Some(out) = d_target {
            out.fill(gradient(has_nan[0] | (has_nan[1] & !S::TARGETS_ARE_APART)));
            let targets = operands[1].iter().zip(out).filter(|(t, _)| t.widen().is_nan());
            targets.for_each(|(_, out)| *out = gradient(is_looked_at));
        }
    }
}

/// Computes the gradients of a lane; one that is `None` is not computed. The factors are one for the lane, or one for each class,
/// times 1/τ.
fn wide_gradients<S: Solver<f64>, A: Number>(
    solver: &mut S,
    [input, target]: &[Vec<f64>; 2],
    (factors, rate): (&[Scaled], f64),
    [mut d_input, mut d_target]: [Option<&mut [A]>; 2],
) {
    let classes = input.len();
    let block = |classes: Range<usize>| Operands {
        input: &input[classes.clone()],
        target: &target[classes],
    };
    solver.solve(|solver| {
        for part in steps(0..classes, PART) {
            for classes in steps(part, TILE) {
                solver.visit(block(classes), &mut Prefetch::<f64>::NOTHING.clone());
            }
            solver.end_part();
        }
    });
    // All factors over one power of two, which leaves the largest, times 1/τ, well within the range.
    let factors: Vec<Scaled> = factors.iter().map(|factor| factor.normalized()).collect();
    let nonzero = factors.iter().filter(|factor| factor.significand != 0.0);
    let exponent = nonzero.map(|factor| factor.exponent).max().unwrap_or(0);
    let exponent = exponent - (LARGEST - Scaled::new(rate).normalized().exponent).clamp(-900, 900);
    let over = |&Scaled { significand, exponent: own }: &Scaled| {
        Scaled { significand, exponent: own - exponent }.value()
    };
    let each: Vec<f64> = factors.iter().map(over).collect();
    let has_each = each.len() == classes && classes > 1;
    if has_each {
        for classes in steps(0..classes, TILE) {
            solver.add_upstream(block(classes.clone()), &each[classes]);
        }
    }
    let mut found = [[0.0; TILE]; 2];
    for classes in steps(0..classes, TILE) {
        let of = match has_each {
            true => Factors::Each(&each[classes.clone()]),
            false => Factors::Lanes(&[each[0]; WIDTH]),
        };
        let [of_input, of_target] = found.each_mut().map(|found| &mut found[..classes.len()]);
        let mut out = Outputs {
            terms: None,
            d_input: d_input.is_some().then_some(of_input),
            d_target: d_target.is_some().then_some(of_target),
        };
        let apart = S::TARGETS_ARE_APART && has_each && out.d_target.is_some();
        if apart {
            let of_input = out.d_input.take();
            solver.outputs(block(classes.clone()), Factors::Lanes(&[1.0; WIDTH]), out);
            out = Outputs { terms: None, d_input: of_input, d_target: None };
        }
        solver.outputs(block(classes.clone()), of, out);
        let [of_input, of_target] = &found;
        let common = Scaled { significand: 1.0, exponent };
        if let Some(places) = &mut d_input {
            let places = places[classes.clone()].iter_mut().zip(of_input);
            places.for_each(|(place, &found)| *place = A::narrow(times(found, common)));
        }
        if let Some(places) = &mut d_target {
            let places = places[classes.clone()].iter_mut().zip(of_target);
            for ((place, &found), class) in places.zip(classes) {
                *place = A::narrow(times(found, if apart { factors[class] } else { common }));
            }
        }
    }
}

/// number·factor, rounded once where it is normal. 0 · ±∞ = 0.
fn times(number: f64, factor: Scaled) -> f64 {
    if number == 0.0 || factor.significand == 0.0 && !number.is_nan() {
        return 0.0;
    }
    Scaled::new(number).times(factor).value()
}
