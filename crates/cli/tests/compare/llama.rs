//! Base files of llama.cpp, beside what its perplexity tool printed of the same pair.
//!
//! The tool compared the base file with the logits of the other model as they were; here both are stored files, of 16 bits.

use std::fs;

use crate::program::{Room, fixture, number, program};

fn report(arguments: &[&str]) -> serde_json::Value {
    let room = Room::new(&format!("llama-{}", arguments.len()));
    let files = [fixture("kld/base_even.kld"), fixture("kld/other_even.kld")];
    room.json(&[&[&files[0][..], &files[1]], arguments].concat())
}

/// The first number behind a name in what the tool printed.
fn printed(name: &str) -> f64 {
    let text = fs::read_to_string(fixture("kld/printed_even.txt")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let (_, rest) = line
        .split_once(':')
        .filter(|_| !name.ends_with(':'))
        .unwrap_or((name, &line[name.len()..]));
    rest.split_whitespace().next().unwrap().trim_end_matches('%').parse().unwrap()
}

#[test]
fn the_figures_are_those_of_the_tool() {
    let report = report(&[]);
    assert_eq!([&report["rows"], &report["classes"]], [128, 512]);
    assert_eq!(report["reference"]["holds"], "logits");
    assert!(report["notes"].to_string().contains("16-bit"));
    let candidate = &report["candidates"][0];
    let forward = &candidate["divergences"]["forward"];
    assert!((number(&forward["mean"]) - 0.035031).abs() < 3e-6, "{forward}");
    assert!((number(&forward["standard_error"]) - 0.001557).abs() < 1e-6, "{forward}");
    for (name, percent) in [
        ("99.9%   KLD:", "99.9"),
        ("90.0%   KLD:", "90"),
        ("Median  KLD:", "50"),
        (" 1.0%   KLD:", "1"),
    ] {
        let found = number(&forward["quantiles"][percent]);
        assert!((found - printed(name)).abs() < 1e-4, "{name} {found}");
    }
    let same_top = &candidate["same_top"];
    assert_eq!(format!("{:.3}", 100.0 * number(&same_top["mean"])), "82.031");
    assert_eq!(format!("{:.3}", 100.0 * number(&same_top["standard_error"])), "3.407");
    let base = number(&candidate["base_perplexity"]);
    assert_eq!(format!("{base:.6}"), format!("{:.6}", printed("Mean PPL(base)")));
    let own = number(&candidate["perplexity"]);
    assert!((own - printed("Mean PPL(Q)  ")).abs() < 1e-3, "{own}");
    let ratio = &candidate["log_ratio"];
    assert!((number(&ratio["mean"]) - 0.029956).abs() < 3e-5, "{ratio}");
    assert!((number(&ratio["standard_error"]) - 0.023533).abs() < 3e-5, "{ratio}");
    assert!((number(&candidate["correlation"]) - 0.9888).abs() < 1e-4);
    let delta = &candidate["delta_p"];
    assert!((100.0 * number(&delta["mean"]) - 0.204).abs() < 2e-3, "{delta}");
    assert!((100.0 * number(&delta["rms"]) - 3.266).abs() < 2e-3, "{delta}");
}

#[test]
fn each_row_is_that_of_the_tool() {
    let room = Room::new("llama-rows");
    let files = [fixture("kld/base_even.kld"), fixture("kld/other_even.kld")];
    room.report(&[&files[0], &files[1], "--csv", "rows.csv"]);
    let rows = fs::read_to_string(room.path("rows.csv")).unwrap();
    let expected = fs::read_to_string(fixture("kld/rows_even.txt")).unwrap();
    let expected: Vec<&str> = expected.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rows.lines().count(), expected.len() + 1);
    for (row, expected) in rows.lines().skip(1).zip(expected) {
        let found: Vec<f64> = row.split(',').map(|field| field.parse().unwrap()).collect();
        let expected: Vec<f64> = expected.split(' ').map(|field| field.parse().unwrap()).collect();
        assert_eq!(found[0], expected[0]);
        assert!((found[1] - expected[1]).abs() < 1e-4, "{row}");
        let delta = found[found.len() - 1];
        assert!((delta - expected[2]).abs() < 1e-4, "{row}: {delta}");
    }
}

#[test]
fn what_the_tool_leaves_of_a_short_text_says_so() {
    let short = fixture("kld/short.kld");
    let output = program().args(["compare", &short, &short]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && error.contains("too short"), "{error}");
}

/// Rows of different texts have nothing to do with each other.
#[test]
fn files_of_other_texts_are_refused() {
    let room = Room::new("llama-texts");
    let base = fixture("kld/base_even.kld");
    let mut other = fs::read(fixture("kld/other_even.kld")).unwrap();
    // The header of 20 bytes, 33 tokens a chunk; row 5 predicts token 16 + 5 + 1.
    other[20 + 4 * 22] ^= 1;
    fs::write(room.path("other.kld"), other).unwrap();
    let (code, error) = room.refusal(&[&base, "other.kld"]);
    assert!(code == 1 && error.contains("other.kld is of another text"), "{error}");
    assert!(error.contains("row 5 predicts token"), "{error}");
}
