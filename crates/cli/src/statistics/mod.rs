//! What is kept of the rows. What was found of rows that follow each other merges to the bits of one run over all of them.

mod mean;
mod quantity;
mod sketch;
mod summary;
mod tally;
mod worst;

pub use mean::Mean;
pub use quantity::{EXACT_ROWS, Quantity};
pub use sketch::Sketch;
pub use summary::{Estimate, Summary};
pub use tally::{CandidateTally, Deviations, LabelTally, Run, Tally};
pub use worst::Worst;

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    /// One number of each of 200 rows, among them what is not finite, and weights.
    fn rows() -> (Vec<u64>, Vec<f64>, Array1<f64>) {
        let value = |i: u64| match i {
            17 => f64::NAN,
            40 | 41 => f64::INFINITY,
            _ => (i as f64 * 0.37).sin() * (i as f64 - 90.0).exp2().min(3.0),
        };
        let weights = (0..200).map(|i| f64::from(i % 5) * 0.25 + 0.1).collect();
        ((0..200).collect(), (0..200).map(value).collect(), weights)
    }

    fn found(range: std::ops::Range<usize>, is_kept: bool) -> Tally {
        let (positions, values, weights) = rows();
        let mut tally = Tally::new(2, 1);
        let weights = weights.slice_axis(ndarray::Axis(0), range.clone().into()).to_owned();
        let (positions, values) = (&positions[range.clone()], &values[range]);
        tally.rows += positions.len() as u64;
        if is_kept {
            tally.positions.extend(positions.iter().map(|&position| position as u32));
        }
        tally.base.add(values, None).unwrap();
        for (i, candidate) in tally.candidates.iter_mut().enumerate() {
            let weights = Some(&weights).filter(|_| i == 1);
            candidate.divergences[0].add(positions, values, weights, is_kept).unwrap();
            candidate.same_top.add(values, weights).unwrap();
            candidate.labels.delta_p.add(positions, values, weights, is_kept).unwrap();
        }
        if let Some(&position) = positions.iter().find(|position| **position % 7 == 3) {
            tally.deviations[1].merge(Deviations { rows: 1, first: Some((position, 2)) });
        }
        tally
    }

    /// Bit for bit, NaN included: what is kept and sent is this.
    fn bytes(tally: &Tally) -> Vec<u8> {
        postcard::to_stdvec(tally).unwrap()
    }

    #[test]
    fn parts_merge_to_the_whole_wherever_they_are_cut() {
        for is_kept in [true, false] {
            let mut whole = found(0..200, is_kept);
            for cut in 0..=200 {
                let mut parts = found(0..cut, is_kept);
                parts.merge(&found(cut..200, is_kept));
                // A row is counted once for each part that has one.
                parts.deviations[1].rows = 1;
                assert!(bytes(&parts) == bytes(&whole), "cut at {cut}, {is_kept}");
            }
            whole.merge(&Tally::new(2, 1));
            assert!(bytes(&whole) == bytes(&found(0..200, is_kept)));
            let again: Tally = postcard::from_bytes(&bytes(&whole)).unwrap();
            assert!(bytes(&again) == bytes(&whole));
        }
    }

    #[test]
    fn the_sketch_is_within_its_error_of_the_numbers() {
        let values: Vec<f64> = (0..5000).map(|i| (f64::from(i) * 0.003).exp2() * 1e-4).collect();
        let positions: Vec<u64> = (0..5000).collect();
        let [mut exact, mut sketched] = [Quantity::default(), Quantity::default()];
        exact.add(&positions, &values, None, true).unwrap();
        sketched.add(&positions, &values, None, false).unwrap();
        let index = |position| vec![position];
        let [exact, sketched] = [exact.summary(index), sketched.summary(index)];
        assert!(exact.quantile_error == 0.0 && sketched.quantile_error > 0.0);
        assert_eq!((exact.mean, exact.min, exact.max), (sketched.mean, sketched.min, sketched.max));
        assert_eq!(exact.worst, sketched.worst);
        for ((percent, exact), (_, found)) in exact.quantiles.iter().zip(&sketched.quantiles) {
            // Half a step between the numbers, and the error of the sketch.
            let bound = exact * (0.0011 + sketched.quantile_error);
            assert!((exact - found).abs() <= bound, "{percent}: {found}, not {exact}");
        }
    }
}
