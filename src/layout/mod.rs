//! The layout of the work: axes, strides, the order of memory, and threads.
//!
//! A **lane** is the run of classes of one distribution. Whatever the rank and strides of the arrays,
//! the loops get [`Matrices`]: views [lane, class] of all arrays of a call, the lanes in the order of memory.

mod arrays;
mod change;
mod classes;
mod copy;
mod output;
mod plan;
mod pool;
mod rect;
mod tiles;
mod views;

pub(crate) use arrays::Arrays;
pub(crate) use change::AxisChange;
pub use classes::Classes;
pub(crate) use output::{without, zeros};
pub(crate) use plan::map_reduce;
pub(crate) use pool::join;
pub(crate) use rect::{Reader, Scratch, dense, dense_mut, read, write};
pub(crate) use tiles::{Rect, Tile, all_tiles, is_by_columns, steps, with_next};
pub(crate) use views::Matrices;
