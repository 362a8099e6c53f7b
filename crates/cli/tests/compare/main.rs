//! `kldiv compare` and `kldiv inspect` as their users run them.

mod holds;
mod inspect;
mod interrupted;
mod labels;
mod llama;
mod mistakes;
mod named;
mod outputs;
mod program;

use kldiv::{Divergence, KLDivLoss, KLDivWithLogitsLoss, PerDistribution};
use ndarray::{Array1, ArrayD, Axis};
use ndarray_npy::{WritableElement, write_npy};
use program::{Room, fortran, number, pair};
use serde_json::Value;

fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-12 * expected.abs().max(1e-3),
        "{found}, not {expected}"
    );
}

/// Mean, standard error, extremes and quantiles of numbers, as anybody would compute them.
fn check(report: &Value, values: &[f64]) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    near(number(&report["mean"]), mean);
    near(number(&report["standard_error"]), (variance / n).sqrt());
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(
        [number(&report["min"]), number(&report["max"])],
        [sorted[0], sorted[sorted.len() - 1]]
    );
    for percent in ["0.1", "1", "5", "10", "50", "90", "95", "99", "99.9"] {
        let place = percent.parse::<f64>().unwrap() / 100.0 * (n - 1.0);
        let (below, part) = (place as usize, place.fract());
        let above = sorted[(below + 1).min(sorted.len() - 1)];
        near(number(&report["quantiles"][percent]), (1.0 - part) * sorted[below] + part * above);
    }
}

#[test]
fn the_report_is_what_the_library_gives() {
    let room = Room::new("report");
    let [log_q, p] = room.write(&[500, 12]);
    let report = room.json(&[
        "p.npy",
        "q.npy",
        "--divergence",
        "forward",
        "--divergence",
        "jensen-shannon:0.5",
    ]);
    assert_eq!(report["rows"], 500);
    assert_eq!(report["classes"], 12);
    assert_eq!(report["constant_rows"], 0);
    assert_eq!(report["reference"]["holds"], "probabilities");
    let candidate = &report["candidates"][0];
    assert_eq!(candidate["holds"], "log-probabilities");
    let each = |divergence| -> Vec<f64> {
        let loss = KLDivLoss::new(PerDistribution).divergence(divergence);
        loss.forward(&log_q, &p).unwrap().iter().map(|&d| d.into()).collect()
    };
    check(&candidate["divergences"]["forward"], &each(Divergence::Forward));
    let jensen_shannon = each(Divergence::JensenShannon(0.5));
    check(&candidate["divergences"]["jensen-shannon:0.5"], &jensen_shannon);
    assert!(candidate["divergences"].get("reverse").is_none());
    let variation = each(Divergence::TotalVariation);
    near(number(&candidate["acceptance"]["mean"]), 1.0 - variation.iter().sum::<f64>() / 500.0);
    let top = |array: &ArrayD<f32>| -> Vec<usize> {
        let greatest = |lane: ndarray::ArrayView1<'_, f32>| {
            (0..12).max_by(|&i, &j| lane[i].total_cmp(&lane[j])).unwrap()
        };
        array.lanes(Axis(1)).into_iter().map(greatest).collect()
    };
    let same = top(&log_q).iter().zip(top(&p)).filter(|(q, p)| *q == p).count() as f64 / 500.0;
    near(number(&candidate["same_top"]["mean"]), same);
    near(number(&candidate["same_top"]["standard_error"]), (same * (1.0 - same) / 499.0).sqrt());
}

#[test]
fn acceptance_of_logits_is_one_minus_total_variation() {
    let room = Room::new("acceptance");
    let [log_q, p] = room.write(&[300, 40]);
    let mut logits = [log_q.mapv(|x| 3.0 * x + 1.0), p.mapv(|p| p.ln() - 2.0)];
    // The loss is +∞, or there is a class that neither has.
    logits[0].slice_mut(ndarray::s![..9, 3]).fill(f32::NEG_INFINITY);
    logits[1].slice_mut(ndarray::s![5..20, 3]).fill(f32::NEG_INFINITY);
    let [input, target] = &logits;
    write_npy(room.path("input.npy"), input).unwrap();
    write_npy(room.path("target.npy"), target).unwrap();
    for temperature in [1.0, 2.0] {
        let loss = KLDivWithLogitsLoss::new(PerDistribution).divergence(Divergence::TotalVariation);
        let variation = loss.temperature(temperature).forward(input, target).unwrap();
        let expected = 1.0 - variation.iter().map(|&v| f64::from(v)).sum::<f64>() / 300.0;
        for more in [&["--divergence", "reverse"][..], &["--block-bytes", "1000"]] {
            let temperature = format!("--temperature={temperature}");
            let all =
                [&["target.npy", "input.npy", "--allow-nan", &temperature][..], more].concat();
            let found = number(&room.json(&all)["candidates"][0]["acceptance"]["mean"]);
            assert!((found - expected).abs() < 1e-7, "{more:?}: {found}, not {expected}");
        }
    }
}

#[test]
fn weights_count_and_zero_leaves_out() {
    let room = Room::new("weights");
    let [log_q, p] = room.write(&[200, 12]);
    let weights = Array1::from_shape_fn(200, |i| (i % 4) as i8);
    write_npy(room.path("w.npy"), &weights).unwrap();
    let report = room.json(&["p.npy", "q.npy", "--weights", "w.npy", "--block-bytes", "700"]);
    assert_eq!([&report["rows"], &report["left_out"]], [150, 50]);
    let each = KLDivLoss::new(PerDistribution).forward(&log_q, &p).unwrap();
    let sum: f64 = each.iter().zip(&weights).map(|(&d, &w)| f64::from(d) * f64::from(w)).sum();
    let forward = &report["candidates"][0]["divergences"]["forward"];
    near(number(&forward["mean"]), sum / weights.iter().map(|&w| f64::from(w)).sum::<f64>());
    // What is left out may be anything.
    let mut broken = log_q.clone();
    broken.index_axis_mut(Axis(0), 4).fill(f32::NAN);
    write_npy(room.path("broken.npy"), &broken).unwrap();
    let other = room.json(&["p.npy", "broken.npy", "--weights", "w.npy"]);
    assert_eq!(&other["candidates"][0]["divergences"]["forward"], forward);
}

#[test]
fn candidates_do_not_know_of_each_other() {
    let room = Room::new("candidates");
    let [log_q, p] = room.write(&[100, 7]);
    let other = log_q.mapv(|log_q| 2.0 * log_q);
    write_npy(room.path("z.npy"), &other).unwrap();
    let both = room.json(&["p.npy", "q.npy", "z.npy", "p.npy"]);
    for (i, name) in ["q.npy", "z.npy", "p.npy"].into_iter().enumerate() {
        assert_eq!(room.json(&["p.npy", name])["candidates"][0], both["candidates"][i], "{name}");
    }
    assert_eq!(both["candidates"][1]["holds"], "logits");
    // The same numbers, once as they are and once through a logarithm.
    let itself = &both["candidates"][2]["divergences"]["forward"];
    assert!(
        number(&itself["max"]) < 1e-6 && number(&both["candidates"][2]["same_top"]["mean"]) == 1.0
    );
    let loss = KLDivWithLogitsLoss::new(PerDistribution).target(kldiv::Target::Probabilities);
    let each: Vec<f64> = loss.forward(&other, &p).unwrap().iter().map(|&d| d.into()).collect();
    check(&both["candidates"][1]["divergences"]["forward"], &each);
}

#[test]
fn temperatures_divide_logits() {
    let room = Room::new("temperatures");
    let [student, teacher] = pair(&[50, 12], 1, |x| 3.0 * x as f32 + 1.0);
    write_npy(room.path("s.npy"), &student).unwrap();
    write_npy(room.path("t.npy"), &teacher).unwrap();
    let report =
        room.json(&["t.npy", "s.npy", "--temperature", "2", "--reference-temperature", "0.5"]);
    let loss = KLDivWithLogitsLoss::new(PerDistribution).temperature(2.0).target_temperature(0.5);
    let each: Vec<f64> =
        loss.forward(&student, &teacher).unwrap().iter().map(|&d| d.into()).collect();
    check(&report["candidates"][0]["divergences"]["forward"], &each);
    let (code, error) = room.refusal(&["t.npy", "s.npy", "--temperature", "0"]);
    assert!(code == 2 && error.contains("--temperature"), "{error}");
    room.write(&[50, 12]);
    let (code, error) = room.refusal(&["p.npy", "q.npy", "--temperature", "2"]);
    assert!(
        code == 2 && error.contains("p.npy holds probabilities, and a temperature divides logits"),
        "{error}"
    );
}

fn layouts_agree<A: WritableElement + Copy>(name: &str, of: fn(f64) -> A) {
    let room = Room::new(name);
    for (shape, axis) in [(&[9, 40, 7][..], 2), (&[9, 40, 7], 0), (&[3, 8, 30, 5], 1), (&[60], 0)] {
        let [log_q, log_p] = pair(shape, axis, of);
        let orders =
            [("c", [log_q.clone(), log_p.clone()]), ("f", [fortran(&log_q), fortran(&log_p)])];
        for (order, [log_q, log_p]) in orders {
            write_npy(room.path(&format!("q.{order}")), &log_q).unwrap();
            write_npy(room.path(&format!("p.{order}")), &log_p).unwrap();
        }
        let axis = axis.to_string();
        let report = |p: &str, q: &str, block: &str| {
            room.report(&[p, q, "--axis", &axis, "--block-bytes", block])
                .replace(&format!("\"{p}\""), "p")
                .replace(&format!("\"{q}\""), "q")
        };
        let expected = report("p.c", "q.c", "1000000");
        for (p, q) in [("p.c", "q.c"), ("p.c", "q.f"), ("p.f", "q.c"), ("p.f", "q.f")] {
            for block in ["0", "300", "5000", "18446744073709551615"] {
                assert_eq!(report(p, q, block), expected, "{shape:?} {axis} {p} {q} {block}");
            }
        }
    }
}

#[test]
fn neither_order_nor_block_matters() {
    layouts_agree("layouts-f32", |x| x as f32);
    layouts_agree("layouts-f64", |x| x);
}

/// The wider type is computed in.
#[test]
fn types_may_differ() {
    let room = Room::new("types");
    let [log_q, log_p] = pair(&[50, 12], 1, |x| x as f32);
    write_npy(room.path("p32.npy"), &log_p).unwrap();
    write_npy(room.path("p64.npy"), &log_p.mapv(f64::from)).unwrap();
    write_npy(room.path("q64.npy"), &log_q.mapv(f64::from)).unwrap();
    let mixed = room.json(&["p32.npy", "q64.npy"]);
    let double = room.json(&["p64.npy", "q64.npy"]);
    assert_eq!(mixed["candidates"][0]["divergences"], double["candidates"][0]["divergences"]);
}

#[test]
fn standard_input_is_a_file_too() {
    let room = Room::new("stdin");
    room.write(&[300, 12]);
    let named = room.report(&["p.npy", "q.npy", "--block-bytes", "1000"]);
    let mut command = program::program();
    command.current_dir(&room.0).args(["compare", "p.npy", "-", "--json"]);
    command.stdin(std::fs::File::open(room.path("q.npy")).unwrap());
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let piped = String::from_utf8(output.stdout).unwrap();
    assert_eq!(piped.replace("\"-\"", "\"q.npy\""), named);
    let (code, error) = room.refusal(&["-", "-"]);
    assert!(code == 2 && error.contains("can be read once"), "{error}");
}
