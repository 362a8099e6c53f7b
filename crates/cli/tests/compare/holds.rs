//! What files hold is found out, and rows that are no distributions are not passed over.

use ndarray::{ArrayD, Axis};
use ndarray_npy::write_npy;

use crate::program::{Room, number};

/// 60 rows of 9 classes as p.npy, lp.npy, z.npy, and a candidate in the same three forms.
fn room(name: &str) -> (Room, [ArrayD<f32>; 2]) {
    let room = Room::new(name);
    let [log_q, p] = room.write(&[60, 9]);
    for (name, array) in [
        ("p", p.clone()),
        ("lp", p.ln()),
        ("zp", p.ln() * 1.0 + 3.0),
        ("qq", log_q.exp()),
        ("lq", log_q.clone()),
        ("zq", &log_q - 2.0),
    ] {
        write_npy(room.path(&format!("{name}.npy")), &array).unwrap();
    }
    (room, [log_q, p])
}

#[test]
fn every_form_of_either_side_gives_the_same() {
    let (room, _) = room("forms");
    let expected =
        number(&room.json(&["p.npy", "lq.npy"])["candidates"][0]["divergences"]["forward"]["mean"]);
    for (reference, holds) in
        [("p", "probabilities"), ("lp", "log-probabilities"), ("zp", "logits")]
    {
        for (candidate, of) in
            [("qq", "probabilities"), ("lq", "log-probabilities"), ("zq", "logits")]
        {
            let files = [&format!("{reference}.npy")[..], &format!("{candidate}.npy")];
            let report = room.json(&files);
            assert_eq!(report["reference"]["holds"], holds);
            assert_eq!(report["candidates"][0]["holds"], of);
            let found = number(&report["candidates"][0]["divergences"]["forward"]["mean"]);
            assert!(
                (found - expected).abs() < 1e-6 * expected,
                "{files:?}: {found}, not {expected}"
            );
            let told = room.json(&[
                files[0],
                files[1],
                "--reference-holds",
                holds,
                "--candidate-holds",
                of,
            ]);
            assert_eq!(
                told["candidates"][0]["divergences"],
                report["candidates"][0]["divergences"]
            );
        }
    }
}

/// The mistakes that the old way of asking made easy: logits taken for log-probabilities, probabilities for their logarithms.
#[test]
fn what_a_file_does_not_hold_is_refused() {
    let (room, _) = room("refused");
    for (reference, candidate, holds, other) in [
        ("p.npy", "zq.npy", "log-probabilities", "logits"),
        ("p.npy", "qq.npy", "log-probabilities", "probabilities"),
        ("p.npy", "lq.npy", "probabilities", "log-probabilities"),
    ] {
        let (code, error) = room.refusal(&[reference, candidate, "--candidate-holds", holds]);
        assert_eq!(code, 4, "{error}");
        assert!(error.contains(&format!("{candidate}: row [0] is not a distribution")), "{error}");
        assert!(error.contains(&format!("--candidate-holds {other}")), "{error}");
    }
    let (code, error) =
        room.refusal(&["zp.npy", "lq.npy", "--reference-holds", "log-probabilities"]);
    assert!(
        code == 4 && error.contains("zp.npy") && error.contains("--reference-holds logits"),
        "{error}"
    );
}

/// Rows that a writer left at zero, and one of NaN.
#[test]
fn later_rows_are_checked_as_the_first() {
    let (room, [log_q, p]) = room("later");
    let mut unwritten = p.clone();
    unwritten.slice_axis_mut(Axis(0), (50..).into()).fill(0.0);
    write_npy(room.path("unwritten.npy"), &unwritten).unwrap();
    for block in ["400", "1000000"] {
        let (code, error) = room.refusal(&["unwritten.npy", "lq.npy", "--block-bytes", block]);
        assert_eq!(code, 4);
        assert!(error.contains("unwritten.npy: row [50] is not a distribution"), "{error}");
        assert!(error.contains("never written"), "{error}");
        let report =
            room.json(&["unwritten.npy", "lq.npy", "--block-bytes", block, "--keep-going"]);
        let deviating = &report["reference"]["deviating"];
        assert_eq!([&deviating["rows"], &deviating["first"][0]], [10, 50]);
    }
    // In log-probabilities beside logits nothing need be 1, but what was said has to hold.
    let mut shifted = log_q.clone();
    shifted.index_axis_mut(Axis(0), 40).mapv_inplace(|x| x + 1.0);
    write_npy(room.path("shifted.npy"), &shifted).unwrap();
    for reference in ["p.npy", "zp.npy"] {
        let (code, error) = room.refusal(&[reference, "shifted.npy"]);
        assert!(code == 4 && error.contains("shifted.npy: row [40]"), "{error}");
    }
}

#[test]
fn nan_does_not_end_well_unless_asked_for() {
    let (room, [log_q, _]) = room("nan");
    let mut broken = &log_q - 2.0;
    broken[[33, 4]] = f32::NAN;
    write_npy(room.path("broken.npy"), &broken).unwrap();
    let (code, error) = room.refusal(&["zp.npy", "broken.npy"]);
    assert!(code == 4 && error.contains("broken.npy: row [33]"), "{error}");
    let output = room.run(&["zp.npy", "broken.npy", "--keep-going"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(4)
            && !output.stdout.is_empty()
            && error.contains("--allow-nan"),
        "{error}"
    );
    let report = room.json(&["zp.npy", "broken.npy", "--keep-going", "--allow-nan"]);
    assert_eq!(report["candidates"][0]["divergences"]["forward"]["not_finite"]["NaN"], 1);
    assert_eq!(report["candidates"][0]["deviating"]["rows"], 1);
}

/// Infinite, as KL(p ‖ q) is where q excludes a class of p, is an answer.
#[test]
fn infinite_is_a_divergence() {
    let (room, [log_q, _]) = room("infinite");
    let mut excluding = &log_q - 2.0;
    excluding[[12, 0]] = f32::NEG_INFINITY;
    write_npy(room.path("excluding.npy"), &excluding).unwrap();
    let report = room.json(&["zp.npy", "excluding.npy"]);
    let forward = &report["candidates"][0]["divergences"]["forward"];
    assert_eq!([&forward["mean"], &forward["max"]], ["inf", "inf"]);
    assert_eq!(forward["not_finite"]["inf"], 1);
    assert!(number(&report["candidates"][0]["divergences"]["reverse"]["mean"]).is_finite());
}

/// Proper, and yet most likely never written.
#[test]
fn constant_rows_are_counted() {
    let (room, [log_q, p]) = room("constant");
    let zeroed = |array: ArrayD<f32>, name: &str| {
        let mut array = array + 1.0;
        array.slice_axis_mut(Axis(0), (40..).into()).fill(0.0);
        write_npy(room.path(name), &array).unwrap();
    };
    zeroed(log_q, "q0.npy");
    zeroed(p.ln(), "p0.npy");
    let report = room.json(&["p0.npy", "q0.npy", "--block-bytes", "300"]);
    assert_eq!(report["constant_rows"], 20);
    assert!(report["notes"].to_string().contains("never written"));
    assert_eq!(room.json(&["p0.npy", "zq.npy"])["constant_rows"], 0);
}

/// Numbers from 0 to 1 that do not add up to 1 are hardly logits.
#[test]
fn what_is_not_quite_a_distribution_is_not_taken_for_logits() {
    let (room, [_, p]) = room("doubt");
    write_npy(room.path("part.npy"), &(&p * 0.9)).unwrap();
    let (code, error) = room.refusal(&["part.npy", "lq.npy"]);
    assert!(code == 4 && error.contains("part.npy: its numbers are from 0 to 1"), "{error}");
    let told = ["part.npy", "lq.npy", "--reference-holds", "probabilities", "--tolerance", "0.2"];
    assert_eq!(room.json(&told)["reference"]["holds"], "probabilities");
    let (code, error) = room.refusal(&told[..4]);
    assert!(code == 4 && error.contains("--tolerance") && !error.contains("logits"), "{error}");
    let (code, error) = room.refusal(&["p.npy", "lq.npy", "--axis", "0"]);
    assert!(code == 4 && error.contains("another --axis"), "{error}");
    assert_eq!(room.json(&["p.npy", "lq.npy", "--axis", "-1"])["rows"], 60);
}

/// Rows that do not count, and rows that were never written, say nothing of what a file holds, whatever the block.
#[test]
fn the_first_rows_that_say_something_decide() {
    let (room, [log_q, p]) = room("first");
    write_npy(room.path("w.npy"), &ndarray::Array1::from_shape_fn(60, |i| i >= 50)).unwrap();
    let mut late = p.clone();
    late.slice_axis_mut(Axis(0), (..50).into()).fill(0.0);
    write_npy(room.path("late.npy"), &late).unwrap();
    for block in ["1", "400", "1000000"] {
        let weighted = ["late.npy", "lq.npy", "--weights", "w.npy", "--block-bytes", block];
        assert_eq!(room.json(&weighted)["reference"]["holds"], "probabilities");
        let (code, error) = room.refusal(&["late.npy", "lq.npy", "--block-bytes", block]);
        assert!(code == 4 && error.contains("late.npy: row [0]"), "{error}");
    }
    // Nor do rows that do not count raise a doubt, whatever they hold.
    let mut padded = p.ln() + 1.0;
    padded.slice_axis_mut(Axis(0), (..50).into()).mapv_inplace(|x| x.exp() / 100.0);
    write_npy(room.path("padded.npy"), &padded.slice_axis(Axis(0), (..50).into())).unwrap();
    write_npy(room.path("few.npy"), &log_q.slice_axis(Axis(0), (..50).into())).unwrap();
    let (code, _) = room.refusal(&["padded.npy", "few.npy"]);
    assert_eq!(code, 4);
    write_npy(room.path("padded.npy"), &padded).unwrap();
    let report = room.json(&["padded.npy", "lq.npy", "--weights", "w.npy"]);
    assert_eq!(report["reference"]["holds"], "logits");
    let mut cut = &log_q - 2.0;
    cut.slice_axis_mut(Axis(0), (..50).into()).fill(0.0);
    write_npy(room.path("cut.npy"), &cut).unwrap();
    assert_eq!(room.json(&["zp.npy", "cut.npy"])["candidates"][0]["holds"], "logits");
}

/// Of the same probabilities every divergence is 0, and the greatest class the same.
#[test]
fn equal_files_are_equal() {
    let (room, _) = room("equal");
    for name in ["p.npy", "lp.npy", "zp.npy"] {
        let report = room.json(&[name, name]);
        let candidate = &report["candidates"][0];
        for divergence in ["forward", "reverse"] {
            let found = &candidate["divergences"][divergence];
            assert_eq!([number(&found["min"]), number(&found["max"])], [0.0; 2], "{name}");
        }
        assert_eq!(number(&candidate["same_top"]["mean"]), 1.0);
    }
}
