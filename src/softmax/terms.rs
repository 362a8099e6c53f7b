//! The terms of a lane once its sums are known.

use super::cell::{far, remainders, weight_in_q};
use super::gradient::PerLane;
use super::lane::Lane;
use super::sums::Cells;
use crate::number::{Level, Real};

/// What terms are made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares<T> {
    /// 1/S.
    share: T,
    /// 1/(S(1 + x)).
    other: T,
    /// ln(1 + x).
    log_total: T,
}

impl<T: Real> Shares<T> {
    /// Those of a lane.
    #[inline(always)]
    pub fn new(lane: &Lane) -> Self {
        let share = lane.share + lane.zero_or_nan();
        Shares {
            share: T::from_f64(share),
            other: T::from_f64(lane.other_share + lane.zero_or_nan()),
            log_total: T::from_f64(lane.log_total),
        }
    }
}

/// The terms p·D, or p·φ(D) (generalized), rounded to the computing type.
pub fn softmax_terms<T: Real, const GENERALIZED: bool, const N: usize>(
    level: Level,
    shares: impl PerLane<Shares<T>>,
    cells: &Cells<T, N>,
    out: &mut [T],
) {
    level.run(
        #[inline(always)]
        || {
            let (shares, out) = (shares, &mut *out);
            let (weight, ratio) = (&cells.weight[..out.len()], &cells.log_ratio[..out.len()]);
            let excess = &cells.excess[..out.len()];
            for i in 0..out.len() {
                let shares = shares.at(i);
                let (e, g) = (weight[i], excess[i]);
                let (p, d) = (e * shares.share, ratio[i] + shares.log_total);
                let plain = if d == T::INFINITY { d } else { p * d };
                out[i] = if !GENERALIZED {
                    plain
                } else if (d.abs() <= far::<T>()) & (e > T::ZERO) {
                    p * remainders(d)[0]
                } else {
                    let term = weight_in_q(e, ratio[i], g) * shares.other + (plain - p);
                    if term < T::ZERO { T::ZERO } else { term }
                };
            }
        },
    );
}
