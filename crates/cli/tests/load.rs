//! Files that are larger than memory should be: the same numbers, and no more memory.
//!
//! The long run is ignored: `cargo test --release -p kldiv-cli --test load -- --ignored --nocapture`. It writes a file of 10 GB into
//! `target`, which it removes.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const CLASSES: usize = 10_000;
/// Rows of a block of 5 MB.
const ROWS: usize = 125;

/// Logits that have no pattern, some of which are the same for both sides.
fn block(side: u64) -> Vec<u8> {
    let number = |seed: u64| {
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    };
    let all = (0..(ROWS * CLASSES) as u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    all.flat_map(|at| (4.0 * number(at) + number(!at ^ side)).to_le_bytes()).collect()
}

/// A .npy file of so many copies of the block; something happens before its last byte.
fn write(
    mut out: impl Write,
    block: &[u8],
    copies: usize,
    before_the_last: impl FnOnce(),
) -> io::Result<()> {
    let shape = (copies * ROWS, CLASSES);
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}");
    out.write_all(b"\x93NUMPY\x01\x00\x76\x00")?;
    writeln!(out, "{header:<117}")?;
    for _ in 1..copies {
        out.write_all(block)?;
    }
    let (last, others) = block.split_last().unwrap();
    out.write_all(others)?;
    before_the_last();
    out.write_all(&[*last])
}

/// The most memory that a process had so far, in KiB.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// What the program says of a file of so many copies beside as many on standard input, and the most memory it took, in KiB.
fn compare(file: &Path, copies: usize) -> (Value, u64) {
    let [reference, candidate] = [1, 2].map(block);
    write(BufWriter::new(File::create(file).unwrap()), &reference, copies, || ()).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_kldiv"));
    let mut child = program
        .arg("compare")
        .arg(file)
        .args(["-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    // Then it has seen everything but the last rows, and waits.
    let mut most = 0;
    write(stdin, &candidate, copies, || most = peak(&child)).unwrap();
    let output = child.wait_with_output().unwrap();
    fs::remove_file(file).unwrap();
    assert!(output.status.success());
    (serde_json::from_slice(&output.stdout).unwrap(), most)
}

/// As many as a power of 2: then a mean has the same bits.
fn check(copies: usize, more_mib: u64) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("load-{copies}.npy"));
    let ((expected, before), (found, most)) = (compare(&file, 16), compare(&file, copies));
    assert_eq!(found["rows"], copies * ROWS);
    for divergence in ["forward", "reverse"] {
        let [expected, found] =
            [&expected, &found].map(|report| &report["candidates"][0]["divergences"][divergence]);
        for number in ["mean", "min", "max"] {
            assert!(found[number].is_number());
            assert_eq!(found[number], expected[number], "{divergence} {number}");
        }
    }
    let gigabytes = 2 * copies * ROWS * CLASSES * 4 / 100_000_000;
    println!("{}.{} GB: {most} KiB, and {before} of 16 blocks", gigabytes / 10, gigabytes % 10);
    assert!(most <= before + (more_mib << 10), "{most} KiB, but {before} of 16 blocks");
}

#[test]
fn memory_does_not_grow_with_the_files() {
    check(64, 8);
}

/// What is kept of 256,000 rows is some MiB.
#[test]
#[ignore = "writes 10 GB, and takes minutes"]
fn memory_does_not_grow_with_twenty_gigabytes() {
    check(2048, 64);
}
