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
use crate::softmax::{
    Beside, COLUMNS, Cells, Columns, Lane, Lanes, Next, Part, Peaks, Row, Shift, Slopes, Sums,
    d_inputs, d_targets,
};

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
            sums.add(level, chunk, Prefetch::NOTHING, shift, cells, false);
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
    cells: &mut Cells<T, COLUMNS>,
    lanes: &mut Lanes,
) {
    take_shifts(level, z_p, z_q, columns);
    loop {
        columns.clear();
        columns.add::<T>(level, 0, z_p, z_q, cells, &mut Next::nothing());
        columns.end_part(level);
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
    let mut columns = Columns::new(classes, rate);
    let mut cells = Cells::default();
    let mut found = vec![];
    let mut lanes = Lanes::default();
    for (z_p, z_q) in z_p.chunks(classes * COLUMNS).zip(z_q.chunks(classes * COLUMNS)) {
        transpose(level, A::widened(level, z_p, &mut vec![]), &mut rows.0);
        transpose(level, A::widened(level, z_q, &mut vec![]), &mut rows.1);
        across(level, &rows.0, &rows.1, &mut columns, &mut cells, &mut lanes);
        found.extend((0..z_p.len() / classes).map(|i| lanes.lane(i)));
    }
    found
}

/// Lanes beside each other, a few classes at a time, from the middle of others.
pub fn beside<A: Number<Real = A> + Real>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    classes: usize,
    rate: A,
) -> Vec<Lane> {
    let mut rows = (vec![[A::ZERO; COLUMNS]; classes], vec![[A::ZERO; COLUMNS]; classes]);
    let (mut columns, mut cells) = (Columns::new(classes, rate), Cells::default());
    let mut lanes = Lanes::default();
    let mut found = vec![];
    for (z_p, z_q) in z_p.chunks(classes * 7).zip(z_q.chunks(classes * 7)) {
        for (i, (p, q)) in z_p.iter().zip(z_q).enumerate() {
            rows.0[i % classes][i / classes + 50] = *p;
            rows.1[i % classes][i / classes + 50] = *q;
        }
        take_shifts(level, &rows.0, &rows.1, &mut columns);
        loop {
            columns.clear();
            for (k, (p, q)) in rows.0.chunks(3).zip(rows.1.chunks(3)).enumerate() {
                columns.add::<A>(level, 3 * k, p, q, &mut cells, &mut Next::nothing());
            }
            columns.end_part(level);
            columns.lanes(level, &mut lanes);
            if !columns.improve(level, &lanes) {
                break;
            }
        }
        found.extend((50..50 + z_p.len() / classes).map(|i| lanes.lane(i)));
    }
    found
}

/// The gradients of one lane among others beside each other.
pub fn turned_gradients<A: Number<Real = A> + Real>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    rate: A,
    v: f64,
) -> [Vec<A>; 2] {
    let classes = z_p.len();
    let mut rows = (vec![[A::ZERO; COLUMNS]; classes], vec![[A::ZERO; COLUMNS]; classes]);
    transpose(level, z_p, &mut rows.0);
    transpose(level, z_q, &mut rows.1);
    let (mut columns, mut cells) = (Columns::new(classes, rate), Cells::default());
    let mut lanes = Lanes::default();
    across(level, &rows.0, &rows.1, &mut columns, &mut cells, &mut lanes);
    let slopes: Row<_> = std::array::from_fn(|i| Slopes::new(&lanes.lane(i), v));
    let mut out = [vec![], vec![]];
    for (p, q) in rows.0.iter().zip(&rows.1) {
        let mut rows = ([A::ZERO; COLUMNS], [A::ZERO; COLUMNS]);
        columns.filled(level, p, q, &mut cells);
        d_inputs(level, Beside(&slopes), &cells, &mut rows.0);
        d_targets(level, Beside(&slopes), &cells, &mut rows.1);
        out[0].push(rows.0[0]);
        out[1].push(rows.1[0]);
    }
    out
}

/// A lane of many classes, at temperature 1, in parts: its classes behind and below each other.
pub fn in_parts(level: Level, z_p: &[f32], z_q: &[f32], part: usize) -> (Lane, Lane) {
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

    let rows = |z: &[f32]| z.iter().map(|&z| [z; COLUMNS]).collect::<Vec<_>>();
    let (z_p, z_q) = (rows(z_p), rows(z_q));
    let mut columns = Columns::new(z_p.len(), 1.0);
    take_shifts(level, &z_p, &z_q, &mut columns);
    for (z_p, z_q) in z_p.chunks(part).zip(z_q.chunks(part)) {
        columns.add::<f32>(level, 0, z_p, z_q, &mut Cells::default(), &mut Next::nothing());
        columns.end_part(level);
    }
    let mut lanes = Lanes::default();
    columns.lanes(level, &mut lanes);
    (whole.lane(peak_p, peak_q), lanes.lane(COLUMNS - 1))
}
