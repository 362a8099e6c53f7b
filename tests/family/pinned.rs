//! Bits of every divergence on fixed inputs, the same on every machine. Changing them is a value-breaking change: say so in the
//! CHANGELOG and replace `GOLDEN` by what the failing test prints.

use kldiv::Target;
use ndarray::{ArrayD, Axis, IxDyn};

use super::bits::{Operands, answers};
use super::common::layout::Layout;
use super::common::{Number, Random};
use super::{FACES, FAMILY, Face, Settings};

/// Exact numbers: logarithms in (−9, 0] and probabilities in [0, 1), and a class in 50 that is excluded or far below.
fn operands<A: Number>(face: Face, classes: usize) -> Operands<A> {
    let (mut random, shape) = (Random(classes as u64), IxDyn(&[3, classes]));
    let mut log = || match random.below(50) {
        0 => f64::NEG_INFINITY,
        1 => -150.0,
        _ => -9.0 * f64::from(random.below(1 << 12) as u32) / 4096.0,
    };
    let input = ArrayD::from_shape_simple_fn(shape.clone(), &mut log);
    let target = ArrayD::from_shape_simple_fn(shape.clone(), log);
    let target = match face {
        Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities) => {
            target.mapv(|log: f64| if log < -9.0 { 0.0 } else { (log + 9.0) / 16.0 })
        }
        _ => target,
    };
    let upstream = ArrayD::from_shape_fn(shape, |index| {
        A::of(((index[0] + index[1]) % 7) as f64 / 4.0 - 0.625)
    });
    let weights = upstream.index_axis(Axis(1), 0).mapv(|u: A| A::of(u.to().abs()));
    Operands { input: input.mapv(A::of), target: target.mapv(A::of), weights, upstream }
}

/// FNV-1a over all that is computed of few classes, many, and more than a tile.
fn hash<A: Number<Wide = A>>(settings: &Settings) -> u64 {
    let layouts = [Layout::C; 3];
    let all = [3, 65, 1030].into_iter().flat_map(|classes| {
        answers::<A>(settings, &operands(settings.face, classes), 1, layouts, true)
    });
    all.flatten().flat_map(u64::to_le_bytes).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn bits_are_as_they_were() {
    let mut computed = String::new();
    for divergence in FAMILY {
        for generalized in [false, true] {
            let of = |face| Settings::new(divergence, face).generalized(generalized);
            let hashes =
                FACES.map(|face| hash::<f32>(&of(face)) ^ hash::<f64>(&of(face)).rotate_left(1));
            let hashes = hashes.map(|hash| format!("{hash:x}")).join(" ");
            computed += &format!("{divergence} {generalized} {hashes}\n");
        }
    }
    assert!(computed == GOLDEN, "not the golden hashes; those computed are\n\n{computed}");
}

/// For each divergence, plain and generalized: a hash for each of [`FACES`].
const GOLDEN: &str = "\
forward false d894727f244c6d4f f680aeb7f92b5d65 fec5ecf7054d220f e72920acb937bb20 9684e90a8ffab1ae
forward true c5c582e30e373a38 bd2566f32680f5ae 275f77241ef9e1d8 fc0cec83e32c59f5 9bc99d301cf6bf20
reverse false 8ca8303c21bfced2 47aa01bee01a9f29 50c9c71314adb3a0 8898bc8e48615c18 1a47163a7027d1d9
reverse true 17d2324a7a68300b e7728e8ecacb6c3 25592a73c7184395 f9e91d8c3c27d634 a1bd8307fa20dcad
symmetric:0.3 false 3e63468a94c86076 e2bc28fd71972b72 ef091a4f2c9d57d6 be752711fc40d45c 356b565f50ebbd01
symmetric:0.3 true 3e6e245ff6aac6a7 d7baa2c630234883 23b1aca4f32e44a9 6ea3479ef3c5cd3c 57fa862ad69c51c3
symmetric:0.9 false 254d8929a0ed0d3a e7be2f0c26031361 2750a3e753e00427 1b6e3d2e268ab944 e92a3335924d37b9
symmetric:0.9 true 5053a0a87e8934d2 540ef72e98522985 f90f93d27ce0ad77 e0b5a9445a6560a6 d65a8a5548b67ce8
jeffreys false 5a18ed77b4ab465a 7e5407c1e0e18ed9 1bb7b52b9a5b6290 7985e556f9a159d6 528ab732a83409ec
jeffreys true 5a18ed77b4ab465a 7e5407c1e0e18ed9 1bb7b52b9a5b6290 7985e556f9a159d6 528ab732a83409ec
jensen-shannon:0.5 false c7d198feb6ff791a 900f1861affaec6a fbfd4f83bf35e1d 8ee1fbf58076425e 7f29b10807afeb50
jensen-shannon:0.5 true c7d198feb6ff791a 900f1861affaec6a fbfd4f83bf35e1d 8ee1fbf58076425e 7f29b10807afeb50
jensen-shannon:0.3 false c58e7ce0d683a53f 722f358fd5725b55 1463edcdf0eb262b ee24e3bf8244dd2 9da378fb020b7a73
jensen-shannon:0.3 true c58e7ce0d683a53f 722f358fd5725b55 1463edcdf0eb262b ee24e3bf8244dd2 9da378fb020b7a73
jensen-shannon:0.9 false 796ed776f71eee40 6b89057b1ec95534 7fbb120f9056435c ea71505587afb2f2 c1657039d55b0eea
jensen-shannon:0.9 true 796ed776f71eee40 6b89057b1ec95534 7fbb120f9056435c ea71505587afb2f2 c1657039d55b0eea
skew:0.1 false a30d5117eaa7469 ab244227a50339b9 998acc9fdb0e42cc 2a17716fd6625531 e61af82995e17577
skew:0.1 true 124f28ed0a49c613 5dee74824ea5027d a0ba6922e04c501e a41a1c15c676a02c 6a0220b2cc21c192
skew:0.75 false 8c84b35ede812a38 4153ab4ce6fe4ea3 c73a6c99a6a5e918 b5a1250d067d35ea 6590f5933f79409d
skew:0.75 true e9a677856339c0a8 b3ab31df7a07f4b d79a6b0b0ee9e269 6355e7ece8ac2e11 8dd5fb7515e92a17
skew-reverse:0.1 false 7f8d2b89dc335164 5f2901ebd3935d5c c351a278e6d78e36 464043990bf89321 aa71c3e124ee6e54
skew-reverse:0.1 true db7bb76ab98414ec ffbf98e7e27e62a4 d00fbd9fe4e6a7e7 2908c16f51be316b d02c6c9103429121
skew-reverse:0.75 false 18dc3183214989dc b1fa7cf4a0ae9d0a f1f7b65d1c892477 d987ea6dd16d1178 2cd32e6772df562c
skew-reverse:0.75 true f99a20204a9cf961 eeb23d3eb64af25e 63969219cb2887ec 644bdc09b55a65d3 b52b5169f9be8c04
total-variation false 608e4291bba1affc 811a94722991cfac 3e5d239a6a6fb94e b0d1f90526746ebe 97bcd69d7cae32ed
total-variation true 608e4291bba1affc 811a94722991cfac 3e5d239a6a6fb94e b0d1f90526746ebe 97bcd69d7cae32ed
";
