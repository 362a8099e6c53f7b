//! The program, and a room for its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use ndarray::{ArrayD, ShapeBuilder};
use ndarray_npy::{WritableElement, write_npy};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::Value;

/// The example as it is now: a test file that is asked for alone would find that of another day, or none.
pub fn program() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PROGRAM.get_or_init(build))
}

/// Built as this test was, and so at most once.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.ancestors().nth(2).and_then(Path::file_name).unwrap().to_str().unwrap();
    let profile = if directory == "debug" { "dev" } else { directory };
    let features = [
        ("default", cfg!(feature = "default")),
        ("rayon", cfg!(feature = "rayon")),
        ("serde", cfg!(feature = "serde")),
        ("half", cfg!(feature = "half")),
    ];
    let features: Vec<_> =
        features.iter().filter(|(_, on)| *on).map(|(feature, _)| *feature).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--example", "evaluate", "--message-format", "json-render-diagnostics"]);
    cargo.args(["--profile", profile, "--no-default-features", "--features", &features.join(",")]);
    cargo.arg("--target-dir").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap());
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the example does not build");
    let messages = String::from_utf8(output.stdout).unwrap();
    let mut messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let example = messages.find(|message| message["target"]["name"] == "evaluate").unwrap();
    example["executable"].as_str().unwrap().into()
}

/// A directory that goes with the test.
pub struct Room(pub PathBuf);

impl Room {
    pub fn new(name: &str) -> Room {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("evaluate-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs the program on files of this directory.
    pub fn run(&self, arguments: &[&str]) -> Output {
        program().current_dir(&self.0).args(arguments).output().unwrap()
    }

    pub fn report(&self, arguments: &[&str]) -> String {
        let output = self.run(&[arguments, &["--json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one line that says why a run was refused.
    pub fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        error
    }

    /// Writes q.npy and p.npy.
    pub fn write(&self, shape: &[usize]) -> [ArrayD<f32>; 2] {
        let [log_q, p] = pair(shape, |x| x as f32);
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

/// ln q and p, not normalised, which only widens what they can be.
pub fn pair<A: WritableElement + Copy>(shape: &[usize], of: fn(f64) -> A) -> [ArrayD<A>; 2] {
    let mut rng = SmallRng::seed_from_u64(1951);
    [(-8.0, 0.0), (0.0, 0.3)].map(|(low, high)| {
        let uniform = Uniform::new(low, high).unwrap();
        ArrayD::random_using(shape, uniform, &mut rng).mapv(of)
    })
}

pub fn fortran<A: Clone>(array: &ArrayD<A>) -> ArrayD<A> {
    let reversed = array.t().iter().cloned().collect();
    ArrayD::from_shape_vec(array.raw_dim().f(), reversed).unwrap()
}
