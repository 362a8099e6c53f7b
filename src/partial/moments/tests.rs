//! What is summed of blocks.

use super::{Extremes, Moments};
use crate::number::Level;

#[test]
fn weights_of_one_are_none() {
    let divergences: Vec<_> = (0..1000).map(|i| f64::from(i * i % 97) / 7.0 - 3.0).collect();
    for level in Level::all() {
        let [mut plain, mut weighted] = [Moments::default(), Moments::default()];
        plain.add(level, &divergences);
        weighted.add_weighted(level, &divergences, &[1.0; 1000]);
        assert_eq!(plain, weighted);
        let mut halves = Moments::default();
        for half in divergences.chunks(500) {
            halves.add(Level::best(), half);
        }
        assert_eq!(halves, plain);
    }
}

/// Products that overflow leave nothing behind that is not a number.
#[test]
fn products_that_overflow() {
    let mut moments = Moments::default();
    moments.add_weighted(Level::best(), &[1e200, -1e300, f64::INFINITY], &[1e300, 1e-300, 1.0]);
    assert_eq!(moments.wd.value(), f64::INFINITY);
    assert_eq!(moments.wd2.value(), f64::INFINITY);
    assert!(moments.standard_error().is_nan());
}

#[test]
fn extremes_are_in_the_order_of_numbers() {
    let numbers = [f64::NEG_INFINITY, -f64::MAX, -1.0, -1e-310, 0.0, 1e-310, 1.0, f64::INFINITY];
    for (i, &low) in numbers.iter().enumerate() {
        for &high in &numbers[i..] {
            let mut extremes = Extremes::default();
            extremes.add(Level::best(), &[high, low, high]);
            assert_eq!(extremes.values(), [low, high]);
            assert!(extremes.are_valid(true, false) && !extremes.are_valid(false, false));
            extremes.add(Level::best(), &[-f64::NAN]);
            assert!(extremes.values().iter().all(|number| number.is_nan()));
            assert!(extremes.are_valid(true, true) && !extremes.are_valid(true, false));
        }
    }
    let mut zero = Extremes::default();
    zero.add(Level::best(), &[-0.0]);
    assert_eq!(zero.values().map(f64::to_bits), [0, 0]);
}
