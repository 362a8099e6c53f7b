//! Arrays of cases that PyTorch computed: what each row of a case is.

use std::fs::File;

use ndarray_npy::NpzReader;

pub const INPUT: usize = 0;
pub const TARGET: usize = 1;
pub const WEIGHTS: usize = 2;
pub const UPSTREAM: usize = 3;
pub const VALUE: usize = 4;
pub const INPUT_GRADIENT: usize = 5;
pub const TARGET_GRADIENT: usize = 6;

pub fn open(file: &str) -> NpzReader<File> {
    let path = format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    NpzReader::new(File::open(path).unwrap()).unwrap()
}
