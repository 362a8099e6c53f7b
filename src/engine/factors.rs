//! The factors of gradients: upstream times weight over the divisor.

use crate::elementwise::Factors;
use crate::layout::{Rect, Scratch};
use crate::number::{Float, Scaled};

/// Scratch for the factors of a tile.
pub struct FactorScratch {
    factors: Scratch<f64>,
    split: Scratch<[f64; 2]>,
}

/// The parts of the factor of each element, which is their product.
struct Product<'a, L> {
    scale: Scaled,
    /// The upstream: none, one a lane or one an element.
    upstream: Option<&'a [L]>,
    /// The weights: none, or one a lane.
    weights: Option<&'a [L]>,
    /// The number of elements.
    len: usize,
}

impl FactorScratch {
    /// Buffers of length 0.
    pub const EMPTY: Self = FactorScratch { factors: Scratch::EMPTY, split: Scratch::EMPTY };

    /// The factor scale·u·w for each element of a rectangle. There is an upstream u for each lane or each element, and a weight w
    /// for each lane. A weight of 0 gives 0, whatever u is.
    pub fn of<L: Float>(
        &mut self,
        scale: Scaled,
        upstream: Option<&[L]>,
        weights: Option<&[L]>,
        (lanes, classes): &Rect,
    ) -> Factors<'_> {
        let product = Product { scale, upstream, weights, len: lanes.len() * classes.len() };
        let plain = scale.value();
        let is_one = |values: Option<&[L]>| values.is_none_or(|values| values.len() == 1);
        if is_one(upstream) && is_one(weights) {
            let first = |values: Option<&[L]>| values.map_or(1.0, |values| values[0].to_f64());
            let (factor, fits) = times(plain, first(upstream), first(weights));
            if fits && in_range(plain) {
                return Factors::Uniform(factor);
            }
        }
        let factors = self.factors.get(product.len);
        if product.fill(plain, factors) {
            return Factors::Each(&*factors);
        }
        // Where a product left the range, it is computed again with an exponent of its own.
        let split = self.split.get(product.len);
        split.iter_mut().enumerate().for_each(|(i, split)| *split = product.exact(i).split());
        Factors::Split(split)
    }
}

impl<L: Float> Product<'_, L> {
    /// Fills in the factors, and returns whether each of them is exactly 0 or was computed in range.
    fn fill(&self, plain: f64, factors: &mut [f64]) -> bool {
        if !in_range(plain) {
            factors.fill(0.0);
            return plain == 0.0 && self.scale.significand == 0.0;
        }
        let one_each = self.upstream.filter(|upstream| upstream.len() == self.len);
        let one_a_lane = self.upstream.filter(|_| one_each.is_none());
        let lanes = self.weights.or(one_a_lane).map_or(1, <[L]>::len);
        let classes = self.len / lanes;
        let mut fits = true;
        for (lane, factors) in factors.chunks_exact_mut(classes).enumerate() {
            let of_lane = |values: Option<&[L]>| values.map_or(1.0, |values| values[lane].to_f64());
            let weight = of_lane(self.weights);
            if weight == 0.0 {
                factors.fill(0.0);
            } else if let Some(upstream) = one_each {
                let upstream = &upstream[lane * classes..][..classes];
                for (factor, u) in factors.iter_mut().zip(upstream) {
                    let u = u.to_f64();
                    let in_range;
                    (*factor, in_range) = times(plain, u, weight);
                    fits &= in_range | (u == 0.0);
                }
            } else {
                let u = of_lane(one_a_lane);
                let (factor, in_range) = times(plain, u, weight);
                fits &= in_range | (u == 0.0);
                factors.fill(factor);
            }
        }
        fits
    }

    /// The product for one element, with an exponent of its own.
    fn exact(&self, element: usize) -> Scaled {
        let at = |values: Option<&[L]>| match values {
            Some(values) => values[element * values.len() / self.len].to_f64(),
            None => 1.0,
        };
        let (u, w) = (at(self.upstream), at(self.weights));
        match w == 0.0 {
            true => Scaled::new(0.0),
            false => self.scale.times(Scaled::new(u)).times(Scaled::new(w)),
        }
    }
}

/// The product plain·u·w, and whether no intermediate product underflowed or overflowed.
#[inline(always)]
fn times(plain: f64, u: f64, w: f64) -> (f64, bool) {
    let (first, all) = (plain * u, plain * u * w);
    (all, in_range(first) & in_range(all))
}

/// Whether a product is far from the ends of an `f64`'s range.
#[inline(always)]
fn in_range(factor: f64) -> bool {
    (factor.abs() >= 1e-290) & (factor.abs() <= 1e290)
}
