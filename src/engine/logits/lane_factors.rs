//! The factor of the gradients of a lane: upstream, weight, divisor and τ².

use crate::number::{Float, Scaled};

/// The factors that are the same for all lanes of a call.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    exact: Scaled,
    rounded: f64,
    /// 1/τ of both sides, another factor of gradients with respect to logits.
    rates: [f64; 2],
    /// The range of factors for which no product leaves the range of the computing type.
    usual: [f64; 2],
}

/// The factor of a lane.
#[derive(Clone, Debug)]
pub enum LaneFactor {
    /// The weight is 0: gradients are 0, and the lane is not read.
    Skipped,
    /// The upstream is 0: gradients are 0, or NaN if an operand is NaN.
    Zero,
    /// The factor of the lane, or 1 if each class has its own factor.
    Usual(f64),
    /// The factor of the lane, or of each class. Products may leave the range of the computing type.
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

    /// The product of all factors.
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

    /// The factors of the classes of a lane with this weight. Calls `put` with each class and its factor. If all products stay in range,
    /// the result is `Usual`.
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

/// Whether no intermediate product of factors underflowed or overflowed.
fn is_in_range(product: f64) -> bool {
    (1e-290..1e290).contains(&product.abs())
}
