//! Numbers: the exponential, the logarithm, conversions of 16 bits, instruction sets.

mod aligned;
mod exp;
mod float;
mod fold;
#[cfg(feature = "half")]
mod half;
mod level;
mod ln;
mod phi;
mod storage;
#[cfg(test)]
pub(crate) mod tests;
mod transpose;

pub(crate) use aligned::Aligned;
pub(crate) use exp::{Exp, exp, exp_of_normal, reduced, reduced_any, scale_any};
pub use float::Float;
pub(crate) use fold::{folded, tree};
pub(crate) use level::Level;
pub(crate) use ln::{Ln, ln_of_any, ln_of_normal, log_ratio_of_any, log_ratio_of_normal};
pub(crate) use phi::Phi;
pub use storage::Number;
pub(crate) use transpose::{BLOCK_CLASSES, BLOCK_LANES};

/// Numbers that are computed side by side.
pub(crate) const WIDTH: usize = 16;

/// What a loss is computed in.
pub trait Real: Ln + Exp + Phi {}
impl<T: Ln + Exp + Phi> Real for T {}
