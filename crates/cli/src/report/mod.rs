//! What is told at the end, and in which forms.

pub mod model;

mod contents;
mod csv;
mod json;
mod numbers;
mod page;
mod plot;
mod table;
mod text;

pub use csv::csv;
pub use json::{json, number};
pub use page::html;
pub use plot::{png, svg};
pub use text::text;
