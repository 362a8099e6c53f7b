//! Any call: the same bits in any layout, on any number of threads and wherever it is cut, near the definition, and no panic.
#![no_main]

use kldiv::half::{bf16, f16};
use kldiv_fuzz::draw::Any;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|call: Any| {
    match call {
        Any::Dense(call) => match call.kind % 4 {
            0 => call.check::<f32>(),
            1 => call.check::<f64>(),
            2 => call.check::<f16>(),
            _ => call.check::<bf16>(),
        },
        Any::Sparse(call) => match call.kind % 4 {
            0 => call.check::<f32>(),
            1 => call.check::<f64>(),
            2 => call.check::<f16>(),
            _ => call.check::<bf16>(),
        },
    }
});
