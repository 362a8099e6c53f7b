//! Differences of products against integers.

use rand::Rng;

use super::{number, random, sum};
use crate::exact::ExactSum;
use crate::number::Scaled;

fn value(Scaled { significand, exponent }: Scaled, shift: i32) -> f64 {
    significand * 2f64.powi(exponent + shift)
}

#[test]
fn differences_of_products() {
    let mut rng = random();
    for round in 0..2000 {
        // Close to each other, so that all but the last bits cancel.
        let a: [i64; 2] = std::array::from_fn(|_| rng.random_range(-1 << 50..1 << 50));
        let c = a.map(|a| a + rng.random_range(-3..4));
        let expected = i128::from(a[0]) * i128::from(a[1]) - i128::from(c[0]) * i128::from(c[1]);
        for shift in [0, -1000, 900] {
            let of = |n: i64| sum(&[n as f64 * 2f64.powi(shift), 1e200, -1e200]);
            let [a, c] = [a.map(of), c.map(of)];
            let found = ExactSum::difference_of_products([&a[0], &a[1]], [&c[0], &c[1]]);
            assert_eq!(value(found, -2 * shift), expected as f64, "{round}");
        }
    }
}

#[test]
fn products_beyond_every_range() {
    let (most, least) = (sum(&[2f64.powi(1023); 3]), sum(&[-f64::from_bits(1)]));
    let square = ExactSum::difference_of_products([&most, &most], [&least, &least]);
    assert_eq!(value(square, -2000), 9.0 * 2f64.powi(46));
    assert_eq!(square.sqrt() * 2f64.powi(-1), f64::INFINITY);
    let square = ExactSum::difference_of_products([&least, &least], [&sum(&[]), &most]);
    assert_eq!((square.sqrt(), square.significand > 0.0), (f64::from_bits(1), true));
    let nothing = ExactSum::difference_of_products([&most, &least], [&least, &most]);
    assert_eq!((nothing.significand, nothing.sqrt()), (0.0, 0.0));
}

#[test]
fn scaled_numbers() {
    let mut rng = random();
    for _ in 0..1000 {
        let [a, b] = [0; 2].map(|_| number(-400, 400, &mut rng).abs());
        let [x, y] = [a, b].map(|number| sum(&[number]).scaled());
        assert_eq!((x.times(y).sqrt(), x.over(y).sqrt()), ((a * b).sqrt(), (a / b).sqrt()));
    }
}

#[test]
fn words_are_the_sum() {
    let mut rng = random();
    for _ in 0..200 {
        let numbers: Vec<_> = (0..5).map(|_| number(-1074, 1024, &mut rng)).collect();
        let sum = sum(&numbers);
        assert_eq!(ExactSum::from_words(&sum.to_words()), Some(sum));
    }
    let nan = sum(&[f64::NAN, 1.0, f64::INFINITY]);
    assert_eq!(ExactSum::from_words(&nan.to_words()), Some(nan));
}
