//! Arrays in files, of which any block can be read: `.npy`, `.npz`, `.safetensors`, and the base files of llama.cpp.
//!
//! [`Array::open`] finds out what a file is from its first bytes, and reads its header only. [`Array::read`] reads a
//! window, and widens its numbers to the type that is computed in. No more than the window is ever in memory.
//!
//! The way: [`npy`], [`npz`], [`safetensors`] and [`llama`] read headers, [`source`] reads bytes, [`mod@array`] says which,
//! and [`number`] and [`logarithms`] turn them into numbers.

mod array;
mod llama;
mod logarithms;
mod npy;
mod npz;
mod number;
mod open;
mod safetensors;
mod source;

pub use array::{Array, Window};
pub use number::{Float, Type};
pub use open::{entries, path_of};
pub use source::{BASIS, fnv};

/// What is wrong with a file, and how to mend it. The file's name is put before it: `{name} {problem}`.
type Problem = String;

/// An array within an archive: its name there, and the array or why it cannot be read.
type Member = (String, Result<Array, Problem>);

fn cannot_read(error: &std::io::Error) -> Problem {
    format!("cannot be read ({error}); copy or write it again")
}

fn cut_off(missing: u64) -> Problem {
    format!("is cut off: it lacks {}; copy or write it again", bytes(missing))
}

fn too_long(more: u64) -> Problem {
    format!("has {} more than its header says; copy or write it again", bytes(more))
}

/// Compares the length that a header implies with the real one.
fn check_length(expected: u64, found: u64) -> Result<(), Problem> {
    match (expected.checked_sub(found), found.checked_sub(expected)) {
        (Some(0), _) => Ok(()),
        (Some(missing), _) => Err(cut_off(missing)),
        (None, more) => Err(too_long(more.unwrap_or(0))),
    }
}

fn bytes(count: u64) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}
