//! Files that are damaged or are something else, and the line that each gets.

use kldiv_cli::formats::Array;

use crate::{fixture, fixtures, open, scratch, whole};

fn good(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

/// The first bytes of a fixture.
fn cut(name: &str, len: usize) -> Vec<u8> {
    good(name)[..len].to_vec()
}

/// A fixture with other bytes in one place.
fn with(name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = good(name);
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn longer(name: &str, more: usize) -> Vec<u8> {
    [good(name), vec![0; more]].concat()
}

/// A .npy with this header and 8 bytes of numbers.
fn npy(header: &str) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &[0; 8]].concat()
}

/// A .npy whose header gives such a type, and the shape (2,).
fn of_type(descr: &str) -> Vec<u8> {
    npy(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n"))
}

/// A .npy of f32 whose header gives such a shape.
fn of_shape(shape: &str) -> Vec<u8> {
    npy(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"))
}

/// A .safetensors with this header and 8 bytes of numbers.
fn safetensors(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 8]].concat()
}

/// Two f32 in a .safetensors, with such a type, shape, and offsets.
fn tensor(dtype: &str, shape: &str, offsets: &str) -> Vec<u8> {
    safetensors(&format!(
        r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#
    ))
}

/// The place of a value in a file.
fn place(file: &[u8], value: &[u8]) -> usize {
    file.windows(value.len()).position(|window| window == value).unwrap()
}

/// An archive whose first member has other two bytes at an offset in its entry of the directory.
fn directory(name: &str, offset: usize, bytes: [u8; 2]) -> Vec<u8> {
    let at = place(&good(name), b"PK\x01\x02") + offset;
    with(name, at, &bytes)
}

/// Where the first row of base_even.kld starts: behind 8 chunks of 33 tokens.
const ROWS: usize = 20 + 4 * 33 * 8;

/// The file's extension, its bytes, what is asked for within it, and the line without the path.
type Case = (&'static str, Vec<u8>, &'static str, &'static str);

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let negative = (-1_i32).to_le_bytes();
    vec![
        ("npy", vec![], "",
         "FILE is empty; write it again"),
        ("npy", b"hello, world".to_vec(), "",
         "FILE is not a .npy, .npz, .safetensors or base file of llama.cpp (it begins with 68 65 6c 6c 6f 2c 20 77 6f); it is damaged: write it again"),
        ("csv", b"0.1,0.2,0.7\n".to_vec(), "",
         r#"FILE is not a .npy, .npz, .safetensors or base file of llama.cpp (it begins with 30 2e 31 2c 30 2e 32 2c 30); save np.save("a.npy", np.loadtxt(…))"#),
        ("gguf", b"GGUF\x03\0\0\0\0\0\0\0".to_vec(), "",
         "FILE is not a .npy, .npz, .safetensors or base file of llama.cpp (it begins with 47 47 55 46 03 00 00 00 00); it is a model: give what it predicts, from llama-perplexity --kl-divergence-base"),
        ("pkl", b"\x80\x04\x95\x0b\0\0\0\0\0".to_vec(), "",
         r#"FILE is not a .npy, .npz, .safetensors or base file of llama.cpp (it begins with 80 04 95 0b 00 00 00 00 00); save np.save("a.npy", t.float().numpy())"#),
        ("npy", cut("f32.npy", 7), "",
         "FILE is cut off within its header; copy or write it again"),
        ("npy", cut("f32.npy", 9), "",
         "FILE is cut off within its header; copy or write it again"),
        ("npy", cut("f32.npy", 60), "",
         "FILE is cut off within its header; copy or write it again"),
        ("npy", cut("f32.npy", 128), "",
         "FILE is cut off: it lacks 120 bytes; copy or write it again"),
        ("npy", cut("f32.npy", 247), "",
         "FILE is cut off: it lacks 1 byte; copy or write it again"),
        ("npy", cut("python2.npy", 100), "",
         "FILE is cut off: it lacks 100 bytes; copy or write it again"),
        ("npy", longer("f32.npy", 1), "",
         "FILE has 1 byte more than its header says; copy or write it again"),
        ("npy", longer("f64_fortran.npy", 12), "",
         "FILE has 12 bytes more than its header says; copy or write it again"),
        ("npy", with("f32.npy", 6, &[4]), "",
         "FILE is a .npy of version 4, only 1 to 3 are known; save it again with np.save"),
        ("npy", with("version2.npy", 8, &[0xff; 4]), "",
         "FILE has a damaged header (a header of 4294967295 bytes); save it again with np.save"),
        ("npy", with("f32.npy", 10, b"["), "",
         "FILE has a damaged header (['descr': '<f4', 'fortran_order': False, 'shape': (6, 5), }); save it again with np.save"),
        ("npy", good("f32.npy"), ":a",
         "FILE:a is one array, and holds none by a name; give FILE"),
        ("npy", good("object.npy"), "",
         "FILE holds Python objects (|O); save np.array(a.tolist(), dtype=np.float32)"),
        ("npy", good("complex.npy"), "",
         "FILE holds complex numbers (<c8); save a.real, or abs(a) ** 2"),
        ("npy", good("strings.npy"), "",
         "FILE holds strings (<U2); save a.astype(np.float32)"),
        ("npy", good("records.npy"), "",
         r#"FILE holds records of several fields; save one of them, as a["logits"]"#),
        ("npy", good("longdouble.npy"), "",
         "FILE holds floats of an unknown size (<f16); save a.astype(np.float64)"),
        ("npy", good("dates.npy"), "",
         "FILE holds a type that is not a number (<M8[s]); save a.astype(np.float32)"),
        ("npy", good("bf16.npy"), "",
         "FILE holds two bytes of no type (<V2); if they are bfloat16, add --bf16, or save a.view(ml_dtypes.bfloat16).astype(np.float32)"),
        ("npy", of_type("'<f3'"), "",
         "FILE holds floats of an unknown size (<f3); save a.astype(np.float64)"),
        ("npy", of_type("float"), "",
         "FILE has a damaged header (float); save it again with np.save"),
        ("npy", of_shape("(2, -1)"), "",
         "FILE has a damaged header (an axis of length -1); save it again with np.save"),
        ("npy", of_shape("(2, x)"), "",
         "FILE has a damaged header (an axis of length x); save it again with np.save"),
        ("npy", of_shape("2"), "",
         "FILE has a damaged header (2); save it again with np.save"),
        ("npy", of_shape("(99999999999999999999,)"), "",
         "FILE has an axis of length 99999999999999999999, which no machine can hold; write it again"),
        ("npy", of_shape("(4294967296, 4294967296)"), "",
         "FILE has the shape [4294967296, 4294967296], which no machine can hold; write it again"),
        ("npy", npy("{'descr': '<f4', 'shape': (2,), }"), "",
         "FILE has a damaged header ({'descr': '<f4', 'shape': (2,), }); save it again with np.save"),
        ("npy", npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }"), "",
         "FILE has a damaged header ({'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }); save it again with np.save"),
        ("npy", npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"), "",
         "FILE has a damaged header ({'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'sh); save it again with np.save"),
        ("npy", npy("((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("), "",
         "FILE has a damaged header (((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((); save it again with np.save"),
        ("npz", cut("stored.npz", 700), "",
         "FILE is cut off or damaged, no whole archive (invalid Zip archive: Could not find EOCD); copy or write it again"),
        ("npz", good("stored.npz"), "",
         "FILE is an archive; give one of its arrays, as FILE:logits; it holds logits, half, fortran, labels"),
        ("npz", good("stored.npz"), ":missing",
         "FILE:missing is not an array of FILE, which holds logits, half, fortran, labels"),
        ("npz", good("many.npz"), ":missing",
         "FILE:missing is not an array of FILE, which holds array0, array1, array2, array3, array4, array5, array6, array7, array8, array9 and 3 more"),
        ("npz", directory("stored.npz", 8, [1, 0]), ":logits",
         "FILE:logits is encrypted; save it again with np.savez"),
        ("npz", directory("stored.npz", 10, [12, 0]), ":logits",
         "FILE:logits is compressed by Bzip2, only deflate is known; save it again with np.savez"),
        ("npz", directory("stored.npz", 20, [0xff, 0xff]), ":logits",
         "FILE:logits is cut off: its member ends beyond the archive; copy it again"),
        ("npz", directory("stored.npz", 20, [200, 0]), ":logits",
         "FILE:logits is cut off: it lacks 48 bytes; copy or write it again"),
        ("npz", directory("deflated.npz", 24, [0xff, 0]), ":logits",
         "FILE:logits has 7 bytes more than its header says; copy or write it again"),
        ("npz", directory("deflated.npz", 16, [1, 2]), ":logits",
         "FILE:logits cannot be read (its checksum differs); copy or write it again"),
        ("pt", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), "",
         "FILE holds no arrays; save them with np.savez or safetensors"),
        ("safetensors", cut("single.safetensors", 8), "",
         "FILE is not a .npy, .npz, .safetensors or base file of llama.cpp (it begins with 40 00 00 00 00 00 00 00); it is damaged: write it again"),
        ("safetensors", cut("single.safetensors", 40), "",
         "FILE is cut off within its header: it lacks 32 bytes; copy or write it again"),
        ("safetensors", cut("single.safetensors", 191), "",
         "FILE is cut off: it lacks 1 byte; copy or write it again"),
        ("safetensors", longer("single.safetensors", 2), "",
         "FILE has 2 bytes more than its header says; copy or write it again"),
        ("safetensors", with("single.safetensors", 4, &[1]), "",
         "FILE has a damaged header (a header of 4294967360 bytes); save it again with safetensors"),
        ("safetensors", with("single.safetensors", 9, b"x"), "",
         "FILE has a damaged header (key must be a string at line 1 column 2); save it again with safetensors"),
        ("safetensors", good("all.safetensors"), "",
         "FILE is an archive; give one of its arrays, as FILE:bf16; it holds bf16, bool, dense/kernel:0, f16, f32, f64, float8, i16, i32, i64 and 5 more"),
        ("safetensors", good("all.safetensors"), ":missing",
         "FILE:missing is not an array of FILE, which holds bf16, bool, dense/kernel:0, f16, f32, f64, float8, i16, i32, i64 and 5 more"),
        ("safetensors", good("all.safetensors"), ":float8",
         "FILE:float8 holds F8_E4M3, which is not read; save t.float()"),
        ("safetensors", tensor("F32", "[2]", "[0,4]"), "",
         "FILE has 4 bytes more than its header says; copy or write it again"),
        ("safetensors", tensor("F32", "[3]", "[0,8]"), "",
         "FILE:a has a damaged header (f32 of the shape [3] from byte 0 to 8); save it again with safetensors"),
        ("safetensors", tensor("F32", "[2]", "[8,0]"), "",
         "FILE has 8 bytes more than its header says; copy or write it again"),
        ("safetensors", tensor("F32", "[4294967296,4294967296]", "[0,8]"), "",
         "FILE:a has a damaged header (f32 of the shape [4294967296, 4294967296] from byte 0 to 8); save it again with safetensors"),
        ("safetensors", tensor("F32", "[-2]", "[0,8]"), "",
         r#"FILE has a damaged header (tensor "a": invalid value: integer `-2`, expected usize); save it again with safetensors"#),
        ("safetensors", safetensors("{\"a\":1}"), "",
         r#"FILE has a damaged header (tensor "a": invalid type: integer `1`, expected struct Tensor); save it again with safetensors"#),
        ("safetensors", safetensors(r#"{"a\u001b[2J":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#), "",
         "FILE:a\u{fffd}[2J holds C64, which is not read; save t.float()"),
        ("kld", good("kld/short.kld"), "",
         "FILE holds no rows: llama-perplexity leaves these 12 bytes when the text is too short; give it a longer text, or a smaller context with -c"),
        ("kld", cut("kld/base_even.kld", 18), "",
         "FILE is cut off: it lacks 2 bytes; copy or write it again"),
        ("kld", cut("kld/base_even.kld", 100), "",
         "FILE is cut off: it lacks 133072 bytes; copy or write it again"),
        ("kld", cut("kld/base_even.kld", 133_000), "",
         "FILE is cut off: it lacks 172 bytes; copy or write it again"),
        ("kld", longer("kld/base_even.kld", 16), "",
         "FILE has 16 bytes more than its header says; copy or write it again"),
        ("kld", with("kld/base_even.kld", 8, &[0; 4]), "",
         "FILE has a damaged header: n_ctx is 0, at least 3 is needed; write it again"),
        ("kld", with("kld/base_even.kld", 12, &negative), "",
         "FILE has a damaged header: n_vocab is -1, at least 1 is needed; write it again"),
        ("kld", with("kld/base_even.kld", 16, &[0; 4]), "",
         "FILE has a damaged header: n_chunk is 0, at least 1 is needed; write it again"),
        ("kld", with("kld/base_even.kld", 16, &[0xff, 0xff, 0xff, 0x7f]), "",
         "FILE is cut off: it lacks 35742717687516 bytes; copy or write it again"),
        ("kld", with("kld/base_even.kld", 20 + 4 * 20, &negative), "",
         "FILE is damaged: its token -1 is none of 512; write it again"),
        ("kld", with("kld/base_even.kld", ROWS, &f32::NAN.to_le_bytes()), "",
         "FILE has a row, 0, that is not a distribution: its scale is negative, NaN or infinite, which is what NaN logits leave; write it again with a model that computes none"),
        ("kld", with("kld/base_even.kld", ROWS + 3 * 1032 + 4, &f32::INFINITY.to_le_bytes()), "",
         "FILE has a row, 3, that is not a distribution: its scale is negative, NaN or infinite, which is what NaN logits leave; write it again with a model that computes none"),
        ("kld", good("kld/base_even.kld"), ":a",
         "FILE:a is one array, and holds none by a name; give FILE"),
    ]
}

#[test]
fn each_gets_its_line() {
    for (index, (extension, bytes, member, expected)) in cases().into_iter().enumerate() {
        let path = scratch(&format!("malformed{index}.{extension}"), &bytes);
        let path = path.to_str().unwrap();
        let line = line(&format!("{path}{member}"));
        assert_eq!(line.replace(path, "FILE"), expected, "case {index}");
    }
}

/// Opens an array and reads all of it.
fn line(name: &str) -> String {
    let read = Array::open(name, false)
        .and_then(|mut array| array.read::<f32>(&whole(&array), Vec::new()).map(|_| ()));
    read.map_or_else(|failure| failure.to_string(), |()| "no failure".into())
}

#[test]
fn what_is_no_file_gets_its_line() {
    let line = |name: &str| line(name).replace(fixtures().to_str().unwrap(), "DIR");
    assert_eq!(line(&fixture("none.npy")), "DIR/none.npy does not exist; check the path");
    assert_eq!(line(&fixture("none.npz:a")), "DIR/none.npz:a does not exist; check the path");
    assert_eq!(line(&fixture("kld")), "DIR/kld is a directory; give a file within it");
}

#[test]
fn floats_are_no_labels() {
    let mut array = open("f32.npy");
    let failure = array.read_integers(&whole(&array)).unwrap_err();
    assert!(failure.line.ends_with("f32.npy holds f32, not integers; save a.astype(np.int64)"));
}

/// Each file cut at each place, and each byte of its start and its end changed: a failure or numbers, and no panic.
#[test]
fn no_damage_panics() {
    for name in [
        "f32.npy",
        "python2.npy",
        "stored.npz",
        "deflated.npz",
        "all.safetensors",
        "kld/base_even.kld",
    ] {
        let file = good(name);
        let edge = |at: &usize| *at < 130 || *at + 130 > file.len();
        let read = |bytes: &[u8]| {
            let path = scratch("damaged", bytes);
            for array in
                kldiv_cli::formats::entries(path.to_str().unwrap(), true).into_iter().flatten()
            {
                let Ok(mut array) = array.1 else { continue };
                let _ = array.read::<f32>(&whole(&array), Vec::new());
            }
        };
        for at in (0..file.len()).filter(edge) {
            read(&file[..at]);
            for byte in [0xff, file[at] ^ 1] {
                let mut other = file.clone();
                other[at] = byte;
                read(&other);
            }
        }
    }
}
