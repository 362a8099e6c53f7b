//! The words of a partial result and its serialised forms, however damaged: refused, or a result that merges and comes back.
#![no_main]

use kldiv_fuzz::words::{Edits, Words, check, check_merge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Words, Option<Edits>)| {
    let (words, edits) = input;
    let Ok(partial) = words.partial() else { return };
    check_merge(&partial);
    // Text takes ten times as long.
    let Some(edits) = edits else { return };
    check(&partial);
    let text = edits.edited(serde_json::to_vec(&partial).unwrap());
    let bytes = edits.edited(postcard::to_stdvec(&partial).unwrap());
    let found = [serde_json::from_slice(&text).ok(), postcard::from_bytes(&bytes).ok()];
    for partial in found.iter().flatten() {
        check_merge(partial);
        check(partial);
    }
});
