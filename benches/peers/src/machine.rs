//! When, on what, with what.

use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use crate::record::Machine;

pub fn describe() -> Machine {
    Machine {
        date: said("date", &["-u", "+%Y-%m-%d"]),
        processor: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        threads: rayon::current_num_threads(),
        caches: caches(),
        level: kldiv_bench::roofline::level(),
        compiler: said("rustc", &["--version"]),
        system: said("uname", &["-sm"]),
    }
}

/// What a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("{program}: unknown"))
}

fn field(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn caches() -> String {
    let of = |index: usize, file: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}");
        fs::read_to_string(path).map(|text| text.trim().to_owned())
    };
    let cache = |index| {
        let (level, size) = (of(index, "level").ok()?, of(index, "size").ok()?);
        (of(index, "type").ok()? != "Instruction").then(|| format!("L{level} {size}"))
    };
    (0..8).filter_map(cache).collect::<Vec<_>>().join(", ")
}

/// Of the processor while it works: a chain of squares takes three cycles each on Intel's cores since 2008, AMD's since Zen 2.
/// (With an addition of 1 it takes three or four.)
pub fn gigahertz() -> f64 {
    const CHAIN: u32 = 20_000_000;
    let chain = || {
        let start = Instant::now();
        let first = black_box(3_u64);
        black_box((0..CHAIN).fold(first, |x, _| x.wrapping_mul(x)));
        3.0 * f64::from(CHAIN) / start.elapsed().as_secs_f64() / 1e9
    };
    (0..5).map(|_| chain()).fold(0.0, f64::max)
}

/// Names and versions of the dependencies that take part, from the lock file; of several versions the newest.
pub fn versions(crates: &[(&str, bool)]) -> Vec<String> {
    let lock = include_str!("../../../Cargo.lock");
    let version = |(name, _): &(&str, bool)| {
        let entry = lock.rsplit_once(&format!("name = \"{name}\"\nversion = \""))?.1;
        Some(format!("{name} {}", entry.split_once('"')?.0))
    };
    crates.iter().filter(|(_, built)| *built).filter_map(version).collect()
}
