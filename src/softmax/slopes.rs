//! Terms and gradients of a block of contributions once the sums of its lanes are known.
//!
//! One factor v = uκ/τ for the lane: ∂z_q = v(q − p) = v/(S(1 + x))·(g − e·x) with g = e·expm1(−ε), and
//! ∂z_p = v·p(D − KL) = v/S·e(ε − a).
//!
//! One factor v_j = u_jκ/τ for each class, D = ε + ln(1 + x); with U = Σvp and V = Σvp(D + 1): ∂z_q = U·q − v·p and
//! ∂z_p = p(v(D + 1) − V). Of generalized terms p·D − p + q, with U = Σv(p − q) and V = ΣvpD: ∂z_q = (U + v)·q − v·p and
//! ∂z_p = p(vD − V).
//!
//! Where q excludes classes that p has, the divergence is infinite and ∂z_p the limit: v·∞ at those classes, −v·∞ at the
//! others that p has. It is NaN where p has no others.

use super::Factors;
use super::contribution::KeptRow;
use super::normalizers::Normalizers;
use super::{Arrangement, Row, each_row, filled, narrow_row, put_row};
use crate::number::{Level, Number, Real, WIDTH, tree};

/// What gradients are made of where one factor holds for a lane.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // as `Aligned`
struct Slopes<T> {
    /// v/(S(1 + x)).
    excess: Row<T>,
    /// −v·x/(S(1 + x)).
    weight: Row<T>,
    /// v/S.
    share: Row<T>,
    /// a.
    mean: Row<T>,
}

impl<T: Real> Slopes<T> {
    #[inline(always)]
    fn of(lanes: &Normalizers, factors: &Row<f64>, [rate_q, rate_p]: [f64; 2]) -> Self {
        let zeros = [T::ZERO; WIDTH];
        let mut slopes = Slopes { excess: zeros, weight: zeros, share: zeros, mean: zeros };
        for i in 0..WIDTH {
            let excess = factors[i] * rate_q * lanes.share[i] / lanes.kept_total[i];
            slopes.excess[i] = T::from_f64(excess);
            slopes.weight[i] = T::from_f64(-(excess * lanes.kept_surplus[i]));
            slopes.share[i] = T::from_f64(factors[i] * rate_p * lanes.share[i]);
            slopes.mean[i] = T::from_f64(lanes.mean[i]);
        }
        slopes
    }
}

/// ∂z_q and ∂z_p for one factor a lane.
pub fn gradients<T: Real, O: Number<Real = T>>(
    level: Level,
    (lanes, rates): (&Normalizers, [f64; 2]),
    factors: &Row<f64>,
    contributions: &[KeptRow<T>],
    [d_input, d_target]: [Option<&mut [O]>; 2],
) {
    level.run(
        #[inline(always)]
        || {
            let slopes = Slopes::of(lanes, factors, rates);
            if let Some(out) = d_input {
                each_row(
                    out,
                    #[inline(always)]
                    |out, start| {
                        let KeptRow { weight, excess, .. } = &contributions[start / WIDTH];
                        let mut found = [T::ZERO; WIDTH];
                        for i in 0..WIDTH {
                            found[i] =
                                excess[i].mul_add(slopes.excess[i], weight[i] * slopes.weight[i]);
                        }
                        put_row(out, &found);
                    },
                );
            }
            if let Some(out) = d_target {
                each_row(
                    out,
                    #[inline(always)]
                    |out, start| {
                        let KeptRow { weight, log_ratio: ratio, .. } =
                            &contributions[start / WIDTH];
                        let mut found = [T::ZERO; WIDTH];
                        for i in 0..WIDTH {
                            let slope = weight[i] * (ratio[i] - slopes.mean[i]) * slopes.share[i];
                            // 0 · ∞ = 0, but a lane that is NaN stays NaN.
                            let zero = weight[i] * slopes.share[i];
                            found[i] = if weight[i] == T::ZERO { zero } else { slope };
                        }
                        put_row(out, &found);
                    },
                );
            }
        },
    );
}

/// S·U and S·V at each position.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpstreamSums {
    share: Row<f64>,
    slope: Row<f64>,
}

impl UpstreamSums {
    /// Adds a block.
    pub fn add<T: Real>(
        &mut self,
        level: Level,
        (lanes, [rate_q, rate_p], generalized): (&Normalizers, [f64; 2], bool),
        contributions: &[KeptRow<T>],
        factors: &[f64],
    ) {
        level.run(
            #[inline(always)]
            || {
                let log_totals = lanes.kept_log_totals();
                for (row_index, factors) in factors.chunks(WIDTH).enumerate() {
                    let start = row_index * WIDTH;
                    let factors = &filled(factors);
                    let KeptRow { weight, log_ratio: ratio, excess } =
                        &contributions[start / WIDTH];
                    for i in 0..WIDTH {
                        let (e, other) = (weight[i].to_f64(), excess[i].to_f64());
                        let (v, w) = (factors[i] * rate_q, factors[i] * rate_p);
                        let share = w * e;
                        let offset = log_totals[i] + if generalized { 0.0 } else { 1.0 };
                        let slope = share * (ratio[i].to_f64() + offset);
                        let slope = if share == 0.0 { share } else { slope };
                        let is_excluded = (ratio[i] == T::INFINITY) & (w != 0.0);
                        let slope = if is_excluded { w * f64::INFINITY } else { slope };
                        let plain = v * (e - other / lanes.kept_total[i]);
                        self.share[i] += if generalized { plain } else { v * e };
                        self.slope[i] += slope;
                    }
                }
            },
        );
    }

    /// Those of the lane at each position.
    pub fn of_lanes(mut self, arrangement: Arrangement) -> Self {
        if arrangement == Arrangement::OneLane {
            self.share = [tree(self.share); WIDTH];
            self.slope = [tree(self.slope); WIDTH];
        }
        self
    }
}

/// ∂z_q and ∂z_p for a factor a class; `sums` holds S·U and S·V.
pub fn gradients_each<T: Real, O: Number<Real = T>>(
    level: Level,
    (lanes, [rate_q, rate_p], generalized): (&Normalizers, [f64; 2], bool),
    sums: &UpstreamSums,
    factors: &[f64],
    contributions: &[KeptRow<T>],
    [d_input, d_target]: [Option<&mut [O]>; 2],
) {
    let own = if generalized { 1.0 } else { 0.0 };
    level.run(
        #[inline(always)]
        || {
            if let Some(out) = d_input {
                each_row(
                    out,
                    #[inline(always)]
                    |out, start| {
                        let factors = filled(&factors[start..start + out.len()]);
                        let KeptRow { weight, excess, .. } = &contributions[start / WIDTH];
                        let mut found = [0.0; WIDTH];
                        for i in 0..WIDTH {
                            let (e, other) = (weight[i].to_f64(), excess[i].to_f64());
                            let (v, share) = (factors[i] * rate_q, lanes.share[i]);
                            let q = other * (share / lanes.kept_total[i]);
                            found[i] = q * (sums.share[i] * share + own * v) - v * e * share;
                        }
                        narrow_row(out, &found);
                    },
                );
            }
            if let Some(out) = d_target {
                let log_totals = lanes.kept_log_totals();
                each_row(
                    out,
                    #[inline(always)]
                    |out, start| {
                        let factors = filled(&factors[start..start + out.len()]);
                        let KeptRow { weight, log_ratio: ratio, .. } =
                            &contributions[start / WIDTH];
                        let mut found = [0.0; WIDTH];
                        for i in 0..WIDTH {
                            let (e, v) = (weight[i].to_f64(), factors[i] * rate_p);
                            let d = ratio[i].to_f64() + (log_totals[i] + (1.0 - own));
                            let slope = if v * e == 0.0 { v * e } else { v * e * d };
                            let mean = sums.slope[i] * lanes.share[i];
                            // The limit, where p underflows beside a class that q excludes.
                            let has_limit = (mean.abs() == f64::INFINITY)
                                & (ratio[i].abs() < T::INFINITY)
                                & (e == 0.0);
                            let slope = if e == 0.0 { e } else { slope - e * mean };
                            let slope = if has_limit { -mean } else { slope };
                            found[i] = slope * lanes.share[i];
                        }
                        narrow_row(out, &found);
                    },
                );
            }
        },
    );
}

/// Puts the limits of ∂z_p where q excludes classes: +∞ at those, and −∞ at the others that p has, also where p underflows.
pub fn put_limits<T: Real, O: Number<Real = T>>(
    lanes: &Normalizers,
    contributions: &[KeptRow<T>],
    factors: Factors<'_>,
    out: &mut [O],
) {
    for (at, out) in out.iter_mut().enumerate() {
        let (row, i) = (at / WIDTH, at % WIDTH);
        if lanes.divergence[i] != f64::INFINITY {
            continue;
        }
        let (ratio, e) = (contributions[row].log_ratio[i], contributions[row].weight[i]);
        let limit = if lanes.included[i] > 0.0 { f64::INFINITY } else { f64::NAN };
        match factors {
            Factors::Lanes(factors) if factors[i] != 0.0 => {
                if ratio == T::INFINITY {
                    *out = O::narrow(factors[i] * limit);
                } else if ratio.abs() < T::INFINITY && e == T::ZERO {
                    *out = O::narrow(-factors[i] * limit);
                }
            }
            Factors::Each(factors) if factors[at] != 0.0 && ratio == T::INFINITY => {
                *out = O::narrow(factors[at] * limit);
            }
            _ => {}
        }
    }
}

/// The terms p·D, or p·φ(D) where generalized, rounded to the computing type.
pub fn terms<T: Real + Number<Real = T>>(
    level: Level,
    lanes: &Normalizers,
    generalized: bool,
    contributions: &[KeptRow<T>],
    out: &mut [T],
) {
    level.run(
        #[inline(always)]
        || match generalized {
            true => terms_of::<T, true>(lanes, contributions, out),
            false => terms_of::<T, false>(lanes, contributions, out),
        },
    );
}

#[inline(always)]
fn terms_of<T: Real + Number<Real = T>, const GENERALIZED: bool>(
    lanes: &Normalizers,
    contributions: &[KeptRow<T>],
    out: &mut [T],
) {
    let share = lanes.share.map(T::from_f64);
    let log_total = lanes.kept_log_totals().map(T::from_f64);
    let mut other = [T::ZERO; WIDTH];
    for i in 0..WIDTH {
        other[i] = T::from_f64(lanes.share[i] / lanes.kept_total[i]);
    }
    each_row(
        out,
        #[inline(always)]
        |out, start| {
            let KeptRow { weight, log_ratio: ratio, excess } = &contributions[start / WIDTH];
            let mut found = [T::ZERO; WIDTH];
            for i in 0..WIDTH {
                let (e, d) = (weight[i], ratio[i] + log_total[i]);
                let p = e * share[i];
                let plain = if e == T::ZERO { p } else { p * d };
                let plain = if d == T::INFINITY { d } else { plain };
                let square = d * d;
                let near = p * (square * T::remainder(-d));
                let far = (e + excess[i]) * other[i] + (plain - p);
                let is_near = (d.abs() <= T::from_f64(1.5)) & (e > T::ZERO);
                let far = if far < T::ZERO { T::ZERO } else { far };
                found[i] = match GENERALIZED {
                    true if is_near => near,
                    true => far,
                    false => plain,
                };
            }
            put_row(out, &found);
        },
    );
}
