//! How the losses of `kldiv` are measured: shapes, operands, the loops that people write, the roofline, and errors.

#![forbid(unsafe_code)]

pub mod by_hand;
pub mod double;
pub mod formula;
mod lane;
pub mod logits;
mod measure;
mod number;
pub mod oracle;
mod problem;
pub mod roofline;
pub mod rounds;
mod shape;
pub mod table;
mod task;

pub use measure::{Measure, for_each_precision, measure, measure_all};
pub use number::{Number, Real, Stored};
pub use problem::{Operands, Problem, Target, Work, log_probabilities};
pub use shape::Shape;
pub use task::{Given, Task};
