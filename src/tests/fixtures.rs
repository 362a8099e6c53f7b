//! What unit tests read from files.

use std::fs::File;

use ndarray::Array2;
use ndarray_npy::NpzReader;

/// Arguments of an elementary function, its value rounded, and what rounding left over.
pub fn elementary(name: &str) -> Vec<[f64; 3]> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/elementary.npz");
    let rows: Array2<f64> =
        NpzReader::new(File::open(path).unwrap()).unwrap().by_name(name).unwrap();
    rows.rows().into_iter().map(|row| [row[0], row[1], row[2]]).collect()
}
