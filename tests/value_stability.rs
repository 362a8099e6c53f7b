//! Bits on fixed inputs, the same on every machine. Changing them is a value-breaking change: say so in
//! the CHANGELOG and replace `GOLDEN` by what the failing test prints.

mod common;

use common::{Number, Random};
use kldiv::{
    BatchMean, DistributionMean, KLDivLoss, KLDivWithLogitsLoss, Mean, PerDistribution, Pointwise,
    Sum, SumOver, Target,
};
use ndarray::{Array1, Array2};

const ROWS: usize = 5;

/// The digits of fractions of which ln t − x is rounded but once,
const SHORT: u32 = 12;
/// and such as fill an `f64` (of t, its root's), rounded to other types.
const FULL: u32 = 53;

/// Dyadic fractions or squares: x in (−8, 0], t in [0, 1) or y in (−16, 0], a few of them without mass or as small as can be.
fn operands<A: Number>(log_target: bool, classes: usize, digits: u32) -> [Array2<A>; 2] {
    let mut random = Random(classes as u64);
    let mut dyadic = |digits: u32| random.below(1 << digits) as f64 * 0.5_f64.powi(digits as i32);
    let x = Array2::from_shape_simple_fn((ROWS, classes), || -8.0 * dyadic(digits + 1));
    let mut t = Array2::from_shape_simple_fn((ROWS, classes), || match log_target {
        true => -16.0 * dyadic(digits + 1),
        false => {
            let t = dyadic(digits);
            if digits == FULL { t * t } else { t }
        }
    });
    t[[1, 0]] = if log_target { f64::NEG_INFINITY } else { 0.0 };
    t[[2, classes - 1]] = if log_target { -100.0 } else { A::TINY };
    [x.mapv(A::of), t.mapv(A::of)]
}

/// FNV-1a over the bits.
fn hash<'a, A: Number>(numbers: impl IntoIterator<Item = &'a A>) -> u64 {
    let bytes = numbers.into_iter().flat_map(|number| number.bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// `Sum`, `Mean`, `BatchMean`, `DistributionMean`, `SumOver(7)`, weighted `DistributionMean`; hashes of
/// `Pointwise`, `PerDistribution`, the gradient of `Mean`, and both of weighted `PerDistribution`.
fn bits<A: Number>(log_target: bool, generalized: bool, classes: usize, digits: u32) -> [u64; 11] {
    let [x, t] = operands::<A>(log_target, classes, digits);
    let weights = Array1::from_iter([1.0, 0.5, 0.0, 1.75, 3.0].map(A::Loss::of));
    let upstream = Array1::from_iter([1.0, -0.25, 3.0, 0.375, 2.0].map(A::Loss::of));
    macro_rules! criterion {
        ($reduction:expr) => {
            KLDivLoss::new($reduction).log_target(log_target).generalized(generalized)
        };
    }
    let mean = criterion!(DistributionMean).batch(&x, &t).unwrap().weights(&weights).unwrap();
    let lanes = criterion!(PerDistribution).batch(&x, &t).unwrap().weights(&weights).unwrap();
    let gradients = lanes.backward(&upstream).unwrap();
    [
        criterion!(Sum).forward(&x, &t).unwrap().bits(),
        criterion!(Mean).forward(&x, &t).unwrap().bits(),
        criterion!(BatchMean).forward(&x, &t).unwrap().bits(),
        criterion!(DistributionMean).forward(&x, &t).unwrap().bits(),
        criterion!(SumOver(7.0)).forward(&x, &t).unwrap().bits(),
        mean.forward().unwrap().bits(),
        hash(&criterion!(Pointwise).forward(&x, &t).unwrap()),
        hash(&criterion!(PerDistribution).forward(&x, &t).unwrap()),
        hash(&criterion!(Mean).value_and_grad(&x, &t).unwrap().1),
        hash(&gradients.input),
        hash(&gradients.target),
    ]
}

fn line<A: Number>(log_target: bool, classes: usize) -> String {
    let kind = if log_target { "log-probabilities" } else { "probabilities" };
    let bits = bits::<A>(log_target, false, classes, SHORT).map(|bits| format!("{bits:x}"));
    let (scalars, hashes) = bits.split_at(6);
    let name = A::NAME;
    format!("{name} {kind} {classes}\n    {}\n    {}\n", scalars.join(" "), hashes.join(" "))
}

#[test]
fn bits_are_as_they_were() {
    let settings = [3, 10, 64, 65, 1000].into_iter().flat_map(|c| [(false, c), (true, c)]);
    let lines = |(log_target, classes)| {
        line::<f32>(log_target, classes) + &line::<f64>(log_target, classes)
    };
    let computed: String = settings.map(lines).collect();
    assert!(computed == GOLDEN, "not the golden bits; those computed are\n\n{computed}");
}

#[cfg(feature = "half")]
#[test]
fn bits_of_16_bit_operands_are_as_they_were() {
    use kldiv::half::{bf16, f16};
    let settings = [10, 65].into_iter().flat_map(|c| [(false, c), (true, c)]);
    let lines = |(log_target, classes)| {
        line::<f16>(log_target, classes) + &line::<bf16>(log_target, classes)
    };
    let computed: String = settings.map(lines).collect();
    assert!(computed == GOLDEN_HALF, "not the golden bits; those computed are\n\n{computed}");
}

/// `Mean` and `DistributionMean` from logits at τ = 1.7, times τ²; hashes of `Pointwise`, generalized
/// `Pointwise`, `PerDistribution`, and of both gradients of the last and of `Pointwise`.
fn line_of_logits<A: Number>(target: Target, classes: usize) -> String {
    let [x, t] = operands::<A>(target != Target::Probabilities, classes, SHORT);
    let upstream = Array1::from_iter([1.0, -0.25, 3.0, 0.375, 2.0].map(A::Loss::of));
    macro_rules! criterion {
        ($reduction:expr) => {
            KLDivWithLogitsLoss::new($reduction)
                .target(target)
                .temperature(1.7)
                .times_temperature_squared(true)
        };
    }
    let terms = criterion!(Pointwise).forward(&x, &t).unwrap();
    let lanes = criterion!(PerDistribution).backward(&x, &t, &upstream).unwrap();
    let each = criterion!(Pointwise).backward(&x, &t, &terms).unwrap();
    let bits = [
        criterion!(Mean).forward(&x, &t).unwrap().bits(),
        criterion!(DistributionMean).forward(&x, &t).unwrap().bits(),
        hash(&terms),
        hash(&criterion!(Pointwise).generalized(true).forward(&x, &t).unwrap()),
        hash(&criterion!(PerDistribution).forward(&x, &t).unwrap()),
        hash(&lanes.input),
        hash(&lanes.target),
        hash(&each.input),
        hash(&each.target),
    ];
    let bits = bits.map(|bits| format!("{bits:x}"));
    format!("{} {target:?} {classes}\n    {}\n", A::NAME, bits.join(" "))
}

#[test]
fn bits_from_logits_are_as_they_were() {
    let targets = [Target::Logits, Target::Probabilities, Target::LogProbabilities];
    let settings = [3, 10, 64, 65, 1030].into_iter().flat_map(|c| targets.map(|t| (t, c)));
    let lines = |(target, classes)| {
        line_of_logits::<f32>(target, classes) + &line_of_logits::<f64>(target, classes)
    };
    let computed: String = settings.map(lines).collect();
    assert!(computed == GOLDEN_LOGITS, "not the golden bits; those computed are\n\n{computed}");
}

/// One hash of everything that is computed of a kind of target.
fn hash_of_all<A: Number>(log_target: bool, generalized: bool, digits: u32) -> u64 {
    let longest = if digits == FULL { 1025 } else { 1000 }; // The former is more than a chunk.
    let bits =
        [3, 64, 65, longest].map(|classes| bits::<A>(log_target, generalized, classes, digits));
    bits.as_flattened().iter().fold(0, |hash, bits| (hash ^ bits).wrapping_mul(0x100_0000_01b3))
}

/// Of probabilities and log-probabilities, in single and double precision.
fn hashes(generalized: bool, digits: u32) -> [[u64; 2]; 2] {
    [false, true].map(|log_target| {
        let single = hash_of_all::<f32>(log_target, generalized, digits);
        [single, hash_of_all::<f64>(log_target, generalized, digits)]
    })
}

#[test]
fn generalized_bits_are_as_they_were() {
    let computed = hashes(true, SHORT);
    assert!(computed == GENERALIZED, "not the golden hashes, but {computed:x?}");
}

/// Few roundings happen to short numbers, so that the order of operations hardly shows in them.
#[test]
fn bits_of_full_numbers_are_as_they_were() {
    let computed = [false, true].map(|generalized| hashes(generalized, FULL));
    assert!(computed == GOLDEN_FULL, "not the golden hashes, but {computed:x?}");
}

/// As [`hashes`] returns them, plain and generalized.
const GOLDEN_FULL: [[[u64; 2]; 2]; 2] = [
    [
        [0x6517_51f1_ab34_c72a, 0xc6dc_c218_ba6d_5910],
        [0x08d2_9511_92a7_1783, 0x91e3_40c6_88cc_4d85],
    ],
    [
        [0x5226_d80c_ac5f_3dbc, 0x6240_4d72_473a_72ef],
        [0x3e7d_0ea8_0537_f92b, 0x382a_bbf9_7d05_4c52],
    ],
];

/// As [`hashes`] returns them.
const GENERALIZED: [[u64; 2]; 2] = [
    [0x5636_a57e_2e04_9d84, 0x8e91_1a36_0870_07db],
    [0x33c7_43e6_399a_6c22, 0x972b_ec68_e9e2_0333],
];

/// Type, target and classes; the bits of six losses; the hashes of five arrays of bits.
const GOLDEN: &str = "\
f32 probabilities 3
    42206414 402b156a 41005010 41005010 40b74dcd 411cc164
    1d5bb84458b0d9a4 a0816977b96ed6d2 66994adf4087ed3 30a8dde06f573f78 44c99602af0e157e
f64 probabilities 3
    40440c82750d4b91 400562ad49a7c812 40200a01f73dd60e 40200a01f73dd60e 4016e9b9aa58565d 4023982c837bafb2
    b494f196355ecd24 23299abf938f8941 b4a8f126ca1ed9d6 256629d20e271ddf d8d7e4b2b05dea90
f32 log-probabilities 3
    4013e67e 3e1dc2a9 3eeca3fe 3eeca3fe 3ea9076c 3e92b831
    5d8cc3c3db2b7dae 9fbd6d76d39e9bcc 3d3573a708bc45af cbb8700e049f6974 6c33fef338601c14
f64 log-probabilities 3
    40027ccfc8d64e55 3fc3b8551a7e316c 3fdd947fa7bd4a22 3fdd947fa7bd4a22 3fd520ed77d05986 3fd2570621acf36b
    ff6dd04021f5d4d9 c8871115cb8cae18 dd600bb27baa87d9 367731bfbed59f5a 7f3d76f901708659
f32 probabilities 10
    427ef471 3fa32bce 414bf6c1 414bf6c1 4111b041 4149c543
    6ca9f9c0586a7ff2 294cc47b0e101178 87cd47287e935dde cbbd58f20bfb9b03 a706036e6b151d15
f64 probabilities 10
    404fde8e233eb7ae 3ff46579b02823a3 40297ed81c322c8b 40297ed81c322c8b 402236081423d6ad 402938a85314a541
    592835bc67521c7e db2997931e7d057 16eb6f05969f8ba4 bd8c5ca70e1efa49 90f8eb7b02d19c3b
f32 log-probabilities 10
    41cfc0b1 3f04f634 40a633c1 40a633c1 406d6e81 409ae157
    137ff835f6a8baa1 7f50cb7cc24c9405 856017cd604fa650 2662eb678d44e75d f3d7cd1ba789378f
f64 log-probabilities 10
    4039f8161e8fa376 3fe09ec679f58756 4014c6781872e92b 4014c6781872e92b 400dadd022ed4d19 40135c2acbaf2da3
    9649c5f6feb7ff48 a116ee097803b03f 27334f55ac7f488e b5715b7e4e2fbc96 5bb2e74f608e8026
f32 probabilities 64
    440734c3 3fd8546b 42d8546b 42d8546b 429a8571 42d39344
    700fb5780e5c4ecf 71cd01be8055c50b f16a9e25b9d5c01f 3a5d5305eba3d89b 902ec7fd56bdeb63
f64 probabilities 64
    4080e69857e403bb 3ffb0a8d596cd2c5 405b0a8d596cd2c5 405b0a8d596cd2c5 405350ae1b4dbb1f 405a72688e88f3a6
    a6d3edcd87cc0f26 184ce9bc03b3e511 9ad801c24ed870ac 73a7a942f7c56cf0 38646f46d0a08514
f32 log-probabilities 64
    4215a694 3def70ed 40ef70ed 40ef70ed 40ab0784 414125c1
    5a01a4c297887c36 6350058dc099dcfa 6d39eecd9d150911 d8c7ce2ccdabcb25 3816b4169fd23fe4
f64 log-probabilities 64
    4042b4d279ecd603 3fbdee1d8fe1566b 401dee1d8fe1566b 401dee1d8fe1566b 401560f08b57d003 402824b8272b0445
    33c142856b5e951c b4c1aa057a2ac055 1611af28dfc3b24f 25b4cea87de138e1 c7525c43baf55acf
f32 probabilities 65
    4408287a 3fd6805c 42d9da5d 42d9da5d 429b9bfa 42e7a4d3
    a411b77b98912630 c8a22fc4d5b01663 4ef68b02a5c120e0 747a41a369f4a0da 33f2b8a9b3c9f8a5
f64 probabilities 65
    4081050f4bf38f8a 3ffad00b7ebdedf2 405b3b4bacb8e5aa 405b3b4bacb8e5aa 4053737f323aed30 405cf49a6788b1e1
    c0cd34b726b5ee89 2acc330b4d52758f d80ccc0252bdefe7 9f958ae2206db975 f32477ff4108f3c8
f32 log-probabilities 65
    424b7bd5 3e204856 4122c977 4122c977 40e88d86 41142cae
    c32091df4d3d3a56 2b41d017eb7b39e 3d380eb30c5d346b ed47203680a8464e 9208707666c5b5ea
f64 log-probabilities 65
    40496f7aa8257af0 3fc4090ac1e33bd1 4024592eeceac8c0 4024592eeceac8c0 401d11b0c02ad5a5 40228595c1695c5f
    366081b66da00419 87931e76178165d6 b4a3cd08acfd4cc8 b77176b7faa37288 197d73d1d92df6e
f32 probabilities 1000
    4609b763 3fe1a26c 44dc589e 44dc589e 449d63df 44df7628
    22c90353b9813209 43c8093696bb6f37 8d7980ae8160204c 30247bd0ad47081e 2cb412c42e7e7777
f64 probabilities 1000
    40c136ec561b3c0e 3ffc344d8e4e3556 409b8b13bcf86016 409b8b13bcf86016 4093ac7bd01f2010 409beec4f9266074
    e7cfd7b417013bd0 b0a84dbd451ba76f c3b3453b81883a98 68e2007983fce41f e1e2e162c3358ab8
f32 log-probabilities 1000
    4475fe5d 3e498499 4344cb7e 4344cb7e 430c915a 433ae7aa
    537f23d3b25d26fc 92d40379713bc828 7f87245010706ea2 857c3a2959341b75 300428946e44b6cc
f64 log-probabilities 1000
    408ebfcba516b011 3fc930932a42eb2a 4068996fb74559a7 4068996fb74559a7 4061922b39c3d253 40675cf534373b06
    7d69b1bce99458bb 37934b6b964da996 aa4479f35e31de91 e9f0bcc1b751da22 7bf6910990142377
";

/// The same of 16-bit operands.
#[cfg(feature = "half")]
const GOLDEN_HALF: &str = "\
f16 probabilities 10
    427ef8bd 3fa32e8d 414bfa31 414bfa31 4111b2b5 4149c9c4
    cfc00ee6891b8d4b cbc2806b770c0de7 1530bb63ac2d6f18 79f0e2e758a2889a cbf16e62b6ffb7f1
bf16 probabilities 10
    427efd71 3fa33190 414bfdf4 414bfdf4 4111b565 4149a9dc
    8b196520b7ed7787 42bbcf406644ee50 b0c4ee047a2c6753 a35b1eb55ee5f175 37db2edbe485a9af
f16 log-probabilities 10
    41cfbffb 3f04f5bf 40a6332f 40a6332f 406d6db1 409addf5
    90434d3bd0a60a49 4b057ef0ab7cdd24 2fc985e8611f068a 77262ec22e07e41e babd43bc587e0e
bf16 log-probabilities 10
    41cf6cbc 3f04c078 40a5f096 40a5f096 406d0e8e 409aaa35
    82b99fc8ddaceed8 dd60b7b93707dae9 dce3088f460efdda 2dbb07bfc2087c14 ce0cc725c540945d
f16 probabilities 65
    440828fe 3fd6812b 42d9db30 42d9db30 429b9c90 42e7a53a
    5991cfafd5ec979b c8a2e7cafb636bbd a4d448f85ce1ec9a 95fcce3eb3c69d52 a7585d300299f8c0
bf16 probabilities 65
    44082ac8 3fd683fd 42d9de0d 42d9de0d 429b9e9c 42e7b1fa
    82c54b3df8ac3dcb bf361a6376f13e82 b695fab7f0be9541 9f88087b59b2fa72 eab247fc48ffff19
f16 log-probabilities 65
    424b7c83 3e2048df 4122ca02 4122ca02 40e88e4d 41142bfd
    7796e835619d775f e13a95c6cbfcfe6b da3e0aef1068e2dd e88a1b36f8f4babe 1b0656099afd1ca1
bf16 log-probabilities 65
    424b8c88 3e20557d 4122d6d3 4122d6d3 40e8a09b 411435f9
    a22032d8695757ae ce0bb072e28bfe89 ecd8c0b5380d2b11 77baa129bf363146 2775108e5266e25f
";

/// Type, target and classes from logits; the bits of two losses; the hashes of seven arrays of bits.
const GOLDEN_LOGITS: &str = "\
f32 Logits 3
    3f841d5d 40462c0b 2d6355867df7dd19 4c2491001a97f779 c35743b50683feb1 754a0811d01fa068 b5bc3b771f1234e6 8f1e5dfdddfc1a75 82eb45e269671dce
f64 Logits 3
    3ff083ab87fca2b5 4008c5814bfaf410 e98aa5a88848824a 39e6e3180c086138 33d35e5b1c0872ca 47c20fddccc5821 a83a22e49f8eabe6 4ad6ec4decb46578 2a1f774fe968d061
f32 Probabilities 3
    4003633c 40c514da 885270ad9f674abf 5bd37945dd8b7bce 59f0981b50f86669 8487028d46725f83 c265619192a3e767 a0d428360b86f2d2 cffab4f8a29a8a5a
f64 Probabilities 3
    40006c676ddc859f 4018a29b24cac86e 577bc8a2831e5403 c5bd0fb45da5412 dd5f9f8313bd3434 6fd8cc9ad1afd482 9d9fb192d4d3f639 62f8ef68a261d7bf 87752ac64e7a9fcd
f32 LogProbabilities 3
    bca653ba bd797d97 2ee62705360a245e 4fc3fbf17664b5f3 e9b95ea72383da15 3001437ae6ece8d1 aa3bc2c3ec487e58 6a9d92e5502045c1 e0d5dce9bd320f9b
f64 LogProbabilities 3
    bf94ca776c48f613 bfaf2fb3226d711d 7e3b314a24a1c3ab 23d5bcd1651584c6 98bf28eea9562570 13dc82fefd7cda63 ab5d03fd19d6be68 fcdb1c2f86f23035 70c943f94194add1
f32 Logits 10
    3f0b2f01 40adfac1 a7b614c029dbaab0 bb9caaa32170c03c 8048cbfacd5b32d1 ff3e023b939aa93a dbbf3e52856eeae8 92607762cee8bd3 f9b3d493e6bbd560
f64 Logits 10
    3fe165e01236ee25 4015bf5816c4a9ae ab06dd8c895246ef 97ccbf0021656bc5 aaae83e419b979c1 4341e41844c43c39 9b5a0ee9592cf30b ed56b2a5471c8fbc cc7bcc003099f722
f32 Probabilities 10
    400f6ff6 41b34bf4 5310921416a15f81 95f13e844fc2c1b9 26d1eb8571824481 fe965e44caf4b78b ba59b56a27a714e6 d95762e66b977b10 bb120f649140fadb
f64 Probabilities 10
    4001edfeb7ba6c16 4036697e65a9071b cb3519dfaf65ddfd 54e30bb88758d282 f54eabfb7c95280b eec784eece82689d 29a472d0dd018f8a 1e7d29b781a54342 f530aad4a0d3682f
f32 LogProbabilities 10
    3f6361da 410e1d28 c9ec84b3ea20db25 4a7c77f3e56daa8b 5a70bbf28415d3b3 47e67e79865d2d02 18dd3ff0de1d6117 7c772b5afdb06a7f c44c7eaffa5ccb27
f64 LogProbabilities 10
    3fec6c3b3a15ebc6 4021c3a5044db35c 59c983a5afe7d85a 57dbaa066866d35 1aed409314b421d5 14f2244c423e6cf5 da54510a741c0491 99ad6302cd14b36f e3f41b471ee8f8d
f32 Logits 64
    3da7c8de 40a7c8de 6188077ccf0d55de 30b955cb235c837f 8a90cf8a7159a4c5 3dbecbe54c7ef42e afb61ca65db3c69d 4d6856d736f64745 fc48f1fff9f571fb
f64 Logits 64
    3fb4f91ba0462a87 4014f91ba0462a87 4dd588b18787c7e1 5bb0941d5292f906 517ca5ac91f2b099 f331d3005957075d d5620a7cca1c6682 868bd403244d4192 da18fc4a96fbbbe1
f32 Probabilities 64
    40d388e6 43d388e6 2fa43443c0cd8fe2 736dd9bae9e1228b 94533be3774d8d56 ee834d9b7ae7c27e 597e0bde7982e06f 8168ef514b9d8961 aacf87a9b1d8e4f
f64 Probabilities 64
    401a711cbbfa2760 407a711cbbfa2760 ad6bba3735cc445a 386249bda1ab1f04 e6dc822e531b53c0 30e6d2827d060389 93da33848699c474 78dd3b8e96c0d599 66a4f190a4a962d
f32 LogProbabilities 64
    3f077a15 42077a15 9ec8fce69cb36944 41e2f338a88f05d1 31ea164d289be41 376a0af0930625e2 859ef437a00ace6d a3810f0b6920cb20 cbec21f4405cd57b
f64 LogProbabilities 64
    3fe0ef42ac466969 4040ef42ac466969 b845b57d75f486a1 4a1cc77eea4fe014 47e427d321bdacb7 70ba3bbe305b5f8d b5baddafb389c5d2 cb95a819b2e41af6 b490acce0a65e4d2
f32 Logits 65
    3da8518b 40aaf2d2 d75ebd2db4ef5500 d81f9e9a105305b bc66165a1c8d3a96 474c38931e15df87 85f9374d862ce566 b2bfcbec98b3a79c f675b87ed90a1af6
f64 Logits 65
    3fb50a315be66e08 40155e5a215607c0 28b72501cfc20330 ee2ceb596be91b8c eb6ca854fe811a39 70e3588c20eac86c 7ddb6d7daaa9aff 12943c45cbbd0dfe 5365683981660d82
f32 Probabilities 65
    40c51502 43c82956 e75b71b0c40a396c 75fa2048d793dfb0 c8f94e3c0dae5c62 e87aa6445a4393f2 6b737aff07f86d8a 9953d0fca6a75838 79eb48aa4f61c8ef
f64 Probabilities 65
    4018a2a02c73556e 4079052aad2522c4 8799f4a1cb21b502 f9e9f88f9b7b93a1 c45bd31043b6f93a 6a85fd3b7b87f2b9 9419e691cdc22f50 fbd6e71e4668f36a 9f580018343d718
f32 LogProbabilities 65
    3f2bc1f6 422e70fd b8fec797c05b349a 8ca5b220981734ba 2deed8cad81cd291 b9c8de9479d1ca6e e3926d654e7dea0a 5ef5fc24e1793fb7 227864bd8c1eee77
f64 LogProbabilities 65
    3fe5783eabb8ef35 4045ce1fa667d2f2 14ed84b806a793fb f0e1c2b550d8b28f 17922d98b1477a2a bb5ee4a2c9e1b2fc df9f9de027c63ecf bf7da5a95327216c 18791102fa71a0c
f32 Logits 1030
    3bb9fcc3 40bb13be 5b11cf8f44ffa2cb f92dd16600c66073 b85d664b82bbce2d 1384a7737b125e4c bee15965ab7654b3 a983bf279981fcfd 69e557f16a18af2d
f64 Logits 1030
    3f773f984bc2f27c 40176277b03496e8 e603d7e43a46e9d3 76bbae20cce0bc31 2799aec4ee7985f5 c7d06a0592d3d08e e511ec0bd6e3fe78 7cf83ad0003c32fa d21677c06f9eb28d
f32 Probabilities 1030
    4126693d 462762db 5cfeae3ae6b4c4c6 56c8e2d5c3839c5e 49f048a0cafd7453 ddd8bfcf96731342 816c18607ff4a023 110644e2034addec e07625b04ff2b6db
f64 Probabilities 1030
    4024cd279224f122 40c4ec5b4d80288b ff3883cea2b0debd 327cb052774f9a39 835f75155695430d 9a59349c3ab1d6ca c07b13cf8e3699e2 37dade3021e8901e 8e712789550567c3
f32 LogProbabilities 1030
    3f9b9a3c 449c83a4 a5381498cdc0fe0a 51fe30c7783187be 22000813e54e7555 dd745da9e028b12c 2a989c28501ed171 abd4d482e168dc97 cc6aad107c2d51c5
f64 LogProbabilities 1030
    3ff373477c47ce00 40939074678239b5 43f21ef743c33377 af080e175dd9ede8 3900a7a02ea97029 3b78c0584cfca80d b0749508e8444c65 bc0bd3fb0a43ba50 11ceea9a5acd9012
";
