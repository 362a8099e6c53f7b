use rand::Rng;

use super::random;
use crate::elementwise::{FEW_STRIPES, add_to_each, sum_each};
use crate::number::Level;

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

/// Terms whose sum depends on the order.
fn terms(count: usize) -> Vec<f64> {
    let mut rng = random();
    let term = |_| rng.random_range(-1.0..1.0f64) * 2f64.powi(rng.random_range(-30..30));
    (0..count).map(term).collect()
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
