//! A cheap hash that tells one file from another.

use std::io;

use super::source::Part;

/// The hash of nothing.
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits, continued.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// FNV-1a of samples spread from the first byte to the last. Up to 1 MiB they cover every byte.
pub fn sampled(part: &mut Part, mut hash: u64) -> io::Result<u64> {
    const SAMPLES: u64 = 64;
    const SAMPLE: u64 = 1 << 14;
    let mut sample = vec![0; part.length.min(SAMPLE) as usize];
    let last = u128::from(part.length - sample.len() as u64);
    for i in 0..SAMPLES {
        let start = last * u128::from(i) / u128::from(SAMPLES - 1);
        part.read_at(start as u64, &mut sample)?;
        hash = fnv(hash, &sample);
    }
    Ok(hash)
}
