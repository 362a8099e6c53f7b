//! Bits on fixed inputs, the same on every machine. Changing them is a value-breaking change: say so in
//! the CHANGELOG and replace `GOLDEN` by what the failing test prints.

mod common;

use common::{Number, Random};
use kldiv::{
    BatchMean, DistributionMean, KLDivLoss, Mean, PerDistribution, Pointwise, Sum, SumOver,
};
use ndarray::{Array1, Array2};

const ROWS: usize = 5;

/// Dyadic fractions, which need no rounding: x in (−8, 0], t in [0, 1) or y in (−16, 0], a few of
/// them without mass or as small as can be.
fn operands<A: Number>(log_target: bool, classes: usize) -> [Array2<A>; 2] {
    let mut random = Random(classes as u64);
    let mut dyadic = |digits: u64, scale: f64| random.below(1 << digits) as f64 * scale;
    let x = Array2::from_shape_simple_fn((ROWS, classes), || -dyadic(13, 1.0 / 1024.0));
    let mut t = Array2::from_shape_simple_fn((ROWS, classes), || match log_target {
        true => -dyadic(13, 1.0 / 512.0),
        false => dyadic(12, 1.0 / 4096.0),
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
fn bits<A: Number>(log_target: bool, classes: usize) -> [u64; 11] {
    let [x, t] = operands::<A>(log_target, classes);
    let weights = Array1::from_iter([1.0, 0.5, 0.0, 1.75, 3.0].map(A::Loss::of));
    let upstream = Array1::from_iter([1.0, -0.25, 3.0, 0.375, 2.0].map(A::Loss::of));
    macro_rules! criterion {
        ($reduction:expr) => {
            KLDivLoss::new($reduction).log_target(log_target)
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
    let bits = bits::<A>(log_target, classes).map(|bits| format!("{bits:x}"));
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
    a411b77b98912630 8d9034209113889a 4ef68b02a5c120e0 747a41a369f4a0da 33f2b8a9b3c9f8a5
f64 probabilities 65
    4081050f4bf38f8a 3ffad00b7ebdedf2 405b3b4bacb8e5aa 405b3b4bacb8e5aa 4053737f323aed30 405cf49a6788b1e1
    c0cd34b726b5ee89 b6763fb0ffc1d2c4 d80ccc0252bdefe7 9f958ae2206db975 f32477ff4108f3c8
f32 log-probabilities 65
    424b7bd5 3e204856 4122c977 4122c977 40e88d86 41142cae
    c32091df4d3d3a56 5685a659ecb35329 3d380eb30c5d346b ed47203680a8464e 9208707666c5b5ea
f64 log-probabilities 65
    40496f7aa8257af0 3fc4090ac1e33bd1 4024592eeceac8c0 4024592eeceac8c0 401d11b0c02ad5a5 40228595c1695c5f
    366081b66da00419 8ddf87b0f6b2d20f b4a3cd08acfd4cc8 b77176b7faa37288 197d73d1d92df6e
f32 probabilities 1000
    4609b763 3fe1a26c 44dc589e 44dc589e 449d63df 44df7628
    22c90353b9813209 43c8093696bb6f37 8d7980ae8160204c 30247bd0ad47081e 2cb412c42e7e7777
f64 probabilities 1000
    40c136ec561b3c0e 3ffc344d8e4e3556 409b8b13bcf86016 409b8b13bcf86016 4093ac7bd01f2010 409beec4f9266074
    e7cfd7b417013bd0 fd420434f7c32346 c3b3453b81883a98 68e2007983fce41f e1e2e162c3358ab8
f32 log-probabilities 1000
    4475fe5d 3e498499 4344cb7e 4344cb7e 430c915a 433ae7aa
    537f23d3b25d26fc 263a5fd981f6c353 7f87245010706ea2 857c3a2959341b75 300428946e44b6cc
f64 log-probabilities 1000
    408ebfcba516b011 3fc930932a42eb2a 4068996fb74559a7 4068996fb74559a7 4061922b39c3d253 40675cf534373b06
    7d69b1bce99458bb 7d6a3b4358750611 aa4479f35e31de91 e9f0bcc1b751da22 7bf6910990142377
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
    7796e835619d775f b5269739b5107570 da3e0aef1068e2dd e88a1b36f8f4babe 1b0656099afd1ca1
bf16 log-probabilities 65
    424b8c88 3e20557d 4122d6d3 4122d6d3 40e8a09b 411435f9
    a22032d8695757ae ce0bb072e28bfe89 ecd8c0b5380d2b11 77baa129bf363146 2775108e5266e25f
";
