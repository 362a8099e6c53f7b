//! Gradients of a lane once its sums are known.
//!
//! One upstream u for the lane, v = uκ/τ:
//! ∂z_q = v(q − p) = v/(S(1 + x))·(g − e·x), ∂z_p = v·p(D − KL) = v/S·e(ε − a).
//!
//! One upstream a class, v_j = u_jκ/τ, D = ε + ln(1 + x); with U = Σvp and V = Σvp(D + 1):
//! ∂z_q = U·q − v·p and ∂z_p = p(v(D + 1) − V). Of generalized terms p·D − p + q, with U = Σv(p − q) and
//! V = ΣvpD: ∂z_q = (U + v)·q − v·p and ∂z_p = p(vD − V).
//!
//! Where the divergence is infinite, ∂z_p is −∞, and NaN (∞ − ∞) at the class that makes it so; 0 where p is 0.

use super::FEW;
use super::columns::{COLUMNS, Row, folded};
use super::lane::{Lane, Lanes};
use super::sums::Cells;
use crate::elementwise::STRIPES;
use crate::number::Number;
use crate::number::tree;
use crate::number::{Level, Real};

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
}

impl<T: Real> Slopes<T> {
    /// For the factor v.
    #[inline(always)]
    pub fn new(lane: &Lane, v: f64) -> Self {
        let share = v * lane.share + lane.zero_or_nan();
        let excess = share / lane.total;
        Slopes {
            excess: T::from_f64(excess),
            weight: T::from_f64(-(excess * lane.surplus)),
            share: T::from_f64(share),
            mean: T::from_f64(lane.mean),
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
            for i in 0..out.len() {
                let slopes = slopes.at(i);
                let slope = excess[i].mul_add(slopes.excess, weight[i] * slopes.weight);
                out[i] = A::round(slope);
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
                let share = weight[i] * slopes.share;
                let slope = share * (ratio[i] - slopes.mean);
                out[i] = A::round(if share == T::ZERO { share } else { slope });
            }
        },
    );
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
    stripes: usize,
    /// One row a stripe, once a class was added.
    weight: Vec<Row<f64, N>>,
    slope: Vec<Row<f64, N>>,
}

impl<const N: usize> UpstreamColumns<N> {
    /// For lanes of so many classes.
    pub fn new(classes: usize, generalized: bool) -> Self {
        let stripes = if classes <= FEW { 1 } else { STRIPES };
        UpstreamColumns { generalized, stripes, weight: Vec::new(), slope: Vec::new() }
    }

    /// Forgets the sums.
    pub fn clear(&mut self) {
        self.weight.clear();
        self.slope.clear();
    }

    /// Adds one class, number `class` of its part.
    pub fn add<T: Real>(
        &mut self,
        level: Level,
        class: usize,
        lanes: &Lanes<N>,
        cells: &Cells<T, N>,
        factors: &Row<f64, N>,
    ) {
        self.weight.resize(self.stripes, [0.0; N]);
        self.slope.resize(self.stripes, [0.0; N]);
        level.run(
            #[inline(always)]
            || {
                let stripe = class % self.stripes;
                let (weight, slope) = (&mut self.weight[stripe], &mut self.slope[stripe]);
                for i in 0..N {
                    let (lane, generalized) = (lanes.lane(i), self.generalized);
                    let (share, more) = upstream_parts(cells, i, factors[i], &lane, generalized);
                    weight[i] += share;
                    slope[i] += more;
                }
            },
        );
    }

    /// Both sums of one lane.
    pub fn value(&self, lane: usize) -> (f64, f64) {
        (folded::<STRIPES, N>(&self.weight, lane), folded::<STRIPES, N>(&self.slope, lane))
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
    let (e, g) = (cells.weight[i].to_f64(), cells.excess[i].to_f64());
    let offset = lane.log_total + if generalized { 0.0 } else { 1.0 };
    let slope = weighted_slope(cells, i, v, offset);
    (if generalized { v * (e - (e + g) / lane.total) } else { v * e }, slope)
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
}

impl SlopesEach {
    /// From the sums.
    #[inline(always)]
    pub fn new(lane: &Lane, (weight, slope): (f64, f64), generalized: bool) -> Self {
        let share = lane.share + lane.zero_or_nan();
        let own = if generalized { 1.0 } else { 0.0 };
        SlopesEach {
            share,
            other: share / lane.total,
            own,
            sum: weight * lane.share,
            mean: slope * lane.share,
            offset: lane.log_total + (1.0 - own),
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
            let (weight, excess) = (&cells.weight[..out.len()], &cells.excess[..out.len()]);
            let factors = &factors[..out.len()];
            for i in 0..out.len() {
                let (slopes, e, g) = (slopes.at(i), weight[i].to_f64(), excess[i].to_f64());
                let other = (e + g) * slopes.other * (slopes.sum + slopes.own * factors[i]);
                out[i] = A::narrow(other - factors[i] * e * slopes.share);
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
                let slope = if e == 0.0 { e } else { slope - e * slopes.mean };
                out[i] = A::narrow(slope * slopes.share);
            }
        },
    );
}
