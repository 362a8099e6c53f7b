use rand::Rng;

use super::random;
use crate::elementwise::{FEW_STRIPES, LaneSum, Running, STRIPES, add_to_each, sum_each};
use crate::number::{Float, Level};

/// The order that is promised: class c into stripe c mod S, the stripes as a tree.
fn striped<const S: usize>(terms: &[f64]) -> f64 {
    let mut sums = [0.0; S];
    for (class, term) in terms.iter().enumerate() {
        sums[class % S] += term;
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
            assert_eq!(
                sum(level, &terms).to_bits(),
                striped::<STRIPES>(&terms).to_bits(),
                "{count}"
            );
            let single: Vec<_> = terms.iter().map(|&term| term as f32).collect();
            let widened: Vec<_> = single.iter().map(|&term| f64::from(term)).collect();
            assert_eq!(
                sum(level, &single).to_bits(),
                striped::<STRIPES>(&widened).to_bits(),
                "{count}"
            );
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
        assert_eq!(sum.value().to_bits(), striped::<STRIPES>(&terms).to_bits(), "{chunk}");
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

#[test]
fn few_classes_have_fewer_stripes() {
    for level in Level::all() {
        for classes in 1..=70 {
            let terms = terms(classes * 5);
            let expected: Vec<_> =
                terms.chunks(classes).map(|lane| striped::<FEW_STRIPES>(lane).to_bits()).collect();
            let mut sums = [f64::NAN; 5];
            sum_each(level, &terms, classes, &mut sums);
            assert_eq!(sums.map(f64::to_bits), *expected, "{classes}");
        }
    }
}

#[test]
fn sums_are_added_each_to_its_own() {
    for level in Level::all() {
        let (mut sums, terms) = (terms(70), terms(70));
        let expected: Vec<_> = sums.iter().zip(&terms).map(|(a, b)| a + b).collect();
        add_to_each(level, &mut sums, &terms);
        assert_eq!(sums, expected);
    }
}
