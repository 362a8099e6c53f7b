use std::hint::black_box;
use std::time::Instant;

use super::value::pair;
use super::{across, along};
use crate::element::Element;
use crate::kernel::softmax::{
    Beside, COLUMNS, Cells, Columns, Lanes, Logit, One, d_inputs, transpose,
};
use crate::kernel::softmax::{Peaks, Slopes, Sums, transpose_back};
use crate::kernel::tests::random;
use crate::kernel::{CHUNK, Float, Level};

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
    for level in Level::all().into_iter().skip(1) {
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
        let (mut z_p, mut z_q) = pair::<A>(32000, 1.0, 2.0, 0.0, &mut rng);
        z_p.iter_mut().skip(3).step_by(5).for_each(|z| *z = A::narrow(f64::NEG_INFINITY));
        z_q.iter_mut().skip(3).step_by(5).for_each(|z| *z = A::narrow(f64::NEG_INFINITY));
        let mut cells = Cells::default();
        let time = best(|| {
            for _ in 0..6 {
                black_box(along(level, black_box(&z_p), &z_q, rate, &mut cells));
            }
        });
        println!(
            "{name} {level:?} along 32000 with absent classes: {:.2} ns / 16",
            time / (6.0 * 32000.0) * 16e9
        );
        for (classes, twice) in [(1000, false), (1000, true), (32000, true)] {
            let (z_p, z_q) = pair::<A>(classes, 1.0, 2.0, 0.0, &mut rng);
            let mut cells = Cells::default();
            let (_, shift) = along(level, &z_p, &z_q, rate, &mut cells);
            let mut out = vec![A::default(); classes];
            let repeats = 200_000 / classes;
            let time = best(|| {
                for _ in 0..repeats {
                    let (mut peaks_p, mut peaks_q) = (Peaks::default(), Peaks::default());
                    peaks_p.add(level, black_box(&z_p));
                    peaks_q.add(level, &z_q);
                    let mut sums = Sums::default();
                    for (p, q) in z_p.chunks(CHUNK).zip(z_q.chunks(CHUNK)) {
                        sums.add(level, p, q, &shift, &mut cells, !twice);
                    }
                    let lane = sums.part().lane(peaks_p.value(), peaks_q.value());
                    let slopes = Slopes::new(&lane, 0.3);
                    for ((p, q), out) in
                        z_p.chunks(CHUNK).zip(z_q.chunks(CHUNK)).zip(out.chunks_mut(CHUNK))
                    {
                        if twice {
                            cells.fill(level, p, q, &shift, true);
                        }

                        d_inputs(level, One(slopes), &cells, out);
                    }
                    black_box(&out);
                }
            });
            println!(
                "{name} {level:?} gradient {classes} twice {twice}: {:.2} ns / 16",
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
            let mut cells = Cells::default();
            let mut lanes = Lanes::default();
            let time = best(|| {
                for _ in 0..repeats {
                    across(level, black_box(&p), &q, &mut columns, &mut cells, &mut lanes);
                    black_box(&lanes);
                }
            });
            let slopes = std::array::from_fn(|i| Slopes::new(&lanes.lane(i), 0.3));
            let mut rows = vec![[A::default(); COLUMNS]; classes];
            let mut out = vec![A::default(); classes * COLUMNS];
            let gradient = best(|| {
                for _ in 0..repeats {
                    for ((p, q), out) in p.iter().zip(&q).zip(&mut rows) {
                        columns.fill(level, p, q, &mut cells);
                        d_inputs(level, Beside(&slopes), &cells, out);
                    }
                    black_box(&rows);
                }
            });
            let back = best(|| {
                for _ in 0..repeats {
                    transpose_back(black_box(&rows), black_box(&mut out));
                }
            });
            println!(
                "{name} {level:?} across {classes}, gradient: {:.2} ns / 16, back {:.2}",
                gradient / count * 16e9,
                back / count * 16e9
            );
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
