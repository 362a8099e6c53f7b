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
reverse false 6ab4cebaa8068ef8 47aa01bee01a9f29 50c9c71314adb3a0 7ffc4e8feeb97f36 1a47163a7027d1d9
reverse true 2762d9d0d656a747 e7728e8ecacb6c3 25592a73c7184395 5b26535b2900d110 a1bd8307fa20dcad
symmetric:0.3 false b44af013dd1d9aa8 e2bc28fd71972b72 9b7f6f3f30db8541 6d1c0cc486057a2e 356b565f50ebbd01
symmetric:0.3 true d02e707a8eea10d6 d7baa2c630234883 a3380d2b8242674f 753ef9574d6962b5 57fa862ad69c51c3
symmetric:0.9 false 6f2ec8f0e9aacc72 e7be2f0c26031361 5c9044b7009e7f8 ab07732c60f05e54 e92a3335924d37b9
symmetric:0.9 true fc0facfa8a64264f 540ef72e98522985 f0a3e3d8dd586159 26b6b6f23f8e6cfe d65a8a5548b67ce8
jeffreys false 4de89c637b9eaf6e 7e5407c1e0e18ed9 effd8aa3f2f49895 b320e0835e65368f 528ab732a83409ec
jeffreys true 4de89c637b9eaf6e 7e5407c1e0e18ed9 effd8aa3f2f49895 b320e0835e65368f 528ab732a83409ec
jensen-shannon:0.5 false 6da8d1dac2372c7a 8376b302c6445658 b82a6076de970758 221b7aee270e37f1 3822e629b31c985b
jensen-shannon:0.5 true 6da8d1dac2372c7a 8376b302c6445658 b82a6076de970758 221b7aee270e37f1 3822e629b31c985b
jensen-shannon:0.3 false 85ed2a694ab47232 d21a3e87aad1d80e 79efd5aef8ed60db 2df01ccccad22d70 9000a25a480c6720
jensen-shannon:0.3 true 85ed2a694ab47232 d21a3e87aad1d80e 79efd5aef8ed60db 2df01ccccad22d70 9000a25a480c6720
jensen-shannon:0.9 false ac4905047fbe2c22 a4c66150620f0e64 14b196d315fdbbe0 73c865da43e89023 975176922bd54c36
jensen-shannon:0.9 true ac4905047fbe2c22 a4c66150620f0e64 14b196d315fdbbe0 73c865da43e89023 975176922bd54c36
skew:0.1 false 88447f82e8752129 418233da32a58c91 1d49bdbae5a761e7 6e05d5c0c89c6158 840eff46085f7341
skew:0.1 true 8a0e0c1e046350e3 3d76673f89704165 6af7e01d386cd3a7 cf416d0ecfad454c 2a0bcf56ce271ff2
skew:0.75 false e7ece23b6914721d 9d051522833cc82b 753f058e7c81b8eb 11ddb82f91a829d6 72a9d584179c173c
skew:0.75 true 2ee1ff99b1f3777a b3679145976f4dad fa3c135a7212009f d60deac6ded9b67d b0fb3e13ddb530b0
skew-reverse:0.1 false ef278c6b32d872cd 472b0f275798053d b19c93fc6dd57a42 112e80a85275a816 4a139c28e252f8a4
skew-reverse:0.1 true 47555f78407c2781 ad46992f5812a278 11ebe798ea8a425f 9aa85c21b2e87453 c967f47d69e51aaf
skew-reverse:0.75 false 90de8eb0eb86f68b 68cd52f4f3f1b8c2 290d07175f51a0c4 367df90efed70028 c4b50f6c36cf35d
skew-reverse:0.75 true 98c345bfcf73367b 5b43b38292edc3e4 2dab561ff5f0fe63 b7207a25d6c1a3f2 9ca465d98d1f57c5
total-variation false 608e4291bba1affc 811a94722991cfac 8765f64df8edeff0 b0d1f90526746ebe 97bcd69d7cae32ed
total-variation true 608e4291bba1affc 811a94722991cfac 8765f64df8edeff0 b0d1f90526746ebe 97bcd69d7cae32ed
";
