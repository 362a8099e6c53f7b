//! What is kept of the rows. What was found of rows that follow each other merges to the bits of one run over all of them.

mod mean;
mod quantity;
mod sketch;
mod tally;
mod worst;

pub use mean::Mean;
pub use quantity::{EXACT_ROWS, Quantity};
pub use sketch::Sketch;
pub use tally::{CandidateTally, Deviations, LabelTally, Tally};
pub use worst::Worst;
