//! Lay out: which axis, which strides, which order, how many threads.
//!
//! A **lane** is the run of classes of one distribution. Whatever the rank and strides of the arrays,
//! the work reaches the loops as [`Unit`]s: all arrays of a call cut and turned into matrices
//! [lane, class], the lanes in the order of memory.

mod arrays;
mod bundle;
mod copy;
mod output;
mod plan;
mod pool;
mod rect;
mod tiles;

pub(crate) use arrays::Arrays;
pub(crate) use bundle::Unit;
pub(crate) use output::{without, zeros};
pub(crate) use plan::for_each_unit;
pub(crate) use pool::{ALONE, join};
pub(crate) use rect::{Reader, Rect, Scratch, dense, dense_mut, read, write};
pub(crate) use tiles::{is_by_columns, steps, tile, tiles};
