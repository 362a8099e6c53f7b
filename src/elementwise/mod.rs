//! Loops over slices: terms, slopes and sums over the classes of a lane.

mod groups;
mod many;
mod mass;
mod pass;
mod prefetch;
mod sum;
#[cfg(test)]
mod tests;
mod transpose;

pub(crate) use many::{FOUR, ManySum, add_rows, sum_each_of_many};
pub(crate) use mass::{Irregular, exps, has_negative, negative};
pub(crate) use pass::{
    CHUNK, Chunk, Factor, d_input, d_target, terms, terms_added, terms_and_slopes, times,
};
pub(crate) use prefetch::{Ahead, fetch, fetch_rest, prefetches_adjacent};
pub(crate) use sum::{
    FEW, FEW_STRIPES, LaneSum, PART, Running, STRIPES, add_to_each, add_values, narrow, sum_each,
};
pub(crate) use transpose::{transpose, transpose_back};
