//! What the gradients of a lane are multiplied by: upstream, weight, divisor and τ².

use crate::number::{Float, Scaled};

/// What all lanes of a call have in common.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    exact: Scaled,
    rounded: f64,
    /// 1/τ of both sides, by which gradients of logits are multiplied besides.
    rates: [f64; 2],
    /// Magnitudes of factors with which no product leaves the range of the computing type.
    usual: [f64; 2],
}

/// The factor of a lane.
#[derive(Clone, Debug)]
pub enum LaneFactor {
    /// Gradients are 0: the weight is, and the lane is not looked at.
    Skipped,
    /// Gradients are 0, or NaN where an operand is NaN: the upstream is 0.
    Zero,
    /// The factor, or 1 where each class has a factor of its own.
    Usual(f64),
    /// The factor, or that of each class. Products may leave the range of the computing type.
    Extreme(Vec<Scaled>),
}

impl Scale {
    /// scale·factor, with 1/τ of both sides.
    pub fn new<L: Float>(scale: Scaled, factor: f64, rates: [f64; 2]) -> Self {
        let exact = scale.times(Scaled::new(factor));
        let usual =
            if L::DIGITS == <f32 as Float>::DIGITS { [1e-20, 1e20] } else { [1e-290, 1e290] };
        Scale { exact, rounded: exact.value(), rates, usual }
    }

    fn is_usual(&self, factor: f64) -> bool {
        let [least, most] = self.usual;
        let is_usual = |factor: f64| (least..most).contains(&factor.abs());
        is_usual(factor) & self.rates.iter().all(|rate| is_usual(factor * rate))
    }

    /// The product of everything that there is.
    fn exactly<L: Float>(&self, weight: Option<L>, upstream: Option<L>) -> Scaled {
        let factors = [weight, upstream].into_iter().flatten();
        factors.fold(self.exact, |product, factor| product.times(Scaled::new(factor.to_f64())))
    }

    /// The factor of a lane with this weight and upstream.
    pub fn of_lane<L: Float>(&self, weight: Option<L>, upstream: Option<L>) -> LaneFactor {
        let is_zero = |factor: Option<L>| factor.is_some_and(|factor| factor == L::ZERO);
        if is_zero(weight) {
            return LaneFactor::Skipped;
        }
        if is_zero(upstream) || self.exact.significand == 0.0 {
            return LaneFactor::Zero;
        }
        let number = |factor: Option<L>| factor.map_or(1.0, L::to_f64);
        let weighted = self.rounded * number(weight);
        let factor = weighted * number(upstream);
        if is_in_range(self.rounded) & is_in_range(weighted) & self.is_usual(factor) {
            return LaneFactor::Usual(factor);
        }
        let exact = self.exactly(weight, upstream);
        match self.is_usual(exact.value()) {
            true => LaneFactor::Usual(exact.value()),
            false => LaneFactor::Extreme(vec![exact]),
        }
    }

    /// The factors of the classes of a lane with this weight. Usual ones are put, each with its class.
    pub fn of_classes<L: Float>(
        &self,
        weight: Option<L>,
        upstream: impl Iterator<Item = L> + Clone,
        mut put: impl FnMut(usize, f64),
    ) -> LaneFactor {
        if weight.is_some_and(|weight| weight == L::ZERO) {
            upstream.enumerate().for_each(|(class, _)| put(class, 0.0));
            return LaneFactor::Skipped;
        }
        let common = self.rounded * weight.map_or(1.0, L::to_f64);
        let (mut is_zero, mut are_usual) = (true, is_in_range(self.rounded) & is_in_range(common));
        for (class, u) in upstream.clone().enumerate() {
            let factor = common * u.to_f64();
            put(class, factor);
            is_zero &= u == L::ZERO;
            are_usual &= (u == L::ZERO) | self.is_usual(factor);
        }
        if is_zero || self.exact.significand == 0.0 {
            return LaneFactor::Zero;
        }
        if are_usual {
            return LaneFactor::Usual(1.0);
        }
        LaneFactor::Extreme(upstream.map(|u| self.exactly(weight, Some(u))).collect())
    }
}

/// Whether a product of factors has lost nothing on the way.
fn is_in_range(product: f64) -> bool {
    (1e-290..1e290).contains(&product.abs())
}
