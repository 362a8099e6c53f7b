//! A `.npy` on standard input. The test starts its own program again, with a pipe.

use std::io::Write;
use std::process::{Command, Stdio};

use kldiv_cli::formats::Array;

use crate::{fixtures, open};

/// What [`child`] says of these bytes.
fn said_of(bytes: &[u8]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "streams::child", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let said = output.lines().find_map(|line| line.split_once("said: "));
    said.expect(&output).1.to_owned()
}

/// Reads standard input by single rows.
#[test]
#[ignore = "the other test starts it"]
fn child() {
    let said = Array::open("-", false).and_then(|mut array| {
        assert!(array.is_stream());
        let mut total = 0.0;
        for row in 0..array.shape[0] {
            total += array.read::<f64>(&[row..row + 1, 0..array.shape[1]], Vec::new())?.sum();
        }
        Ok(total)
    });
    let said = said.map_or_else(|failure| failure.to_string(), |total| total.to_string());
    println!("said: {said}");
}

#[test]
fn standard_input_is_a_stream() {
    let good = std::fs::read(fixtures().join("f64.npy")).unwrap();
    let mut array = open("f64.npy");
    let rows =
        (0..6).map(|row| array.read::<f64>(&[row..row + 1, 0..5], Vec::new()).unwrap().sum());
    assert_eq!(said_of(&good), rows.fold(0.0, |total: f64, row| total + row).to_string());
    let longer = [&good[..], &[0]].concat();
    for (bytes, expected) in [
        (&good[..good.len() - 3], "- is cut off: it lacks 3 bytes; copy or write it again"),
        (&good[..128], "- is cut off: it lacks 240 bytes; copy or write it again"),
        (&longer, "- has more bytes than its header says; write it again"),
        (b"", "- is cut off within its header; copy or write it again"),
        (b"PK\x03\x04 and so on", "- is no .npy array; save it with np.save"),
    ] {
        assert_eq!(said_of(bytes), expected);
    }
}
