//! `kldiv inspect`: what a file is, and what it seems to hold.

use ndarray::Axis;
use ndarray_npy::write_npy;
use serde_json::Value;

use crate::program::{Room, fixture, number, program};

/// The exit code, standard output and standard error.
fn inspect(room: &Room, arguments: &[&str]) -> (i32, String, String) {
    let output = program().current_dir(&room.0).arg("inspect").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(room: &Room, arguments: &[&str]) -> Vec<Value> {
    let (code, told, error) = inspect(room, &[arguments, &["--json"]].concat());
    assert_eq!((code, &error[..]), (0, ""), "{arguments:?}");
    let Value::Array(arrays) = serde_json::from_str::<Value>(&told).unwrap()["arrays"].take()
    else {
        panic!("{told}");
    };
    arrays
}

#[test]
fn it_says_what_arrays_seem_to_hold() {
    let room = Room::new("inspect");
    let [log_q, mut p] = room.write(&[60, 9]);
    write_npy(room.path("z.npy"), &(&log_q + 1.0)).unwrap();
    // The first rows are not written, one is no distribution, one holds what is no number.
    p.slice_axis_mut(Axis(0), (..20).into()).fill(0.0);
    p.index_axis_mut(Axis(0), 41).mapv_inplace(|p| 3.0 * p);
    p[[50, 2]] = f32::NAN;
    write_npy(room.path("p.npy"), &p).unwrap();
    for block in ["100", "1000000"] {
        let found = json(&room, &["q.npy", "z.npy", "p.npy", "--block-bytes", block]);
        let seem = ["log-probabilities", "logits", "probabilities"];
        for (found, seems) in found.iter().zip(seem) {
            assert_eq!(found["seems_to_hold"], seems);
            assert_eq!([&found["rows"], &found["classes"], &found["axis"]], [60, 9, 1]);
        }
        assert_eq!([&found[0]["improper_rows"], &found[1]["improper_rows"]], [0, 0]);
        let p = &found[2];
        assert_eq!(
            [&p["improper_rows"], &p["constant_rows"], &p["not_finite"]["NaN"]],
            [22, 20, 1]
        );
        // NaN is farther from 1 than anything.
        assert_eq!(
            (&p["worst_row"]["index"][0], &p["worst_row"]["sum"]),
            (&50.into(), &"NaN".into())
        );
        assert_eq!(number(&p["min"]), 0.0);
        assert!(number(&p["max"]) > 0.5);
    }
    let (code, text, _) = inspect(&room, &["p.npy"]);
    assert_eq!(code, 0);
    for words in [
        "p.npy: .npy, f32, shape [60, 9]",
        "60 of 9 classes, along axis 1",
        "probabilities: but 22 rows do not sum to 1 within 0.001, the farthest [50] to NaN",
        "1 NaN, 0 +∞, 0 −∞",
    ] {
        assert!(text.contains(words), "{text}, not {words}");
    }
}

#[test]
fn archives_and_what_cannot_be_read() {
    let room = Room::new("inspect-archives");
    let stored = fixture("stored.npz");
    let names: Vec<Value> =
        json(&room, &[&stored]).iter().map(|array| array["file"].clone()).collect();
    let expected = ["logits", "half", "fortran", "labels"].map(|name| format!("{stored}:{name}"));
    assert_eq!(names, expected);
    let of_llama = &json(&room, &[&fixture("kld/base_even.kld")])[0];
    assert_eq!([&of_llama["format"], &of_llama["seems_to_hold"]], ["llama.cpp", "logits"]);
    assert_eq!([&of_llama["tokens"], &of_llama["rows"], &of_llama["classes"]], [128, 128, 512]);
    // Those that can be read are told nevertheless.
    let (code, told, error) = inspect(&room, &["a.npy", &stored, "b.npy"]);
    assert!(code == 1 && told.contains(":labels: .npz, i64"), "{told}");
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    for (line, name) in lines.iter().zip(["a.npy", "b.npy"]) {
        assert_eq!(*line, format!("error: {name} does not exist; check the path"));
    }
    let (code, _, error) = inspect(&room, &[&stored, "--tolerance", "nan"]);
    assert!(code == 2 && error.contains("--tolerance"), "{error}");
}
