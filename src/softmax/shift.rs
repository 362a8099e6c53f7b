//! From where logits are counted.

use super::cell::mask_bound;
use super::cell::moderate;
use super::lane::Lane;
use crate::number::Real;

/// From where the logits of a lane are counted. Differences are kept in a [unit](unit) in which they are finite.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shift<T> {
    /// What logits are multiplied by before they are subtracted: ¼ or 1.
    pub unit: T,
    /// max z_p, in that unit.
    pub peak: T,
    /// 1/τ.
    pub rate: T,
    /// s·τ in that unit, rounded.
    pub hi: T,
    /// The rounding error of `hi`.
    pub lo: T,
    /// Whether s was chosen so that ε = D.
    pub centred: bool,
    /// Whether logits up to [`mask_bound`] are masks.
    pub masked: bool,
    /// Whether no other lies far below the greatest: [`moderate_cell`](super::cell::moderate_cell) does, or
    /// [`masked_cell`](super::cell::masked_cell),
    pub moderate: bool,
    /// which take s,
    pub whole: T,
    /// and max z_p/τ, rounded once.
    pub offset: T,
    /// `offset` − `whole`, from where the logits of q are counted, and its rounding error.
    pub input_offset: [T; 2],
}

impl<T: Real> Shift<T> {
    /// The shift by the maxima, from the least and the greatest logits of p and q, of a masked lane the least that are no
    /// masks.
    #[inline(always)]
    pub fn between(p: [T; 2], q: [T; 2], rate: T, masked: bool) -> Self {
        let unit = unit([p[1], q[1]], rate);
        let (hi, lo) = difference(p[1] * unit, q[1] * unit);
        let is_moderate = |[least, peak]: [T; 2]| (peak - least) * rate <= moderate::<T>();
        let (whole, offset) = ((p[1] - q[1]) * rate, p[1] * rate);
        // Their rounding errors, the same for all classes, are small numbers.
        let small = T::ROUND * T::from_f64(1.0 / 64.0);
        let counted = (whole.abs() < small) & (offset.abs() < small);
        let widest = [p[1] - q[0], q[1] - p[0]];
        let counted = counted & (widest[0] < T::INFINITY) & (widest[1] < T::INFINITY);
        Shift {
            unit,
            peak: p[1] * unit,
            rate,
            hi,
            lo,
            centred: false,
            masked,
            moderate: is_moderate(p) & is_moderate(q) & counted,
            whole,
            offset,
            input_offset: input_offset(whole, offset),
        }
    }

    /// Whether the lane is masked: some logits of p are so low that they count for nothing, and whatever is as low in q too.
    /// (Where q alone has such logits, it misses what p has, which takes care anyway.)
    #[inline(always)]
    pub fn is_masked(p: [T; 2], q: [T; 2], rate: T) -> bool {
        let underflows = |[_, peak]: [T; 2]| (mask_bound::<T>() - peak) * rate < T::UNDERFLOW;
        (p[0] <= mask_bound()) & underflows(p) & underflows(q)
    }

    /// The shift with which a lane must be summed again, given what it came to.
    #[inline(always)]
    pub fn better(self, lane: &Lane) -> Option<Self> {
        self.is_poor(lane).then(|| self.improved(lane))
    }

    /// With better numbers where the lane's sums ask for them, otherwise unchanged.
    #[inline(always)]
    pub fn improved(self, lane: &Lane) -> Self {
        let (rough, off_centre) = (self.is_rough(lane), self.is_off_centre(lane));
        let missing = self.is_missing(lane);
        let less = self.less(lane.log_total);
        let moved = !rough & off_centre;
        Shift {
            hi: if moved { less.hi } else { self.hi },
            lo: if moved { less.lo } else { self.lo },
            centred: self.centred | moved,
            moderate: self.moderate & !(rough | off_centre | missing),
            ..self
        }
    }

    /// Whether the lane must be summed again.
    #[inline(always)]
    pub fn is_poor(&self, lane: &Lane) -> bool {
        self.is_rough(lane) | self.is_off_centre(lane) | self.is_missing(lane)
    }

    /// Whether q may be without a class that p has.
    #[inline(always)]
    fn is_missing(&self, lane: &Lane) -> bool {
        self.moderate & self.masked & lane.curvature.is_nan()
    }

    /// Whether s is so much more than ε that the rounding error of z_p − z_q counts.
    #[inline(always)]
    fn is_rough(&self, lane: &Lane) -> bool {
        let whole = self.whole.to_f64();
        self.moderate & (whole * whole > 512.0 * lane.curvature)
    }

    /// Whether F is so much more than KL that the rounding errors of its terms count; then ε = D is tried.
    #[inline(always)]
    fn is_off_centre(&self, lane: &Lane) -> bool {
        // And where q's weights are that much less, rounding errors of p's would count for theirs.
        let small = lane.total < 1.0 / 256.0;
        !self.centred & ((lane.curvature > 32.0 * lane.divergence * lane.total) | small)
    }

    /// s less so much.
    #[inline(always)]
    fn less(self, surplus: f64) -> Self {
        let (hi, lo) = difference(self.hi, T::from_f64(surplus) * self.unit / self.rate);
        Shift { hi, lo: lo + self.lo, ..self }
    }

    /// (z_p − max z_p)/τ.
    #[inline(always)]
    pub fn log_weight(&self, z_p: T) -> T {
        let [first, second] = rates(self.unit, self.rate);
        z_p.mul_add(self.unit, -self.peak) * first * second
    }

    /// ε.
    #[inline(always)]
    pub fn log_ratio(&self, z_p: T, z_q: T) -> T {
        let (hi, lo) = difference(z_p, z_q);
        let inverse = T::ONE / self.unit;
        ((hi - inverse * self.hi) + (lo - inverse * self.lo)) * self.rate
    }

    /// The same where a difference may overflow, from z_p in the unit.
    #[inline(always)]
    pub fn log_ratio_in_units(&self, z_p: T, z_q: T) -> T {
        let (hi, lo) = difference(z_p, z_q * self.unit);
        // In a unit of 1 only classes that are far below the greatest are infinitely far away.
        let lo = if hi.abs() == T::INFINITY { T::ZERO } else { lo };
        let [first, second] = rates(self.unit, self.rate);
        ((hi - self.hi) + (lo - self.lo)) * first * second
    }
}

/// From where the logits of q are counted, over τ, where those of p are counted from `offset` and ratios from `whole`.
#[inline(always)]
pub fn input_offset<T: Real>(whole: T, offset: T) -> [T; 2] {
    let (hi, lo) = difference(offset, whole);
    [hi, lo]
}

/// The unit of a lane's differences, given its greatest logits: a quarter, of which any difference is finite, unless that
/// might be subnormal where 1/τ is large.
#[inline(always)]
pub fn unit<T: Real>(peaks: [T; 2], rate: T) -> T {
    let (large, eighth) = (T::ONE / (T::ROUND * T::ROUND), T::MAX * T::from_f64(0.125));
    let small = (peaks[0].abs() < eighth) & (peaks[1].abs() < eighth);
    if small & (rate * large > T::ONE) { T::ONE } else { T::from_f64(0.25) }
}

/// What differences in the unit are multiplied by, one after the other: the first product must not be subnormal.
#[inline(always)]
pub fn rates<T: Real>(unit: T, rate: T) -> [T; 2] {
    let inverse = T::ONE / unit;
    if rate < T::ONE { [inverse * rate, T::ONE] } else { [rate, inverse] }
}

/// a − b, the second part its rounding error (TwoDiff, Knuth 1969).
#[inline(always)]
pub fn difference<T: Real>(a: T, b: T) -> (T, T) {
    let hi = a - b;
    let part = hi - a;
    (hi, (a - (hi - part)) - (b + part))
}
