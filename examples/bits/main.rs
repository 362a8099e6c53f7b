//! One hash of the bits of every call, beside the hash that every machine should print.
//!
//! ```sh
//! cargo run --release --example bits
//! ```
//!
//! The operands come from a generator of integers, so they depend on no library. The outputs are those of both losses: every
//! divergence, every reduction, every type of numbers that is compiled in, with and without weights, and on one thread to
//! eight where there is enough to share. It ends with 1 where a hash differs: please report the machine, then, and the output of
//! `rustc -vV`.

mod calls;
#[path = "../../tests/common/mod.rs"]
mod common;

use std::env::consts::ARCH;
use std::process::ExitCode;

use calls::{Hash, every_call, large_calls};
use kldiv::Error;
use rayon::ThreadPoolBuilder;

/// Other bits are value-breaking: say so in the CHANGELOG, and put here what is computed.
const EXPECTED: u64 = 0x937f_fdc1_1a43_f265;
#[cfg(feature = "half")]
const EXPECTED_HALF: u64 = 0x29ea_9c4d_a46c_d28d;

fn main() -> Result<ExitCode, Error> {
    let of_reals = check(
        "f32 and f64",
        EXPECTED,
        |hash| every_call::<f32>(hash).and_then(|()| every_call::<f64>(hash)),
        |hash| large_calls::<f32>(hash).and_then(|()| large_calls::<f64>(hash)),
    )?;
    #[cfg(feature = "half")]
    let of_halves = {
        use kldiv::half::{bf16, f16};
        check(
            "f16 and bf16",
            EXPECTED_HALF,
            |hash| every_call::<f16>(hash).and_then(|()| every_call::<bf16>(hash)),
            |hash| large_calls::<f16>(hash).and_then(|()| large_calls::<bf16>(hash)),
        )?
    };
    #[cfg(not(feature = "half"))]
    let of_halves = true;
    Ok(if of_reals && of_halves { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the hash beside the expected one: of one thread, and of others where they differ.
fn check(
    types: &str,
    expected: u64,
    small: impl Fn(&mut Hash) -> Result<(), Error>,
    large: impl Fn(&mut Hash) -> Result<(), Error> + Sync,
) -> Result<bool, Error> {
    let mut start = Hash::default();
    small(&mut start)?;
    let mut all_match = true;
    for threads in 1..=8 {
        let work = || {
            let mut hash = start.clone();
            large(&mut hash).map(|()| hash.0)
        };
        // WebAssembly has no threads to start.
        let found = match ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(work)?,
            Err(_) => work()?,
        };
        all_match &= found == expected;
        if threads == 1 || found != expected {
            println!("{types}, {threads} of 8 threads: {found:016x}, expected {expected:016x}");
        }
    }
    println!("{types} on {ARCH}: {}", if all_match { "all match" } else { "THEY DIFFER" });
    Ok(all_match)
}
