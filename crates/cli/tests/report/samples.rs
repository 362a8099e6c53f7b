//! Reports made by hand.

use kldiv_cli::report::model::{Candidate, Deviating, Estimate, Labels, Operand, Report, Summary};

pub fn estimate(mean: f64, standard_error: f64) -> Estimate {
    Estimate { mean, standard_error }
}

/// `count` numbers about `median`, spread over some octaves, that always are the same.
pub fn spread(count: usize, median: f64) -> Vec<f64> {
    let share = |at: usize| (at as f64 + 0.5) / count as f64;
    let value = |at| (share(at) / (1.0 - share(at))).powf(0.6) * median;
    // In an order that is none: 7 has no factor in common with the counts used here.
    (0..count).map(|at| value(at * 7 % count)).collect()
}

/// What is told of the numbers of rows of an array of 16 columns.
pub fn summary(values: &[f64]) -> Summary {
    let index = |row: usize| vec![row as u64 / 16, row as u64 % 16];
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let quantile = |percent: f64| {
        let place = percent / 100.0 * sorted.len().saturating_sub(1) as f64;
        (percent, sorted.get(place.round() as usize).copied().unwrap_or(f64::NAN))
    };
    let mut worst: Vec<_> = values.iter().enumerate().map(|(row, it)| (index(row), *it)).collect();
    worst.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    worst.truncate(3);
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let how_many = |is_in: fn(f64) -> bool| values.iter().filter(|it| is_in(**it)).count() as u64;
    Summary {
        mean: estimate(mean, (variance / count).sqrt()),
        min: sorted.first().copied().unwrap_or(f64::NAN),
        max: sorted.last().copied().unwrap_or(f64::NAN),
        quantiles: [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9]
            .map(quantile)
            .to_vec(),
        quantile_error: 0.0,
        not_finite: [
            how_many(f64::is_nan),
            how_many(|it| it == f64::INFINITY),
            how_many(|it| it == f64::NEG_INFINITY),
        ],
        worst,
        buckets: sorted.iter().filter(|it| it.is_finite()).map(|it| bucket(*it)).collect(),
    }
}

/// A bucket for each number, a hundredth wide; that of 0 lies on both sides.
fn bucket(value: f64) -> (f64, f64, u64) {
    match value {
        0.0 => (-1e-18, 1e-18, 1),
        value if value < 0.0 => (value * 1.005, value * 0.995, 1),
        value => (value * 0.995, value * 1.005, 1),
    }
}

pub fn operand(file: &str) -> Operand {
    Operand {
        file: file.to_owned(),
        format: ".npy",
        dtype: "f32".to_owned(),
        holds: "log-probabilities",
        is_found: true,
        deviating: None,
    }
}

pub fn candidate(file: &str, divergences: &[(&str, &[f64])]) -> Candidate {
    Candidate {
        operand: operand(file),
        divergences: divergences.iter().map(|(name, it)| (name.to_string(), summary(it))).collect(),
        same_top: estimate(0.8203125, 0.03407),
        acceptance: estimate(0.91234, 0.00567),
        labels: None,
    }
}

pub fn report(candidates: Vec<Candidate>) -> Report {
    Report {
        rows: 128,
        left_out: 0,
        classes: 512,
        constant_rows: 0,
        shape: vec![8, 16, 512],
        axis: 2,
        computed_in: "f64",
        temperatures: [1.0, 1.0],
        weights: None,
        labels: None,
        reference: operand("teacher.npy"),
        candidates,
        notes: Vec::new(),
    }
}

/// Two quantised models and their labels; one file name is wider than it has letters.
pub fn labelled() -> Report {
    let stored = |file: &str| Operand {
        format: "llama.cpp",
        dtype: "16-bit logarithms".to_owned(),
        holds: "logits",
        ..operand(file)
    };
    let of = |file: &str, median: f64| {
        let delta_p: Vec<f64> = spread(128, median).iter().map(|it| it - 1.2 * median).collect();
        let values = [spread(128, median), spread(128, 1.1 * median)];
        let mut candidate = candidate(file, &[("forward", &values[0]), ("reverse", &values[1])]);
        candidate.operand = stored(file);
        candidate.labels = Some(Labels {
            perplexity: estimate(29.785944, 4.690195),
            base_perplexity: estimate(28.906901, 4.447550),
            correlation: 0.98876,
            log_ratio: estimate(0.029956, 0.023533),
            ratio: estimate(1.030409, 0.024249),
            difference: estimate(0.879043, 0.724243),
            delta_p: summary(&delta_p),
            delta_p_rms: estimate(0.03266, 0.00391),
        });
        candidate
    };
    Report {
        computed_in: "f32",
        labels: Some("base.kld".to_owned()),
        reference: stored("base.kld"),
        notes: vec![
            "base.kld stores logarithms in 16 bits: the masses of its rows are off by up to 4e-3, so the rows are normalised \
             again."
                .to_owned(),
        ],
        ..report(vec![of("q4_0.kld", 0.03), of("量子化-q8.kld", 0.0004)])
    }
}

/// Every setting, and rows that are no distributions.
pub fn settings() -> Report {
    let values = [spread(128, 0.2), spread(128, 0.25), spread(128, 0.05), spread(128, 3e-7)];
    let names = ["forward", "jensen-shannon:0.5", "skew:0.1", "total-variation"];
    let divergences: Vec<(&str, &[f64])> =
        names.into_iter().zip(values.iter().map(Vec::as_slice)).collect();
    let mut candidate = candidate("runs/a,\"b\" & <c>.npz:logits", &divergences);
    candidate.operand.is_found = false;
    candidate.operand.deviating = Some(Deviating { rows: 3, first: vec![0, 5], mass: 0.97 });
    candidate.divergences[0].1.quantile_error = 0.001953125;
    Report {
        left_out: 12,
        constant_rows: 1234,
        temperatures: [2.0, 1.0],
        weights: Some("w.npy".to_owned()),
        ..report(vec![candidate])
    }
}

/// Numbers that a picture on a logarithmic axis and a JSON number have no place for.
pub fn extremes() -> Report {
    let mixed =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5, 0.0, 1e-300, 1e-5, 0.3, 1e6, 1e300];
    report(vec![
        candidate("zero.npy", &[("forward", &[0.0; 128]), ("reverse", &[0.0; 128])]),
        candidate("equal.npy", &[("forward", &[0.25; 128]), ("reverse", &[0.0; 128])]),
        candidate("nan.npy", &[("forward", &[f64::NAN; 128]), ("reverse", &[f64::NAN; 128])]),
        candidate("negative.npy", &[("forward", &[-1e-9; 128]), ("reverse", &[-0.1; 128])]),
        candidate("mixed.npy", &[("forward", &mixed), ("reverse", &[f64::INFINITY; 128])]),
        candidate("one.npy", &[("forward", &[1e-12]), ("reverse", &[f64::NAN])]),
        candidate("none.npy", &[("forward", &[]), ("reverse", &[])]),
    ])
}

/// Eight candidates, as many as there are colours.
pub fn eight() -> Report {
    let of = |number: i32| {
        let values = [1.0, 1.3].map(|more| spread(12_800, more * 1e-4 * 2.4f64.powi(number)));
        let file = format!("q{}_{}.npy", 8 - number, number % 2);
        candidate(&file, &[("forward", &values[0]), ("reverse", &values[1])])
    };
    Report { rows: 12_800, ..report((0..8).map(of).collect()) }
}
