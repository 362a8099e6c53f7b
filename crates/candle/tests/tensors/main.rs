//! The losses on tensors.

mod bits;
mod common;
mod graph;
mod sparse;
