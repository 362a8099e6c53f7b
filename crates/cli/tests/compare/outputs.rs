//! What is written: for people, for programs, for pipelines.

use std::fs;
use std::process::Command;

use ndarray_npy::write_npy;

use crate::program::{Room, number, program};

#[test]
fn files_hold_the_rows_the_pictures_and_the_page() {
    let room = Room::new("outputs");
    room.write(&[6, 4, 10]);
    let more = ["--csv", "rows.csv", "--plot", "plot.png", "--report", "page.html"];
    room.report(&[&["p.npy", "q.npy"][..], &more].concat());
    let rows = fs::read_to_string(room.path("rows.csv")).unwrap();
    let mut lines = rows.lines();
    assert_eq!(lines.next().unwrap(), "axis0,axis1,q.npy: forward,q.npy: reverse");
    let lines: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    assert_eq!(lines.len(), 24);
    assert_eq!([lines[23][0], lines[23][1]], [5.0, 3.0]);
    let forward = &room.json(&["p.npy", "q.npy"])["candidates"][0]["divergences"]["forward"];
    let mean = lines.iter().map(|line| line[2]).sum::<f64>() / 24.0;
    assert!((mean - number(&forward["mean"])).abs() < 1e-12);
    assert!(fs::read(room.path("plot.png")).unwrap().starts_with(b"\x89PNG"));
    room.report(&["p.npy", "q.npy", "--plot", "plot.svg"]);
    assert!(fs::read_to_string(room.path("plot.svg")).unwrap().contains("<svg"));
    let page = fs::read_to_string(room.path("page.html")).unwrap();
    assert!(page.contains("q.npy") && page.contains("<svg") && !page.contains("http://"));
}

#[test]
fn thresholds_fail_with_3() {
    let room = Room::new("thresholds");
    room.write(&[60, 10]);
    let run = |limit: &[&str]| {
        let output = room.run(&[&["p.npy", "q.npy", "--quiet"], limit].concat());
        assert!(output.stdout.is_empty());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for limit in [
        &["--fail-above", "100"][..],
        &["--fail-above", "reverse=100", "--fail-quantile", "99:100", "--fail-quantile=0.1%:9"],
    ] {
        assert_eq!(run(limit), (0, String::new()), "{limit:?}");
    }
    for (limit, told) in [
        (&["--fail-above", "0.01"][..], "the mean forward divergence is "),
        (&["--fail-above", "reverse=0.01"], "the mean reverse divergence is "),
        (&["--fail-quantile", "99:0.1"], "the quantile 99 % of the forward divergence is "),
        (&["--fail-quantile", "reverse=1:0.001", "--fail-above", "9"], "1 % of the reverse"),
    ] {
        let (code, error) = run(limit);
        assert!(
            code == 3 && error.starts_with("error: q.npy: ") && error.contains(told),
            "{code} {error}"
        );
    }
    let (code, error) = run(&["--fail-above", "skew:0.1=0.01"]);
    assert!(code == 2 && error.contains("--divergence skew:0.1"), "{error}");
    for limit in
        ["--fail-quantile=101:1", "--fail-quantile=1", "--fail-above=x", "--fail-above=no=1"]
    {
        assert_eq!(run(&[limit]).0, 2, "{limit}");
    }
}

/// Read through a pseudo-terminal: progress is shown there, and there alone, and the report follows it.
#[cfg(target_os = "linux")]
#[test]
fn progress_is_for_terminals() {
    let room = Room::new("terminal");
    room.write(&[20_000, 50]);
    let command =
        format!("'{}' compare p.npy q.npy --block-bytes 20000", program().get_program().display());
    let mut script = Command::new("script");
    let output =
        script.current_dir(&room.0).args(["-qec", &command, "/dev/null"]).output().unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && seen.contains(" left") && seen.contains("B/s"), "{seen}");
    assert!(seen.contains("q.npy"), "{seen}");
    let piped = room.run(&["p.npy", "q.npy"]);
    assert!(piped.stderr.is_empty(), "{}", String::from_utf8_lossy(&piped.stderr));
    let quiet = Command::new("script")
        .current_dir(&room.0)
        .args(["-qec", &(command + " --quiet"), "/dev/null"])
        .output();
    assert!(quiet.unwrap().stdout.is_empty());
}

/// Without files it makes its own, with labels, and says where.
#[test]
fn without_files_there_are_digits() {
    let room = Room::new("digits");
    let first = room.json(&[]);
    assert_eq!([&first["rows"], &first["classes"]], [597, 10]);
    assert!(number(&first["candidates"][0]["base_perplexity"]) < 1.5);
    let again = room.json(&[
        "kldiv-digits/teacher.npy",
        "kldiv-digits/student.npy",
        "--labels",
        "kldiv-digits/labels.npy",
    ]);
    assert_eq!(again, first);
    assert!(room.path("kldiv-digits/divergences.svg").exists());
    // The page shows what is printed; another machine may train to other digits.
    let printed = String::from_utf8(room.run(&["--quiet"]).stdout).unwrap();
    assert_eq!(printed, "");
    let printed = String::from_utf8(room.run(&[]).stdout).unwrap();
    let (top, _) = printed.split_once("======").unwrap();
    let without_digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let page = include_str!("../../../../docs/command-line.md");
    assert!(without_digits(page).contains(&without_digits(top.trim_end())), "{top}");
    fs::remove_dir_all(room.path("kldiv-digits")).unwrap();
    fs::write(room.path("kldiv-digits"), "a file").unwrap();
    let output = room.run(&["--quiet"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && error.contains("error: cannot make kldiv-digits"),
        "{error}"
    );
    assert_eq!(fs::read(room.path("kldiv-digits")).unwrap(), b"a file");
}

#[test]
fn there_is_always_something_to_draw() {
    let room = Room::new("plot");
    let [log_q, p] = room.write(&[40, 5]);
    write_npy(room.path("nan.npy"), &p.mapv(|_| f32::NAN)).unwrap();
    write_npy(room.path("row.npy"), &p.mapv(|_| 0.2_f32)).unwrap();
    write_npy(room.path("none.npy"), &ndarray::Array1::<f32>::zeros(40)).unwrap();
    write_npy(room.path("one.npy"), &log_q.slice(ndarray::s![..1, ..])).unwrap();
    for arguments in [
        &["q.npy", "q.npy"][..],
        &["q.npy", "nan.npy", "--keep-going", "--allow-nan"],
        &["row.npy", "row.npy"],
        &["one.npy", "one.npy"],
        &["p.npy", "q.npy", "--weights", "none.npy", "--allow-nan"],
    ] {
        for name in ["p.svg", "p.png", "p.html"] {
            let option = if name == "p.html" { "--report" } else { "--plot" };
            let _ = fs::remove_file(room.path(name));
            room.report(&[arguments, &[option, name]].concat());
            assert!(fs::metadata(room.path(name)).unwrap().len() > 1000, "{arguments:?} {name}");
        }
    }
}

/// A device or a pipe is written to, and the file behind a link.
#[cfg(unix)]
#[test]
fn what_is_no_file_stays_what_it_is() {
    let room = Room::new("devices");
    room.write(&[6, 4]);
    fs::write(room.path("rows.csv"), "old").unwrap();
    std::os::unix::fs::symlink("rows.csv", room.path("link.csv")).unwrap();
    room.report(&["p.npy", "q.npy", "--csv", "link.csv"]);
    assert!(fs::symlink_metadata(room.path("link.csv")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(room.path("rows.csv")).unwrap().lines().count(), 7);
    let pipe = room.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    room.report(&["p.npy", "q.npy", "--csv", "pipe"]);
    assert_eq!(reader.join().unwrap().lines().count(), 7);
    assert!(!fs::metadata(&pipe).unwrap().is_file());
}

/// A reader that has read enough is no failure.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_failure() {
    let room = Room::new("closed");
    room.write(&[600, 10]);
    let program = program().get_program().to_str().unwrap().to_owned();
    for command in ["compare p.npy q.npy --json", "inspect p.npy q.npy"] {
        let line = format!("set -o pipefail; '{program}' {command} | head -c 1 >/dev/null");
        let output =
            Command::new("bash").current_dir(&room.0).args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
