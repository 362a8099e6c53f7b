//! References that name the k best classes of each row.

use kldiv::{Divergence, KLDivWithLogitsLoss, PerDistribution, Tail, Target};
use ndarray::{Array, Array1, Array2, Axis, Dimension};
use ndarray_npy::{WritableElement, write_npy};

use super::program::{Room, number};
use super::{check, near};

fn put<A: WritableElement, D: Dimension>(room: &Room, name: &str, array: &Array<A, D>) {
    write_npy(room.path(name), array).unwrap();
}

const ROWS: usize = 90;
const CLASSES: usize = 100;
const NAMED: usize = 5;

/// Writes q.npy, logits; p.npy, all log-probabilities of the reference; best.npy and classes.npy, its best.
fn write(room: &Room) -> [Array2<f64>; 3] {
    let number = |row: usize, class: usize| ((row * 37 + class * class * 11) % 101) as f64 / 12.0;
    let logits = Array2::from_shape_fn((ROWS, CLASSES), |(row, class)| number(row + 3, class));
    let mut log_p = Array2::from_shape_fn((ROWS, CLASSES), |(row, class)| number(row, class));
    let sums = log_p.exp().sum_axis(Axis(1)).ln().insert_axis(Axis(1));
    log_p -= &sums;
    let (mut classes, mut best) =
        (Array2::<i32>::zeros((ROWS, NAMED)), Array2::zeros((ROWS, NAMED)));
    for row in 0..ROWS {
        let mut order: Vec<usize> = (0..CLASSES).collect();
        order.sort_by(|&a, &b| log_p[[row, b]].total_cmp(&log_p[[row, a]]));
        for place in 0..NAMED {
            classes[[row, place]] = order[place] as i32;
            best[[row, place]] = log_p[[row, order[place]]];
        }
    }
    put(room, "q.npy", &logits);
    put(room, "p.npy", &log_p);
    put(room, "best.npy", &best);
    put(room, "classes.npy", &classes);
    [logits, best, classes.mapv(f64::from)]
}

#[test]
fn every_tail_is_what_the_library_gives() {
    let room = Room::new("named");
    let [logits, best, classes] = write(&room);
    let classes = classes.mapv(|class| class as i64);
    let mut means = Vec::new();
    for tail in [Tail::Bucket, Tail::Uniform, Tail::Renormalized, Tail::Dropped] {
        let report = room.json(&[
            "best.npy",
            "--classes",
            "classes.npy",
            "q.npy",
            "--tail",
            &tail.to_string(),
            "--block-bytes",
            "9000",
        ]);
        assert_eq!(report["reference"]["holds"], "log-probabilities");
        assert_eq!((&report["rows"], &report["classes"]), (&ROWS.into(), &CLASSES.into()));
        let notes = report["notes"].to_string();
        assert!(
            notes.contains(&format!("5 of 100 classes of each row; its tail is {tail}")),
            "{notes}"
        );
        let criterion = KLDivWithLogitsLoss::new(PerDistribution);
        let criterion = criterion.target(Target::LogProbabilities).tail(tail);
        let by = |divergence| {
            let criterion = criterion.divergence(divergence);
            criterion.sparse_batch(&logits, &classes, &best).unwrap().forward().unwrap()
        };
        let found = &report["candidates"][0];
        let forward: Array1<f64> = by(Divergence::Forward);
        check(&found["divergences"]["forward"], &forward.to_vec());
        let accepted = 1.0 - by(Divergence::TotalVariation).mean().unwrap();
        near(number(&found["acceptance"]["mean"]), accepted);
        means.push(forward.mean().unwrap());
    }
    // All classes bound the bucket from above.
    let report = room.json(&["p.npy", "q.npy"]);
    let dense = number(&report["candidates"][0]["divergences"]["forward"]["mean"]);
    assert!(means[0] > 0.0 && means[0] < dense, "{means:?} {dense}");
    let named = room.json(&["best.npy", "--classes", "classes.npy", "q.npy"]);
    let found = &named["candidates"][0];
    assert_eq!(found["same_top"], report["candidates"][0]["same_top"]);
    assert_eq!(number(&found["divergences"]["forward"]["mean"]), means[0]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let room = Room::new("named_mistakes");
    let [_, best, classes] = write(&room);
    let classes = classes.mapv(|class| class as i64);
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let output = room.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(says), "{error}");
    };
    let all = ["best.npy", "--classes", "classes.npy", "q.npy"];
    refused(&["q.npy", "--classes", "classes.npy", "best.npy"], 1, "both must be the same");
    refused(&["best.npy", "--classes", "best.npy", "q.npy"], 1, "not integers");
    refused(&["best.npy", "q.npy", "--tail", "bucket"], 2, "--classes");
    refused(&["best.npy", "--classes", "classes.npy", "q.npy", "--labels", "l.npy"], 2, "--labels");
    put(&room, "logits.npy", &(&best + 9.0));
    refused(&["logits.npy", "--classes", "classes.npy", "q.npy"], 2, "--tail renormalized");
    let logits = ["logits.npy", "--classes", "classes.npy", "q.npy", "--tail", "renormalized"];
    assert_eq!(room.json(&logits)["reference"]["holds"], "logits");

    let mut beyond = classes.clone();
    beyond[[77, 2]] = 100;
    put(&room, "classes.npy", &beyond);
    let cut = [&all[..], &["--block-bytes", "9000"]].concat();
    refused(&cut, 1, "class 100 at place 2 of distribution [77] is not from 0 to 99");
    let mut twice = classes.clone();
    twice[[50, 2]] = twice[[50, 4]];
    put(&room, "classes.npy", &twice);
    refused(&cut, 1, &format!("class {} is named twice in distribution [50]", twice[[50, 2]]));
    let mut weights = Array1::<f64>::ones(ROWS);
    weights[50] = 0.0;
    put(&room, "weights.npy", &weights);
    let report = room.json(&[&all[..], &["--weights", "weights.npy"]].concat());
    assert_eq!(report["rows"], ROWS as u64 - 1);

    put(&room, "classes.npy", &classes);
    let mut heavy = best.clone();
    heavy.row_mut(60).fill(-0.5);
    put(&room, "best.npy", &heavy);
    refused(&cut, 4, "row [60] cannot be part of a distribution");
    let mut nan = best;
    nan[[61, 0]] = f64::NAN;
    put(&room, "best.npy", &nan);
    refused(&cut, 4, "row [61] cannot be part of a distribution");
}
