//! The words of a partial result and its serialised forms, however damaged: refused, or a result that merges and comes back.
#![no_main]

use kldiv::Partial;
use kldiv_fuzz::words::Words;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Words, &[u8])| {
    let (words, bytes) = input;
    let found = [
        Partial::from_words(&words.words, words.extremes).ok(),
        serde_json::from_slice(bytes).ok(),
        postcard::from_bytes(bytes).ok(),
    ];
    for partial in found.iter().flatten() {
        kldiv_fuzz::words::check(partial);
    }
});
