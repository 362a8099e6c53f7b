//! A state that was changed, with a check that is right: refused, or a run that ends.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(u16, u8)>, u16)| {
    let (edits, cut) = input;
    kldiv_fuzz::state::go_on(&edits, cut);
});
