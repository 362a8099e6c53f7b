//! What gradients are multiplied by: the upstream and the weights over the divisor.

use crate::elementwise::Factors;
use crate::layout::{Rect, Scratch};
use crate::number::{Float, Scaled};

/// Room for the factors of a tile.
pub struct FactorScratch {
    factors: Scratch<f64>,
    split: Scratch<[f64; 2]>,
}

impl FactorScratch {
    /// No room yet.
    pub const EMPTY: Self = FactorScratch { factors: Scratch::EMPTY, split: Scratch::EMPTY };

    /// scale·u·w for each element of a rectangle, u one a lane or one an element, w one a lane. A weight of 0 gives 0,
    /// whatever u is.
    pub fn of<L: Float>(
        &mut self,
        scale: Scaled,
        upstream: Option<&[L]>,
        weights: Option<&[L]>,
        (lanes, classes): &Rect,
    ) -> Factors<'_> {
        let plain = scale.value();
        let len = lanes.len() * classes.len();
        let is_uniform = upstream.is_none_or(|values| values.len() == 1)
            && weights.is_none_or(|values| values.len() == 1);
        let factors = self.factors.get(if is_uniform { 1 } else { len });
        factors.fill(plain);
        for values in [upstream, weights].into_iter().flatten() {
            let repeat = factors.len() / values.len();
            for (factors, value) in factors.chunks_exact_mut(repeat).zip(values) {
                factors.iter_mut().for_each(|factor| *factor *= value.to_f64());
            }
        }
        if let [factor] = factors
            && in_range(*factor)
        {
            return Factors::Uniform(*factor);
        }
        // Where a product left the range, it is computed again with an exponent of its own.
        let exact = |i: usize| {
            let at = |values: Option<&[L]>| match values {
                Some(values) => values[i * values.len() / len].to_f64(),
                None => 1.0,
            };
            let (u, w) = (at(upstream), at(weights));
            match w == 0.0 {
                true => Scaled::new(0.0),
                false => scale.times(Scaled::new(u)).times(Scaled::new(w)),
            }
        };
        let all_zero_or_in_range = |factors: &mut [f64]| {
            let mut fits = true;
            for (i, factor) in factors.iter_mut().enumerate().filter(|(_, f)| !in_range(**f)) {
                let [a, b] = exact(i).split();
                *factor = a;
                fits &= b == 1.0;
            }
            fits
        };
        let factors = self.factors.get(len);
        if is_uniform {
            factors.fill(0.0);
            if in_range_or_zero(exact(0).split()) {
                factors.fill(exact(0).split()[0]);
                return Factors::Each(factors);
            }
        } else if all_zero_or_in_range(factors) {
            return Factors::Each(factors);
        }
        let split = self.split.get(len);
        split.iter_mut().enumerate().for_each(|(i, split)| *split = exact(i).split());
        Factors::Split(split)
    }
}

/// Whether no product on the way can have lost anything.
fn in_range(factor: f64) -> bool {
    (1e-290..1e290).contains(&factor.abs())
}

fn in_range_or_zero([_, power]: [f64; 2]) -> bool {
    power == 1.0
}
