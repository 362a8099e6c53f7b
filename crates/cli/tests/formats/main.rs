//! The formats against files that other programs wrote. The script that wrote them is fixtures/make.py.

mod malformed;
mod streams;
mod values;
mod windows;

use std::ops::Range;
use std::path::{Path, PathBuf};

use kldiv_cli::formats::Array;

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))
}

/// The name of an array among the fixtures.
fn fixture(name: &str) -> String {
    format!("{}/{name}", fixtures().display())
}

/// Opens a fixture. All two-byte numbers of no type among them are bf16.
fn open(name: &str) -> Array {
    Array::open(&fixture(name), true).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The window of the whole array.
fn whole(array: &Array) -> Vec<Range<usize>> {
    array.shape.iter().map(|&len| 0..len).collect()
}

/// A file that a test writes.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
