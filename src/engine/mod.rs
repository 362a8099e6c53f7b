//! The engine: computes values and gradients of matrices [lane, class], tile by tile.

mod compute;
mod factors;
mod logits;
mod pass;
mod request;
mod results;

pub(crate) use compute::merged;
pub use request::Request;
pub(crate) use request::{Form, Rule, Softmax, Values};
pub(crate) use results::Results;
