//! Numbers: the exponential, the logarithm, 16-bit conversions, instruction sets.

mod exp;
mod float;
mod growth;
#[cfg(feature = "half")]
mod half;
mod level;
mod ln;
mod phi;
mod row;
mod scaled;
mod storage;
#[cfg(test)]
pub(crate) mod tests;
mod transpose;

pub(crate) use exp::{Exp, exp, exp_of_normal, reduced, reduced_any, scale_any};
pub use float::Float;
pub(crate) use growth::{Eta, Growth, reduced_in_one};
pub(crate) use level::Level;
pub(crate) use ln::{
    Ln, LnOfSum, ln, ln_of_normal, ln_of_sum, log_ratio_of_any, log_ratio_of_normal,
};
pub(crate) use phi::Phi;
pub(crate) use row::{Aligned, folded, tree};
pub(crate) use scaled::{Scaled, power_of_two};
pub use storage::Number;
pub(crate) use transpose::{TRANSPOSED_CLASSES, TRANSPOSED_LANES};

/// The number of elements that loops compute side by side.
pub(crate) const WIDTH: usize = 16;

/// A type that losses are computed in, with its elementary functions.
pub trait Real: Ln + Exp + Phi + Eta {}
impl<T: Ln + Exp + Phi + Eta> Real for T {}
