//! What the tests share; none uses all of it.
#![allow(dead_code)]

pub mod layout;
pub mod oracle;

use std::fmt::Debug;

use kldiv::{AnyReduction, Element};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, RemoveAxis};

pub const REDUCTIONS: [AnyReduction; 7] = [
    AnyReduction::Pointwise,
    AnyReduction::PerDistribution,
    AnyReduction::Sum,
    AnyReduction::Mean,
    AnyReduction::BatchMean,
    AnyReduction::DistributionMean,
    AnyReduction::SumOver(3.7),
];

/// `f32` and `f64`, and with the feature `half` `f16` and `bf16`.
pub trait Number: Element<Loss = <Self as Number>::Wide> + Debug {
    type Wide: Number<Wide = Self::Wide> + Element<Loss = Self::Wide>;
    const NAME: &'static str;
    const EPSILON: f64;
    /// The smallest subnormal.
    const TINY: f64;
    const MAX: f64;
    fn of(value: f64) -> Self;
    fn to(self) -> f64;
    /// All NaN have the same.
    fn bits(self) -> u64;
}

impl Number for f32 {
    type Wide = f32;
    const NAME: &'static str = "f32";
    const EPSILON: f64 = f32::EPSILON as f64;
    const TINY: f64 = 1e-45_f32 as f64;
    const MAX: f64 = f32::MAX as f64;
    fn of(value: f64) -> f32 {
        value as f32
    }
    fn to(self) -> f64 {
        self.into()
    }
    fn bits(self) -> u64 {
        if self.is_nan() { u64::MAX } else { self.to_bits().into() }
    }
}

impl Number for f64 {
    type Wide = f64;
    const NAME: &'static str = "f64";
    const EPSILON: f64 = f64::EPSILON;
    const TINY: f64 = 5e-324;
    const MAX: f64 = f64::MAX;
    fn of(value: f64) -> f64 {
        value
    }
    fn to(self) -> f64 {
        self
    }
    fn bits(self) -> u64 {
        if self.is_nan() { u64::MAX } else { self.to_bits() }
    }
}

#[cfg(feature = "half")]
impl Number for kldiv::half::f16 {
    type Wide = f32;
    const NAME: &'static str = "f16";
    const EPSILON: f64 = 1.0 / 1024.0;
    const TINY: f64 = 1.0 / (1 << 24) as f64;
    const MAX: f64 = 65504.0;
    fn of(value: f64) -> Self {
        Self::from_f64(value)
    }
    fn to(self) -> f64 {
        self.into()
    }
    fn bits(self) -> u64 {
        if self.is_nan() { u64::MAX } else { self.to_bits().into() }
    }
}

#[cfg(feature = "half")]
impl Number for kldiv::half::bf16 {
    type Wide = f32;
    const NAME: &'static str = "bf16";
    const EPSILON: f64 = 1.0 / 128.0;
    const TINY: f64 = f32::MIN_POSITIVE as f64 / 128.0;
    const MAX: f64 = 255.0 * (1_u128 << 120) as f64;
    fn of(value: f64) -> Self {
        Self::from_f64(value)
    }
    fn to(self) -> f64 {
        self.into()
    }
    fn bits(self) -> u64 {
        if self.is_nan() { u64::MAX } else { self.to_bits().into() }
    }
}

/// The bits of all numbers, in logical order.
pub fn bits<'a, A: Number>(numbers: impl IntoIterator<Item = &'a A>) -> Vec<u64> {
    numbers.into_iter().map(|number| number.bits()).collect()
}

/// Panics at the first difference, if there is one.
pub fn same(ours: &[Vec<u64>], expected: &[Vec<u64>], what: &str) {
    for (which, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let differ = ours.iter().zip(expected).position(|(a, b)| a != b);
        if let Some(at) = differ {
            panic!("{what}: answer {which} at {at}: {:x}, not {:x}", ours[at], expected[at]);
        }
        assert_eq!(ours.len(), expected.len(), "{what}: answer {which}");
    }
}

/// SplitMix64: fast without optimisation too.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * 2_f64.powi(-53)
    }
}

/// A pair of operands with weights, of which one in five is 0.
#[derive(Clone, Debug)]
pub struct Operands<A: Element> {
    pub input: ArrayD<A>,
    pub target: ArrayD<A>,
    pub weights: ArrayD<A::Loss>,
    pub axis: Axis,
    pub log_target: bool,
}

impl<A: Number> Operands<A> {
    /// Random ones. Few classes have no mass, so that there are stretches with and without.
    pub fn random(shape: &[usize], axis: usize, log_target: bool) -> Self {
        let mut random = Random(shape.iter().fold(7, |seed, &n| seed * 31 + n as u64));
        let nothing = if log_target { f64::NEG_INFINITY } else { 0.0 };
        let mut target = || match (random.below(2000), random.unit()) {
            (0, _) => nothing,
            (1, _) => {
                if log_target {
                    -740.0
                } else {
                    A::TINY
                }
            }
            (_, unit) => {
                if log_target {
                    -12.0 * unit
                } else {
                    unit
                }
            }
        };
        let target = ArrayD::from_shape_simple_fn(shape, || A::of(target()));
        let input = ArrayD::from_shape_simple_fn(shape, || A::of(-12.0 * random.unit()));
        let mut weight = || [0.0, 2.5, 1.0, random.unit(), random.unit()][random.below(5) as usize];
        let lanes = IxDyn(shape).remove_axis(Axis(axis));
        let weights = ArrayD::from_shape_simple_fn(lanes, || A::Loss::of(weight()));
        Operands { input, target, weights, axis: Axis(axis), log_target }
    }

    /// An upstream for what the reduction returns.
    pub fn upstream(&self, reduction: AnyReduction) -> ArrayD<A::Loss> {
        let mut count = 0;
        let shape = match reduction {
            AnyReduction::Pointwise => self.input.raw_dim(),
            AnyReduction::PerDistribution => self.weights.raw_dim(),
            _ => IxDyn(&[]),
        };
        ArrayD::from_shape_simple_fn(shape, || {
            count += 1;
            A::Loss::of(f64::from(count * 7 % 13) - 5.5)
        })
    }
}

/// Views of what a batch is made of.
#[derive(Clone, Debug)]
pub struct Views<'a, A: Element> {
    pub input: ArrayViewD<'a, A>,
    pub target: ArrayViewD<'a, A>,
    pub weights: Option<ArrayViewD<'a, A::Loss>>,
    pub upstream: ArrayViewD<'a, A::Loss>,
}

/// Everything that can be asked of a batch, in bits: `forward`, both of `value_and_grad`, both of
/// `backward`.
pub fn answers<A: Number>(
    reduction: AnyReduction,
    axis: Axis,
    log_target: bool,
    views: &Views<'_, A>,
) -> [Vec<u64>; 5] {
    let criterion = kldiv::KLDivLoss::new(reduction).axis(axis).log_target(log_target);
    let mut batch = criterion.batch(&views.input, &views.target).unwrap();
    if let Some(weights) = &views.weights {
        batch = batch.weights(weights).unwrap();
    }
    let value = batch.forward().unwrap();
    let (same, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(&views.upstream).unwrap();
    [bits(&value), bits(&same), bits(&gradient), bits(&gradients.input), bits(&gradients.target)]
}
