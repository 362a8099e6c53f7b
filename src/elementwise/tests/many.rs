use rand::Rng;

use super::{bits, random};
use crate::elementwise::many::add_presums_to_each;
use crate::elementwise::{ManySum, PRESUMMED, sum_each_of_many};
use crate::number::{Float, Level};

const STRIPES: usize = ManySum::STRIPES;

/// The order that is promised: class c into stripe c mod [`STRIPES`], where four are added in their own type and
/// those in `f64`, unless they are too large; the stripes as a tree.
fn expected<T: Float>(terms: &[T]) -> f64 {
    let mut stripes = [0.0; STRIPES];
    for (i, stripe) in stripes.iter_mut().enumerate() {
        let terms: Vec<_> = terms.iter().skip(i).step_by(STRIPES).copied().collect();
        for four in terms.chunks(PRESUMMED) {
            let early = four.iter().fold(T::ZERO, |sum, &term| sum + term);
            let late: f64 = four.iter().map(|term| term.to_f64()).sum();
            *stripe += if early.abs() <= T::MAX { early.to_f64() } else { late };
        }
    }
    let mut width = STRIPES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            stripes[i] += stripes[i + width];
        }
    }
    stripes[0]
}

fn sum<T: Float>(level: Level, terms: &[T]) -> f64 {
    let mut sum = ManySum::default();
    sum.add(level, terms, terms.len());
    sum.value()
}

/// Terms whose sum depends on the order.
fn terms<T: Float>(count: usize) -> Vec<T> {
    let mut rng = random();
    let term = |_| rng.random_range(-1.0..1.0f64) * 2f64.powi(rng.random_range(-30..30));
    (0..count).map(term).map(T::from_f64).collect()
}

fn in_order<T: Float>() {
    for level in Level::all() {
        for count in (0..140).chain([1000, 4097]) {
            let terms = terms::<T>(count);
            assert_eq!(bits(sum(level, &terms)), bits(expected(&terms)), "{count}");
        }
    }
}

#[test]
fn the_order_is_fixed_by_the_class_index() {
    in_order::<f32>();
    in_order::<f64>();
}

#[test]
fn the_order_shows() {
    let terms = terms::<f32>(1000);
    let reversed: Vec<_> = terms.iter().rev().copied().collect();
    assert_ne!(expected(&terms), expected(&reversed));
}

#[test]
fn chunks_make_the_whole() {
    let terms = terms::<f32>(1000);
    for chunk in [1, 2, 3, 7].map(|blocks| blocks * PRESUMMED * STRIPES) {
        let mut sum = ManySum::default();
        for chunk in terms.chunks(chunk) {
            sum.add(Level::best(), chunk, chunk.len());
        }
        assert_eq!(bits(sum.value()), bits(expected(&terms)), "{chunk}");
    }
}

#[test]
fn what_lies_behind_is_not_added() {
    for classes in 65..200 {
        let mut terms = terms::<f32>(classes);
        let bare = sum(Level::best(), &terms);
        terms.extend([f32::NAN; 70]);
        let mut long = ManySum::default();
        long.add(Level::best(), &terms, classes);
        assert_eq!(bits(long.value()), bits(bare), "{classes}");
    }
}

#[test]
fn zeros_at_the_end_change_nothing() {
    for count in 0..140 {
        let mut terms = terms::<f32>(count);
        let bare = sum(Level::best(), &terms);
        for zero in (0..80).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }) {
            terms.push(zero);
            assert_eq!(bits(sum(Level::best(), &terms)), bits(bare), "{count}");
        }
    }
}

#[test]
fn terms_too_large_to_be_added_in_their_own_type_are_added() {
    for level in Level::all() {
        for (place, count) in [(0, 100), (70, 100), (99, 100), (5, 1000), (999, 1000)] {
            let mut terms = terms::<f32>(count);
            terms
                .iter_mut()
                .skip(place % STRIPES)
                .step_by(STRIPES)
                .for_each(|term| *term = f32::MAX);
            let found = sum(level, &terms);
            assert!(found.is_finite() && found > f64::from(f32::MAX));
            assert_eq!(bits(found), bits(expected(&terms)), "{place} of {count}");
            let mut each = [f64::NAN; 2];
            let twice = [terms.clone(), terms].concat();
            sum_each_of_many(level, &twice, count, &mut each);
            assert_eq!(each.map(bits), [bits(found); 2], "{place} of {count}");
        }
    }
}

/// In a chunk of its own, what is infinite, and then what is too large.
#[test]
fn chunks_that_are_not_finite_make_the_whole() {
    let mut terms = terms::<f32>(3072);
    terms[1029] = f32::INFINITY;
    for stripe in [3, 5, 7] {
        (0..PRESUMMED).for_each(|row| terms[2048 + stripe + row * STRIPES] = -f32::MAX);
    }
    let mut sum = ManySum::default();
    for chunk in terms.chunks(1024) {
        sum.add(Level::best(), chunk, chunk.len());
    }
    assert_eq!(sum.value(), f64::INFINITY);
    assert_eq!(expected(&terms), f64::INFINITY);
}

#[test]
fn specials_come_through() {
    for place in 0..100 {
        let mut terms = terms::<f32>(100);
        terms[place] = f32::INFINITY;
        assert_eq!(sum(Level::best(), &terms), f64::INFINITY);
        terms[99 - place] = f32::NEG_INFINITY;
        assert!(sum(Level::best(), &terms).is_nan());
        terms[99 - place] = f32::NAN;
        assert!(sum(Level::best(), &terms).is_nan());
    }
}

#[test]
fn distributions_are_summed_as_one_alone_is() {
    for level in Level::all() {
        for classes in [65, 96, 100, 128, 341] {
            let mut terms = terms::<f32>(classes * 3);
            let expected: Vec<_> = terms.chunks(classes).map(|lane| bits(expected(lane))).collect();
            terms.extend([f32::NAN; 70]); // behind the last, not to be added
            let mut sums = [f64::NAN; 3];
            sum_each_of_many(level, &terms, classes, &mut sums);
            assert_eq!(sums.map(bits), *expected, "{classes}");
        }
    }
}

/// Of neighbouring lanes the fourth holds terms that are too large.
#[test]
fn rows_are_added_each_to_its_own() {
    for level in Level::all() {
        for lanes in [1, 15, 16, 17, 70] {
            let mut rows: [Vec<f32>; PRESUMMED] =
                std::array::from_fn(|row| terms(lanes * (row + 1)).split_off(lanes * row));
            rows.iter_mut().filter_map(|row| row.get_mut(3)).for_each(|term| *term = f32::MAX);
            let mut sums = vec![0.0; lanes];
            add_presums_to_each(level, &mut sums, &rows.concat());
            for (lane, sum) in sums.into_iter().enumerate() {
                // One stripe: its terms lie STRIPES apart.
                let mut terms = [0.0; PRESUMMED * STRIPES];
                rows.iter().zip(terms.chunks_mut(STRIPES)).for_each(|(row, to)| to[0] = row[lane]);
                assert_eq!(bits(sum), bits(expected(&terms)), "{lane} of {lanes}");
            }
        }
    }
}
