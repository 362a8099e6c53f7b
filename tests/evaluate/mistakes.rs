//! What is refused, in one line that says what to do.

use std::fs;

use ndarray::{Array1, Array2, Axis, arr0};
use ndarray_npy::write_npy;

use crate::program::Room;

#[test]
fn mistakes_are_told_in_one_line() {
    let room = Room::new("mistakes");
    let [_, p] = room.write(&[40, 5]);
    write_npy(room.path("short.npy"), &p.slice_axis(Axis(0), (..39).into())).unwrap();
    write_npy(room.path("double.npy"), &p.mapv(f64::from)).unwrap();
    write_npy(room.path("bytes.npy"), &Array2::<u8>::zeros((40, 5))).unwrap();
    let mut weights = Array1::from_elem(40, 1.0_f32);
    weights[37] = -1.0;
    write_npy(room.path("w.npy"), &weights).unwrap();
    let whole = fs::read(room.path("p.npy")).unwrap();
    fs::write(room.path("cut.npy"), &whole[..whole.len() - 3]).unwrap();
    fs::write(room.path("head.npy"), &whole[..20]).unwrap();
    fs::write(room.path("text.npy"), "not an array").unwrap();
    fs::write(room.path("bad.npy"), bad_header()).unwrap();
    let shape = "(4611686018427387904, 10)";
    fs::write(room.path("huge.npy"), header("<f4", shape)).unwrap();
    fs::write(room.path("big.npy"), header(">f8", "(4, 2)")).unwrap();
    write_npy(room.path("number.npy"), &arr0(1.0_f32)).unwrap();
    for (arguments, why) in [
        (&["q.npy", "missing.npy"][..], "cannot read missing.npy"),
        (&["q.npy", "cut.npy"], "cut.npy is truncated, 3 bytes are missing"),
        (&["q.npy", "head.npy"], "cannot read head.npy"),
        (&["q.npy", "text.npy"], "give a whole file that numpy.save wrote"),
        (&["q.npy", "bad.npy"], "give a whole file that numpy.save wrote"),
        (&["number.npy", "number.npy"], "holds a single number"),
        (&["q.npy", "short.npy"], "q.npy has shape [40, 5], but short.npy has [39, 5]"),
        (&["q.npy", "double.npy"], "both must be the same"),
        (&["q.npy", "bytes.npy"], "not float32 or float64"),
        (&["q.npy", "p.npy", "--axis", "2"], "--axis 2"),
        (&["q.npy", "p.npy", "--weights", "p.npy"], "one weight a distribution: [40]"),
        (&["q.npy", "p.npy", "--weights", "w.npy"], "w.npy: weight -1 of distribution [37]"),
        (
            &["q.npy", "p.npy", "--weights", "w.npy", "--block-bytes", "60"],
            "w.npy: weight -1 of distribution [37]",
        ),
        (&["q.npy", "p.npy", "--plot", "p.npy"], "--plot p.npy would overwrite p.npy"),
        (
            &["q.npy", "p.npy", "--resume", "./new", "--plot", "new"],
            "--plot new would overwrite ./new",
        ),
        (
            &["q.npy", "p.npy", "--resume", "new", "--plot", "new.lock"],
            "--plot new.lock would overwrite new.lock",
        ),
        (&["huge.npy", "huge.npy"], "no file is as long as its header says"),
        (&["big.npy", "big.npy"], "not float32 or float64 in little-endian order"),
        (
            &["q.npy", "p.npy", "--resume", "text.npy"],
            "text.npy is no state of this version of the program",
        ),
        (&["q.npy", "p.npy", "--resume", "no/state"], "cannot write no/state"),
    ] {
        let error = room.error(arguments);
        assert!(error.contains(why), "{error}, not {why}");
    }
    assert_eq!(fs::read(room.path("text.npy")).unwrap(), b"not an array", "overwritten");
    for arguments in [&["q.npy"][..], &["--logits"], &["--log-target"]] {
        let usage = room.run(arguments);
        assert!(!usage.status.success() && !usage.stderr.is_empty(), "{arguments:?}");
    }
}

/// What the npy crate has several lines to say about.
fn bad_header() -> Vec<u8> {
    npy("{'descr': '<f4',\n 'fortran_order': perhaps, 'shape': (4,)}")
}

/// A file that holds nothing of what its header says.
fn header(dtype: &str, shape: &str) -> Vec<u8> {
    npy(&format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"))
}

fn npy(header: &str) -> Vec<u8> {
    [b"\x93NUMPY\x01\x00\x76\x00", format!("{header:117}\n").as_bytes()].concat()
}

/// Without files it makes its own, if it may.
#[test]
fn a_pair_that_cannot_be_written() {
    let room = Room::new("pair");
    fs::write(room.path("target"), "a file").unwrap();
    let output = room.run(&[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("error: cannot write to target"), "{error}");
    assert_eq!(fs::read(room.path("target")).unwrap(), b"a file");
}
