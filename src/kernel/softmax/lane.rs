//! One lane whose classes lie behind each other: maxima, sums and what they come to.

use super::cell::{Logit, Shift, cell, finite_part};
use crate::element::Element;
use crate::kernel::ln::ln_of_normal;
use crate::kernel::sum::{add_products, add_values, tree};
use crate::kernel::{CHUNK, Float, Level, STRIPES};

/// The greatest logits so far. NaN is passed over; the sums will have it.
#[derive(Clone, Copy, Debug)]
pub struct Peaks<T>([T; STRIPES]);

impl<T: Logit> Default for Peaks<T> {
    fn default() -> Self {
        Peaks([-T::INFINITY; STRIPES])
    }
}

impl<T: Logit> Peaks<T> {
    /// Adds the next classes.
    pub fn add<A: Element<Loss = T>>(&mut self, level: Level, logits: &[A]) {
        level.run(
            #[inline(always)]
            || {
                let mut peaks = self.0;
                let (whole, tail) = logits.as_chunks::<STRIPES>();
                for logits in whole {
                    for i in 0..STRIPES {
                        peaks[i] = greater(peaks[i], logits[i].widen());
                    }
                }
                self.0 = peaks;
                for (peak, logit) in self.0.iter_mut().zip(tail) {
                    *peak = greater(*peak, logit.widen());
                }
            },
        );
    }

    /// Adds the peaks of another part.
    pub fn merge(&mut self, other: &Self) {
        for (peak, &other) in self.0.iter_mut().zip(&other.0) {
            *peak = greater(*peak, other);
        }
    }

    /// The greatest.
    pub fn value(&self, level: Level) -> T {
        level.run(
            #[inline(always)]
            || {
                let (mut peaks, mut width) = (self.0, STRIPES);
                while width > 1 {
                    width /= 2;
                    for i in 0..width {
                        peaks[i] = greater(peaks[i], peaks[i + width]);
                    }
                }
                peaks[0]
            },
        )
    }
}

/// The greater, or `old` where `new` is NaN.
#[inline(always)]
pub fn greater<T: Logit>(old: T, new: T) -> T {
    if new > old { new } else { old }
}

/// Room for the cells of a chunk of classes, or of one class of lanes beside each other.
#[derive(Clone, Debug)]
pub struct Cells<T, const N: usize = CHUNK> {
    pub weight: [T; N],
    pub log_ratio: [T; N],
    pub curvature: [T; N],
    pub excess: [T; N],
}

impl<T: Logit, const N: usize> Default for Cells<T, N> {
    fn default() -> Self {
        let zeros = [T::ZERO; N];
        Cells { weight: zeros, log_ratio: zeros, curvature: zeros, excess: zeros }
    }
}

impl<T: Logit> Cells<T> {
    /// The cells of the next classes, at most [`CHUNK`]; whether some needed care. The excess is left out
    /// where no gradient is wanted.
    pub fn fill<A: Element<Loss = T>>(
        &mut self,
        level: Level,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
        excess: bool,
    ) -> bool {
        level.run(
            #[inline(always)]
            || {
                let clean = if excess {
                    self.fill_here::<A, false, true>(z_p, z_q, shift)
                } else {
                    self.fill_here::<A, false, false>(z_p, z_q, shift)
                };
                if clean {
                    return false;
                }
                self.fill_here::<A, true, true>(z_p, z_q, shift);
                true
            },
        )
    }

    /// Whether no class needed care that it was not given.
    #[inline(always)]
    fn fill_here<A: Element<Loss = T>, const ANY: bool, const EXCESS: bool>(
        &mut self,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
    ) -> bool {
        let whole = z_p.len() / STRIPES * STRIPES;
        self.span::<A, ANY, EXCESS>(0, &z_p[..whole], &z_q[..whole], shift);
        if whole < z_p.len() {
            let (tail_p, tail_q) = (padded(&z_p[whole..]), padded(&z_q[whole..]));
            self.span::<A, ANY, EXCESS>(whole, &tail_p, &tail_q, shift);
        }
        !self.curvature[..z_p.len()].iter().fold(false, |any, value| any | value.is_nan())
    }

    #[inline(always)]
    fn span<A: Element<Loss = T>, const ANY: bool, const EXCESS: bool>(
        &mut self,
        start: usize,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<T>,
    ) {
        let len = z_p.len();
        let z_q = &z_q[..len];
        let weight = &mut self.weight[start..][..len];
        let log_ratio = &mut self.log_ratio[start..][..len];
        let curvature = &mut self.curvature[start..][..len];
        let excess = &mut self.excess[start..][..len];
        for i in 0..len {
            let cell = cell::<T, ANY>(z_p[i].widen(), z_q[i].widen(), shift);
            weight[i] = cell.weight;
            log_ratio[i] = cell.log_ratio;
            curvature[i] = cell.curvature;
            if EXCESS {
                excess[i] = cell.excess;
            }
        }
    }
}

/// A tail, filled up with its first number.
#[inline(always)]
fn padded<A: Element>(tail: &[A]) -> [A; STRIPES] {
    let mut last = [tail[0]; STRIPES];
    last[..tail.len()].copy_from_slice(tail);
    last
}

/// Σe, Σeε and Σe·φ(ε) over the classes of a lane of many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    weight: [f64; STRIPES],
    mean: [f64; STRIPES],
    curvature: [f64; STRIPES],
    far: f64,
}

impl Sums {
    /// Adds the next classes, of which a multiple of [`STRIPES`] came before. With `excess` the cells
    /// then hold all that gradients need.
    pub fn add<A: Element<Loss: Logit>>(
        &mut self,
        level: Level,
        z_p: &[A],
        z_q: &[A],
        shift: &Shift<A::Loss>,
        cells: &mut Cells<A::Loss>,
        excess: bool,
    ) {
        let care = cells.fill(level, z_p, z_q, shift, excess);
        let len = z_p.len();
        let (weight, ratio) = (&cells.weight[..len], &cells.log_ratio[..len]);
        level.run(
            #[inline(always)]
            || {
                add_values(&mut self.weight, weight);
                add_values(&mut self.curvature, &cells.curvature[..len]);
                if !care {
                    return add_products(&mut self.mean, weight, ratio);
                }
                let mut finite = [A::Loss::ZERO; CHUNK];
                for ((finite, &e), &ratio) in finite.iter_mut().zip(weight).zip(ratio) {
                    *finite = finite_part(e, ratio).0;
                }
                add_products(&mut self.mean, weight, &finite[..len]);
                for (&e, &ratio) in weight.iter().zip(ratio) {
                    if ratio.abs() > A::Loss::FAR {
                        self.far += finite_part(e, ratio).1;
                    }
                }
            },
        );
    }

    /// The sums of this part of a lane.
    pub fn part(&self) -> Part {
        Part {
            weight: tree(self.weight),
            mean: tree(self.mean),
            curvature: tree(self.curvature),
            far: self.far,
        }
    }
}

/// The sums over a part of a lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// Σe.
    pub weight: f64,
    /// Σeε but for classes far apart.
    pub mean: f64,
    /// Σe·φ(ε), Σe·expm1(−ε) for those: with the former they give Σe·e^(−ε).
    pub curvature: f64,
    /// Σeε over those, one after the other.
    pub far: f64,
}

impl Part {
    /// Adds the next part.
    #[inline(always)]
    pub fn join(&mut self, next: &Part) {
        self.weight += next.weight;
        self.mean += next.mean;
        self.curvature += next.curvature;
        self.far += next.far;
    }

    /// What the sums over all classes come to, given the maxima.
    #[inline(always)]
    pub fn lane<T: Logit>(&self, peak_p: T, peak_q: T) -> Lane {
        // 0, or NaN where a maximum is infinite.
        let valid = (T::ZERO * peak_p + T::ZERO * peak_q).to_f64();
        let weight = self.weight + valid;
        let (mean, curvature) = (self.mean / weight, self.curvature / weight);
        let surplus = curvature - mean;
        // No total is that small, but rounding errors of a great mean may leave less than nothing.
        let surplus = if surplus < LEAST - 1.0 { LEAST - 1.0 } else { surplus };
        let total = 1.0 + surplus;
        let (hi, lo) = ln_of_normal(total);
        // ln(1 + x) = ln total + ρ − ρ²/2, ρ = (x − r)/total, r = total − 1 exact; hi = r near total = 1.
        let r = total - 1.0;
        let rest = (surplus - r) / total;
        let far = self.far / weight;
        let divergence = curvature + ((hi - r) + (lo - rest * (r + 0.5 * rest))) + far;
        let log_total = hi + (lo + rest);
        Lane { weight, mean: mean + far, curvature, surplus, total, log_total, divergence }
    }
}

/// Less than 1 + x ever is.
const LEAST: f64 = 1e-9;

/// What is known of a lane once it has been summed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lane {
    /// S.
    pub weight: f64,
    /// a.
    pub mean: f64,
    /// F.
    pub curvature: f64,
    /// x.
    pub surplus: f64,
    /// 1 + x.
    pub total: f64,
    /// ln(1 + x).
    pub log_total: f64,
    /// KL.
    pub divergence: f64,
}

impl Lane {
    /// 0, or NaN where the divergence is.
    #[inline(always)]
    pub fn zero_or_nan(&self) -> f64 {
        0.0 * self.log_total
    }

    /// Whether F is so much more than KL that the rounding errors of its terms count: sum again with the
    /// shift [less](Shift::less) [`log_total`](Self::log_total), once.
    #[inline(always)]
    pub fn is_off_centre(&self) -> bool {
        self.curvature > 32.0 * self.divergence * self.total
    }
}
