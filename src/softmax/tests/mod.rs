//! The divergence of two softmaxes against double-double sums, layouts against each other.

mod given;
mod gradient;
mod masked;
mod oracle;
mod value;

use crate::elementwise::transpose;
use crate::elementwise::{Operands, Prefetch, TILE};
use crate::number::Number;
use crate::number::{Level, Real};
use crate::softmax::{COLUMNS, Cells, Columns, Lane, Lanes, Next, Part, Peaks, Row, Shift, Sums};

/// The shift of a lane by its maxima, and those, from parts of so many classes.
fn first_shift<A: Number>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    rate: A::Real,
    part: usize,
) -> (Shift<A::Real>, [A::Real; 2]) {
    let (p, q) = (span::<A, true>(level, z_p, part), span::<A, true>(level, z_q, part));
    let shift = if Shift::is_masked(p, q, rate) {
        let (p, q) = (span::<A, false>(level, z_p, part), span::<A, false>(level, z_q, part));
        Shift::between(p, q, rate, true)
    } else {
        Shift::between(p, q, rate, false)
    };
    (shift, [p[1], q[1]])
}

fn span<A: Number, const MASKS: bool>(level: Level, logits: &[A], part: usize) -> [A::Real; 2] {
    let mut peaks = Peaks::default();
    for logits in logits.chunks(part) {
        let mut more = Peaks::default();
        more.add::<A, MASKS>(level, logits);
        peaks.merge(&more);
    }
    peaks.span(level)
}

/// The shifts of lanes beside each other.
fn take_shifts<T: Real>(level: Level, z_p: &[Row<T>], z_q: &[Row<T>], columns: &mut Columns<T>) {
    columns.restart();
    columns.add_peaks::<true>(level, z_p, z_q);
    if columns.find_masked(level) {
        columns.add_peaks::<false>(level, z_p, z_q);
    }
    columns.shift(level);
}

/// A lane's classes behind each other.
pub fn along<A: Number>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    rate: A::Real,
    cells: &mut Cells<A::Real>,
) -> (Lane, Shift<A::Real>) {
    let (mut shift, [peak_p, peak_q]) = first_shift(level, z_p, z_q, rate, z_p.len());
    let mut sum = |shift: &Shift<A::Real>| {
        let mut sums = Sums::default();
        for (z_p, z_q) in z_p.chunks(TILE).zip(z_q.chunks(TILE)) {
            let chunk = Operands { input: z_q, target: z_p };
            sums.add(level, chunk, Prefetch::NOTHING, shift, cells, true);
        }
        sums.part().lane(peak_p, peak_q)
    };
    loop {
        let lane = sum(&shift);
        match shift.better(&lane) {
            Some(better) => shift = better,
            None => return (lane, shift),
        }
    }
}

/// Lanes beside each other.
pub fn across<T: Real + Number<Real = T>>(
    level: Level,
    z_p: &[Row<T>],
    z_q: &[Row<T>],
    columns: &mut Columns<T>,
    lanes: &mut Lanes,
) {
    take_shifts(level, z_p, z_q, columns);
    loop {
        columns.add::<T>(level, z_p, z_q, &mut Next::nothing());
        columns.lanes(level, lanes);
        if !columns.improve(level, lanes) {
            return;
        }
    }
}

/// Short lanes one behind the other.
pub fn turned<A: Number>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    classes: usize,
    rate: A::Real,
) -> Vec<Lane> {
    let zero = [<A::Real as crate::number::Float>::ZERO; COLUMNS];
    let mut rows = (vec![zero; classes], vec![zero; classes]);
    let mut columns = Columns::new(rate);
    let mut found = vec![];
    let mut lanes = Lanes::default();
    for (z_p, z_q) in z_p.chunks(classes * COLUMNS).zip(z_q.chunks(classes * COLUMNS)) {
        transpose(level, A::widened(level, z_p, &mut vec![]), &mut rows.0);
        transpose(level, A::widened(level, z_q, &mut vec![]), &mut rows.1);
        across(level, &rows.0, &rows.1, &mut columns, &mut lanes);
        found.extend((0..z_p.len() / classes).map(|i| lanes.lane(i)));
    }
    found
}

/// Lanes beside each other, from the middle of others.
pub fn beside<A: Number<Real = A> + Real>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    classes: usize,
    rate: A,
) -> Vec<Lane> {
    let mut rows = (vec![[A::ZERO; COLUMNS]; classes], vec![[A::ZERO; COLUMNS]; classes]);
    let mut columns = Columns::new(rate);
    let mut lanes = Lanes::default();
    let mut found = vec![];
    for (z_p, z_q) in z_p.chunks(classes * 7).zip(z_q.chunks(classes * 7)) {
        for (i, (p, q)) in z_p.iter().zip(z_q).enumerate() {
            rows.0[i % classes][i / classes + 50] = *p;
            rows.1[i % classes][i / classes + 50] = *q;
        }
        across(level, &rows.0, &rows.1, &mut columns, &mut lanes);
        found.extend((50..50 + z_p.len() / classes).map(|i| lanes.lane(i)));
    }
    found
}

/// A lane of many classes, at temperature 1, in parts.
pub fn in_parts(level: Level, z_p: &[f32], z_q: &[f32], part: usize) -> Lane {
    let (shift, [peak_p, peak_q]) = first_shift(level, z_p, z_q, 1.0, part);
    let mut cells = Cells::default();
    let mut whole = Part::default();
    for (z_p, z_q) in z_p.chunks(part).zip(z_q.chunks(part)) {
        let mut sums = Sums::default();
        for (z_p, z_q) in z_p.chunks(TILE).zip(z_q.chunks(TILE)) {
            let chunk = Operands { input: z_q, target: z_p };
            sums.add(level, chunk, Prefetch::NOTHING, &shift, &mut cells, false);
        }
        whole.join(&sums.part());
    }
    whole.lane(peak_p, peak_q)
}
