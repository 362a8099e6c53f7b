//! Sparse targets and labels: against a naive dense reference, laws, special values, errors.

#[path = "../common/mod.rs"]
mod common;

mod backward;
mod call;
mod errors;
mod labels;
mod laws;
mod pinned;
mod reference;
mod special;

use call::{FAMILY, Operands, Settings, TAILS};
