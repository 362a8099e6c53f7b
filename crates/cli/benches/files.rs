//! `kldiv compare` beside merely reading the files, and beside a loop as people write it.
//!
//! ```sh
//! cargo bench -p kldiv-cli --bench files
//! ```
//!
//! Makes files of 32,000 classes in the directory of temporary files: a pair of `.npy` of `f32` logits, and a pair of base files of
//! llama.cpp, which are in the page cache by then. All take turns; what is printed are medians. "read" reads both files through the
//! program's own reader, block by block on one thread, and computes nothing. "loop" decodes the rows of the base files one number
//! after the other, and adds up p·(ln p − ln q) in `f64`, on one thread.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use kldiv_cli::compare;
use kldiv_cli::formats::Array;
use kldiv_cli::ranks::Ranks;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const CLASSES: usize = 32_000;
const ROUNDS: usize = 7;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: compare::options::Options,
}

fn main() {
    // `cargo bench -- --test` wants to know whether it runs.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (rows, rounds) = if is_test { (8, 1) } else { (2048, ROUNDS) };
    let directory = std::env::temp_dir().join(format!("kldiv-files-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the files");
    let npy = [1, 2].map(|seed| write_npy(&directory, seed, rows));
    let kld = [1, 2].map(|seed| write_kld(&directory, seed, rows / 2));
    let ranks = Ranks::start().expect("one process");
    let compare = |files: &[PathBuf; 2], more: &[&str]| {
        let names = files.each_ref().map(|path| path.display().to_string());
        let all =
            ["files", &names[0], &names[1], "--quiet"].into_iter().chain(more.iter().copied());
        compare::run(Arguments::parse_from(all).options, &ranks).expect("a comparison");
    };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    let work: [(&str, &dyn Fn()); 7] = [
        (".npy, read", &|| read(&npy)),
        (".npy, forward", &|| compare(&npy, &["--divergence", "forward"])),
        (".npy, as by default", &|| compare(&npy, &[])),
        ("llama.cpp, read and decode", &|| read(&kld)),
        ("llama.cpp, loop, one thread", &|| by_hand(&kld)),
        ("llama.cpp, forward, one thread", &|| {
            one.install(|| compare(&kld, &["--divergence", "forward"]))
        }),
        ("llama.cpp, as by default", &|| compare(&kld, &[])),
    ];
    let mut seconds = vec![Vec::new(); work.len()];
    for _ in 0..rounds {
        for ((_, work), seconds) in work.iter().zip(&mut seconds) {
            let start = Instant::now();
            work();
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    println!("| {:30} | {:>10} | {:>12} | {:>6} |", "work", "ms", "rows/s", "GB/s");
    println!("|{:-<32}|{:->11}:|{:->13}:|{:->7}:|", "", "", "", "");
    for ((name, _), mut seconds) in work.into_iter().zip(seconds) {
        seconds.sort_by(f64::total_cmp);
        let time = seconds[seconds.len() / 2];
        let (rows, files) = if name.starts_with(".npy") { (rows, &npy) } else { (rows / 2, &kld) };
        let bytes: u64 =
            files.iter().map(|path| fs::metadata(path).map_or(0, |file| file.len())).sum();
        println!(
            "| {name:30} | {:10.1} | {:12.0} | {:6.2} |",
            time * 1e3,
            rows as f64 / time,
            bytes as f64 / time / 1e9
        );
    }
    fs::remove_dir_all(&directory).expect("the directory is empty again");
}

/// Scores between −8 and 8, the teacher's and the student's alike.
fn write_npy(directory: &Path, seed: u64, rows: usize) -> PathBuf {
    let path = directory.join(format!("{seed}.npy"));
    let mut random = SmallRng::seed_from_u64(seed);
    let row: Vec<f32> = (0..CLASSES).map(|_| random.random_range(-8.0..8.0)).collect();
    let mut file = BufWriter::new(File::create(&path).expect("room for a file"));
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {CLASSES})}}");
    let mut put = |bytes: &[u8]| file.write_all(bytes).expect("room for a file");
    put(b"\x93NUMPY\x01\x00\x76\x00");
    put(format!("{header:117}\n").as_bytes());
    for i in 0..rows {
        let moved = row[i % CLASSES..].iter().chain(&row[..i % CLASSES]);
        put(&moved.flat_map(|score| score.to_le_bytes()).collect::<Vec<u8>>());
    }
    file.flush().expect("room for a file");
    path
}

/// One chunk of so many rows.
fn write_kld(directory: &Path, seed: u64, rows: usize) -> PathBuf {
    let path = directory.join(format!("{seed}.kld"));
    let mut random = SmallRng::seed_from_u64(seed);
    let context = 2 * rows as u32 + 1;
    let mut file = BufWriter::new(File::create(&path).expect("room for a file"));
    let mut put = |bytes: &[u8]| file.write_all(bytes).expect("room for a file");
    put(b"_logits_");
    [context, CLASSES as u32, 1].iter().for_each(|number| put(&number.to_le_bytes()));
    (0..context).for_each(|token| put(&(token % CLASSES as u32).to_le_bytes()));
    for _ in 0..rows {
        put(&(16.0_f32 / 65535.0).to_le_bytes());
        put(&(-18.0_f32).to_le_bytes());
        let numbers: Vec<u8> =
            (0..CLASSES).flat_map(|_| random.random::<u16>().to_le_bytes()).collect();
        put(&numbers);
    }
    file.flush().expect("room for a file");
    path
}

/// Both files, in the blocks that `compare` reads.
fn read(files: &[PathBuf; 2]) {
    let mut arrays = files
        .each_ref()
        .map(|path| Array::open(&path.display().to_string(), false).expect("a file of this bench"));
    let mut memory = [Vec::new(), Vec::new()];
    let rows = arrays[0].shape[0];
    let block = (4 << 20) / 4 / CLASSES;
    for start in (0..rows).step_by(block) {
        for (array, memory) in arrays.iter_mut().zip(&mut memory) {
            let window = [start..(start + block).min(rows), 0..CLASSES];
            let read =
                array.read::<f32>(&window, std::mem::take(memory)).expect("a file of this bench");
            *memory = std::hint::black_box(read).into_raw_vec_and_offset().0;
        }
    }
}

/// The divergence of the rows of base files, number by number.
fn by_hand(files: &[PathBuf; 2]) {
    let mut files = files.each_ref().map(|path| File::open(path).expect("a file of this bench"));
    let mut head = [0_u8; 20];
    for file in &mut files {
        file.read_exact(&mut head).expect("a header");
        let context = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let mut tokens = vec![0; 4 * context as usize];
        file.read_exact(&mut tokens).expect("tokens");
    }
    let mut rows = [vec![0_u8; 2 * CLASSES + 8], vec![0_u8; 2 * CLASSES + 8]];
    let mut total = 0.0;
    while files.iter_mut().zip(&mut rows).all(|(file, row)| file.read_exact(row).is_ok()) {
        let log = |row: &[u8], i: usize| {
            let number =
                |at: usize| f32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
            let stored = u16::from_le_bytes([row[8 + 2 * i], row[9 + 2 * i]]);
            f64::from(number(0) * f32::from(stored) + number(4))
        };
        let sums =
            [0, 1].map(|side| (0..CLASSES).map(|i| log(&rows[side], i).exp()).sum::<f64>().ln());
        for i in 0..CLASSES {
            let (log_p, log_q) = (log(&rows[0], i) - sums[0], log(&rows[1], i) - sums[1]);
            total += log_p.exp() * (log_p - log_q);
        }
    }
    std::hint::black_box(total);
}
