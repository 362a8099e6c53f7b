//! Gradients of a lane once its sums are known.
//!
//! One upstream u for the lane, v = uκ/τ:
//! ∂z_q = v(q − p) = v/(S(1 + x))·(g − e·x), or v·(y/(S(1 + x)) − e/S) where ε > ½, ∂z_p = v·p(D − KL) = v/S·e(ε − a).
//!
//! One upstream a class, v_j = u_jκ/τ, D = ε + ln(1 + x); with U = Σvp and V = Σvp(D + 1):
//! ∂z_q = U·q − v·p and ∂z_p = p(v(D + 1) − V). Of generalized terms p·D − p + q, with U = Σv(p − q) and
//! V = ΣvpD: ∂z_q = (U + v)·q − v·p and ∂z_p = p(vD − V).
//!
//! Where the divergence is infinite, ∂z_p is its limit: +∞ at the class that makes it so (NaN if p has no other), −∞ at
//! others, and 0 where p is 0.

use super::cell::{is_apart, weight_in_q};
use super::columns::{COLUMNS, Row};
use super::factor::{Factor, times_power};
use super::lane::{Lane, Lanes};
use super::sums::Cells;
use crate::elementwise::STRIPES;
use crate::number::Number;
use crate::number::tree;
use crate::number::{Float, Level, Real};

/// Something that each lane has.
pub trait PerLane<S>: Copy {
    /// That of the element at `index`.
    fn at(self, index: usize) -> S;
}

/// The elements are the classes of one lane.
#[derive(Clone, Copy, Debug)]
pub struct One<S>(pub S);

/// The elements are one class of lanes beside each other.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a, S, const N: usize = COLUMNS>(pub &'a [S; N]);

impl<S: Copy> PerLane<S> for One<S> {
    #[inline(always)]
    fn at(self, _: usize) -> S {
        self.0
    }
}

impl<S: Copy, const N: usize> PerLane<S> for Beside<'_, S, N> {
    #[inline(always)]
    fn at(self, index: usize) -> S {
        self.0[index]
    }
}

/// What gradients are made of where one factor holds for a lane, rounded to the computing type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slopes<T> {
    /// v/(S(1 + x)).
    excess: T,
    /// −v·x/(S(1 + x)).
    weight: T,
    /// v/S.
    share: T,
    /// a.
    mean: T,
    /// Whether products with these numbers may not fit the type, or a derivative is infinite: [`mend`] is needed.
    pub needs_care: bool,
}

impl<T: Real> Slopes<T> {
    /// For the factor v.
    #[inline(always)]
    pub fn new(lane: &Lane, factor: Factor) -> Self {
        let v = factor.value();
        let share = v * lane.share + lane.zero_or_nan();
        let excess = v * lane.other_share + lane.zero_or_nan();
        let limit = if T::DIGITS == <f32 as Float>::DIGITS { 1_u64 << 60 } else { 1 << 63 } as f64;
        let limit = if T::DIGITS == <f32 as Float>::DIGITS { limit } else { limit.powi(12) };
        let fits = |number: f64| (number.abs() <= limit) & (number.abs() >= 1.0 / limit);
        let mean = T::from_f64(lane.mean);
        let is_usual = factor.is_zero() | (fits(share) & fits(excess));
        let is_finite = mean.abs() < T::INFINITY;
        Slopes {
            excess: T::from_f64(excess),
            weight: T::from_f64(-(excess * lane.excess)),
            share: T::from_f64(share),
            mean,
            needs_care: !(is_usual & is_finite) & !lane.log_total.is_nan(),
        }
    }
}

/// ∂z_q.
pub fn d_inputs<T: Real, A: Number<Real = T>, const N: usize>(
    level: Level,
    slopes: impl PerLane<Slopes<T>>,
    cells: &Cells<T, N>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            let (slopes, out) = (slopes, &mut *out);
            let (weight, excess) = (&cells.weight[..out.len()], &cells.excess[..out.len()]);
            let ratio = &cells.log_ratio[..out.len()];
            for i in 0..out.len() {
                let slopes = slopes.at(i);
                let less = if is_apart(ratio[i]) { -slopes.share } else { slopes.weight };
                out[i] = A::round(excess[i].mul_add(slopes.excess, weight[i] * less));
            }
        },
    );
}

/// ∂z_p.
pub fn d_targets<T: Real, A: Number<Real = T>, const N: usize>(
    level: Level,
    slopes: impl PerLane<Slopes<T>>,
    cells: &Cells<T, N>,
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            let (slopes, out) = (slopes, &mut *out);
            let (weight, ratio) = (&cells.weight[..out.len()], &cells.log_ratio[..out.len()]);
            for i in 0..out.len() {
                let slopes = slopes.at(i);
                let e = weight[i];
                let slope = if e == T::ZERO { e } else { e * (ratio[i] - slopes.mean) };
                out[i] = A::round(slope * slopes.share);
            }
        },
    );
}

/// Computes both gradients of lanes that [need care](Slopes::needs_care) again: each slope in `f64`, the factor last.
pub fn mend<T: Real, A: Number<Real = T>, const N: usize>(
    slopes: impl PerLane<Slopes<T>>,
    lane: impl Fn(usize) -> (Lane, Factor),
    cells: &Cells<T, N>,
    [d_input, d_target]: [Option<&mut [A]>; 2],
) {
    let [d_input, d_target] = [d_input, d_target].map(Option::unwrap_or_default);
    for i in 0..d_input.len().max(d_target.len()) {
        if !slopes.at(i).needs_care {
            continue;
        }
        let (lane, factor) = lane(i);
        let (e, ratio) = (cells.weight[i].to_f64(), cells.log_ratio[i]);
        if let Some(out) = d_input.get_mut(i) {
            let (other, x) = (lane.other_share, lane.excess);
            let less = if is_apart(ratio) { lane.share } else { other * x };
            let slope = cells.excess[i].to_f64().mul_add(other, -(e * less));
            *out = A::narrow(factor.apply(slope));
        }
        if let Some(out) = d_target.get_mut(i) {
            let p = e * lane.share;
            let slope = match ratio.to_f64() - lane.mean {
                _ if e == 0.0 => 0.0,
                _ if ratio == T::INFINITY => infinite_slope(p),
                difference => p * difference,
            };
            *out = A::narrow(factor.apply(slope));
        }
    }
}

/// The limit of p(D − KL) for D → ∞ at a class that q excludes: KL grows as p·D. NaN where p has no other class.
#[inline(always)]
fn infinite_slope(p: f64) -> f64 {
    if p < 1.0 { f64::INFINITY } else { f64::NAN }
}

/// The sums S·U and S·V over the classes of a lane of many.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamSums {
    generalized: bool,
    weight: [f64; STRIPES],
    slope: [f64; STRIPES],
}

impl UpstreamSums {
    pub fn new(generalized: bool) -> Self {
        UpstreamSums { generalized, weight: [0.0; STRIPES], slope: [0.0; STRIPES] }
    }

    /// Adds the next classes, of which a multiple of [`STRIPES`] came before.
    pub fn add<T: Real, const N: usize>(
        &mut self,
        level: Level,
        lane: &Lane,
        cells: &Cells<T, N>,
        factors: &[f64],
    ) {
        level.run(
            #[inline(always)]
            || {
                let generalized = self.generalized;
                for (i, &v) in factors.iter().enumerate() {
                    let (share, slope) = upstream_parts(cells, i, v, lane, generalized);
                    self.weight[i % STRIPES] += share;
                    self.slope[i % STRIPES] += slope;
                }
            },
        );
    }

    /// Both sums.
    pub fn value(&self) -> (f64, f64) {
        (tree(self.weight), tree(self.slope))
    }
}

/// The same over the classes of lanes beside each other.
#[derive(Clone, Debug)]
pub struct UpstreamColumns<const N: usize = COLUMNS> {
    generalized: bool,
    weight: Row<f64, N>,
    slope: Row<f64, N>,
}

impl<const N: usize> UpstreamColumns<N> {
    pub fn new(generalized: bool) -> Self {
        UpstreamColumns { generalized, weight: [0.0; N], slope: [0.0; N] }
    }

    /// Forgets the sums.
    pub fn clear(&mut self) {
        (self.weight, self.slope) = ([0.0; N], [0.0; N]);
    }

    /// Adds one class.
    pub fn add<T: Real>(
        &mut self,
        level: Level,
        lanes: &Lanes<N>,
        cells: &Cells<T, N>,
        factors: &Row<f64, N>,
    ) {
        level.run(
            #[inline(always)]
            || {
                for i in 0..N {
                    let (lane, generalized) = (lanes.lane(i), self.generalized);
                    let (share, more) = upstream_parts(cells, i, factors[i], &lane, generalized);
                    self.weight[i] += share;
                    self.slope[i] += more;
                }
            },
        );
    }

    /// Both sums of one lane.
    pub fn value(&self, lane: usize) -> (f64, f64) {
        (self.weight[lane], self.slope[lane])
    }
}

/// ve and ve(D + 1), 0 where the former is; generalized, v(e − S·q) and veD.
#[inline(always)]
fn upstream_parts<T: Real, const N: usize>(
    cells: &Cells<T, N>,
    i: usize,
    v: f64,
    lane: &Lane,
    generalized: bool,
) -> (f64, f64) {
    let e = cells.weight[i].to_f64();
    let offset = lane.log_total + if generalized { 0.0 } else { 1.0 };
    let slope = weighted_slope(cells, i, v, offset);
    let total = lane.other_share / lane.share;
    let share = if generalized { v * (e - other_weight(cells, i) * total) } else { v * e };
    (share, slope)
}

/// y, the weight in q.
#[inline(always)]
fn other_weight<T: Real, const N: usize>(cells: &Cells<T, N>, i: usize) -> f64 {
    let (e, g) = (cells.weight[i].to_f64(), cells.excess[i].to_f64());
    weight_in_q(e, cells.log_ratio[i].to_f64(), g)
}

/// ve(ε + offset), 0 where ve is.
#[inline(always)]
fn weighted_slope<T: Real, const N: usize>(
    cells: &Cells<T, N>,
    i: usize,
    v: f64,
    offset: f64,
) -> f64 {
    let share = v * cells.weight[i].to_f64();
    let slope = share * (cells.log_ratio[i].to_f64() + offset);
    if share == 0.0 { share } else { slope }
}

/// What gradients are made of where each class has its own factor.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlopesEach {
    /// 1/S.
    share: f64,
    /// 1/(S(1 + x)), which makes e + g the probability q,
    other: f64,
    /// and its part in that of v: 0, or 1 of generalized terms.
    own: f64,
    /// U.
    sum: f64,
    /// V.
    mean: f64,
    /// D + 1 − ε, or D − ε of generalized terms.
    offset: f64,
    /// The power of two by which the factors are less than they should be.
    power: i32,
}

impl SlopesEach {
    /// From the sums.
    #[inline(always)]
    pub fn new(lane: &Lane, (weight, slope): (f64, f64), generalized: bool, power: i32) -> Self {
        let share = lane.share + lane.zero_or_nan();
        let own = if generalized { 1.0 } else { 0.0 };
        SlopesEach {
            share,
            other: lane.other_share + lane.zero_or_nan(),
            own,
            sum: weight * lane.share,
            mean: slope * lane.share,
            offset: lane.log_total + (1.0 - own),
            power,
        }
    }
}

/// ∂z_q, one factor a class.
pub fn d_inputs_each<T: Real, A: Number<Real = T>, const N: usize>(
    level: Level,
    slopes: impl PerLane<SlopesEach>,
    cells: &Cells<T, N>,
    factors: &[f64],
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            let (slopes, out) = (slopes, &mut *out);
            let weight = &cells.weight[..out.len()];
            let factors = &factors[..out.len()];
            for i in 0..out.len() {
                let (slopes, e, y) = (slopes.at(i), weight[i].to_f64(), other_weight(cells, i));
                let other = y * slopes.other * (slopes.sum + slopes.own * factors[i]);
                let slope = other - factors[i] * e * slopes.share;
                out[i] = A::narrow(powered(slope, slopes.power));
            }
        },
    );
}

/// ∂z_p, one factor a class.
pub fn d_targets_each<T: Real, A: Number<Real = T>, const N: usize>(
    level: Level,
    slopes: impl PerLane<SlopesEach>,
    cells: &Cells<T, N>,
    factors: &[f64],
    out: &mut [A],
) {
    level.run(
        #[inline(always)]
        || {
            let (slopes, out) = (slopes, &mut *out);
            let factors = &factors[..out.len()];
            for i in 0..out.len() {
                let slopes = slopes.at(i);
                let slope = weighted_slope(cells, i, factors[i], slopes.offset);
                let e = cells.weight[i].to_f64();
                let slope = if e == 0.0 {
                    e * slopes.share
                } else if slope.is_infinite() {
                    slope * infinite_slope(e * slopes.share)
                } else {
                    (slope - e * slopes.mean) * slopes.share
                };
                out[i] = A::narrow(powered(slope, slopes.power));
            }
        },
    );
}

/// slope·2^power, of which the power is mostly 0.
#[inline(always)]
fn powered(slope: f64, power: i32) -> f64 {
    if power == 0 { slope } else { times_power(slope, power) }
}
