//! From logits: PyTorch's answers, as `tests/fixtures/pytorch_logits.py` wrote them.

use std::collections::BTreeSet;

use kldiv::{AnyReduction, DistributionMean, KLDivWithLogitsLoss, PerDistribution, Target};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension, Ix2, IxDyn, arr0};

use crate::Precision;
use crate::fixtures::open;

/// One case; all rows have the shape of the operands.
struct Case {
    name: String,
    axis: Axis,
    target: Target,
    temperature: f64,
    squared: bool,
    weighted: bool,
    reduction: AnyReduction,
    rows: ArrayD<f64>,
}

/// A class of which ln p − ln q is larger has its q from its own logit.
const FAR: f64 = 100.0;

const INPUT: usize = 0;
const TARGET: usize = 1;
const WEIGHTS: usize = 2;
const UPSTREAM: usize = 3;
const VALUE: usize = 4;
const INPUT_GRADIENT: usize = 5;
const TARGET_GRADIENT: usize = 6;

fn cases<A: Precision>() -> Vec<Case> {
    let mut npz = open("pytorch_logits.npz");
    let names = npz.names().unwrap().into_iter();
    let names = names.filter(|name| name.starts_with(A::NAME) && !name.contains("special"));
    names.map(|name| Case::new(npz.by_name(&name).unwrap(), name)).collect()
}

pub fn target_of(name: &str) -> Target {
    match name {
        "logits" => Target::Logits,
        "probabilities" => Target::Probabilities,
        _ => Target::LogProbabilities,
    }
}

impl Case {
    /// The name is precision/rank/axis/target/temperature/factor/values/weights/reduction.
    fn new(rows: ArrayD<f64>, name: String) -> Case {
        let facts: Vec<_> = name.split('/').collect();
        Case {
            axis: Axis(facts[2].strip_prefix("axis").unwrap().parse().unwrap()),
            target: target_of(facts[3]),
            temperature: facts[4].strip_prefix('T').unwrap().parse().unwrap(),
            squared: facts[5] == "squared",
            weighted: facts[7] == "weighted",
            reduction: match facts[8] {
                "per_distribution" => PerDistribution.into(),
                "distribution_mean" => DistributionMean.into(),
                pytorchs => pytorchs.parse().unwrap(),
            },
            rows,
            name,
        }
    }

    fn row(&self, row: usize) -> ArrayViewD<'_, f64> {
        self.rows.index_axis(Axis(0), row)
    }

    fn full<A: Precision, D: Dimension>(&self, row: usize) -> Array<A, D> {
        self.row(row).mapv(A::from_f64).into_dimensionality().unwrap()
    }

    /// A row that was broadcast along the class axis, without it.
    fn lanes<A: Precision, D: Dimension>(&self, row: usize) -> Array<A, D> {
        let row = self.row(row).index_axis_move(self.axis, 0);
        row.mapv(A::from_f64).into_dimensionality().unwrap()
    }

    /// A row with the shape of what the reduction returns.
    fn reduced<A: Precision>(&self, row: usize) -> ArrayD<A> {
        match self.reduction {
            AnyReduction::Pointwise => self.full(row),
            AnyReduction::PerDistribution => self.lanes(row),
            _ => arr0(A::from_f64(*self.row(row).first().unwrap())).into_dyn(),
        }
    }

    fn criterion(&self) -> KLDivWithLogitsLoss<AnyReduction> {
        KLDivWithLogitsLoss::new(self.reduction)
            .axis(self.axis)
            .temperature(self.temperature)
            .times_temperature_squared(self.squared)
            .target(self.target)
    }

    /// What a term is multiplied by: T², the weight, over the divisor.
    fn factors(&self) -> ArrayD<f64> {
        let weights = self.row(WEIGHTS);
        let divisor = match self.reduction {
            AnyReduction::Mean => weights.sum(),
            AnyReduction::BatchMean => weights.len_of(Axis(0)) as f64,
            AnyReduction::DistributionMean => weights.sum() / weights.len_of(self.axis) as f64,
            _ => 1.0,
        };
        let square = if self.squared { self.temperature.powi(2) } else { 1.0 };
        weights.mapv(|weight| square * weight / divisor)
    }
}

/// How wrong results may be, times `Precision::TOLERANCE`: what the rounding of all that is computed on the way
/// does to them, to first order.
struct Bounds {
    value: ArrayD<f64>,
    input: ArrayD<f64>,
    target: ArrayD<f64>,
}

impl Bounds {
    /// An exponential is wrong by as many units of itself as its argument's magnitude says, and one more; a
    /// logarithm of a softmax by its magnitude; what is given is exact. q may be computed from p, and ln p − ln q
    /// counted from the middle of its distribution's.
    fn new(case: &Case, upstream: &ArrayD<f64>) -> Bounds {
        let log_softmax = |row| lanewise(&(&case.row(row) / case.temperature), case.axis, true);
        let (x, ln_t) = match case.target {
            Target::Logits => (log_softmax(INPUT), log_softmax(TARGET)),
            Target::Probabilities => (log_softmax(INPUT), case.row(TARGET).mapv(f64::ln)),
            _ => (log_softmax(INPUT), case.row(TARGET).to_owned()),
        };
        let (q, t, d) = (x.mapv(f64::exp), ln_t.mapv(f64::exp), (&ln_t - &x).mapv(f64::abs));
        let reach = largest(&d, case.axis).mapv(|d| d.min(FAR));
        let d_error = x.mapv(f64::abs) + ln_t.mapv(f64::abs) + &reach + 1.0;
        let t_error = &t * &(ln_t.mapv(f64::abs) + 1.0);
        let q_error = &q * &(x.mapv(f64::abs) + 1.0 + reach);
        let slope_error = &t_error * &(&d + 1.0) + &t * &d_error;
        let terms = (&t_error * &d + &t * &d_error) * case.factors();
        let u = (upstream * &case.factors()).mapv(f64::abs);
        let sum = |array: ArrayD<f64>| lanewise(&array, case.axis, false);
        let per_temperature = 1.0 / case.temperature;
        let input = (&q_error + &q) * sum(&u * &t) + &q * &sum(&u * &t_error) + &u * &t_error;
        let target = match case.target {
            Target::Logits => {
                let through_sum =
                    &t_error * &sum(&u * &t * (&d + 1.0)) + &t * &sum(&u * &slope_error);
                (&u * &slope_error + through_sum) * per_temperature
            }
            Target::Probabilities => &u * &(&d_error + 1.0),
            _ => &u * &slope_error,
        };
        let value = match case.reduction {
            AnyReduction::Pointwise => terms,
            AnyReduction::PerDistribution => terms.sum_axis(case.axis),
            _ => arr0(terms.sum()).into_dyn(),
        };
        Bounds { value, input: input * per_temperature, target }
    }
}

/// Of each lane, in its place: the logarithm of the softmax, or the sum.
fn lanewise(array: &ArrayD<f64>, axis: Axis, log_softmax: bool) -> ArrayD<f64> {
    let mut result = array.clone();
    for mut lane in result.lanes_mut(axis) {
        if log_softmax {
            let max = lane.fold(f64::NEG_INFINITY, |max, &z| z.max(max));
            let sum: f64 = lane.iter().map(|z| (z - max).exp()).sum();
            lane.mapv_inplace(|z| (z - max) - sum.ln());
        } else {
            let sum = lane.sum();
            lane.fill(sum);
        }
    }
    result
}

/// The largest of each lane, in its place.
fn largest(array: &ArrayD<f64>, axis: Axis) -> ArrayD<f64> {
    let mut result = array.clone();
    for mut lane in result.lanes_mut(axis) {
        let max = lane.fold(0.0, |max: f64, &d| max.max(d));
        lane.fill(max);
    }
    result
}

fn assert_close<A: Precision>(
    what: &str,
    ours: &ArrayD<A>,
    torch: &ArrayD<f64>,
    bounds: &ArrayD<f64>,
) {
    assert_eq!(ours.shape(), torch.shape(), "{what}");
    for ((ours, &torch), &bound) in ours.iter().map(|a| a.to_f64()).zip(torch).zip(bounds) {
        let bound = A::TOLERANCE * bound + A::TINY;
        let close = ours == torch || (ours - torch).abs() <= bound;
        assert!(close, "{what}: {ours:e}, torch {torch:e}, bound {bound:e}");
    }
}

fn check<A: Precision>(case: &Case) {
    let [input, target] = [INPUT, TARGET].map(|row| case.full::<A, IxDyn>(row));
    let weights = case.lanes::<A, IxDyn>(WEIGHTS);
    let (criterion, upstream) = (case.criterion(), case.reduced::<A>(UPSTREAM));
    let batch = criterion.batch(&input, &target).unwrap().weights(&weights).unwrap();
    let value = batch.forward().unwrap();
    let (same, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(&upstream).unwrap();
    assert_eq!(value, same, "{}", case.name);
    if !case.weighted {
        assert_eq!(value, criterion.forward(&input, &target).unwrap(), "{}", case.name);
        let plain = criterion.value_and_grad(&input, &target).unwrap();
        assert_eq!((value.clone(), gradient.clone()), plain, "{}", case.name);
        let plain = criterion.backward(&input, &target, &upstream).unwrap();
        assert_eq!(gradients, plain, "{}", case.name);
    }

    let what = |of: &str| format!("{of}, {}", case.name);
    let row = |row| case.row(row).to_owned();
    let bounds = Bounds::new(case, &row(UPSTREAM));
    assert_close(&what("value"), &value, &case.reduced(VALUE), &bounds.value);
    let [d_input, d_target] = [INPUT_GRADIENT, TARGET_GRADIENT].map(row);
    assert_close(&what("input's gradient"), &gradients.input, &d_input, &bounds.input);
    assert_close(&what("target's gradient"), &gradients.target, &d_target, &bounds.target);
    if value.ndim() == 0 {
        let upstream = *case.row(UPSTREAM).first().unwrap();
        let bounds = Bounds::new(case, &row(UPSTREAM).mapv(|_| 1.0));
        assert_close(&what("gradient"), &gradient, &(d_input / upstream), &bounds.input);
    }
}

#[test]
fn f32_is_pytorchs_from_logits() {
    cases::<f32>().iter().for_each(check::<f32>);
}

#[test]
fn f64_is_pytorchs_from_logits() {
    cases::<f64>().iter().for_each(check::<f64>);
}

/// The same through a static rank.
#[test]
fn static_ranks_give_the_same_from_logits() {
    for case in cases::<f32>().iter().filter(|case| case.row(INPUT).ndim() == 2) {
        let [input, target] = [INPUT, TARGET].map(|row| case.full::<f32, Ix2>(row));
        let ours = case.criterion().value_and_grad(&input, &target).unwrap();
        let any = case.criterion().value_and_grad(&input.into_dyn(), &target.into_dyn()).unwrap();
        assert_eq!((ours.0, ours.1.into_dyn()), any, "{}", case.name);
    }
}

#[test]
fn the_fixtures_cover_every_target_temperature_rank_and_reduction() {
    let cases: Vec<_> = cases::<f32>().into_iter().chain(cases::<f64>()).collect();
    let words = |case: &Case, places: &[usize]| -> Vec<String> {
        let words: Vec<_> = case.name.split('/').collect();
        places.iter().map(|&place| words[place].to_owned()).collect()
    };
    let kinds = |weighted: bool, places: &[usize]| {
        let cases = cases.iter().filter(|case| case.weighted == weighted);
        cases.map(|case| words(case, places)).collect::<BTreeSet<_>>().len()
    };
    // Precision, target, reduction; and temperature and factor, or rank.
    assert_eq!(kinds(false, &[0, 3, 8, 4, 5]), 2 * 3 * 4 * 8);
    assert_eq!(kinds(false, &[0, 3, 8, 1]), 2 * 3 * 4 * 4);
    assert_eq!(kinds(true, &[0, 3, 8, 1]), 2 * 3 * 6 * 4);
    assert_eq!(kinds(false, &[1, 2]), 1 + 2 + 3 + 2);
    assert_eq!(cases.len(), 2 * (3 * 8 * 4 + 3 * 4 * 6));
}
