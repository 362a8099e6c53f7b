//! The state of an interrupted run.

use std::sync::LazyLock;

use clap::Parser;
use kldiv_cli::compare::{self, options::Options, state};
use kldiv_cli::formats::{BASIS, fnv};
use kldiv_cli::ranks::Ranks;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/cli/tests/fixtures/kld");
/// The bytes before the fields: the first line, and the check.
const HEAD: usize = 24;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Compares two base files of llama.cpp, and goes on from that state.
fn compare(state: &str) -> bool {
    let files = ["base_even.kld", "other_even.kld"].map(|file| format!("{FIXTURES}/{file}"));
    let arguments = ["kldiv", &files[0], &files[1], "--quiet", "--resume", state];
    let Arguments { options } = Arguments::parse_from(arguments);
    Ranks::start().and_then(|ranks| compare::run(options, &ranks)).is_ok()
}

/// The state at the end of a run.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let state = crate::file("state", &[]);
    std::fs::remove_file(&state).unwrap();
    assert!(compare(&state));
    std::fs::read(&state).unwrap()
});

/// Goes on from the state with bytes exchanged and its end cut off, but with a check that is right.
pub fn go_on(edits: &[(u16, u8)], cut: u16) {
    let mut bytes = WHOLE.clone();
    let (head, fields) = bytes.split_at_mut(HEAD);
    for &(at, byte) in edits {
        fields[usize::from(at) % fields.len()] = byte;
    }
    let fields = &fields[..fields.len() - usize::from(cut) % fields.len()];
    head[HEAD - 8..].copy_from_slice(&fnv(BASIS, fields).to_le_bytes());
    let bytes = [head, fields].concat();
    // Most are no state any more; the others are tried.
    if state::parse(&bytes).is_some() {
        compare(&crate::file("state", &bytes));
    }
}
