//! The example `evaluate` as its users run it: layouts, interruptions, mistakes.

#[path = "evaluate/interrupted.rs"]
mod interrupted;
#[path = "evaluate/mistakes.rs"]
mod mistakes;
#[path = "evaluate/program.rs"]
mod program;

use std::fs;

use kldiv::{KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Sum};
use ndarray::{Array1, Array2};
use ndarray_npy::{WritableElement, write_npy};
use program::{Room, fortran, pair};
use serde_json::Value;

#[test]
fn the_report_is_that_of_one_call() {
    let room = Room::new("report");
    let [log_q, p] = room.write(&[500, 12]);
    let weights = Array1::from_shape_fn(500, |i| (i % 4) as f32);
    write_npy(room.path("w.npy"), &weights).unwrap();
    let weights = weights.into_dyn();
    for weighted in [false, true] {
        let batch = KLDivLoss::new(Sum).batch(&log_q, &p).unwrap();
        let batch = if weighted { batch.weights(&weights).unwrap() } else { batch };
        let partial = batch.partial().unwrap();
        let each = KLDivLoss::new(PerDistribution).forward(&log_q, &p).unwrap();
        let with: &[&str] = if weighted { &["--weights", "w.npy"] } else { &[] };
        let small = ["--block-bytes", "700"];
        let text = room.report(&[&["q.npy", "p.npy"], with, &small].concat());
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["distributions"], partial.distributions());
        assert_eq!(report["mean"], partial.mean());
        assert_eq!(report["standard_error"], partial.standard_error());
        assert_eq!(report["min"], partial.min());
        let counts = |i: &usize| !weighted || weights[*i] != 0.0;
        let mut sorted: Vec<_> = (0..500).filter(counts).map(|i| (each[i], i)).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (worst, (divergence, i)) in report["worst"].as_array().unwrap().iter().zip(&sorted) {
            assert_eq!(worst["index"][0], *i);
            assert_eq!(worst["divergence"], f64::from(*divergence));
        }
        let p90 = report["quantiles"]["p90"].as_f64().unwrap();
        let expected =
            f64::from(sorted[sorted.len() - (0.9 * sorted.len() as f64).ceil() as usize].0);
        assert!((p90 / expected - 1.0).abs() < 1.0 / 64.0, "{p90}, not {expected}");
        assert_eq!(text, room.report(&[&["q.npy", "p.npy"], with].concat()));
    }
}

fn layouts_agree<A: WritableElement + Copy>(name: &str, of: fn(f64) -> A) {
    let room = Room::new(name);
    for (shape, axis) in [(&[9, 40, 7][..], 2), (&[9, 40, 7], 0), (&[3, 8, 30, 5], 1), (&[60], 0)] {
        let [log_q, p] = pair(shape, of);
        let orders = [("c", [log_q.clone(), p.clone()]), ("f", [fortran(&log_q), fortran(&p)])];
        for (order, [log_q, p]) in orders {
            write_npy(room.path(&format!("q.{order}")), &log_q).unwrap();
            write_npy(room.path(&format!("p.{order}")), &p).unwrap();
        }
        let axis = axis.to_string();
        let report = |q: &str, p: &str, block: &str| {
            room.report(&[q, p, "--axis", &axis, "--block-bytes", block])
        };
        let expected = report("q.c", "p.c", "1000000");
        for (q, p) in [("q.c", "p.c"), ("q.c", "p.f"), ("q.f", "p.c"), ("q.f", "p.f")] {
            for block in ["0", "300", "5000", "18446744073709551615"] {
                assert_eq!(report(q, p, block), expected, "{shape:?} {axis} {q} {p} {block}");
            }
        }
    }
}

#[test]
fn logits_are_taken_too() {
    let room = Room::new("logits");
    let [student, teacher] = room.write(&[50, 12]);
    let criterion = KLDivWithLogitsLoss::new(Sum).temperature(2.0);
    let partial = criterion.batch(&student, &teacher).unwrap().partial().unwrap();
    let text = room.report(&["q.npy", "p.npy", "--logits", "--temperature", "2"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["mean"], partial.mean());
    let error = room.error(&["q.npy", "p.npy", "--logits", "--temperature", "0"]);
    assert!(error.contains("temperature"), "{error}");
}

#[test]
fn neither_order_nor_block_matters() {
    layouts_agree("layouts-f32", |x| x as f32);
    layouts_agree("layouts-f64", |x| x);
}

/// Divergences spread evenly over ten octaves give bars of one height.
#[test]
fn the_histogram_is_as_smooth_as_the_divergences() {
    let room = Room::new("smooth");
    let divergence = |i: usize| (i as f64 / 2000.0).exp2();
    let q = Array2::from_shape_fn((20_000, 2), |(i, j)| if j == 0 { -divergence(i) } else { 0.0 });
    let p = Array2::from_shape_fn((20_000, 2), |(_, j)| if j == 0 { 1.0 } else { 0.0 });
    write_npy(room.path("q.npy"), &q).unwrap();
    write_npy(room.path("p.npy"), &p).unwrap();
    room.report(&["q.npy", "p.npy", "--plot", "p.svg"]);
    let picture = fs::read_to_string(room.path("p.svg")).unwrap();
    let bars =
        picture.lines().filter(|line| line.contains("<rect") && line.contains("opacity=\"0.7\""));
    let height = |line: &str| line.split_once(" height=\"")?.1.split_once('"')?.0.parse().ok();
    let heights: Vec<f64> = bars.map(|line| height(line).unwrap()).collect();
    assert!(heights.len() > 50, "{} bars", heights.len());
    let inner = &heights[1..heights.len() - 1];
    let most = inner.iter().fold(0.0, |a: f64, &b| a.max(b));
    assert!(inner.iter().all(|&height| height > 0.95 * most), "{heights:?}");
}

/// Equal files have divergences that no logarithmic axis has a place for.
#[test]
fn there_is_always_something_to_draw() {
    let room = Room::new("plot");
    let [_, p] = room.write(&[40, 5]);
    write_npy(room.path("nan.npy"), &p.mapv(|_| f32::NAN)).unwrap();
    write_npy(room.path("row.npy"), &p.mapv(|_| 0.2_f32)).unwrap();
    write_npy(room.path("none.npy"), &Array1::<f32>::zeros(40)).unwrap();
    let log = "--log-target";
    for (arguments, found) in [
        (&["q.npy", "q.npy", log][..], "about 0"),
        (&["q.npy", "nan.npy"], "not finite"),
        (&["nan.npy", "row.npy"], "not finite"),
        (&["row.npy", "p.npy"], "below 0"),
        (&["q.npy", "p.npy"], "median"),
        (&["q.npy", "p.npy", "--weights", "none.npy"], "0 distributions"),
    ] {
        let _ = fs::remove_file(room.path("p.svg"));
        room.report(&[arguments, &["--plot", "p.svg"]].concat());
        let picture = fs::read_to_string(room.path("p.svg")).unwrap();
        assert!(
            picture.contains(found) && picture.ends_with("</svg>\n"),
            "{arguments:?}: {picture}"
        );
    }
    let same = ["--axis", "0", "--plot", "p.svg"];
    write_npy(room.path("less.npy"), &Array2::from_elem((4, 9), -1.0_f32)).unwrap();
    write_npy(room.path("more.npy"), &Array2::from_elem((4, 9), 0.7_f32)).unwrap();
    room.report(&[&["less.npy", "more.npy"], &same[..]].concat());
    assert!(fs::read_to_string(room.path("p.svg")).unwrap().contains("mean 1.8"));
}
