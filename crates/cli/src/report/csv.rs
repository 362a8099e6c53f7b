//! The numbers of every row.

use std::io::{self, BufWriter, Write};

use super::model::{Column, Report};

/// A header, then a line a row: its index (`axis0`, `axis1`, …, the class axis left out), then the columns.
///
/// Numbers have as many digits as tell them from their neighbours; `NaN`, `inf` and `-inf` stand for themselves.
pub fn csv(report: &Report, columns: Vec<Column<'_>>, out: &mut impl Write) -> io::Result<()> {
    let axes: Vec<usize> = (0..report.shape.len()).filter(|&axis| axis != report.axis).collect();
    let lens: Vec<usize> = axes.iter().map(|&axis| report.shape[axis]).collect();
    let mut out = BufWriter::new(out);
    let (names, mut columns): (Vec<String>, Vec<_>) = columns.into_iter().unzip();
    let header =
        axes.iter().map(|axis| format!("axis{axis}")).chain(names.iter().map(|it| quoted(it)));
    writeln!(out, "{}", header.collect::<Vec<_>>().join(","))?;
    let mut index = vec![0; lens.len()];
    for _ in 0..lens.iter().product() {
        let mut separator = "";
        for at in &index {
            write!(out, "{separator}{at}")?;
            separator = ",";
        }
        for (name, column) in names.iter().zip(&mut columns) {
            let short = || io::Error::other(format!("column {name} ends before row {index:?}"));
            write!(out, "{separator}{:?}", column.next().ok_or_else(short)?)?;
            separator = ",";
        }
        writeln!(out)?;
        advance(&mut index, &lens);
    }
    out.flush()
}

/// The next index in the order of C.
fn advance(index: &mut [usize], lens: &[usize]) {
    for (at, &len) in index.iter_mut().zip(lens).rev() {
        *at += 1;
        if *at < len {
            return;
        }
        *at = 0;
    }
}

/// A field as RFC 4180 has it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
