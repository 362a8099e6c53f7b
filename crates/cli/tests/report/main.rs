//! What is told, in each form, of reports made by hand.

mod samples;

use std::path::Path;

use kldiv_cli::report::model::{Candidate, Report};
use kldiv_cli::report::{csv, html, json, png, svg, text};
use resvg::usvg::{Options, Tree};
use serde_json::{Value, json};

fn all() -> [(&'static str, Report); 6] {
    [
        ("labelled", samples::labelled()),
        ("settings", samples::settings()),
        ("extremes", samples::extremes()),
        ("eight", samples::eight()),
        ("nobody", samples::report(Vec::new())),
        ("nothing", samples::report(vec![samples::candidate("a.npy", &[])])),
    ]
}

/// With `KLDIV_WRITE_EXPECTED` set the files are written instead.
#[test]
fn the_text_is_as_expected() {
    for (name, report) in all() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/report/expected/{name}.txt"));
        let text = text(&report);
        if std::env::var_os("KLDIV_WRITE_EXPECTED").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{name}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 100 && line == line.trim_end()),
            "{text}"
        );
    }
}

#[test]
fn the_json_fits_its_schema() {
    let schema = include_str!("../../../../docs/report.schema.json");
    let validator = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
    for (name, report) in all() {
        let json = json(&report);
        let errors: Vec<String> = validator.iter_errors(&json).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        let read: Value = serde_json::from_str(&json.to_string()).unwrap();
        assert_eq!(read, json, "{name}");
    }
    let mut short = json(&samples::labelled());
    short["candidates"][0].as_object_mut().unwrap().remove("same_top");
    assert!(!validator.is_valid(&short));
}

#[test]
fn the_json_has_its_names() {
    let report = samples::labelled();
    let all = json(&report);
    let candidate = &all["candidates"][0];
    let Candidate { divergences, labels, .. } = &report.candidates[0];
    let labels = labels.as_ref().unwrap();
    let cases = [
        (&all["rows"], json!(128)),
        (&all["classes"], json!(512)),
        (&all["constant_rows"], json!(0)),
        (&all["reference"]["file"], json!("base.kld")),
        (&all["reference"]["holds"], json!("logits")),
        (&candidate["file"], json!("q4_0.kld")),
        (&candidate["divergences"]["forward"]["mean"], json!(divergences[0].1.mean.mean)),
        (&candidate["divergences"]["reverse"]["quantiles"]["99.9"], json!(divergences[1].1.max)),
        (&candidate["divergences"]["reverse"]["max"], json!(divergences[1].1.max)),
        (&candidate["same_top"]["mean"], json!(0.8203125)),
        (&candidate["acceptance"]["mean"], json!(0.91234)),
        (&candidate["perplexity"], json!(29.785944)),
        (&candidate["base_perplexity"], json!(28.906901)),
        (&candidate["log_ratio"]["standard_error"], json!(0.023533)),
        (&candidate["delta_p"]["mean"], json!(labels.delta_p.mean.mean)),
        (&candidate["delta_p"]["rms"], json!(0.03266)),
    ];
    for (number, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(*found, expected, "case {number}");
    }
    let extremes = json(&samples::extremes());
    let forward = |at: usize| &extremes["candidates"][at]["divergences"]["forward"];
    assert_eq!(forward(2)["mean"], "NaN");
    assert_eq!([&forward(4)["min"], &forward(4)["max"]], ["-inf", "inf"]);
    assert_eq!(forward(4)["not_finite"], json!({ "NaN": 1, "inf": 1, "-inf": 1 }));
}

#[test]
fn the_csv_has_a_line_for_each_row() {
    let report = Report { shape: vec![2, 5, 2], axis: 1, ..samples::report(Vec::new()) };
    let column = |values: [f64; 4]| Box::new(values.into_iter());
    let written = |numbers: [f64; 4]| {
        let columns =
            vec![("a,b".to_owned(), column(numbers) as _), ("c".to_owned(), column([0.0; 4]) as _)];
        let mut out = Vec::new();
        csv(&report, columns, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        written([0.1, 1e-9, f64::NAN, f64::NEG_INFINITY]),
        "axis0,axis2,\"a,b\",c\n0,0,0.1,0.0\n0,1,1e-9,0.0\n1,0,NaN,0.0\n1,1,-inf,0.0\n"
    );
    let short = vec![("a".to_owned(), Box::new([1.0].into_iter()) as _)];
    let error = csv(&report, short, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "column a ends before row [0, 1]");
    let one = Report { shape: vec![5], axis: 0, ..samples::report(Vec::new()) };
    let mut out = Vec::new();
    csv(&one, vec![("a".to_owned(), Box::new([1.0].into_iter()) as _)], &mut out).unwrap();
    assert_eq!(out, b"a\n1.0\n");
}

#[test]
fn pictures_are_whole_and_equally_large() {
    for (name, report) in all() {
        let svg = svg(&report);
        let mut attributes = svg.split('"').skip(1).step_by(2);
        assert!(attributes.all(|it| !it.contains("NaN") && !it.contains("inf")), "{name}");
        let size = Tree::from_str(&svg, &Options::default()).unwrap().size();
        let png = png(&report).unwrap();
        let picture = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!(picture.width() as f32, 2.0 * size.width(), "{name}");
        assert_eq!(picture.height() as f32, 2.0 * size.height().round(), "{name}");
        if let Some(folder) = std::env::var_os("KLDIV_PICTURES") {
            let path = Path::new(&folder).join(name);
            std::fs::write(path.with_extension("png"), png).unwrap();
            std::fs::write(path.with_extension("svg"), svg).unwrap();
            std::fs::write(path.with_extension("html"), html(&report)).unwrap();
        }
    }
}

/// There would be no letters, were the font not found.
#[test]
fn a_png_has_letters() {
    let png = png(&samples::report(Vec::new())).unwrap();
    let picture = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
    assert!(picture.pixels().iter().filter(|pixel| pixel.red() < 64).count() > 500);
}

#[test]
fn the_page_escapes_names_and_needs_nothing_else() {
    for (name, report) in all() {
        let page = html(&report);
        assert!(page.starts_with("<!DOCTYPE html>"), "{name}");
        for other in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(other), "{name}: {other}");
        }
    }
    let page = html(&samples::settings());
    assert!(page.contains("runs/a,&quot;b&quot; &amp; &lt;c&gt;.npz:logits"));
    assert!(!page.contains("<c>"));
    let steering = html(&samples::report(vec![samples::candidate("\u{1b}[2J.npy", &[])]));
    assert!(!steering.contains('\u{1b}'));
}
