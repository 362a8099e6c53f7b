//! What the targets share. The definition that calls are compared with is that of the tests.

#![forbid(unsafe_code)]

pub mod call;
#[path = "../../tests/common/mod.rs"]
mod common;
#[allow(dead_code)]
#[path = "../../tests/family/definition.rs"]
mod definition;
pub mod draw;
#[allow(dead_code)]
#[path = "../../tests/family/face.rs"]
mod face;
#[path = "../../tests/family/lane.rs"]
mod lane;

pub mod sparse;
pub mod state;
pub mod words;

use face::{Face, Settings};
use std::path::PathBuf;
use std::{env, fs, process};

/// A file of these bytes, one for each process.
pub fn file(name: &str, bytes: &[u8]) -> String {
    let path: PathBuf = env::temp_dir().join(format!("kldiv-fuzz-{name}-{}", process::id()));
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}
