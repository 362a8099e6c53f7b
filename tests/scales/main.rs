//! Factors and operands of every size: what a gradient is multiplied by, how far apart and how near to each other
//! distributions may be.

#[path = "../common/mod.rs"]
mod common;

mod accuracy;
mod big;
mod call;
mod cases;
mod excluded;
mod factors;
mod random;
mod reference;
mod temperatures;
