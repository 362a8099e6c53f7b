//! Perplexity and the probability of labels.

use kldiv::{KLDivWithLogitsLoss, PerDistribution, Target};
use ndarray::{Array1, Array2, Axis};
use ndarray_npy::write_npy;

use crate::program::{Room, number, pair};

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{found}, not {expected}");
}

/// In f64, as anybody would compute it.
#[test]
fn perplexity_is_that_of_the_labels() {
    let room = Room::new("labels");
    let [log_q, log_p] = pair(&[400, 11], 1, |x| x);
    let labels = Array1::from_shape_fn(400, |i| ((i * 7) % 11) as i64);
    write_npy(room.path("labels.npy"), &labels).unwrap();
    let losses = |log: &ndarray::ArrayD<f64>| -> Vec<f64> {
        log.lanes(Axis(1))
            .into_iter()
            .zip(&labels)
            .map(|(row, &label)| -row[label as usize])
            .collect()
    };
    let (own, base) = (losses(&log_q), losses(&log_p));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let error = |values: &[f64]| {
        let square = values.iter().map(|value| (value - mean(values)).powi(2)).sum::<f64>();
        (square / 399.0 / 400.0).sqrt()
    };
    let ratio: Vec<f64> = own.iter().zip(&base).map(|(own, base)| own - base).collect();
    let delta: Vec<f64> =
        own.iter().zip(&base).map(|(own, base)| (-own).exp() - (-base).exp()).collect();
    let covariance =
        own.iter().zip(&base).map(|(a, b)| (a - mean(&own)) * (b - mean(&base))).sum::<f64>()
            / 399.0
            / 400.0;
    write_npy(room.path("lp.npy"), &log_p).unwrap();
    for (name, array) in
        [("lq.npy", log_q.clone()), ("zq.npy", &log_q + 1.5), ("q.npy", log_q.exp())]
    {
        write_npy(room.path(name), &array).unwrap();
        let report = room.json(&["lp.npy", name, "--labels", "labels.npy"]);
        let found = &report["candidates"][0];
        near(number(&found["perplexity"]), mean(&own).exp(), 1e-12);
        near(number(&found["base_perplexity"]), mean(&base).exp(), 1e-12);
        near(number(&found["log_ratio"]["mean"]), mean(&ratio), 1e-10);
        near(number(&found["log_ratio"]["standard_error"]), error(&ratio), 1e-10);
        near(number(&found["correlation"]), covariance / error(&own) / error(&base), 1e-9);
        near(number(&found["delta_p"]["mean"]), mean(&delta), 1e-10);
        let squares: Vec<f64> = delta.iter().map(|delta| delta * delta).collect();
        near(number(&found["delta_p"]["rms"]), mean(&squares).sqrt(), 1e-12);
    }
}

/// A label of −100 is none; rows of weight 0 have labels that nobody looks at.
#[test]
fn labels_may_be_missing() {
    let room = Room::new("missing");
    let [log_q, log_p] = pair(&[40, 5], 1, |x| x as f32);
    let mut labels = Array1::from_shape_fn(40, |i| (i % 5) as i32);
    (labels[3], labels[20]) = (-100, 77);
    let weights = Array1::from_shape_fn(40, |i| i != 20);
    write_npy(room.path("zq.npy"), &(&log_q + 1.0)).unwrap();
    write_npy(room.path("zp.npy"), &(&log_p + 1.0)).unwrap();
    write_npy(room.path("labels.npy"), &labels).unwrap();
    write_npy(room.path("w.npy"), &weights).unwrap();
    let report = room.json(&["zp.npy", "zq.npy", "--labels", "labels.npy", "--weights", "w.npy"]);
    let one_hot =
        Array2::from_shape_fn((40, 5), |(i, j)| if labels[i] == j as i32 { 1.0 } else { 0.0 });
    let loss = KLDivWithLogitsLoss::new(PerDistribution).target(Target::Probabilities);
    let losses = loss.forward(&log_q, &one_hot.into_dyn()).unwrap();
    let mean = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / 38.0;
    near(number(&report["candidates"][0]["perplexity"]), mean.exp(), 1e-6);
    let error = room.error(&["zp.npy", "zq.npy", "--labels", "labels.npy"]);
    assert!(error.contains("the label of row [20] is 77, but classes are from 0 to 4"), "{error}");
    let error = room.error(&["zp.npy", "zq.npy", "--labels", "zq.npy"]);
    assert!(error.contains("zq.npy"), "{error}");
}

/// Where both sides give a label the probability 0, the ratio of the perplexities is not a number.
#[test]
fn a_ratio_of_infinities_does_not_end_well() {
    let room = Room::new("ratio");
    let p = ndarray::array![[0.0_f32, 0.5, 0.5], [0.2, 0.3, 0.5]];
    write_npy(room.path("p.npy"), &p).unwrap();
    write_npy(room.path("labels.npy"), &ndarray::array![0_i64, 1]).unwrap();
    let arguments = ["p.npy", "p.npy", "--labels", "labels.npy"];
    let (code, error) = room.refusal(&arguments);
    assert!(code == 4 && error.contains("both sides give a label the probability 0"), "{error}");
    room.report(&[&arguments[..], &["--allow-nan"]].concat());
    write_npy(room.path("none.npy"), &ndarray::array![-100_i64, -100]).unwrap();
    let report = room.json(&["p.npy", "p.npy", "--labels", "none.npy"]);
    assert!(report["candidates"][0].get("perplexity").is_none_or(|value| value.is_null()));
}
