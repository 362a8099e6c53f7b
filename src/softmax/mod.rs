//! The divergence of two softmaxes, and its gradients, from logits.
//!
//! **Mathematics.** p = softmax(z_p/τ), q = softmax(z_q/τ). With any number s, and
//! - ε = (z_p − z_q)/τ − s, formed before anything is rounded away,
//! - weights e = exp((z_p − max z_p)/τ), S = Σe, mean a = Σeε/S,
//! - F = Σe·φ(ε)/S, φ(ε) = e^(−ε) − 1 + ε ≥ 0,
//!
//! the total Σp·e^(−ε) is 1 + x, x = F − a, so D = ln p − ln q = ε + ln(1 + x) and
//!
//! KL = a + ln(1 + x) = F − (x − ln(1 + x)).
//!
//! It holds whatever s is, and for any weights: a relative error of the weights or of ε changes KL by
//! as much relatively, also near p = q, where KL is of the order of ε². One pass after the maxima does.
//! s = (max z_p − max z_q)/τ; where F is much more than KL, that was a poor choice, and s − ln(1 + x),
//! which makes ε = D, is taken in another pass ([`shift::Shift::better`]).
//!
//! **Gradients**, with g = e·expm1(−ε) and y = e·e^(−ε): q − p = (g − e·x)/(S(1 + x)) where ε ≤ ½, and y/(S(1 + x)) − e/S
//! beyond; p·(D − KL) = e·(ε − a)/S. Neither cancels numbers that are much greater than ε, p and q. The factor is applied
//! last, in `f64` with an exponent of its own, where it is so large or small that products in the computing type might not
//! fit.
//!
//! **Two ways to a cell.** Where no logit of a lane lies far below the greatest, which its maxima and minima tell, and
//! s is not much greater than ε, which its sums tell, each class takes some forty operations and no question
//! ([`cell::moderate_cell`]); otherwise differences keep their low part and every class is looked at
//! ([`cell::cell`]). Masks of p, and of q in the same lanes, do not count there: a pass of its own finds the least of the others,
//! and each class takes some ten operations more ([`cell::masked_cell`]). A lane whose q is without a class that p has is summed
//! again, class by class.
//!
//! **Order of sums.** Up to [`FEW`] classes: one after the other, in `f64`. Beyond, of two lanes of logits: class c in
//! sum c mod [`sums::PAIR_STRIPES`], in the computing type over [`sums::EARLY`] classes and those in `f64`; of a lane
//! against a given target, and of upstreams: in sum c mod [`STRIPES`](super::STRIPES), in `f64`; then as a tree.
//! The sums of parts of a lane are added in turn.
//!
//! **Layouts.** Lanes of few classes lie beside each other, class after class ([`columns`]): they are transposed or copied to
//! lie so. Longer ones are summed alone, their classes behind each other ([`lane`]), copied where they are strided. So the
//! bits are a matter of the number of classes, not of the layout.

mod against;
mod cell;
mod columns;
mod coming;
mod factor;
mod few;
mod given;
mod gradient;
mod lane;
mod pair;
mod shift;
mod shifts;
mod solver;
mod sums;
mod terms;
#[cfg(test)]
mod tests;

pub use against::{ColumnsAgainst, LaneAgainst};
pub use columns::{COLUMNS, Row};
pub use coming::Coming;
pub use factor::Factor;
pub use pair::{ColumnPair, LanePair};
pub use solver::{Factors, Fork, Next, Outputs, Settings, Solver};

/// Up to so many classes are summed one after the other.
pub const FEW: usize = 64;

#[cfg(test)]
pub use {
    cell::mask_bound,
    columns::Columns,
    given::{Total, TotalColumns, TotalSum, d_logits, log_softmax},
    gradient::*,
    lane::{Lane, Lanes, Part, Peaks},
    shift::Shift,
    sums::{Cells, Sums},
    terms::{Shares, softmax_terms},
};
