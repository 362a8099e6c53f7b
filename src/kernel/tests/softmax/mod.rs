//! The divergence of two softmaxes against double-double sums, layouts against each other.

mod bench;
mod oracle;
mod value;

use crate::element::Element;
use crate::kernel::softmax::{
    COLUMNS, Cells, Columns, Lane, Lanes, Logit, Peaks, Row, RowCells, Shift, Sums, transpose,
};
use crate::kernel::{CHUNK, Level};

/// A lane's classes behind each other.
pub fn along<A: Element<Loss: Logit>>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    rate: A::Loss,
    cells: &mut Cells<A::Loss>,
) -> (Lane, Shift<A::Loss>) {
    let (mut peaks_p, mut peaks_q) = (Peaks::default(), Peaks::default());
    peaks_p.add(level, z_p);
    peaks_q.add(level, z_q);
    let (peak_p, peak_q) = (peaks_p.value(), peaks_q.value());
    let mut sum = |shift: &Shift<A::Loss>| {
        let mut sums = Sums::default();
        for (z_p, z_q) in z_p.chunks(CHUNK).zip(z_q.chunks(CHUNK)) {
            sums.add(level, z_p, z_q, shift, cells, false);
        }
        sums.part().lane(peak_p, peak_q)
    };
    let shift = Shift::between(peak_p, peak_q, rate);
    let lane = sum(&shift);
    if lane.is_off_centre() {
        let shift = shift.less(lane.log_total);
        return (sum(&shift), shift);
    }
    (lane, shift)
}

/// Lanes beside each other.
pub fn across<T: Logit>(
    level: Level,
    z_p: &[Row<T>],
    z_q: &[Row<T>],
    columns: &mut Columns<T>,
    cells: &mut RowCells<T>,
    lanes: &mut Lanes,
) {
    columns.restart();
    columns.add_peaks(level, z_p, z_q);
    columns.shift(level);
    columns.add(level, 0, z_p, z_q, cells);
    columns.end_part(level);
    columns.lanes(level, lanes);
    if columns.recentre(level, lanes) {
        columns.clear();
        columns.add(level, 0, z_p, z_q, cells);
        columns.end_part(level);
        columns.lanes(level, lanes);
    }
}

/// Short lanes one behind the other.
pub fn turned<A: Element<Loss: Logit>>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    classes: usize,
    rate: A::Loss,
) -> Vec<Lane> {
    let zero = [<A::Loss as crate::kernel::Float>::ZERO; COLUMNS];
    let mut rows = (vec![zero; classes], vec![zero; classes]);
    let mut columns = Columns::new(classes, rate);
    let mut cells = RowCells::default();
    let mut found = vec![];
    let mut lanes = Lanes::default();
    for (z_p, z_q) in z_p.chunks(classes * COLUMNS).zip(z_q.chunks(classes * COLUMNS)) {
        transpose(z_p, &mut rows.0);
        transpose(z_q, &mut rows.1);
        across(level, &rows.0, &rows.1, &mut columns, &mut cells, &mut lanes);
        found.extend((0..z_p.len() / classes).map(|i| lanes.lane(i)));
    }
    found
}

/// Lanes beside each other, a few classes at a time, from the middle of others.
pub fn beside<A: Element<Loss = A> + Logit>(
    level: Level,
    z_p: &[A],
    z_q: &[A],
    classes: usize,
    rate: A,
) -> Vec<Lane> {
    let mut rows = (vec![[A::ZERO; COLUMNS]; classes], vec![[A::ZERO; COLUMNS]; classes]);
    let (mut columns, mut cells) = (Columns::new(classes, rate), RowCells::default());
    let mut lanes = Lanes::default();
    let mut found = vec![];
    for (z_p, z_q) in z_p.chunks(classes * 7).zip(z_q.chunks(classes * 7)) {
        for (i, (p, q)) in z_p.iter().zip(z_q).enumerate() {
            rows.0[i % classes][i / classes + 50] = *p;
            rows.1[i % classes][i / classes + 50] = *q;
        }
        columns.restart();
        columns.add_peaks(level, &rows.0, &rows.1);
        columns.shift(level);
        for _ in 0..2 {
            columns.clear();
            for (k, (p, q)) in rows.0.chunks(3).zip(rows.1.chunks(3)).enumerate() {
                columns.add(level, 3 * k, p, q, &mut cells);
            }
            columns.end_part(level);
            columns.lanes(level, &mut lanes);
            if !columns.recentre(level, &lanes) {
                break;
            }
        }
        found.extend((50..50 + z_p.len() / classes).map(|i| lanes.lane(i)));
    }
    found
}
