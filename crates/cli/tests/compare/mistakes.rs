//! What is refused, in one line that says what to do. Files that are damaged have a test of their own, that of formats.

use std::fs;

use ndarray::{Array1, Array2, Axis, arr0};
use ndarray_npy::write_npy;

use crate::program::{Room, program};

#[test]
fn mistakes_are_told_in_one_line() {
    let room = Room::new("mistakes");
    let [_, p] = room.write(&[40, 5]);
    write_npy(room.path("short.npy"), &p.slice_axis(Axis(0), (..39).into())).unwrap();
    write_npy(room.path("bytes.npy"), &Array2::<u8>::zeros((40, 5))).unwrap();
    write_npy(room.path("empty.npy"), &Array2::<f32>::zeros((0, 5))).unwrap();
    write_npy(room.path("number.npy"), &arr0(1.0_f32)).unwrap();
    let mut weights = Array1::from_elem(40, 1.0_f32);
    weights[37] = -1.0;
    write_npy(room.path("w.npy"), &weights).unwrap();
    write_npy(room.path("zero.npy"), &Array1::<f32>::zeros(40)).unwrap();
    fs::copy(room.path("q.npy"), room.path("r.csv.kldiv-unfinished")).unwrap();
    fs::write(room.path("text.npy"), "not an array").unwrap();
    for (arguments, code, why) in [
        (&["missing.npy", "q.npy"][..], 1, "missing.npy"),
        (&["p.npy", "text.npy"], 1, "text.npy"),
        (&["number.npy", "number.npy"], 1, "holds a single number"),
        (&["empty.npy", "empty.npy"], 1, "holds nothing: its shape is [0, 5]"),
        (&["p.npy", "short.npy"], 1, "p.npy has shape [40, 5], but short.npy has [39, 5]"),
        (&["p.npy", "bytes.npy"], 1, "bytes.npy holds u8, which are not predictions"),
        (&["p.npy", "q.npy", "--axis", "2"], 2, "--axis 2: p.npy has axes 0 to 1"),
        (&["p.npy", "q.npy", "--weights", "p.npy"], 1, "one number a row: [40]"),
        (&["p.npy", "q.npy", "--weights", "w.npy"], 1, "the weight of row [37] is -1"),
        (
            &["p.npy", "q.npy", "--weights", "w.npy", "--block-bytes", "60"],
            1,
            "the weight of row [37] is -1",
        ),
        (&["p.npy", "q.npy", "--tolerance=-1"], 2, "--tolerance"),
        (&["p.npy", "q.npy", "--save-every", "nan"], 2, "--save-every"),
        (&["p.npy", "q.npy", "--plot", "p.txt"], 2, "give a name that ends in .svg or .png"),
        (&["p.npy", "q.npy", "--csv", "p.npy"], 2, "--csv p.npy would overwrite p.npy"),
        (&["p.npy", "q.npy", "--csv", "./q.npy"], 2, "--csv ./q.npy would overwrite q.npy"),
        (&["p.npy", "q.npy", "--report", "r.pdf"], 2, "give a name that ends in .html"),
        (&["p.npy", "q.npy", "--axis", "-3"], 2, "--axis -3"),
        (
            &["p.npy", "q.npy", "--resume", "./new", "--csv", "new"],
            2,
            "--csv new would overwrite ./new",
        ),
        (
            &["p.npy", "q.npy", "--resume", "new", "--csv", "new.lock"],
            2,
            "--csv new.lock would overwrite new.lock",
        ),
        (
            &["p.npy", "r.csv.kldiv-unfinished", "--csv", "r.csv"],
            2,
            "would overwrite r.csv.kldiv-unf",
        ),
        (&["p.npy", "q.npy", "--weights", "zero.npy"], 4, "no row counts: all weights are 0"),
        (&["-", "q.npy", "--resume", "new"], 2, "--resume needs files"),
        (
            &["p.npy", "q.npy", "--resume", "text.npy"],
            1,
            "text.npy is not a state of this version of the program",
        ),
        (
            &["p.npy", "q.npy", "--resume", "no/state"],
            2,
            "--resume no/state: there is no such directory",
        ),
    ] {
        let (found, error) = room.refusal(arguments);
        assert!(found == code && error.contains(why), "{arguments:?}: {found} {error}, not {why}");
    }
    assert_eq!(fs::read(room.path("text.npy")).unwrap(), b"not an array", "overwritten");
}

/// What the parser of arguments refuses takes more than a line, and ends with 2.
#[test]
fn wrong_arguments_end_with_2() {
    let room = Room::new("arguments");
    room.write(&[4, 5]);
    for (arguments, why) in [
        (&["p.npy"][..], "CANDIDATE"),
        (&["p.npy", "q.npy", "--divergence", "kl"], "forward"),
        (&["p.npy", "q.npy", "--divergence", "skew:2"], "skew"),
        (&["p.npy", "q.npy", "--candidate-holds", "scores"], "log-probabilities"),
        (&["p.npy", "q.npy", "--bogus"], "--bogus"),
        (&["p.npy", "q.npy", "--fail-quantile", "0.99:1"], "99 if the 99th is meant"),
    ] {
        let output = room.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(why), "{arguments:?}: {error}");
    }
    let output = program().output().unwrap();
    assert!(output.status.code() == Some(2), "no command");
}
