//! Bits of sparse targets on fixed inputs, the same on every machine. Changing them is a value-breaking change: say so in the
//! CHANGELOG and replace `GOLDEN` by what the failing test prints.

use kldiv::{Divergence, PerDistribution, Target};
use ndarray::Array2;

use super::Settings;
use super::common::{Number, Random, bits};

/// FNV-1a over values and gradients, of few classes, many, and more than a tile.
fn hash<A: Number>(settings: &Settings) -> u64 {
    let mut all = Vec::new();
    for (classes, named) in [(3, 2), (65, 9), (1030, 40), (7, 7)] {
        // Exact numbers: logarithms in (−9, 0], and a class in 50 that is excluded or far below.
        let mut random = Random(classes as u64);
        let mut log = || match random.below(50) {
            0 => f64::NEG_INFINITY,
            1 => -150.0,
            _ => -9.0 * f64::from(random.below(1 << 12) as u32) / 4096.0,
        };
        let input = Array2::from_shape_simple_fn((3, classes), || A::of(log()));
        let values = Array2::from_shape_simple_fn((3, named), || match settings.holds {
            Target::Probabilities => A::of((log().max(-9.0) + 9.0) / 256.0),
            Target::LogProbabilities => A::of(log() - 4.0),
            Target::Logits => A::of(log()),
        });
        let step = (classes as i64 / named as i64).max(1);
        let order = |lane: usize, i: usize| (named - 1 - i + lane) % named;
        let classes = Array2::from_shape_fn((3, named), |(lane, i)| step * order(lane, i) as i64);
        let batch = settings.batch(PerDistribution, &input, &classes, &values).unwrap();
        let (losses, gradient) = batch.value_and_grad().unwrap();
        all.extend(bits(&losses));
        all.extend(bits(&gradient));
    }
    let bytes = all.into_iter().flat_map(u64::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn bits_are_as_they_were() {
    let mut computed = String::new();
    for settings in Settings::faces() {
        let divergences =
            [Divergence::Forward, Divergence::JensenShannon(0.3), Divergence::TotalVariation];
        let hashes = divergences.map(|divergence| {
            let settings = Settings { divergence, ..settings };
            let hash = hash::<f32>(&settings) ^ hash::<f64>(&settings).rotate_left(1);
            format!("{hash:x}")
        });
        let Settings { logits, holds, tail, .. } = settings;
        computed += &format!("{logits} {holds:?} {tail} {}\n", hashes.join(" "));
    }
    assert!(computed == GOLDEN, "not the golden hashes; those computed are\n\n{computed}");
}

/// For each of [`Settings::faces`]: a hash for each of three divergences.
const GOLDEN: &str = "\
false Probabilities bucket 8747eb988a6768d1 72e132823ccd7e71 599cadcfdab73d2b
false Probabilities uniform 8ccdc15f484b7b23 9ae7debd94825f9d 84f25de5117a1a92
false Probabilities renormalized 5963d64f939f712 7d71ec341a5586a1 78b068665cb0fd53
false Probabilities dropped ad43513880919834 596dd11002c3022f 3bcdc37a56e68c9b
false LogProbabilities bucket 6dbf279a737eb70f de8324e358df14ae 9b8a39c961c55b17
false LogProbabilities uniform 9acae81eb20b87d 953ddca7e6c736f1 e3758afdbcc1181
false LogProbabilities renormalized 1fd93f7fb28bf627 b7aa4b1f20fcef82 86cc1783f153ac2
false LogProbabilities dropped 4f07631c81c05b8b 3c6a929c7fdcce10 6f59a4a7e3db9991
true Probabilities bucket 60af763d59e100a1 4f3ef500fba501f6 a662a45d9de168e2
true Probabilities uniform 57edbe7bece1bc23 674dea43ce72e66c 32f85919cc770935
true Probabilities renormalized ee25a7eb11004bd3 2451270e71c70a85 6f49f62eca204128
true Probabilities dropped d7a654c4ae39f7d4 9cfc61b1299ff533 7b97af256268c540
true LogProbabilities bucket 9f311c52d0cead8a d3fd0cbe470e46d7 7469b097cdeb2c9e
true LogProbabilities uniform 875f641b1d22d0c5 90fe3ec10886f3e5 cb554910de60c00d
true LogProbabilities renormalized 3e68dc6153060749 1ef9e3ae15490ba4 35714200b43d2a68
true LogProbabilities dropped f0338d02e966ffd2 1f0ae836afaaf3b6 8657be94930dcfea
true Logits renormalized ed8da0f95873460a fdc51e91572c4082 f56bb3acfd112741
";
