use rand::Rng;

use super::random;
use crate::kernel::{Float, LaneSum, Level, STRIPES, add_to_each, sum_each};

/// The order that is promised: class c into sum c mod STRIPES, the sums as a tree.
fn striped(terms: &[f64]) -> f64 {
    let mut sums = [0.0; STRIPES];
    for (class, term) in terms.iter().enumerate() {
        sums[class % STRIPES] += term;
    }
    fn tree(sums: &[f64]) -> f64 {
        match sums {
            [only] => *only,
            _ => {
                let (low, high) = sums.split_at(sums.len() / 2);
                let both: Vec<_> = low.iter().zip(high).map(|(a, b)| a + b).collect();
                tree(&both)
            }
        }
    }
    tree(&sums)
}

fn sum<T: Float>(level: Level, terms: &[T]) -> f64 {
    let mut sum = LaneSum::default();
    sum.add(level, terms);
    sum.value()
}

/// Terms whose sum depends on the order.
fn terms(count: usize) -> Vec<f64> {
    let mut rng = random();
    let term = |_| rng.random_range(-1.0..1.0f64) * 2f64.powi(rng.random_range(-30..30));
    (0..count).map(term).collect()
}

#[test]
fn order_is_fixed_by_the_class_index() {
    for level in Level::all() {
        for count in (0..70).chain([1000, 4097]) {
            let terms = terms(count);
            assert_eq!(sum(level, &terms).to_bits(), striped(&terms).to_bits(), "{count}");
            let single: Vec<_> = terms.iter().map(|&term| term as f32).collect();
            let widened: Vec<_> = single.iter().map(|&term| f64::from(term)).collect();
            assert_eq!(sum(level, &single).to_bits(), striped(&widened).to_bits(), "{count}");
        }
    }
}

#[test]
fn chunks_make_the_whole() {
    let terms = terms(1000);
    for chunk in [1, 2, 3, 7, 64].map(|rows| rows * STRIPES) {
        let mut sum = LaneSum::default();
        for chunk in terms.chunks(chunk) {
            sum.add(Level::best(), chunk);
        }
        assert_eq!(sum.value().to_bits(), striped(&terms).to_bits(), "{chunk}");
    }
}

#[test]
fn zeros_at_the_end_change_nothing() {
    for count in 0..70 {
        let mut terms = terms(count);
        let bare = sum(Level::best(), &terms);
        for zero in (0..40).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }) {
            terms.push(zero);
            assert_eq!(sum(Level::best(), &terms).to_bits(), bare.to_bits(), "{count}");
        }
    }
}

#[test]
fn specials_come_through() {
    for place in 0..40 {
        let mut terms = terms(40);
        terms[place] = f64::INFINITY;
        assert_eq!(sum(Level::best(), &terms), f64::INFINITY);
        terms[39 - place] = f64::NEG_INFINITY;
        assert!(sum(Level::best(), &terms).is_nan());
        terms[39 - place] = f64::NAN;
        assert!(sum(Level::best(), &terms).is_nan());
    }
}

/// Few classes are added from the first to the last, starting from +0.
#[test]
fn few_classes_are_added_in_order() {
    for level in Level::all() {
        for classes in 1..=64 {
            let terms = terms(classes * 5);
            let in_order = |lane: &[f64]| lane.iter().fold(0.0, |sum, term| sum + term).to_bits();
            let expected: Vec<_> = terms.chunks(classes).map(in_order).collect();

            let (mut wide, mut sums) = (vec![0.0; classes * 5], [f64::NAN; 5]);
            sum_each(level, &terms, classes, &mut wide, &mut sums);
            assert_eq!(sums.map(f64::to_bits), *expected, "{classes} side by side");

            let mut sums = [0.0; 5];
            for class in 0..classes {
                let across: Vec<_> = terms.chunks(classes).map(|lane| lane[class]).collect();
                add_to_each(level, &mut sums, &across);
            }
            assert_eq!(sums.map(f64::to_bits), *expected, "{classes} one below the other");
        }
    }
}
