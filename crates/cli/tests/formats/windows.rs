//! Windows of any shape, in any order, equal slices of the whole.

use std::ops::Range;

use kldiv_cli::formats::Array;
use ndarray::Slice;

use crate::values::expected;
use crate::{open, whole};

/// All ranges along an axis of such a length, empty ones too.
fn ranges(len: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    (0..=len).flat_map(move |end| (0..=end).map(move |start| start..end))
}

fn windows(shape: &[usize]) -> Vec<Vec<Range<usize>>> {
    let mut windows = vec![Vec::new()];
    for &len in shape {
        let longer = |window: &Vec<Range<usize>>| {
            let window = window.clone();
            ranges(len).map(move |range| [&window[..], &[range]].concat())
        };
        windows = windows.iter().flat_map(longer).collect();
    }
    windows
}

#[test]
fn a_window_is_a_slice_of_the_whole() {
    for expected in expected() {
        let mut array = open(&expected.name);
        let (all, is_large) = (whole(&array), array.shape.iter().product::<usize>() > 100);
        if array.is_stream() || is_large {
            continue;
        }
        let full = array.read::<f64>(&all, Vec::new()).unwrap();
        let mut memory = Vec::new();
        for window in windows(&array.shape) {
            let read = array.read::<f64>(&window, memory).unwrap();
            let slice = full.slice_each_axis(|axis| Slice::from(window[axis.axis.index()].clone()));
            assert_eq!(read, slice, "{} {window:?}", expected.name);
            memory = read.into_raw_vec_and_offset().0;
        }
    }
}

#[test]
fn logarithms_are_decoded_by_windows() {
    let mut array = open("kld/base_even.kld");
    let full = array.read::<f32>(&[0..128, 0..512], Vec::new()).unwrap();
    for window in
        [[3..9, 0..512], [127..128, 511..512], [0..128, 100..107], [5..5, 0..512], [1..2, 4..4]]
    {
        let read = array.read::<f32>(&window, Vec::new()).unwrap();
        let slice = full.slice_each_axis(|axis| Slice::from(window[axis.axis.index()].clone()));
        assert_eq!(read, slice);
    }
}

/// The array a: np.linspace(-9, 0, 10_000, dtype=np.float32).reshape(100, 100), deflated.
#[test]
fn a_stream_gives_windows_in_the_order_of_the_file() {
    let mut array = open("long.npz");
    assert!(array.is_stream());
    for rows in [0..1, 1..40, 70..70, 70..99, 99..100] {
        let read = array.read::<f64>(&[rows.clone(), 0..100], Vec::new()).unwrap();
        for ((row, column), number) in
            read.into_dimensionality::<ndarray::Ix2>().unwrap().indexed_iter()
        {
            let place = ((rows.start + row) * 100 + column) as f64;
            assert!((number - (9.0 * place / 9999.0 - 9.0)).abs() < 1e-6);
        }
    }
    let failure = array.read::<f64>(&[3..4, 0..100], Vec::new()).unwrap_err();
    assert!(failure.line.contains("is a stream, which cannot be read backwards"), "{failure}");
}

/// In Fortran order, blocks of columns come in the order of the file, blocks of rows do not.
#[test]
fn a_stream_in_fortran_order_gives_columns() {
    let mut stored = open("stored.npz:fortran");
    let full = stored.read::<f64>(&[0..6, 0..5], Vec::new()).unwrap();
    let mut array = open("deflated.npz:fortran");
    for columns in [0..2, 2..3, 3..5] {
        let read = array.read::<f64>(&[0..6, columns.clone()], Vec::new()).unwrap();
        assert_eq!(read, full.slice(ndarray::s![.., columns]).into_dyn());
    }
    let rows = |array: &mut Array, rows| array.read::<f64>(&[rows, 0..5], Vec::new());
    let mut array = open("deflated.npz:fortran");
    assert!(rows(&mut array, 0..3).is_ok());
    let failure = rows(&mut array, 3..6).unwrap_err();
    assert!(failure.line.contains("np.ascontiguousarray(a)"), "{failure}");
}
