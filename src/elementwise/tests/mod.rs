//! Loops against their formulas, instruction sets against each other.

mod levels;
mod many;
mod sum;

use crate::number::tests::{all_bits, any_f64, bits, random};
