//! Values and gradients by their formulas, without rounding: every factor may have any size.

use kldiv::{AnyReduction, Target};
use ndarray::Array2;

use super::big::{Big, ONE, ZERO};
use super::call::{Case, Face};
use super::common::Number;

impl Case {
    /// Both gradients for an upstream, or for one of 1.
    pub fn expected(&self, upstream: Option<&[f64]>, tiny: f64) -> [Array2<Expected>; 2] {
        let mut all = [0; 2].map(|_| Array2::from_elem(self.input.dim(), Expected::default()));
        let divisor = self.divisor();
        for lane in 0..self.input.nrows() {
            let factors: Vec<_> =
                (0..self.input.ncols()).map(|j| self.factor(lane, j, upstream, divisor)).collect();
            let (x, t) = (self.input.row(lane).to_vec(), self.target.row(lane).to_vec());
            let found = match self.face {
                Face::Given { log_target } => {
                    given(&x, &t, log_target, self.generalized, &factors, tiny)
                }
                Face::Logits(Target::Logits) => logits(self, &x, &t, &factors, tiny),
                Face::Logits(kind) => soft(self, kind, &x, &t, &factors),
            };
            for (array, found) in all.iter_mut().zip(found) {
                array.row_mut(lane).iter_mut().zip(found).for_each(|(to, found)| *to = found);
            }
        }
        all
    }

    /// The terms of a lane without factors, and what their rounding errors are relative to.
    fn terms(&self, lane: usize) -> Vec<[Big; 2]> {
        let (x, t) = (self.input.row(lane).to_vec(), self.target.row(lane).to_vec());
        let logits = matches!(self.face, Face::Logits(_));
        let log = matches!(
            self.face,
            Face::Given { log_target: true } | Face::Logits(Target::LogProbabilities)
        );
        let mut conditioning = if logits { ONE + extent(&x, self.temperature) } else { ONE };
        let term = |p: Big, d: Big, q: Big, size: Big| {
            let more = if self.generalized { q - p } else { ZERO };
            [p * d + more, p * size + if self.generalized { p + q } else { ZERO }]
        };
        let terms: Vec<_> = if self.face == Face::Logits(Target::Logits) {
            conditioning = conditioning + extent(&t, self.temperature);
            let [p, d, excess] = pair(&x, &t, self.temperature);
            let apart = |(&a, &b): (&f64, &f64)| (Big::of(a) - Big::of(b)).abs();
            let most = t.iter().zip(&x).map(apart).fold(ZERO, Big::max);
            let size = Big::of(2.0) * most / Big::of(self.temperature);
            (0..x.len()).map(|j| term(p[j], d[j], p[j] + excess[j], size)).collect()
        } else {
            let q: Vec<_> = match self.face {
                Face::Given { .. } => x.iter().map(|&x| Big::of(x).exp()).collect(),
                _ => softmax(&x, self.temperature),
            };
            let each = |(&q, &t): (&Big, &f64)| {
                let p = if log { Big::of(t).exp() } else { Big::of(t) };
                if p.is_zero() {
                    return term(ZERO, ZERO, q, ZERO);
                }
                let (ln_p, ln_q) = (if log { Big::of(t) } else { p.ln() }, q.ln());
                term(p, ln_p - ln_q, q, ln_p.abs() + ln_q.abs())
            };
            q.iter().zip(&t).map(each).collect()
        };
        terms.into_iter().map(|[term, size]| [term, size * conditioning]).collect()
    }

    /// Values, where every product on the way to them fits; nothing where one does not.
    pub fn expected_values<A: Number>(&self) -> Option<Vec<Expected>> {
        let (divisor, squared) =
            (self.divisor(), Big::of(self.temperature) * Big::of(self.temperature));
        let kappa = if self.squared { squared } else { ONE };
        let range =
            [A::TINY.sqrt() * A::TINY.sqrt().sqrt(), 1.0 / A::TINY.sqrt() / A::TINY.sqrt().sqrt()];
        let range = range.map(Big::of);
        let mut all_fit = true;
        let mut sums = vec![];
        let mut total = [ZERO; 2];
        for lane in 0..self.input.nrows() {
            let weight = Big::of(self.weights.as_ref().map_or(1.0, |weights| weights[lane]));
            let mut sum = [ZERO; 2];
            for [term, size] in self.terms(lane) {
                for factor in [ONE, kappa, weight, kappa * weight] {
                    let product = (term * factor).abs();
                    all_fit &= product.is_zero() || (product > range[0] && product < range[1]);
                }
                let both = [term, size].map(|part| part * kappa * weight);
                sum = [sum[0] + both[0], sum[1] + both[1]];
                if self.reduction == AnyReduction::Pointwise {
                    sums.push(both);
                }
            }
            if self.reduction == AnyReduction::PerDistribution {
                sums.push(sum);
            }
            total = [total[0] + sum[0], total[1] + sum[1]];
        }
        if !matches!(self.reduction, AnyReduction::Pointwise | AnyReduction::PerDistribution) {
            let over = |part: Big| if divisor.is_zero() { ZERO } else { part / divisor };
            sums.push(total.map(over));
        }
        all_fit.then(|| sums.into_iter().map(|[sum, size]| Expected::new(sum, size)).collect())
    }
}

/// A slope, and what its rounding errors are relative to.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    pub slope: Big,
    pub size: Big,
    /// An error that underflow excuses: of probabilities and log-ratios below the normal numbers.
    pub underflow: Big,
    /// −1 or 1 where the slope is infinite.
    pub infinite: f64,
    /// Whether the factor of an infinite slope is so small that it may be 0.
    pub may_vanish: bool,
}

impl Default for Expected {
    fn default() -> Self {
        Expected { slope: ZERO, size: ZERO, underflow: ZERO, infinite: 0.0, may_vanish: false }
    }
}

impl Expected {
    fn new(slope: Big, size: Big) -> Self {
        Expected { slope, size, ..Self::default() }
    }

    /// An infinite slope times a factor.
    fn infinite(infinite: f64, factor: Big) -> Self {
        let may_vanish = factor.abs() < Big::of(1e-300);
        Expected { infinite, may_vanish, ..Self::default() }
    }

    /// What is wrong with a number found, if anything.
    pub fn mistake<A: Number>(&self, found: f64, ulps: f64) -> Option<&'static str> {
        let allowed = Big::of(ulps * A::EPSILON) * self.size + self.underflow;
        let max = Big::of(A::MAX);
        if found.is_nan() {
            Some("NaN")
        } else if self.infinite != 0.0 {
            let vanished = self.may_vanish && found == 0.0;
            let is_limit = found == self.infinite * f64::INFINITY;
            (!is_limit && !vanished).then_some("not the infinite limit")
        } else if found.is_infinite() {
            let sign = self.slope.abs() > allowed && self.slope.signum() != found.signum();
            let fits = self.slope.abs() + allowed < max || sign;
            fits.then_some("infinite, but the product fits")
        } else if (Big::of(found) - self.slope).abs() <= allowed + Big::of(2.0 * A::TINY) {
            None
        } else if self.slope.abs() > max {
            Some("finite, but the product does not fit")
        } else if found == 0.0 {
            Some("0, but the product fits")
        } else {
            Some("wrong")
        }
    }
}

/// An error of some subnormals in a probability that is small.
fn underflow(probability: Big, by: Big, tiny: f64) -> Big {
    let small = Big::of(tiny) * Big::of(2_f64.powi(48));
    if probability < small { Big::of(4.0 * tiny) * by } else { ZERO }
}

/// Log-probabilities.
fn given(
    x: &[f64],
    target: &[f64],
    log_target: bool,
    generalized: bool,
    factors: &[Big],
    tiny: f64,
) -> [Vec<Expected>; 2] {
    let one = if generalized { ZERO } else { ONE };
    let each = |j: usize| {
        let (x, v) = (Big::of(x[j]), factors[j]);
        let q = x.exp();
        let t = if log_target { Big::of(target[j]).exp() } else { Big::of(target[j]) };
        let (minus, plus) = if generalized { (q - t, q + t) } else { (-t, t) };
        let mut d_input = Expected::new(v * minus, v.abs() * plus);
        d_input.underflow = underflow(t.min(if generalized { q } else { t }), v.abs(), tiny);
        if t.is_zero() {
            let none = Expected::default();
            return (d_input, if log_target { none } else { Expected::infinite(-v.signum(), v) });
        }
        let ln_t = if log_target { Big::of(target[j]) } else { t.ln() };
        let (slope, size) = (ln_t - x + one, ln_t.abs() + x.abs() + ONE);
        let share = if log_target { t } else { ONE };
        let mut d_target = Expected::new(v * share * slope, v.abs() * share * size);
        if log_target {
            d_target.underflow = underflow(t, v.abs() * size, tiny);
        }
        (d_input, d_target)
    };
    let (d_input, d_target) = (0..x.len()).map(each).unzip();
    [d_input, d_target]
}

/// e^(z/τ) over their sum, the greatest exponent's |z/τ| taken out.
pub fn softmax(z: &[f64], temperature: f64) -> Vec<Big> {
    let peak = z.iter().fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
    let exp = |&z: &f64| ((Big::of(z) - Big::of(peak)) / Big::of(temperature)).exp();
    let all: Vec<_> = z.iter().map(exp).collect();
    let sum = all.iter().copied().sum();
    all.into_iter().map(|e| e / sum).collect()
}

/// The largest |z/τ| of a lane.
fn extent(z: &[f64], temperature: f64) -> Big {
    let largest = z.iter().fold(0.0_f64, |largest, z| largest.max(z.abs()));
    Big::of(largest) / Big::of(temperature)
}

/// p, D and p·expm1(−D) = q − p, each to full relative precision however near p = q.
pub fn pair(z_q: &[f64], z_p: &[f64], temperature: f64) -> [Vec<Big>; 3] {
    let p = softmax(z_p, temperature);
    let over = |(&z_p, &z_q): (&f64, &f64)| (Big::of(z_p) - Big::of(z_q)) / Big::of(temperature);
    let ratio: Vec<_> = z_p.iter().zip(z_q).map(over).collect();
    // Counted from the one of the greatest p, so that no exponential is too large.
    let at = (0..p.len()).fold(0, |most, j| if z_p[j] > z_p[most] { j } else { most });
    let shift = ratio[at];
    let ratio: Vec<_> = ratio.into_iter().map(|ratio| ratio - shift).collect();
    let mean = |f: &dyn Fn(usize) -> Big| (0..p.len()).map(f).sum::<Big>();
    let surplus = mean(&|j| p[j] * (-ratio[j]).exp_m1()).ln_1p();
    let d: Vec<_> = ratio.iter().map(|&ratio| ratio + surplus).collect();
    let excess = (0..p.len()).map(|j| p[j] * (-d[j]).exp_m1()).collect();
    [p, d, excess]
}

/// Logits against logits.
fn logits(case: &Case, z_q: &[f64], z_p: &[f64], factors: &[Big], tiny: f64) -> [Vec<Expected>; 2] {
    let rate = ONE / Big::of(case.temperature);
    let [p, d, excess] = pair(z_q, z_p, case.temperature);
    let q: Vec<_> = p.iter().zip(&excess).map(|(&p, &excess)| p + excess).collect();
    let sum = |f: &dyn Fn(usize) -> Big| (0..p.len()).map(f).sum::<Big>();
    let conditioning = ONE + extent(z_q, case.temperature) + extent(z_p, case.temperature);
    let differences: Vec<_> = z_p.iter().zip(z_q).map(|(&a, &b)| Big::of(a) - Big::of(b)).collect();
    let most = differences.iter().fold(ZERO, |most, d| most.max(d.abs())) * rate * Big::of(2.0);
    // Of log-ratios, where they are small.
    let lost = |v: Big| underflow(most, v.abs() * rate, tiny);
    if case.reduction != AnyReduction::Pointwise {
        let v = factors[0] * rate;
        let mean = sum(&|j| p[j] * d[j]);
        let d_input = |j: usize| Expected {
            underflow: lost(factors[0]),
            ..Expected::new(v * excess[j], v.abs() * (p[j] + q[j]) * most.min(ONE) * conditioning)
        };
        let d_target = |j: usize| Expected {
            underflow: lost(factors[0]),
            ..Expected::new(v * p[j] * (d[j] - mean), v.abs() * p[j] * most * conditioning)
        };
        return [(0..p.len()).map(d_input).collect(), (0..p.len()).map(d_target).collect()];
    }
    let one = if case.generalized { ZERO } else { ONE };
    let v: Vec<_> = factors.iter().map(|&v| v * rate).collect();
    let g = |j: usize| if case.generalized { v[j] * excess[j] } else { -v[j] * p[j] };
    let g_size = |j: usize| v[j].abs() * (p[j] + if case.generalized { q[j] } else { ZERO });
    let h = |j: usize| v[j] * p[j] * (d[j] + one);
    let h_size = |j: usize| v[j].abs() * p[j] * (most + ONE);
    let all = [sum(&g), sum(&g_size), sum(&h), sum(&h_size)];
    let d_input = |j: usize| {
        // q is p + (q − p).
        let size = g_size(j) + (q[j] + p[j]) * all[1];
        Expected::new(g(j) - q[j] * all[0], size * conditioning)
    };
    let d_target =
        |j: usize| Expected::new(h(j) - p[j] * all[2], (h_size(j) + p[j] * all[3]) * conditioning);
    [(0..p.len()).map(d_input).collect(), (0..p.len()).map(d_target).collect()]
}

/// Logits against probabilities or log-probabilities.
fn soft(
    case: &Case,
    kind: Target,
    z: &[f64],
    target: &[f64],
    factors: &[Big],
) -> [Vec<Expected>; 2] {
    let rate = ONE / Big::of(case.temperature);
    let q = softmax(z, case.temperature);
    let log = kind == Target::LogProbabilities;
    let t: Vec<_> =
        target.iter().map(|&t| if log { Big::of(t).exp() } else { Big::of(t) }).collect();
    let conditioning = ONE + extent(z, case.temperature);
    let v = factors;
    let part = |size: bool, j: usize| {
        let (v, q) =
            (if size { v[j].abs() } else { v[j] }, if case.generalized { q[j] } else { ZERO });
        v * if size { q + t[j] } else { q - t[j] }
    };
    let all = [false, true].map(|size| (0..t.len()).map(|j| part(size, j)).sum::<Big>());
    let d_input = |j: usize| {
        let (slope, size) = (part(false, j) - q[j] * all[0], part(true, j) + q[j] * all[1]);
        Expected::new(slope * rate, size * rate * conditioning)
    };
    let one = if case.generalized { ZERO } else { ONE };
    let d_target = |j: usize| {
        if t[j].is_zero() {
            let none = Expected::default();
            return if log { none } else { Expected::infinite(-v[j].signum(), v[j]) };
        }
        let (ln_t, ln_q) = (if log { Big::of(target[j]) } else { t[j].ln() }, q[j].ln());
        let share = v[j] * if log { t[j] } else { ONE };
        let size = share.abs() * (ln_t.abs() + ln_q.abs() + ONE) * conditioning;
        Expected::new(share * (ln_t - ln_q + one), size)
    };
    [(0..t.len()).map(d_input).collect(), (0..t.len()).map(d_target).collect()]
}
