//! What is kept of the rows. Everything merges, in any order, to the same bits.

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
