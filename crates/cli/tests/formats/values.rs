//! Every number of every fixture.

use kldiv_cli::formats::{Array, BASIS, entries};
use serde::Deserialize;

use crate::{fixture, fixtures, open, scratch, whole};

/// An array as fixtures/make.py describes it.
#[derive(Deserialize)]
pub struct Expected {
    pub name: String,
    r#type: String,
    shape: Vec<usize>,
    fortran: bool,
    numbers: Option<Vec<serde_json::Number>>,
    /// The sum of the bits of all numbers, each times its place from 1.
    bits: Option<String>,
}

pub fn expected() -> Vec<Expected> {
    serde_json::from_slice(&std::fs::read(fixtures().join("values.json")).unwrap()).unwrap()
}

#[test]
fn every_array_is_what_its_writer_says() {
    for expected in expected() {
        let mut array = open(&expected.name);
        let name = &expected.name;
        // An archive of one array is known by the name of both.
        assert!(array.name.starts_with(&fixture(name)), "{}", array.name);
        assert_eq!(array.dtype.to_string(), expected.r#type, "{name}");
        assert_eq!(array.shape, expected.shape, "{name}");
        assert_eq!(array.is_fortran, expected.fortran, "{name}");
        assert!(array.changed() > 0, "{name}");
        let window = whole(&array);
        if let Some(bits) = expected.bits {
            let numbers = array.read::<f32>(&window, Vec::new()).unwrap();
            let bits_of =
                |(place, number): (u64, &f32)| u64::from(number.to_bits()).wrapping_mul(place);
            let total = (1..).zip(&numbers).map(bits_of).fold(0, u64::wrapping_add);
            assert_eq!(total.to_string(), bits, "{name}");
            continue;
        }
        let numbers = expected.numbers.unwrap();
        let floats: Vec<f64> = numbers.iter().map(|number| number.as_f64().unwrap()).collect();
        if array.dtype.is_float() {
            let read = array.read::<f64>(&window, vec![f64::NAN; 1000]).unwrap();
            assert_eq!(bits(read.iter().copied()), bits(floats.iter().copied()), "{name}");
            let mut array = open(name);
            let read = array.read::<f32>(&window, vec![f32::NAN; 2]).unwrap();
            let singles = floats.iter().map(|&float| f64::from(float as f32));
            assert_eq!(bits(read.iter().map(|&n| f64::from(n))), bits(singles), "{name}");
        } else {
            let read = array.read_integers(&window).unwrap();
            let integers: Vec<i64> =
                numbers.iter().map(|number| number.as_i64().unwrap()).collect();
            assert!(read.iter().eq(&integers), "{name}: {read} {integers:?}");
            let mut array = open(name);
            let read = array.read::<f64>(&window, Vec::new()).unwrap();
            assert!(read.iter().eq(&floats), "{name}: {read} {floats:?}");
        }
    }
}

fn bits(numbers: impl Iterator<Item = f64>) -> Vec<u64> {
    numbers.map(f64::to_bits).collect()
}

/// The first chunk has 33 tokens; its rows predict those from 17 to 32.
#[test]
fn tokens_are_those_of_the_second_halves() {
    let stored = std::fs::read(fixture("kld/base_even.kld")).unwrap();
    let token = |chunk: usize, index: usize| {
        let at = 20 + 4 * (33 * chunk + index);
        i32::from_le_bytes(stored[at..at + 4].try_into().unwrap())
    };
    let expected: Vec<i32> = (0..8)
        .flat_map(|chunk| (17..33).map(move |index| (chunk, index)))
        .map(|(c, i)| token(c, i))
        .collect();
    assert_eq!(open("kld/base_even.kld").tokens().unwrap(), expected);
    assert_eq!(open("f32.npy").tokens(), None);
}

/// An odd vocabulary: rows are padded by a number that does not count.
#[test]
fn the_padding_of_a_row_does_not_count() {
    let mut file = b"_logits_".to_vec();
    // One chunk of 5 tokens: rows predict tokens 3 and 4. Three classes.
    [5, 3, 1].iter().for_each(|n: &i32| file.extend(n.to_le_bytes()));
    [0, 1, 2, 1, 0].iter().for_each(|n: &i32| file.extend(n.to_le_bytes()));
    for (scale, least) in [(0.5_f32, -4.0_f32), (0.25, -2.0)] {
        file.extend(scale.to_le_bytes());
        file.extend(least.to_le_bytes());
        [0, 2, 8, 9999].iter().for_each(|n: &u16| file.extend(n.to_le_bytes()));
    }
    let path = scratch("odd.kld", &file);
    let mut array = Array::open(path.to_str().unwrap(), false).unwrap();
    assert_eq!(array.shape, [2, 3]);
    assert_eq!(array.tokens().unwrap(), [1, 0]);
    let read = array.read::<f64>(&[0..2, 0..3], Vec::new()).unwrap();
    assert_eq!(read.iter().copied().collect::<Vec<_>>(), [-4.0, -3.0, 0.0, -2.0, -1.5, 0.0]);
    let read = array.read::<f32>(&[1..2, 1..3], Vec::new()).unwrap();
    assert_eq!(read.iter().copied().collect::<Vec<_>>(), [-1.5, 0.0]);
}

#[test]
fn a_list_names_arrays_as_they_are_opened() {
    for file in ["f32.npy", "stored.npz", "deflated.npz", "all.safetensors", "kld/base_even.kld"] {
        for (name, array) in entries(&fixture(file), false).unwrap() {
            let (array, again) = (array.map_err(|it| it.line), Array::open(&name, false));
            assert_eq!(format!("{array:?}"), format!("{:?}", again.map_err(|it| it.line)));
        }
    }
    // One of them is of float8, which is not read.
    let all = entries(&fixture("all.safetensors"), false).unwrap();
    assert_eq!(all.iter().filter(|(_, array)| array.is_ok()).count(), 14);
    assert_eq!(all.len(), 15);
}

#[test]
fn a_path_may_hold_colons() {
    let stored = std::fs::read(fixture("stored.npz")).unwrap();
    let path = scratch("a:b.npz", &stored);
    let name = format!("{}:logits", path.display());
    assert_eq!(Array::open(&name, false).unwrap().shape, [6, 5]);
}

#[test]
fn a_fingerprint_changes_with_any_byte_of_a_small_file() {
    let good = std::fs::read(fixture("f32.npy")).unwrap();
    let fingerprint = |bytes: &[u8]| {
        let path = scratch("fingerprint.npy", bytes);
        Array::open(path.to_str().unwrap(), false).unwrap().fingerprint(BASIS).unwrap()
    };
    let first = fingerprint(&good);
    assert_eq!(first, fingerprint(&good));
    for at in 128..good.len() {
        let mut other = good.clone();
        other[at] ^= 1;
        assert_ne!(first, fingerprint(&other), "byte {at}");
    }
}
