//! Loops over slices: terms, slopes and sums over the classes of a lane.

mod gradients;
mod loops;
mod many;
mod mass;
mod pairs;
mod prefetch;
mod sum;
mod terms;
#[cfg(test)]
mod tests;
mod transpose;

pub(crate) use gradients::{Factors, multiply};
pub(crate) use loops::{Loops, with_loops};
pub(crate) use many::{ManySum, PRESUMMED, add_rows, sum_each_of_many};
pub(crate) use mass::{Irregular, exps, has_negative, negative};
pub(crate) use pairs::{PairLoops, Pairs, pair_loops};
pub(crate) use prefetch::{Prefetch, fetch, fetch_rest, needs_prefetch};
pub(crate) use sum::{FEW_CLASSES, FEW_STRIPES, PART, add_to_each, narrow_all, sum_each};
pub(crate) use terms::{Operands, TILE};
pub(crate) use transpose::{transpose, transpose_back};
