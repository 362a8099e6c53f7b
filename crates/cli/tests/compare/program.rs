//! The program, and a room for its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::{ArrayD, Axis, ShapeBuilder};
use ndarray_npy::{WritableElement, write_npy};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::Value;

/// `kldiv`, as it was built for this test.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_kldiv"))
}

/// Files that real tools wrote.
pub fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A directory that goes with the test.
pub struct Room(pub PathBuf);

impl Room {
    pub fn new(name: &str) -> Room {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compare-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs `kldiv compare` on files of this directory.
    pub fn run(&self, arguments: &[&str]) -> Output {
        program().current_dir(&self.0).arg("compare").args(arguments).output().unwrap()
    }

    pub fn report(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.report(arguments)).unwrap()
    }

    /// The exit code of a run that was refused, and the one line that says why.
    pub fn refusal(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code().unwrap();
        // What is found out at the end only comes behind the report.
        assert!(
            code != 0 && (output.stdout.is_empty() || code >= 3),
            "{arguments:?}: {code} {error}"
        );
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        (code, error)
    }

    pub fn error(&self, arguments: &[&str]) -> String {
        self.refusal(arguments).1
    }

    /// Writes q.npy, log-probabilities, and p.npy, probabilities.
    pub fn write(&self, shape: &[usize]) -> [ArrayD<f32>; 2] {
        let [log_q, log_p] = pair(shape, shape.len() - 1, |x| x as f32);
        let p = log_p.exp();
        write_npy(self.path("q.npy"), &log_q).unwrap();
        write_npy(self.path("p.npy"), &p).unwrap();
        [log_q, p]
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Log-probabilities of two models.
pub fn pair<A: WritableElement + Copy>(
    shape: &[usize],
    axis: usize,
    of: fn(f64) -> A,
) -> [ArrayD<A>; 2] {
    let mut rng = SmallRng::seed_from_u64(1951);
    [0, 1].map(|_| {
        let mut scores: ArrayD<f64> = ArrayD::random_using(shape, StandardNormal, &mut rng);
        for mut lane in scores.lanes_mut(Axis(axis)) {
            let sum: f64 = lane.iter().map(|score| score.exp()).sum();
            lane -= sum.ln();
        }
        scores.mapv(of)
    })
}

pub fn fortran<A: Clone>(array: &ArrayD<A>) -> ArrayD<A> {
    let reversed = array.t().iter().cloned().collect();
    ArrayD::from_shape_vec(array.raw_dim().f(), reversed).unwrap()
}

/// A number of a report.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}
