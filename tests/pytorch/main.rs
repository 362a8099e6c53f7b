//! PyTorch's answers, as `tests/fixtures/pytorch.py` wrote them.

mod differences;
mod fixtures;
mod logits;
mod logits_special;
#[path = "../common/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::fmt::Debug;

use fixtures::*;
use kldiv::{
    AnyReduction, BatchMean, DistributionMean, Element, KLDivLoss, Mean, PerDistribution,
    Pointwise, Reduction, Sum,
};
use ndarray::{Array, ArrayD, Axis, Dimension, Ix1, Ix2, Ix3, Ix4, Ix5, IxDyn, Zip, arr0};

const REDUCTIONS: [&str; 4] = ["none", "sum", "mean", "batchmean"];
const INF: f64 = f64::INFINITY;

/// An element type, and how far from torch's float64 it may be.
trait Precision: Element<Loss = Self> + Flat<Self> + Debug {
    const NAME: &'static str;
    /// Times what is rounded: see `Answers::scales`.
    const TOLERANCE: f64;
    /// What a subnormal result may lose, twice.
    const TINY: f64;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
}

impl Precision for f32 {
    const NAME: &'static str = "f32";
    // One ulp of eʸ and half of one for y − x, or up to 1.7 for ln t − x; half of one each for the product, the weight or
    // the factor of a gradient, and the sum: never all at their worst. Less than 1.5 is seen.
    const TOLERANCE: f64 = 3.0 * f32::EPSILON as f64;
    const TINY: f64 = 3e-45;
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Precision for f64 {
    const NAME: &'static str = "f64";
    // Two ulp of eʸ, or 1.5 of ln t − x, and the halves would be 4, torch's as much again; less than 2 is seen.
    const TOLERANCE: f64 = 4.0 * f64::EPSILON;
    const TINY: f64 = 0.0;
    fn from_f64(value: f64) -> f64 {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
}

/// What any reduction returns, one number after another.
trait Flat<A> {
    fn flat(&self) -> Vec<A>;
}

impl Flat<f32> for f32 {
    fn flat(&self) -> Vec<f32> {
        vec![*self]
    }
}

impl Flat<f64> for f64 {
    fn flat(&self) -> Vec<f64> {
        vec![*self]
    }
}

impl<A: Copy, D: Dimension> Flat<A> for Array<A, D> {
    fn flat(&self) -> Vec<A> {
        self.iter().copied().collect()
    }
}

/// A value and both gradients.
struct Answers {
    value: ArrayD<f64>,
    input: ArrayD<f64>,
    target: ArrayD<f64>,
}

impl Answers {
    /// PyTorch's, with our limit where its gradient of the target is NaN: at t = 0.
    fn torch(case: &Case) -> Answers {
        let mut target = case.row(TARGET_GRADIENT).to_owned();
        let nan = target.mapv(f64::is_nan);
        let zero = case.row(TARGET).mapv(|t| t == 0.0 && !case.log_target);
        assert_eq!(nan, zero, "{}", case.name);
        let upstream = &case.row(UPSTREAM) * &case.row(WEIGHTS);
        let limit = upstream.mapv(|u| if u == 0.0 { 0.0 } else { -INF * u });
        Zip::from(&mut target).and(&limit).for_each(|g, &limit| {
            *g = if g.is_nan() { limit } else { *g };
        });
        let input = case.row(INPUT_GRADIENT).to_owned();
        Answers { value: case.reduced(VALUE), input, target }
    }

    /// The size of what is rounded, as the reduction scales it: t·(|ln t| + |x|), t, and
    /// |ln t| + |x| + 1, for a log target times t.
    fn scales(case: &Case) -> Answers {
        let input = case.row(INPUT_GRADIENT).mapv(f64::abs);
        let ln_t = case.row(TARGET).mapv(|t| if case.log_target { t } else { t.ln() });
        let logs = ln_t.mapv(f64::abs) + case.row(INPUT).mapv(f64::abs);
        let mut target = &input * &(&logs + 1.0);
        if !case.log_target {
            target /= &case.row(TARGET);
        }
        let mut terms = &input / &case.row(UPSTREAM).mapv(f64::abs);
        terms.zip_mut_with(&logs, |t, m| *t *= if *t == 0.0 { 0.0 } else { *m });
        let value = match case.reduction.as_str() {
            "none" => terms,
            "per_distribution" => terms.sum_axis(case.axis),
            _ => arr0(terms.sum()).into_dyn(),
        };
        Answers { value, input, target }
    }
}

fn assert_close<A: Precision>(what: &str, ours: &[A], torch: &ArrayD<f64>, scale: &ArrayD<f64>) {
    assert_eq!(ours.len(), torch.len(), "{what}");
    for ((ours, &torch), &scale) in ours.iter().map(|a| a.to_f64()).zip(torch).zip(scale) {
        let bound = A::TOLERANCE * scale + A::TINY;
        let close = ours == torch || (ours - torch).abs() <= bound;
        assert!(close, "{what}: {ours:e}, torch {torch:e}, bound {bound:e}");
    }
}

fn check<A, D, R>(case: &Case, reduction: R, upstream: &R::Buffer<A, D>)
where
    A: Precision,
    D: Dimension,
    R: Reduction,
    R::Output<A, D>: Flat<A>,
{
    let [input, target] = [INPUT, TARGET].map(|row| case.full::<A, D>(row));
    let weights = case.lanes::<A, D::Smaller>(WEIGHTS);
    let criterion = KLDivLoss::new(reduction).axis(case.axis).log_target(case.log_target);
    let batch = criterion.batch(&input, &target).unwrap().weights(&weights).unwrap();
    let value = batch.forward().unwrap().flat();
    let (same, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(upstream).unwrap();
    assert_eq!(value, same.flat(), "{}", case.name);
    if !case.weighted {
        let plain = criterion.forward(&input, &target).unwrap();
        assert_eq!(value, plain.flat(), "{}", case.name);
        let (_, plain) = criterion.value_and_grad(&input, &target).unwrap();
        assert_eq!(gradient, plain, "{}", case.name);
        let plain = criterion.backward(&input, &target, upstream).unwrap();
        assert_eq!(gradients.input, plain.input, "{}", case.name);
        assert_eq!(gradients.target, plain.target, "{}", case.name);
    }

    let (torch, scales) = (Answers::torch(case), Answers::scales(case));
    let upstream = &case.row(UPSTREAM);
    let (unit, unit_scale) = (&torch.input / upstream, &scales.input / &upstream.mapv(f64::abs));
    let (input, target) = (gradients.input.flat(), gradients.target.flat());
    for (what, ours, torch, scale) in [
        ("value", value, &torch.value, &scales.value),
        ("gradient", gradient.flat(), &unit, &unit_scale),
        ("input's gradient", input, &torch.input, &scales.input),
        ("target's gradient", target, &torch.target, &scales.target),
    ] {
        assert_close(&format!("{what}, {}", case.name), &ours, torch, scale);
    }
}

fn check_typed<A: Precision, D: Dimension>(case: &Case) {
    let scalar = case.scalar::<A>(UPSTREAM);
    match case.reduction.as_str() {
        "none" => check::<A, D, _>(case, Pointwise, &case.full::<A, D>(UPSTREAM)),
        "per_distribution" => {
            let lanes = case.lanes::<A, D::Smaller>(UPSTREAM);
            check::<A, D, _>(case, PerDistribution, &lanes)
        }
        "sum" => check::<A, D, _>(case, Sum, &scalar),
        "mean" => check::<A, D, _>(case, Mean, &scalar),
        "batchmean" => check::<A, D, _>(case, BatchMean, &scalar),
        "distribution_mean" => check::<A, D, _>(case, DistributionMean, &scalar),
        unknown => panic!("{unknown}"),
    }
}

fn check_all<A: Precision>() {
    for case in cases().iter().filter(|case| case.is::<A>()) {
        let upstream = case.reduced::<A>(UPSTREAM);
        check::<A, IxDyn, AnyReduction>(case, case.any_reduction(), &upstream);
        match case.rank() {
            1 => check_typed::<A, Ix1>(case),
            2 => check_typed::<A, Ix2>(case),
            3 => check_typed::<A, Ix3>(case),
            4 => check_typed::<A, Ix4>(case),
            _ => check_typed::<A, Ix5>(case),
        }
    }
}

#[test]
fn f32_is_pytorchs() {
    check_all::<f32>();
}

#[test]
fn f64_is_pytorchs() {
    check_all::<f64>();
}

#[test]
fn the_fixtures_cover_every_rank_target_and_reduction() {
    let cases = cases();
    let kind = |c: &Case| (c.is::<f32>(), c.rank(), c.log_target, c.reduction.clone());
    let plain: BTreeSet<_> = cases.iter().filter(|c| !c.weighted).map(kind).collect();
    let weighted: BTreeSet<_> = cases.iter().filter(|c| c.weighted).map(kind).collect();
    assert_eq!(plain.len(), 2 * 5 * 2 * 4);
    assert_eq!(weighted.len(), 2 * 5 * 2 * 6);
    assert_eq!(cases.len(), 280);
}

/// A zero weight skips the distribution, whatever is in it.
#[test]
fn a_zero_weight_is_the_distribution_deleted() {
    let rows = |case: &&Case| case.weighted && case.rank() == 2 && case.axis == Axis(1);
    let cases = cases();
    let skipped = cases.iter().filter(rows).map(|case| deleted::<f32>(case) + deleted::<f64>(case));
    assert!(skipped.sum::<usize>() > 0);
}

/// Compares a batch with what is left of it; returns how many distributions were skipped.
fn deleted<A: Precision>(case: &Case) -> usize {
    let (mut input, target) = (case.full::<A, Ix2>(INPUT), case.full::<A, Ix2>(TARGET));
    let weights = case.lanes::<A, Ix1>(WEIGHTS);
    let (kept, skipped): (Vec<_>, Vec<_>) =
        (0..weights.len()).partition(|&i| weights[i].to_f64() > 0.0);
    for &i in &skipped {
        input.row_mut(i).fill(A::from_f64(f64::NAN));
    }
    let [less_input, less_target] = [&input, &target].map(|a| a.select(Axis(0), &kept));
    let less_weights = weights.select(Axis(0), &kept);
    for reduction in [AnyReduction::from(Sum), Mean.into(), DistributionMean.into()] {
        let criterion = KLDivLoss::new(reduction).log_target(case.log_target);
        let batch = criterion.batch(&input, &target).unwrap();
        let (value, gradient) = batch.weights(&weights).unwrap().value_and_grad().unwrap();
        let batch = criterion.batch(&less_input, &less_target).unwrap();
        let less = batch.weights(&less_weights).unwrap().value_and_grad().unwrap();
        assert_eq!((value, gradient.select(Axis(0), &kept)), less, "{}", case.name);
        let zeros = gradient.select(Axis(0), &skipped).mapv(A::to_f64);
        assert_eq!(zeros, Array::zeros(zeros.raw_dim()), "{reduction:?}, {}", case.name);
    }
    skipped.len()
}
