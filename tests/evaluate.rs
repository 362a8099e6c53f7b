//! The example `evaluate` as its users run it: layouts, interruptions, mistakes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use kldiv::{KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Sum};
use ndarray::{Array1, Array2, ArrayD, Axis, ShapeBuilder};
use ndarray_npy::{WritableElement, write_npy};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

/// The example, which `cargo test` builds before it runs any test; built here where one test file was asked for.
fn program() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let path = PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let name = format!("evaluate{}", std::env::consts::EXE_SUFFIX);
        let path = profile.join("examples").join(name);
        if !path.exists() {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--example", "evaluate"]);
            assert!(build.status().unwrap().success());
        }
        path
    });
    Command::new(path)
}

/// A directory that goes with the test.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("evaluate-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs the program on files of this directory.
    fn run(&self, arguments: &[&str]) -> Output {
        program().current_dir(&self.0).args(arguments).output().unwrap()
    }

    fn report(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one line that says why a run was refused.
    fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        error
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// ln q and p, not normalised, which only widens what they can be.
fn pair<A: WritableElement + Copy>(shape: &[usize], of: fn(f64) -> A) -> [ArrayD<A>; 2] {
    let mut rng = SmallRng::seed_from_u64(1951);
    [(-8.0, 0.0), (0.0, 0.3)].map(|(low, high)| {
        let uniform = Uniform::new(low, high).unwrap();
        ArrayD::random_using(shape, uniform, &mut rng).mapv(of)
    })
}

fn fortran<A: Clone>(array: &ArrayD<A>) -> ArrayD<A> {
    let reversed = array.t().iter().cloned().collect();
    ArrayD::from_shape_vec(array.raw_dim().f(), reversed).unwrap()
}

#[test]
fn the_report_is_that_of_one_call() {
    let room = Room::new("report");
    let [log_q, p] = pair(&[500, 12], |x| x as f32);
    let weights = Array1::from_shape_fn(500, |i| (i % 4) as f32);
    write_npy(room.path("q.npy"), &log_q).unwrap();
    write_npy(room.path("p.npy"), &p).unwrap();
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
            for block in ["1", "300", "5000", "1000000"] {
                assert_eq!(report(q, p, block), expected, "{shape:?} {axis} {q} {p} {block}");
            }
        }
    }
}

#[test]
fn logits_are_taken_too() {
    let room = Room::new("logits");
    let [student, teacher] = pair(&[50, 12], |x| x as f32);
    write_npy(room.path("q.npy"), &student).unwrap();
    write_npy(room.path("p.npy"), &teacher).unwrap();
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

/// Killed again and again, at any moment.
#[test]
fn an_interrupted_run_ends_with_the_same_bits() {
    let room = Room::new("killed");
    let [log_q, p] = pair(&[4000, 50], |x| x as f32);
    write_npy(room.path("q.npy"), &log_q).unwrap();
    write_npy(room.path("p.npy"), &p).unwrap();
    let files = ["q.npy", "p.npy", "--json", "--block-bytes", "2000"];
    let expected = room.run(&files).stdout;
    let mut rng = SmallRng::seed_from_u64(1951);
    let mut kills = 0;
    for round in 0..3 {
        let state = format!("state-{round}");
        let arguments = [&files[..], &["--resume", &state, "--save-every", "0"]].concat();
        loop {
            let mut command = program();
            command.current_dir(&room.0).args(&arguments).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_micros(rng.random_range(1_000..60_000)));
            child.kill().unwrap(); // SIGKILL where there are signals
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                assert_eq!(output.stdout, expected);
                break;
            }
            kills += 1;
        }
        assert_eq!(room.run(&arguments).stdout, expected, "once more, from the end");
    }
    assert!(kills > 3, "{kills} kills");
}

#[test]
fn mistakes_are_told_in_one_line() {
    let room = Room::new("mistakes");
    let [log_q, p] = pair(&[40, 5], |x| x as f32);
    write_npy(room.path("q.npy"), &log_q).unwrap();
    write_npy(room.path("p.npy"), &p).unwrap();
    write_npy(room.path("short.npy"), &p.slice_axis(Axis(0), (..39).into())).unwrap();
    write_npy(room.path("double.npy"), &p.mapv(f64::from)).unwrap();
    write_npy(room.path("bytes.npy"), &Array2::<u8>::zeros((40, 5))).unwrap();
    let mut weights = Array1::from_elem(40, 1.0_f32);
    weights[37] = -1.0;
    write_npy(room.path("w.npy"), &weights).unwrap();
    let whole = fs::read(room.path("p.npy")).unwrap();
    fs::write(room.path("cut.npy"), &whole[..whole.len() - 3]).unwrap();
    fs::write(room.path("head.npy"), &whole[..20]).unwrap();
    fs::write(room.path("text.npy"), "not an array").unwrap();
    for (arguments, why) in [
        (&["q.npy", "missing.npy"][..], "cannot read missing.npy"),
        (&["q.npy", "cut.npy"], "cut.npy is truncated, 3 bytes are missing"),
        (&["q.npy", "head.npy"], "cannot read head.npy"),
        (&["q.npy", "text.npy"], "is it an array, saved by numpy.save?"),
        (&["q.npy", "short.npy"], "q.npy has shape [40, 5], but short.npy has [39, 5]"),
        (&["q.npy", "double.npy"], "both must be the same"),
        (&["q.npy", "bytes.npy"], "not float32 or float64"),
        (&["q.npy", "p.npy", "--axis", "2"], "--axis 2"),
        (&["q.npy", "p.npy", "--weights", "p.npy"], "one weight a distribution: [40]"),
        (&["q.npy", "p.npy", "--weights", "w.npy"], "w.npy: weight -1 of distribution [37]"),
        (
            &["q.npy", "p.npy", "--weights", "w.npy", "--block-bytes", "60"],
            "w.npy: weight -1 of distribution [37]",
        ),
        (&["q.npy", "p.npy", "--plot", "p.npy"], "--plot p.npy would overwrite p.npy"),
        (&["q.npy", "p.npy", "--resume", "text.npy"], "is no state of this program"),
        (&["q.npy", "p.npy", "--resume", "no/state"], "cannot write no/state"),
    ] {
        let error = room.error(arguments);
        assert!(error.contains(why), "{error}, not {why}");
    }
    assert_eq!(fs::read(room.path("text.npy")).unwrap(), b"not an array", "overwritten");
    let usage = room.run(&["q.npy"]);
    assert!(!usage.status.success() && !usage.stderr.is_empty());
}

#[test]
fn a_foreign_state_is_refused_and_kept() {
    let room = Room::new("foreign");
    let [log_q, p] = pair(&[40, 5], |x| x as f32);
    write_npy(room.path("q.npy"), &log_q).unwrap();
    write_npy(room.path("p.npy"), &p).unwrap();
    write_npy(room.path("other.npy"), &(&p * 0.5)).unwrap();
    room.report(&["q.npy", "p.npy", "--resume", "state"]);
    let state = fs::read(room.path("state")).unwrap();
    // What is counted as done depends on the size of the blocks.
    let [deep, _] = pair(&[70, 10, 5], |x| x as f32);
    write_npy(room.path("deep.npy"), &deep).unwrap();
    let deep = ["deep.npy", "deep.npy", "--log-target", "--resume", "deep", "--block-bytes"];
    room.report(&[&deep[..], &["4000"]].concat());
    let error = room.error(&[&deep[..], &["40"]].concat());
    assert!(error.contains("the state of another run"), "{error}");
    for arguments in [&["q.npy", "other.npy"][..], &["q.npy", "p.npy", "--axis", "0"]] {
        let error = room.error(&[arguments, &["--resume", "state"]].concat());
        assert!(error.contains("the state of another run"), "{error}");
    }
    assert_eq!(fs::read(room.path("state")).unwrap(), state);
    for place in (0..state.len()).step_by(97) {
        let mut damaged = state.clone();
        damaged[place] ^= 1;
        fs::write(room.path("damaged"), &damaged).unwrap();
        let error = room.error(&["q.npy", "p.npy", "--resume", "damaged"]);
        assert!(error.contains("damaged"), "byte {place}: {error}");
    }
}

/// A limit on the size of files stands for a disk without room.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_state() {
    let room = Room::new("full");
    let [log_q, p] = pair(&[40, 5], |x| x as f32);
    write_npy(room.path("q.npy"), &log_q).unwrap();
    write_npy(room.path("p.npy"), &p).unwrap();
    let limited = |arguments: &str| {
        let command = format!("trap '' XFSZ; ulimit -f 1; \"$0\" q.npy p.npy {arguments}");
        let mut shell = Command::new("sh");
        shell.current_dir(&room.0).args(["-c", &command]).arg(program().get_program());
        let output = shell.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    room.report(&["q.npy", "p.npy", "--plot", "p.svg"]);
    let picture = fs::read(room.path("p.svg")).unwrap();
    for (arguments, name) in [("--resume state", "state"), ("--plot p.svg", "p.svg")] {
        let (success, error) = limited(arguments);
        let told = format!("error: cannot write {name}: ");
        assert!(!success && error.starts_with(&told) && error.lines().count() == 1, "{error}");
    }
    assert_eq!(fs::read(room.path("p.svg")).unwrap(), picture);
    assert!(!room.path("state").exists() && !room.path("state.tmp").exists());
}
