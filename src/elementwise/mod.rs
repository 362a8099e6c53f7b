//! Loops over slices: terms, slopes and sums over the classes of a lane.

mod gradients;
mod many;
mod mass;
mod prefetch;
mod rough;
mod sum;
mod terms;
#[cfg(test)]
mod tests;
mod transpose;

pub(crate) use gradients::{Factors, d_input, d_target, multiply};
pub(crate) use many::{FOUR, ManySum, add_rows, sum_each_of_many};
pub(crate) use mass::{add_copies, add_exps, all_finite, copies, exps, negative};
pub(crate) use prefetch::{Prefetch, fetch, fetch_rest, needs_prefetch};
pub(crate) use rough::{
    Mass, OfLogProbabilities, OfProbabilities, add_shares, rough_mass, rough_masses,
};
pub(crate) use sum::{
    FEW, FEW_STRIPES, LaneSum, PART, Running, STRIPES, add_to_each, add_values, narrow, sum_each,
};
pub(crate) use terms::{Operands, TILE, terms, terms_and_slopes};
pub(crate) use transpose::{transpose, transpose_back};
