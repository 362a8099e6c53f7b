//! The moments of the divergences D with weights w: the sums of w, wD, wD² and w², and the extremes.

use crate::exact::{ExactSum, SUM_BLOCK};
use crate::number::{Level, Scaled};

/// The sums, the number of distributions whose weight is not 0, and the smallest and largest D.
///
/// A product is added as two numbers, the rounded product and its error (Dekker, 1971). So the sums are exact unless something
/// underflows: the last bit of w² is 104 below its first, that of wD² 156. Then W·ΣwD² − (ΣwD)² is exact too, and 0 if all D are
/// equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// The sum of w.
    pub w: ExactSum,
    /// The sum of wD.
    pub wd: ExactSum,
    /// The sum of wD².
    pub wd2: ExactSum,
    /// The sum of w².
    pub w2: ExactSum,
    /// The number of distributions whose weight is not 0.
    pub count: u64,
    /// The smallest and the largest D.
    pub extremes: Extremes,
}

/// The smallest mean weight with a standard error: 2⁻⁴⁸⁵, the smallest weight whose square is the sum of two `f64`. Squares of smaller
/// weights lose bits. If there is one weight of this size, these bits are less than 2⁻¹⁰⁵ of Σw².
const SMALLEST_MEAN_WEIGHT: f64 = f64::from_bits((1023 - 485) << 52);

impl Moments {
    /// Adds a block of at most [`SUM_BLOCK`] distributions of weight 1.
    pub fn add(&mut self, level: Level, divergences: &[f64]) {
        self.add_count(divergences.len() as u64);
        self.extremes.add(level, divergences);
        self.wd.add_block(level, divergences);
        add_products(level, &mut self.wd2, divergences, divergences, |_| ());
    }

    /// Adds a block of at most [`SUM_BLOCK`] distributions with weights above 0.
    pub fn add_weighted(&mut self, level: Level, divergences: &[f64], weights: &[f64]) {
        self.count = self.count.saturating_add(divergences.len() as u64);
        self.extremes.add(level, divergences);
        self.w.add_block(level, weights);
        add_products(level, &mut self.w2, weights, weights, |_| ());
        let Moments { wd, wd2, .. } = self;
        add_products(level, wd, weights, divergences, |part| {
            add_products(level, wd2, part, divergences, |_| ());
        });
    }

    /// Adds `count` distributions of weight 1 whose divergence is 0.
    pub fn add_zeros(&mut self, count: u64) {
        self.add_count(count);
        self.extremes.add(Level::best(), if count > 0 { &[0.0] } else { &[] });
    }

    /// Adds the weights of `count` distributions of weight 1.
    fn add_count(&mut self, count: u64) {
        self.count = self.count.saturating_add(count);
        self.w.merge(&ExactSum::of(count));
        self.w2.merge(&ExactSum::of(count));
    }

    /// Adds the moments of other distributions.
    pub fn merge(&mut self, other: &Moments) {
        self.w.merge(&other.w);
        self.wd.merge(&other.wd);
        self.wd2.merge(&other.wd2);
        self.w2.merge(&other.w2);
        self.count = self.count.saturating_add(other.count);
        self.extremes.merge(other.extremes);
    }

    /// The standard error √((W·ΣwD² − (ΣwD)²) / W² · Σw² / (W² − Σw²)). Both differences are exact, and rounded once.
    pub fn standard_error(&self) -> f64 {
        let Moments { w, wd, wd2, w2, .. } = self;
        if ![w, wd, wd2, w2].iter().all(|sum| sum.value().is_finite()) {
            return f64::NAN;
        }
        let mean_weight = w.value() / self.count as f64;
        if mean_weight < SMALLEST_MEAN_WEIGHT {
            return f64::NAN;
        }
        let excess = ExactSum::difference_of_products([w, w], [w2, &ExactSum::of(1)]);
        if excess.significand <= 0.0 {
            return f64::NAN;
        }
        let spread = ExactSum::difference_of_products([w, wd2], [wd, wd]);
        let spread = Scaled { significand: spread.significand.max(0.0), ..spread };
        let w = w.scaled();
        spread.over(w).over(w).times(w2.scaled()).over(excess).sqrt()
    }
}

/// Adds the products exactly, and calls `see` with the high and with the low parts.
fn add_products(
    level: Level,
    sum: &mut ExactSum,
    a: &[f64],
    b: &[f64],
    mut see: impl FnMut(&[f64]),
) {
    let [high, low] = &mut [[0.0; SUM_BLOCK]; 2];
    let (high, low) = (&mut high[..a.len()], &mut low[..a.len()]);
    products(level, a, b, high, low);
    for part in [high, low] {
        sum.add_block(level, part);
        see(part);
    }
}

/// Splits each product: a·b = high + low. If a·b is not finite, low is 0. If a is 0, both are 0, even if b is infinite or NaN: the
/// product with the high part of a was not finite already.
fn products(level: Level, a: &[f64], b: &[f64], high: &mut [f64], low: &mut [f64]) {
    level.run(
        #[inline(always)]
        || {
            for (((&a, &b), high), low) in a.iter().zip(b).zip(high).zip(low) {
                *high = if a == 0.0 { 0.0 } else { a * b };
                let rest = a.mul_add(b, -*high);
                *low = if (a != 0.0) & (high.abs() <= f64::MAX) { rest } else { 0.0 };
            }
        },
    );
}

/// The largest D and the largest −D, as integers in the same order as the numbers. NaN is above all numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes(pub [i64; 2]);

/// The extremes of no divergences.
impl Default for Extremes {
    fn default() -> Self {
        Extremes([i64::MIN; 2])
    }
}

impl Extremes {
    /// The integer of NaN.
    const NAN: i64 = f64::NAN.to_bits() as i64;

    /// Takes divergences in.
    fn add(&mut self, level: Level, divergences: &[f64]) {
        level.run(
            #[inline(always)]
            || {
                for &divergence in divergences {
                    self.merge(Extremes([divergence, -divergence].map(Self::key)));
                }
            },
        );
    }

    /// Takes the extremes of other distributions in.
    #[inline(always)]
    pub fn merge(&mut self, other: Extremes) {
        self.0 = std::array::from_fn(|i| self.0[i].max(other.0[i]));
    }

    /// The smallest and the largest D. Both are NaN if there is none, or if one D is NaN.
    pub fn values(self) -> [f64; 2] {
        let [max, min] = self.0.map(Self::number);
        // Not −min, which would give the zero a sign.
        [0.0 - min, max]
    }

    /// Whether these can be the extremes of distributions: of none, of some with NaN, or a smallest and a largest.
    pub fn are_valid(self, any: bool, nans: bool) -> bool {
        let [min, max] = self.values();
        let ordered = min <= max && self.0 == [max, 0.0 - min].map(Self::key);
        match (any, nans) {
            (false, nans) => self == Extremes::default() && !nans,
            (true, true) => self.0 == [Self::NAN; 2],
            (true, false) => ordered,
        }
    }

    /// The integer of a number. Both zeros have the same, and all NaN have the same.
    #[inline(always)]
    fn key(number: f64) -> i64 {
        let bits = (number + 0.0).to_bits() as i64;
        let key = if bits < 0 { bits ^ i64::MAX } else { bits };
        if number.is_nan() { Self::NAN } else { key }
    }

    /// The number of an integer. For `i64::MIN` it is NaN.
    fn number(key: i64) -> f64 {
        f64::from_bits(if key < 0 { key ^ i64::MAX } else { key } as u64)
    }
}

#[cfg(test)]
mod tests;
