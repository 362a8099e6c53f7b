//! What is computed of a block of rows.
//!
//! [`rows`] says which rows count, [`pair`] asks the library, [`checks`] refuses what is no distribution, [`labels`] looks at the true
//! classes, and [`block`] adds it all to the tally.

mod block;
mod checks;
mod labels;
mod pair;
mod rows;

pub use block::Measure;
pub use rows::position;
