//! Sparse targets from logits, `f32`, τ = 1, beside the dense call and one pass that normalises the logits.
//!
//! ```sh
//! cargo bench --bench sparse                 # a table
//! KLDIV_QUICK=1 cargo bench --bench sparse   # each once, on few rows
//! cargo bench --bench sparse -- --json 128000 64 # for benches/peers/python/sparse.py: seconds of value, and of value and gradient
//! ```
//!
//! The teacher's k best classes with their log-probabilities, the rest in the bucket; labels for k = 1. Every loss is compared with a
//! naive one in `f64` before anything is timed. `RAYON_NUM_THREADS` sets the threads.

use std::time::Duration;

use kldiv::{DistributionMean, KLDivWithLogitsLoss, Target};
use kldiv_bench::rounds::{Effort, in_turn, readable};
use ndarray::{Array1, Array2, Axis};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

const NAMED: [usize; 4] = [1, 16, 64, 256];
/// The classes, and the rows, so that all shapes have as many numbers.
const SHAPES: [(usize, usize); 3] = [(1_000, 16_384), (32_000, 512), (128_000, 128)];

/// Logits of a student and of a teacher, the teacher's best classes, and room for the gradient.
struct Problem {
    student: Array2<f32>,
    teacher: Array2<f32>,
    classes: Array2<i64>,
    values: Array2<f32>,
    labels: Array1<i64>,
    gradient: Array2<f32>,
}

impl Problem {
    fn new((rows, classes): (usize, usize), named: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let mut numbers = |scale: f32| {
            Array2::from_shape_simple_fn((rows, classes), || {
                scale * rng.random_range(-1.0..1.0_f32)
            })
        };
        let teacher = numbers(8.0);
        let student = &teacher + &numbers(2.0);
        let best = |row: &[f32]| {
            let mut order: Vec<usize> = (0..classes).collect();
            order.select_nth_unstable_by(named - 1, |&a, &b| row[b].total_cmp(&row[a]));
            order.truncate(named);
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            let log_sum = row.iter().map(|&z| f64::from(z).exp()).sum::<f64>().ln() as f32;
            let values = order.iter().map(|&class| row[class] - log_sum).collect::<Vec<_>>();
            (order.into_iter().map(|class| class as i64).collect::<Vec<_>>(), values)
        };
        let rows_of = teacher.as_slice().expect("standard layout").par_chunks(classes);
        let (indices, values): (Vec<_>, Vec<_>) = rows_of.map(best).unzip();
        let shape = (rows, named);
        let classes = Array2::from_shape_vec(shape, indices.concat()).expect("rows of k classes");
        Problem {
            labels: classes.column(0).to_owned(),
            classes,
            values: Array2::from_shape_vec(shape, values.concat()).expect("rows of k values"),
            gradient: Array2::zeros(student.raw_dim()),
            student,
            teacher,
        }
    }

    fn sparse(&mut self, gradient: bool) -> f32 {
        let criterion = KLDivWithLogitsLoss::new(DistributionMean).target(Target::LogProbabilities);
        let batch = criterion.sparse_batch(&self.student, &self.classes, &self.values);
        let batch = batch.expect("operands that fit");
        let loss = match gradient {
            true => batch.value_and_grad_into(&mut self.gradient),
            false => batch.forward(),
        };
        loss.expect("classes in range")
    }

    fn labels(&mut self, gradient: bool) -> f32 {
        let criterion = KLDivWithLogitsLoss::new(DistributionMean);
        let batch = criterion.labels_batch(&self.student, &self.labels).expect("operands that fit");
        let loss = match gradient {
            true => batch.value_and_grad_into(&mut self.gradient),
            false => batch.forward(),
        };
        loss.expect("labels in range")
    }

    fn dense(&mut self, gradient: bool) -> f32 {
        let criterion = KLDivWithLogitsLoss::new(DistributionMean);
        let batch = criterion.batch(&self.student, &self.teacher).expect("operands that fit");
        let loss = match gradient {
            true => batch.value_and_grad_into(&mut self.gradient),
            false => batch.forward(),
        };
        loss.expect("operands that fit")
    }

    /// The least that a loss of logits does: the greatest of each row, and the sum of the exponentials, 16 at a time.
    fn log_sum_exp(&mut self) -> f32 {
        let classes = self.student.ncols();
        let rows = self.student.as_slice().expect("standard layout").par_chunks(classes);
        rows.map(kldiv_bench::logits::log_sum_exp).sum()
    }

    /// The definition, row by row in `f64`.
    fn naive(&self) -> f64 {
        let of_row = |row: usize| {
            let z: Vec<f64> = self.student.row(row).iter().map(|&z| z.into()).collect();
            let log_sum = z.iter().map(|z| z.exp()).sum::<f64>().ln();
            let (mut loss, mut left) = (0.0, 1.0);
            let mut named = vec![false; z.len()];
            for (&class, &y) in self.classes.row(row).iter().zip(self.values.row(row)) {
                let y = f64::from(y);
                loss += y.exp() * (y - (z[class as usize] - log_sum));
                left -= y.exp();
                named[class as usize] = true;
            }
            let others = z.iter().zip(named).filter(|(_, named)| !named);
            let tail = others.map(|(z, _)| (z - log_sum).exp()).sum::<f64>();
            loss + left * (left / tail).ln()
        };
        let rows = self.student.len_of(Axis(0));
        (0..rows).into_par_iter().map(of_row).sum::<f64>() / rows as f64
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let is_quick = std::env::var_os("KLDIV_QUICK").is_some() || arguments == ["--test"];
    if let [json, classes, named] = &arguments[..]
        && json == "--json"
    {
        let [classes, named] = [classes, named].map(|it| it.parse::<usize>().expect("a number"));
        let mut problem = Problem::new(((1 << 24) / classes, classes), named);
        let [value, gradient] = seconds(&mut problem, [&|p| p.sparse(false), &|p| p.sparse(true)]);
        return println!("[{value}, {gradient}]");
    }
    println!("{} threads\n", rayon::current_num_threads());
    println!(
        "| rows × classes | k | value | × of a log-sum-exp | of the dense call | value and gradient | of the dense call |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (classes, rows) in SHAPES {
        for named in NAMED {
            let rows = if is_quick { 2 } else { rows };
            let mut problem = Problem::new((rows, classes), named);
            let (found, expected) = (f64::from(problem.sparse(false)), problem.naive());
            let error = (found / expected - 1.0).abs();
            assert!(error < 1e-5, "{rows} × {classes}, {named}: {found}, not {expected}");
            row(&mut problem, &format!("{rows} × {classes} | {named}"), Problem::sparse);
            if named == 1 {
                row(&mut problem, &format!("{rows} × {classes} | label"), Problem::labels);
            }
        }
    }
}

fn row(problem: &mut Problem, name: &str, ours: fn(&mut Problem, bool) -> f32) {
    let [value, pass, dense, gradient, dense_gradient] = seconds(
        problem,
        [
            &|p| ours(p, false),
            &Problem::log_sum_exp,
            &|p| p.dense(false),
            &|p| ours(p, true),
            &|p| p.dense(true),
        ],
    );
    println!(
        "| {name} | {} | {:.2} | {:.2} | {} | {:.2} |",
        readable(value),
        value / pass,
        value / dense,
        readable(gradient),
        gradient / dense_gradient,
    );
}

fn seconds<const N: usize>(
    problem: &mut Problem,
    loops: [&dyn Fn(&mut Problem) -> f32; N],
) -> [f64; N] {
    let effort = Effort { budget: Duration::from_millis(1500), rounds: (5, 51) };
    in_turn(problem, loops, effort).map(|times| times.median())
}
