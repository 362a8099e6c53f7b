//! `kldiv bench` on small shapes: every type, operand and answer; its errors, and what it prints. No time is asserted.

use clap::Parser;
use kldiv_cli::bench::{Errors, Options, Report, measure};
use kldiv_cli::failure::Code;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    options: Options,
}

const DIVERGENCES: [&str; 5] =
    ["forward", "reverse", "jensen-shannon:0.5", "skew-reverse:0.1", "total-variation"];

fn options(arguments: &str) -> Options {
    let arguments = arguments.split_whitespace();
    Program::try_parse_from(["bench"].into_iter().chain(arguments)).expect("arguments").options
}

fn report(arguments: &str) -> Report {
    measure(&options(&format!("{arguments} --seconds 0"))).expect("a report")
}

#[test]
fn every_type_operand_and_answer() {
    let divergences = DIVERGENCES.map(|name| format!("--divergence {name} ")).concat();
    for dtype in ["f32", "f64", "f16", "bf16"] {
        for given in ["", "--log-target", "--logits"] {
            for gradient in ["", "--gradient"] {
                let arguments = format!("9x12 {divergences} --dtype {dtype} {given} {gradient}");
                let report = report(&format!("{arguments} --threads 1,2"));
                assert_eq!((report.dtype, report.gradient), (dtype, !gradient.is_empty()));
                assert_eq!(report.runs.len(), 2 * DIVERGENCES.len());
                for (index, run) in report.runs.iter().enumerate() {
                    assert_eq!(run.divergence, DIVERGENCES[index / 2]);
                    assert_eq!((run.threads, run.rounds), (1 + index % 2, 3));
                    check(&arguments, &run.divergence, run.ours.errors, !gradient.is_empty());
                    assert!(run.by_hand.errors.is_some() && run.roofline.errors.is_none());
                }
            }
        }
    }
}

/// Gradients of 16 bits are rounded once.
fn check(arguments: &str, divergence: &str, errors: Option<Errors>, gradient: bool) {
    let errors = errors.expect("those of ours");
    let name = format!("{arguments}, {divergence}: {errors:?}");
    assert!(errors.mean <= 4.0 && errors.worst_row <= 32.0, "{name}");
    assert_eq!(errors.gradient.is_some(), gradient, "{name}");
    assert!(errors.gradient.is_none_or(|error| error <= 16.0), "{name}");
}

#[test]
fn any_axis_and_rank() {
    for arguments in ["5x6x4 --axis 1", "7x8 --axis 0", "11", "2x3x4x5 --axis 0"] {
        for operands in ["", "--logits --gradient"] {
            let report = report(&format!("{arguments} {operands}"));
            let run = &report.runs[0];
            let errors = [&run.ours, &run.by_hand, &run.by_hand_in_parallel];
            for errors in errors.map(|measurement| measurement.errors.expect("errors")) {
                let worst = errors.mean.max(errors.gradient.unwrap_or(0.0));
                assert!(
                    worst <= 64.0 && errors.worst_row.is_finite(),
                    "{arguments} {operands}: {errors:?}"
                );
            }
        }
    }
}

#[test]
fn table_and_json() {
    let report = report("4x10 6x3 --logits --gradient --divergence skew:0.1");
    let table = report.to_string();
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    for text in ["batch mean and gradient, f32, logits", "4 × 10", "6 × 3", "skew:0.1", "roofline"]
    {
        assert!(table.contains(text), "{text}: {table}");
    }
    let json = serde_json::to_value(&report).expect("JSON");
    let run = &json["runs"][1];
    assert_eq!((&run["shape"], &run["divergence"]), (&[6, 3].into(), &"skew:0.1".into()));
    assert!(run["ours"]["errors"]["gradient"].as_f64().is_some_and(|error| error < 16.0));
    assert!(run["by_hand_in_parallel"]["seconds"]["10"].as_f64().is_some_and(|time| time > 0.0));
}

#[test]
fn mistakes() {
    for (arguments, text) in [
        ("512x", "512x: give lengths of 1 or more, such as 512x32000"),
        ("0x3", "0x3: give lengths"),
        ("4x3 --axis 2", "4x3 has the axes 0 to 1, but no axis 2"),
        ("4000000000x4000000000", "more elements than memory can hold"),
        ("4x3 --threads 2,0", "--threads 0"),
        ("4x3 --seconds=-1", "--seconds -1"),
    ] {
        let failure = measure(&options(arguments)).expect_err(arguments);
        assert!(failure.line.contains(text), "{arguments}: {failure}");
        assert_eq!(failure.code, Code::Usage, "{arguments}");
    }
    for arguments in ["4x3 --logits --log-target", "--axis 1", "4x3 --dtype f8"] {
        Program::try_parse_from(["bench"].into_iter().chain(arguments.split_whitespace()))
            .expect_err(arguments);
    }
}
