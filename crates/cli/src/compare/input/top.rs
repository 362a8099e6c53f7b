//! The greatest class of a row, and rows that hold one number only.

use ndarray::{ArrayD, ArrayView1, Axis, Zip};

use crate::formats::Float;

/// Numbers that are compared side by side.
const WIDTH: usize = 16;
/// Numbers among which the greatest is looked for one by one.
const STRETCH: usize = 512;

/// The greatest class of each row, of equal ones the first; of a row of NaN that of the others.
pub fn top<A: Float>(operand: &ArrayD<A>, axis: Axis) -> ArrayD<usize> {
    Zip::from(operand.lanes(axis)).map_collect(|lane| match lane.to_slice() {
        Some(row) => of_row(row),
        None => of_lane(lane),
    })
}

/// The greatest number of each stretch first, in a loop that is simple enough for vectors; then where it is, in one stretch.
fn of_row<A: Float>(row: &[A]) -> usize {
    let (mut first, mut max) = (0, A::neg_infinity());
    for (i, stretch) in row.chunks(STRETCH).enumerate() {
        let greatest = greatest(stretch);
        if greatest > max {
            (first, max) = (i * STRETCH, greatest);
        }
    }
    first + row[first..].iter().position(|&x| x == max).unwrap_or(0)
}

fn greatest<A: Float>(stretch: &[A]) -> A {
    let (rows, tail) = stretch.as_chunks::<WIDTH>();
    let mut greatest = [A::neg_infinity(); WIDTH];
    for row in rows {
        for i in 0..WIDTH {
            greatest[i] = if row[i] > greatest[i] { row[i] } else { greatest[i] };
        }
    }
    let all = greatest.iter().chain(tail);
    all.fold(A::neg_infinity(), |max, &x| if x > max { x } else { max })
}

fn of_lane<A: Float>(lane: ArrayView1<'_, A>) -> usize {
    let (mut at, mut max) = (0, A::neg_infinity());
    for (i, &x) in lane.iter().enumerate() {
        if x > max {
            (at, max) = (i, x);
        }
    }
    at
}

/// Whether a row holds one number only, in which case it looks like data that was never written. One class says nothing.
pub fn is_constant<A: Float>(lane: ArrayView1<'_, A>) -> bool {
    lane.len() > 1 && lane.iter().all(|x| *x == lane[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn the_first_of_the_greatest() {
        let rows =
            array![[1.0_f32, 3.0, 3.0], [f32::NAN, -1.0, f32::NEG_INFINITY], [0.0, -0.0, -1.0]];
        assert_eq!(top(&rows.clone().into_dyn(), Axis(1)), array![1, 1, 0].into_dyn());
        assert_eq!(top(&rows.t().to_owned().into_dyn(), Axis(0)), array![1, 1, 0].into_dyn());
        let long = Array2::from_shape_fn((40, 40), |(i, j)| if j >= i { 1.0 } else { 0.5 });
        assert_eq!(
            top(&long.into_dyn(), Axis(1)),
            (0..40).collect::<ndarray::Array1<usize>>().into_dyn()
        );
    }

    #[test]
    fn one_number_only() {
        let rows = array![[0.0, 0.0], [0.0, 1.0], [f64::NAN, f64::NAN]];
        assert_eq!(rows.outer_iter().map(is_constant).collect::<Vec<_>>(), [true, false, false]);
        assert!(!is_constant(array![1.0].view()));
    }
}
