//! The program `kldiv`: how far the predictions of models are from each other.
//!
//! | room | what |
//! |---|---|
//! | [`compare`] | one pass over a reference and its candidates |
//! | [`inspect`] | what a file is, and what it seems to hold |
//! | [`mod@bench`] | how fast and how accurate the losses are on a machine |
//! | [`formats`] | arrays in files, of which any block can be read |
//! | [`statistics`] | what is kept of the rows; it merges exactly |
//! | [`report`] | the table, JSON, rows, pictures and page |
//! | [`ranks`] | the processes of a run: one, or many under MPI |
//! | [`failure`] | why a run failed, and its exit code |

#![forbid(unsafe_code)]

pub mod bench;
pub mod compare;
pub mod failure;
pub mod formats;
pub mod inspect;
pub mod ranks;
pub mod report;
pub mod statistics;
