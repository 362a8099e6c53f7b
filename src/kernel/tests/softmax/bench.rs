use std::hint::black_box;
use std::time::Instant;

use super::value::pair;
use super::{across, along};
use crate::element::Element;
use crate::kernel::softmax::{COLUMNS, Cells, Columns, Lanes, Logit, RowCells, transpose};
use crate::kernel::tests::random;
use crate::kernel::{Float, Level};

fn best(mut work: impl FnMut()) -> f64 {
    (0..15)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn speeds<A: Element<Loss: Logit>>(name: &str) {
    let mut rng = random();
    let rate = <A::Loss as Float>::from_f64(0.5);
    for level in Level::all() {
        for classes in [1000, 32000] {
            let (z_p, z_q) = pair::<A>(classes, 1.0, 2.0, 0.0, &mut rng);
            let mut cells = Cells::default();
            let repeats = 200_000 / classes;
            let time = best(|| {
                for _ in 0..repeats {
                    black_box(along(level, black_box(&z_p), &z_q, rate, &mut cells));
                }
            });
            println!(
                "{name} {level:?} along {classes}: {:.2} ns / 16",
                time / (repeats * classes) as f64 * 16e9
            );
        }
        for classes in [10, 21, 64] {
            let (z_p, z_q) = pair::<A>(classes * COLUMNS, 1.0, 2.0, 0.0, &mut rng);
            let zero = [<A::Loss as Float>::ZERO; COLUMNS];
            let (mut p, mut q) = (vec![zero; classes], vec![zero; classes]);
            let repeats = 200_000 / (classes * COLUMNS);
            let count = (repeats * classes * COLUMNS) as f64;
            let turn = best(|| {
                for _ in 0..repeats {
                    transpose(black_box(&z_p), black_box(&mut p));
                    transpose(black_box(&z_q), black_box(&mut q));
                }
            });
            let mut columns = Columns::new(classes, rate);
            let mut cells = RowCells::default();
            let mut lanes = Lanes::default();
            let time = best(|| {
                for _ in 0..repeats {
                    across(level, black_box(&p), &q, &mut columns, &mut cells, &mut lanes);
                    black_box(&lanes);
                }
            });
            println!(
                "{name} {level:?} across {classes}: {:.2} ns / 16, turned {:.2}",
                time / count * 16e9,
                turn / count * 16e9
            );
        }
    }
}

#[test]
#[ignore]
fn speed() {
    speeds::<f32>("f32");
    speeds::<f64>("f64");
}
