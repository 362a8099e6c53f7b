//! Every shape, precision and rank in turn.

use std::env;

use ndarray::{Dimension, Ix1, Ix2, Ix3, Ix4, IxDyn};

use crate::{Number, Shape};

/// All shapes: a table if `KLDIV_TABLE` is set, or else criterion's report.
pub fn measure(table: &mut impl Measure, timed: &mut impl Measure) {
    match env::var_os("KLDIV_TABLE") {
        Some(_) => measure_all(table),
        None => measure_all(timed),
    }
}

/// All shapes.
pub fn measure_all(measure: &mut impl Measure) {
    measure.start();
    for shape in Shape::chosen() {
        for_each_precision(&shape, measure);
    }
    measure.finish();
}

/// What is done with a shape once precision and rank are known to the compiler.
pub trait Measure {
    fn start(&mut self) {}
    fn shape<A: Number, D: Dimension + 'static>(&mut self, shape: &Shape);
    fn finish(&mut self) {}
}

pub fn for_each_precision(shape: &Shape, measure: &mut impl Measure) {
    with_rank::<f32>(shape, measure);
    with_rank::<f64>(shape, measure);
}

fn with_rank<A: Number>(shape: &Shape, measure: &mut impl Measure) {
    match shape.lengths.len() {
        1 => measure.shape::<A, Ix1>(shape),
        2 => measure.shape::<A, Ix2>(shape),
        3 => measure.shape::<A, Ix3>(shape),
        4 => measure.shape::<A, Ix4>(shape),
        _ => measure.shape::<A, IxDyn>(shape),
    }
}
