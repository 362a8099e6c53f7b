//! Files that fit each other, cut into blocks of rows, and what they hold.
//!
//! [`inputs`] are the files, [`blocks`] says how they are cut, [`reader`] reads them, [`holds`] finds out what they hold.

mod blocks;
mod holds;
mod inputs;
mod reader;
mod top;

pub use holds::{Holds, doubt};
pub use inputs::{Block, Fingerprint, Inputs, index, without};
pub use reader::each_block;
pub use top::{is_constant, top};
