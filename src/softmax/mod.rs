//! The divergence of two softmaxes, and its gradients, from logits.
//!
//! **Mathematics.** p = softmax(z_p/τ), q = softmax(z_q/τ). With any number s, and
//! - ε = (z_p − z_q)/τ − s, formed before anything is rounded away,
//! - weights e = exp((z_p − max z_p)/τ), S = Σe, and x = Σe·expm1(−ε)/S = F − a, a = Σeε/S,
//!
//! the weights of q sum to S·(1 + x), so D = ln p − ln q = ε + ln(1 + x) and, with F = Σe·φ(ε)/S, φ(ε) = e^(−ε) − 1 + ε ≥ 0,
//!
//! KL = F − (x − ln(1 + x)).
//!
//! It holds whatever s is, and for any weights: a relative error of the weights or of ε changes KL by as much relatively,
//! also near p = q, where KL is of the order of ε². One pass after the maxima does. s = (max z_p − max z_q)/τ; where F is much
//! more than KL, that was a poor choice, and another pass takes s − ln(1 + x), which makes ε = D.
//!
//! **Two ways.** Where no logit of a lane lies far below the greatest, and s is not much larger than ε, a class takes some
//! forty operations without a branch. Any other lane is computed the careful way, which takes nearly twice as many.
//! [`contribution`] has both.
//!
//! **Layouts.** Everything is computed in rows of 16 numbers: 16 classes of one lane, or one class of 16 lanes. One loop serves
//! both. It only matters where the sums at the 16 positions end: as a tree where they are one lane's.
//!
//! **Order of sums.** Up to [`FEW`] classes: one after the other. Beyond, class c is in sum c mod 16, and the sums of parts of a
//! lane are added in turn. Eight are added in the computing type, and those sums in `f64`.

mod contribution;
mod log_softmax;
mod logit_target;
mod normalizers;
mod shift;
mod slopes;
mod soft_target;
mod solver;
mod sums;
#[cfg(test)]
mod tests;

pub use logit_target::LogitTarget;
pub use soft_target::SoftTarget;
pub use solver::{Factors, Outputs, Overlap, Settings, Solver};

use crate::number::{Number, WIDTH};

/// Lanes of so many classes are computed 16 at a time, longer ones alone.
pub const FEW: usize = 64;

/// The numbers at the 16 positions.
pub type Row<T> = [T; WIDTH];

/// How lanes lie at the positions of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrangement {
    /// One lane: class c stands at position c mod 16 of its row.
    OneLane,
    /// Sixteen lanes, one a position; each row is a class.
    Sixteen,
}

/// The end of a lane, filled up with its first number.
#[inline(always)]
fn padded<N: Number>(tail: &[N]) -> [N; WIDTH] {
    let mut row = [tail[0]; WIDTH];
    row[..tail.len()].copy_from_slice(tail);
    row
}

/// A row of factors; behind the end of a lane, zeros.
#[inline(always)]
fn filled(factors: &[f64]) -> Row<f64> {
    match <&Row<f64>>::try_from(factors) {
        Ok(row) => *row,
        Err(_) => {
            let mut row = [0.0; WIDTH];
            row[..factors.len()].copy_from_slice(factors);
            row
        }
    }
}

/// Calls `put` with each row of places, of which the last may be shorter, and the position of its first in the block.
#[inline(always)]
fn each_row<O>(out: &mut [O], mut put: impl FnMut(&mut [O], usize)) {
    for (row, out) in out.chunks_mut(WIDTH).enumerate() {
        put(out, row * WIDTH);
    }
}

/// Rounds a row to its place, which may be shorter.
#[inline(always)]
fn put_row<O: Number>(out: &mut [O], found: &Row<O::Real>) {
    match <&mut Row<O>>::try_from(&mut *out) {
        Ok(out) => {
            for i in 0..WIDTH {
                out[i] = O::round(found[i]);
            }
        }
        Err(_) => out.iter_mut().zip(found).for_each(|(out, &found)| *out = O::round(found)),
    }
}

/// Narrows a row to its place, which may be shorter.
#[inline(always)]
fn narrow_row<O: Number>(out: &mut [O], found: &Row<f64>) {
    match <&mut [O; WIDTH]>::try_from(&mut *out) {
        Ok(out) => {
            for i in 0..WIDTH {
                out[i] = O::narrow(found[i]);
            }
        }
        Err(_) => out.iter_mut().zip(found).for_each(|(out, &found)| *out = O::narrow(found)),
    }
}
