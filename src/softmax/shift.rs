//! From where the logits of a lane are counted.

use super::Settings;
use super::{Arrangement, Row, WIDTH, padded};
use crate::number::{Float, Level, Number, Real, folded, tree};

/// The greatest and the least logits at each position. NaN is passed over; the sums will have it.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Peaks<T> {
    greatest: Row<T>,
    least: Row<T>,
}

impl<T: Real> Default for Peaks<T> {
    #[inline(always)]
    fn default() -> Self {
        Peaks { greatest: [-T::INFINITY; WIDTH], least: [T::INFINITY; WIDTH] }
    }
}

impl<T: Real> Peaks<T> {
    /// Adds the next rows. The last one of a lane alone may be shorter.
    #[inline(always)]
    pub fn add<N: Number<Real = T>>(&mut self, level: Level, logits: &[N]) {
        let (rows, tail) = logits.as_chunks();
        let mut peaks = *self;
        for row in rows {
            peaks.add_row(&N::widen_all(level, row));
        }
        if !tail.is_empty() {
            peaks.add_row(&N::widen_all(level, &padded(tail)));
        }
        *self = peaks;
    }

    #[inline(always)]
    fn add_row(&mut self, row: &Row<T>) {
        for i in 0..WIDTH {
            self.greatest[i] = greater(self.greatest[i], row[i]);
            self.least[i] = lesser(self.least[i], row[i]);
        }
    }

    /// Adds the peaks of another part of the lane.
    pub fn merge(&mut self, other: &Self) {
        for i in 0..WIDTH {
            self.greatest[i] = greater(self.greatest[i], other.greatest[i]);
            self.least[i] = lesser(self.least[i], other.least[i]);
        }
    }

    /// Those of the lane at each position.
    #[inline(always)]
    fn of_lanes(self, arrangement: Arrangement) -> Self {
        match arrangement {
            Arrangement::Sixteen => self,
            Arrangement::OneLane => Peaks {
                greatest: [folded(self.greatest, greater); WIDTH],
                least: [folded(self.least, lesser); WIDTH],
            },
        }
    }

    /// The greatest logit of the lane at each position.
    #[inline(always)]
    pub fn greatest(self, arrangement: Arrangement) -> Row<T> {
        self.of_lanes(arrangement).greatest
    }
}

/// The greater, or `old` where `new` is NaN.
#[inline(always)]
fn greater<T: Real>(old: T, new: T) -> T {
    if new > old { new } else { old }
}

/// The lesser, or `old` where `new` is NaN.
#[inline(always)]
fn lesser<T: Real>(old: T, new: T) -> T {
    if new < old { new } else { old }
}

/// Logits of a lane that is computed the fast way lie no further below the greatest, over τ.
#[inline(always)]
fn fast_extent<T: Real>() -> T {
    T::from_f64(if T::DIGITS == <f32 as Float>::DIGITS { 40.0 } else { 100.0 })
}

/// Whether gradients are promised to be right to a few ulp however far apart the two sides are: in `f64`.
#[inline(always)]
pub fn is_exacting<T: Real>() -> bool {
    T::DIGITS > <f32 as Float>::DIGITS
}

/// How the logits of the lane at each position become [contributions](super::contribution::Contribution).
///
/// Flags are numbers, 0 or 1, so that loops over them are loops over vectors.
#[derive(Clone, Debug)]
#[repr(align(64))] // as `Aligned`
pub struct Shift<T> {
    /// 1/τ, or 2²⁴/τ where 1/τ is not a normal number: no lane is then computed the fast way.
    pub rate: T,
    /// What `rate` is multiplied by to give 1/τ: 1 or 2⁻²⁴.
    per_rate: T,
    /// The settings of the call.
    pub settings: Settings,
    /// For the fast way: s = (max z_p − max z_q)/τ.
    pub log_shift: Row<T>,
    /// For the fast way: max z_p/τ, rounded once. Its error is the same for all classes.
    pub offset: Row<T>,
    /// max z_p.
    greatest_p: Row<T>,
    /// max z_q.
    pub greatest_q: Row<T>,
    /// For the fast way with outputs: what e^((z_q − max z_q)/τ) is multiplied by for the errors of `log_shift` and `offset`.
    pub fast_factor_q: Row<T>,
    /// For the careful way: logits are multiplied by 1, or by ¼ where the difference of two may overflow.
    pub unit: Row<T>,
    /// For the careful way: what numbers in units times `rate` are multiplied by.
    pub per_unit: Row<T>,
    /// For the careful way: max z_p in units.
    pub peak_p: Row<T>,
    /// For the careful way: max z_q in units.
    pub peak_q: Row<T>,
    /// For the careful way: s·τ in units, rounded.
    pub hi: Row<T>,
    /// What `hi` lacks of s·τ.
    pub lo: Row<T>,
    /// For the careful way: e^(s − (max z_p − max z_q)/τ).
    pub factor_q: Row<T>,
    /// Whether the numbers for the careful way are there.
    pub is_prepared: bool,
    /// 1 where s was chosen so that ε = D.
    pub centred: Row<T>,
    /// 1 where the lane is computed the careful way.
    pub careful: Row<T>,
    /// 0, or NaN where the greatest logit of either side is infinite.
    pub valid: Row<T>,
}

impl<T: Real> Shift<T> {
    /// For the rate 1/τ, before any lane is known.
    pub fn new(settings: Settings) -> Self {
        let (zeros, ones) = ([T::ZERO; WIDTH], [T::ONE; WIDTH]);
        let [rate, per_rate] = normal_rate(settings.rates.common);
        Shift {
            rate,
            per_rate,
            settings,
            log_shift: zeros,
            offset: zeros,
            greatest_p: zeros,
            greatest_q: zeros,
            fast_factor_q: ones,
            unit: ones,
            per_unit: ones,
            peak_p: zeros,
            peak_q: zeros,
            hi: zeros,
            lo: zeros,
            factor_q: ones,
            is_prepared: false,
            centred: zeros,
            careful: zeros,
            valid: zeros,
        }
    }

    /// Takes s from the maxima, and the fast way where no logit lies far below them.
    #[inline(always)]
    pub fn take(&mut self, p: Peaks<T>, q: Peaks<T>) {
        let [p, q] = [p, q].map(|peaks| peaks.of_lanes(self.settings.arrangement));
        let (rate, quarter) = (self.rate, T::from_f64(0.25));
        let largest = T::MAX * quarter;
        let extent = if self.per_rate == T::ONE { fast_extent() } else { -T::INFINITY };
        // Rounding errors of smaller offsets are small numbers.
        let countable =
            T::from_f64(if T::DIGITS == <f32 as Float>::DIGITS { 131_072.0 } else { 67_108_864.0 });
        for i in 0..WIDTH {
            let (peak_p, peak_q) = (p.greatest[i], q.greatest[i]);
            let (extent_p, extent_q) = ((peak_p - p.least[i]) * rate, (peak_q - q.least[i]) * rate);
            let (whole, offset) = ((peak_p - peak_q) * rate, peak_p * rate);
            let is_small = (peak_p.abs() <= largest)
                & (p.least[i].abs() <= largest)
                & (peak_q.abs() <= largest)
                & (q.least[i].abs() <= largest);
            let is_simple = is_small
                & (extent_p <= extent)
                & (extent_q <= extent)
                & (whole.abs() < countable)
                & (offset.abs() < countable);
            self.careful[i] = if is_simple { T::ZERO } else { T::ONE };
            self.unit[i] = if is_small { T::ONE } else { quarter };
            (self.log_shift[i], self.offset[i]) = (whole, offset);
            (self.greatest_p[i], self.greatest_q[i]) = (peak_p, peak_q);
            self.valid[i] = T::ZERO * peak_p + T::ZERO * peak_q;
        }
        self.is_prepared = false;
        if self.settings.outputs {
            for i in 0..WIDTH {
                let (peak_p, peak_q) = (self.greatest_p[i], self.greatest_q[i]);
                let (apart, rest) = difference(peak_p, peak_q);
                let of_shift = apart.mul_add(rate, -self.log_shift[i]);
                let error = (peak_p.mul_add(rate, -self.offset[i]) - of_shift) - rest * rate;
                // e^error.
                let half = T::from_f64(0.5);
                self.fast_factor_q[i] = error.mul_add(error.mul_add(half, T::ONE), T::ONE);
            }
        }
    }

    /// Prepares the careful way, with s from the maxima, unless that was done.
    pub fn prepare_careful(&mut self) {
        if self.is_prepared {
            return;
        }
        self.is_prepared = true;
        for i in 0..WIDTH {
            let unit = self.unit[i];
            self.per_unit[i] = T::ONE / unit * self.per_rate;
            (self.peak_p[i], self.peak_q[i]) =
                (self.greatest_p[i] * unit, self.greatest_q[i] * unit);
            (self.hi[i], self.lo[i]) = difference(self.peak_p[i], self.peak_q[i]);
            self.factor_q[i] = T::ONE;
            self.centred[i] = T::ZERO;
        }
    }

    /// Whether all lanes are computed the careful way, and whether any is.
    #[inline(always)]
    pub fn all_and_any_careful(&self) -> (bool, bool) {
        let count = tree(self.careful);
        (count == T::from_f64(WIDTH as f64), count > T::ZERO)
    }
}

/// A number whose product with the second one is the rate, as a normal number.
pub fn normal_rate<T: Real>(rate: f64) -> [T; 2] {
    let lift = f64::from(1 << 24);
    match T::from_f64(rate) < T::MIN_POSITIVE {
        true => [T::from_f64(rate * lift), T::from_f64(1.0 / lift)],
        false => [T::from_f64(rate), T::ONE],
    }
}

/// a − b, the second part its rounding error (TwoDiff, Knuth 1969).
#[inline(always)]
pub fn difference<T: Real>(a: T, b: T) -> (T, T) {
    let hi = a - b;
    let part = hi - a;
    (hi, (a - (hi - part)) - (b + part))
}
