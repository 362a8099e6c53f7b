//! Compute: elementary functions, the term and its derivatives, and loops over slices.
//!
//! Everything here knows slices, never arrays. The loops look scalar; each is compiled once for every
//! instruction set of [`Level`] and gives the same bits on all of them, since it is made of IEEE
//! operations in a fixed order, with every fused multiply-add written out.

mod ahead;
mod aligned;
mod exp;
mod float;
mod fours;
mod generalized;
mod groups;
#[cfg(feature = "half")]
mod half;
mod level;
mod ln;
mod mass;
mod pass;
mod rough;
pub(crate) mod softmax;
mod sum;
mod term;

#[cfg(test)]
mod tests;

pub(crate) use ahead::{Ahead, fetch_rest, prefetches_adjacent};
pub(crate) use aligned::Aligned;
pub(crate) use exp::Exp;
pub use float::Float;
pub(crate) use fours::{FOUR, ManySum, add_four_to_each, sum_each_of_many};
pub(crate) use generalized::{GeneralizedLogProbability, GeneralizedProbability};
pub(crate) use groups::{Adder, WIDTH};
#[cfg(feature = "half")]
pub(crate) use half::{
    narrow_bf16, narrow_f16, round_bf16, round_f16, round_f16s, rounded_to_odd, widen_bf16,
    widen_f16, widen_f16s,
};
pub(crate) use level::Level;
pub(crate) use mass::{add_copies, add_exps, all_finite, copies, exps, negative};
pub(crate) use pass::{
    CHUNK, Chunk, Factor, d_input, d_target, terms, terms_added, terms_and_slopes, times,
};
pub(crate) use rough::{
    Mass, OfLogProbabilities, OfProbabilities, add_shares, rough_mass, rough_masses,
};
pub(crate) use sum::{
    FEW_STRIPES, LaneSum, Running, STRIPES, add_to_each, folded, narrow, sum_each, tree,
};
pub use term::Real;
pub(crate) use term::{LogProbability, Probability, Term};
