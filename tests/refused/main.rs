//! What is no element is refused by the compiler in plain words.
//!
//! The words are ours and the same from every compiler; what it prints around them is not looked at.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Programs, and what is said of each.
const PROGRAMS: [(&str, &str, &[&str]); 4] = [
    (
        "integers",
        include_str!("integers.rs"),
        &["`i32` is not a number", "array.mapv(|n| n as f64)"],
    ),
    ("in_generic_code", include_str!("in_generic_code.rs"), &["`u8` is not a number"]),
    ("binary16", include_str!("binary16.rs"), &["f16` is not a number", "the feature `half`"]),
    ("bfloat16", include_str!("bfloat16.rs"), &["bf16` is not a number", "the feature `half`"]),
];

/// Checks a program in a package of its own, which takes this crate with or without its feature `half`.
/// Whether it is accepted, and what the compiler says.
fn compiled(name: &str, program: &str, half: bool) -> (bool, String) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(if half { "with" } else { "without" });
    let features = if half { "features = [\"half\"], " } else { "" };
    let manifest = format!(
        "[package]\nname = \"refused\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nkldiv = {{ {features}default-features = false, path = {here:?} }}\n\
         ndarray = \"0.17\"\nhalf = {{ version = \"2.7\", default-features = false }}\n"
    );
    fs::create_dir_all(package.join("src/bin")).unwrap();
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(here.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    fs::write(package.join("src/bin").join(name).with_extension("rs"), program).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--color=never", "--bin", name])
        .env("CARGO_TARGET_DIR", package.join("target"))
        .current_dir(package)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_is_no_element_is_refused_in_plain_words() {
    for (name, program, words) in PROGRAMS {
        let (accepted, said) = compiled(name, program, false);
        assert!(!accepted && said.contains("E0277"), "{name}: {said}");
        words.iter().for_each(|words| assert!(said.contains(words), "{name}, {words:?}: {said}"));
    }
}

#[test]
fn numbers_of_16_bits_are_taken_with_the_feature_and_integers_are_not() {
    for (name, program, words) in PROGRAMS {
        let (accepted, said) = compiled(name, program, true);
        assert_eq!(accepted, name.ends_with("16"), "{name}: {said}");
        assert!(accepted || said.contains(words[0]), "{name}: {said}");
    }
}
