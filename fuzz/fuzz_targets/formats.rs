//! Files of every format, however damaged: a failure that names the file, or numbers.
#![no_main]

use kldiv_cli::formats::{BASIS, entries};
use libfuzzer_sys::fuzz_target;

/// Numbers that one window may have: what is asked for is what is allocated.
const MOST: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let file = kldiv_fuzz::file("formats", bytes);
    for array in entries(&file, true).into_iter().flatten().filter_map(|(_, array)| array.ok()) {
        let mut array = array;
        let all: Vec<_> = array.shape.iter().map(|&len| 0..len).collect();
        let first: Vec<_> = array.shape.iter().map(|&len| 0..len.min(2)).collect();
        for window in [first, all] {
            let count = window.iter().try_fold(1, |n: usize, range| n.checked_mul(range.len()));
            if count.is_some_and(|count| count <= MOST) {
                let _ = array.read::<f32>(&window, Vec::new());
                let _ = array.read::<f64>(&window, Vec::new());
                let _ = array.read_integers(&window);
            }
        }
        let _ = array.fingerprint(BASIS);
    }
});
