//! The divergences of the family: PyTorch's answers, as `tests/fixtures/pytorch_family.py` wrote them.

mod common;

use std::collections::BTreeSet;
use std::fs::File;

use common::Number;
use kldiv::{AnyReduction, Batch, Divergence, KLDivLoss, KLDivWithLogitsLoss, Target};
use ndarray::{ArrayD, ArrayView1, ArrayViewD, Axis, IxDyn, Zip, arr0};
use ndarray_npy::NpzReader;

const INPUT: usize = 0;
const TARGET: usize = 1;
const WEIGHTS: usize = 2;
const UPSTREAM: usize = 3;
const VALUE: usize = 4;
const INPUT_GRADIENT: usize = 5;
const TARGET_GRADIENT: usize = 6;

/// One case; all rows have the shape of the operands.
struct Case {
    name: String,
    axis: Axis,
    divergence: Divergence,
    generalized: bool,
    from_logits: bool,
    target: Target,
    /// Of the input and the target.
    temperatures: [f64; 2],
    squared: bool,
    reduction: AnyReduction,
    rows: ArrayD<f64>,
}

fn cases<A: Number>() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pytorch_family.npz");
    let mut npz = NpzReader::new(File::open(path).unwrap()).unwrap();
    let names = npz.names().unwrap().into_iter().filter(|name| name.starts_with(A::NAME));
    names.map(|name| Case::new(npz.by_name(&name).unwrap(), name)).collect()
}

impl Case {
    /// The name is
    /// precision/rank/axis/divergence/form/input/target/temperature/factor/values/weights/reduction.
    fn new(rows: ArrayD<f64>, name: String) -> Case {
        let facts: Vec<_> = name.split('/').collect();
        let temperatures = facts[7].strip_prefix('T').unwrap();
        let (of_input, of_target) =
            temperatures.split_once(':').unwrap_or((temperatures, temperatures));
        Case {
            axis: Axis(facts[2].strip_prefix("axis").unwrap().parse().unwrap()),
            divergence: facts[3].parse().unwrap(),
            generalized: facts[4] == "generalized",
            from_logits: facts[5] == "logits",
            target: match facts[6] {
                "logits" => Target::Logits,
                "probabilities" => Target::Probabilities,
                "log-probabilities" => Target::LogProbabilities,
                unknown => panic!("{unknown}"),
            },
            temperatures: [of_input, of_target].map(|number| number.parse().unwrap()),
            squared: facts[8] == "squared",
            reduction: facts[11].parse().unwrap(),
            rows,
            name,
        }
    }

    fn row(&self, row: usize) -> ArrayViewD<'_, f64> {
        self.rows.index_axis(Axis(0), row)
    }

    fn full<A: Number>(&self, row: usize) -> ArrayD<A> {
        self.row(row).mapv(A::of)
    }

    /// A row with the shape of what the reduction returns.
    fn reduced<A: Number>(&self, row: usize) -> ArrayD<A> {
        match self.reduction {
            AnyReduction::Pointwise => self.full(row),
            _ => arr0(A::of(*self.row(row).first().unwrap())).into_dyn(),
        }
    }

    fn batch<'a, A: Number>(
        &self,
        input: &'a ArrayD<A>,
        target: &'a ArrayD<A>,
    ) -> Batch<'a, AnyReduction, A, IxDyn> {
        if !self.from_logits {
            let criterion = KLDivLoss::new(self.reduction)
                .axis(self.axis)
                .divergence(self.divergence)
                .generalized(self.generalized)
                .log_target(self.target == Target::LogProbabilities);
            return criterion.batch(input, target).unwrap();
        }
        let criterion = KLDivWithLogitsLoss::new(self.reduction)
            .axis(self.axis)
            .divergence(self.divergence)
            .generalized(self.generalized)
            .target(self.target)
            .temperature(self.temperatures[0])
            .times_temperature_squared(self.squared);
        let [of_input, of_target] = self.temperatures;
        let criterion = match of_input == of_target {
            true => criterion,
            false => criterion.target_temperature(of_target),
        };
        criterion.batch(input, target).unwrap()
    }

    /// What a term is multiplied by: the temperatures, the weight, over the divisor.
    fn factors(&self) -> ArrayD<f64> {
        let weights = self.row(WEIGHTS);
        let divisor = match self.reduction {
            AnyReduction::BatchMean => weights.len_of(Axis(0)) as f64,
            _ => 1.0,
        };
        let square = if self.squared { self.temperatures[0] * self.temperatures[1] } else { 1.0 };
        weights.mapv(|weight| square * weight / divisor)
    }
}

/// A number that is computed: the size of what is added up for it, and how wrong it may be, in units of rounding.
#[derive(Clone, Copy, Default)]
struct Computed {
    size: f64,
    error: f64,
}

impl Computed {
    fn scaled(self, factor: f64) -> Computed {
        Computed { size: factor * self.size, error: factor * self.error }
    }

    fn plus(self, other: Computed) -> Computed {
        Computed { size: self.size + other.size, error: self.error + other.error }
    }
}

/// One class, and how wrong what is known of it may be, in units of rounding.
#[derive(Clone, Copy)]
struct Class {
    p: f64,
    q: f64,
    /// D = ln p − ln q.
    d: f64,
    /// The relative error of p.
    p_error: f64,
    /// The relative error of q.
    q_error: f64,
    /// The error of D.
    d_error: f64,
    /// What ln(p/m) and ln(q/m) are wrong by, beside what D does to them.
    mixture_error: f64,
}

/// A term and its derivatives.
#[derive(Clone, Copy, Default)]
struct Results {
    term: Computed,
    d_p: Computed,
    d_log_p: Computed,
    d_q: Computed,
    d_log_q: Computed,
}

impl Results {
    fn scaled(self, factor: f64) -> Results {
        let Results { term, d_p, d_log_p, d_q, d_log_q } = self;
        let [term, d_p, d_log_p, d_q, d_log_q] =
            [term, d_p, d_log_p, d_q, d_log_q].map(|computed| computed.scaled(factor));
        Results { term, d_p, d_log_p, d_q, d_log_q }
    }

    fn plus(self, other: Results) -> Results {
        Results {
            term: self.term.plus(other.term),
            d_p: self.d_p.plus(other.d_p),
            d_log_p: self.d_log_p.plus(other.d_log_p),
            d_q: self.d_q.plus(other.d_q),
            d_log_q: self.d_log_q.plus(other.d_log_q),
        }
    }

    /// The results of the pair (q, p).
    fn swapped(self) -> Results {
        let Results { term, d_p, d_log_p, d_q, d_log_q } = self;
        Results { term, d_p: d_q, d_log_p: d_log_q, d_q: d_p, d_log_q: d_log_p }
    }
}

impl Class {
    fn swapped(self) -> Class {
        let Class { p, q, d, p_error, q_error, .. } = self;
        Class { p: q, q: p, d: -d, p_error: q_error, q_error: p_error, ..self }
    }

    /// KL(p ‖ m) with m = (1−s)·q + s·p, or its generalized form, to first order in all errors. P = ln(p/m).
    ///
    /// | | plain | generalized |
    /// |---|---|---|
    /// | term | p·P | p·φ(P), φ′(P) = 1 − m/p |
    /// | ∂/∂p | P + (1−s)·q/m | P − s·(1 − p/m) |
    /// | ∂/∂q | −(1−s)·p/m | (1−s)·(1 − p/m) |
    ///
    /// The derivative of P with respect to D is (1−s)·q/m, that of ln(q/m) is −s·p/m. So p·q/m is as wrong as p and ln(q/m), or
    /// as q and ln(p/m), whichever is less. Each result is rounded by one unit of what is added up for it.
    fn one_direction(self, s: f64, generalized: bool) -> Results {
        let Class { p, q, d, p_error, q_error, d_error, mixture_error } = self;
        // m/p − 1, and m/p without its cancellation.
        let (excess, m) = ((1.0 - s) * (-d).exp_m1(), s + (1.0 - s) * (-d).exp());
        let log_ratio = if d.abs() < 1.0 { -excess.ln_1p() } else { -m.ln() };
        let (log, p_over_m) = (log_ratio.abs(), 1.0 / m);
        let (share_p, share_q) = (s * p_over_m, (1.0 - s) * (-d).exp() * p_over_m);
        let log_error = log + d_error * share_q + mixture_error;
        let product = p * share_q;
        let by_ln_q = p_error + d_error * share_p;
        let by_ln_p = q_error + d_error * share_q;
        let product_error = product * (by_ln_q.min(by_ln_p) + mixture_error);
        let computed = |size: f64, error: f64| Computed { size, error: size + error };
        if !generalized {
            let d_p_error = log_error + share_q * (d_error * share_p + mixture_error);
            let (d_p, d_q) = (log + share_q, (1.0 - s) * p_over_m);
            return Results {
                term: computed(p * log, p * (log * p_error + log_error)),
                d_p: computed(d_p, d_p_error),
                d_log_p: computed(p * d_p, p * (log * p_error + log_error) + product_error),
                d_q: computed(d_q, d_q * (d_error * share_q + mixture_error)),
                d_log_q: computed(product, product_error),
            };
        }
        let lack = excess.abs() * p_over_m;
        let lack_error = lack + d_error * share_q * p_over_m;
        let (gap, d_p) = (phi(log_ratio), log + s * lack);
        let d_p_error = log_error + s * lack_error;
        let of_d = q * (lack * q_error + lack_error);
        let of_difference = q * (q_error + lack) + product_error / (1.0 - s);
        Results {
            term: computed(p * gap, p * (gap * (1.0 + p_error) + excess.abs() * log_error)),
            d_p: computed(d_p, d_p_error),
            d_log_p: computed(p * d_p, p * (d_p * p_error + d_p_error)),
            d_q: computed((1.0 - s) * lack, (1.0 - s) * lack_error),
            d_log_q: computed((1.0 - s) * q * lack, (1.0 - s) * of_d.min(of_difference)),
        }
    }

    /// Any of the family: a·KL(p ‖ m) + b·KL(q ‖ n) with m = (1−s)·q + s·p, n = (1−r)·p + r·q.
    fn results(self, divergence: Divergence, generalized: bool) -> Results {
        let [a, s, b, r] = match divergence {
            Divergence::Reverse => [0.0, 0.0, 1.0, 0.0],
            Divergence::Symmetric(lambda) => [lambda, 0.0, 1.0 - lambda, 0.0],
            Divergence::Jeffreys => [1.0, 0.0, 1.0, 0.0],
            Divergence::JensenShannon(beta) => [beta, beta, 1.0 - beta, 1.0 - beta],
            Divergence::Skew(alpha) => [1.0, alpha, 0.0, 0.0],
            Divergence::SkewReverse(alpha) => [0.0, 0.0, 1.0, alpha],
            Divergence::TotalVariation => return self.total_variation(),
            unknown => panic!("{unknown}"),
        };
        let forward = self.one_direction(s, generalized).scaled(a);
        forward.plus(self.swapped().one_direction(r, generalized).swapped().scaled(b))
    }

    /// ½·|p − q|, from D where p and q are close, with derivatives ±½.
    fn total_variation(self) -> Results {
        let Class { p, q, p_error, q_error, d_error, .. } = self;
        let difference = (p - q).abs();
        let error = (difference * p_error + q * d_error).min(p * p_error + q * q_error);
        let computed = |size: f64, error: f64| Computed { size, error: size + error }.scaled(0.5);
        Results {
            term: computed(difference, error),
            d_p: computed(1.0, 0.0),
            d_log_p: computed(p, p * p_error),
            d_q: computed(1.0, 0.0),
            d_log_q: computed(q, q * q_error),
        }
    }

    /// What torch makes of it: the generalized form adds multiples of p and q that are at most they themselves.
    fn results_of_torch(self, divergence: Divergence, generalized: bool) -> Results {
        let Class { p, q, p_error, q_error, .. } = self;
        let plain = self.results(divergence, false);
        if !generalized {
            return plain;
        }
        let wrong = |size: f64, error: f64| Computed { size, error };
        let [d_p, d_q] = [wrong(1.0, 1.0); 2];
        let [d_log_p, d_log_q] = [wrong(p, p * (p_error + 1.0)), wrong(q, q * (q_error + 1.0))];
        plain.plus(Results { term: d_log_p.plus(d_log_q), d_p, d_log_p, d_q, d_log_q })
    }
}

/// φ(x) = e^(−x) − 1 + x.
fn phi(x: f64) -> f64 {
    if x.abs() < 1e-3 { x * x * (0.5 - x / 6.0 + x * x / 24.0) } else { (-x).exp_m1() + x }
}

/// The classes of a case as the library knows them, and as torch does.
///
/// An exponential is wrong by as many units of itself as its argument is large, and one more. What is given is exact.
/// ln t keeps its low part: it is wrong by an eighth of a unit. A logarithm of a softmax is wrong by as many units as it is
/// large. From logits to logits q may be computed from p, and D counted from the middle of its lane. At one temperature D is
/// the difference of logits, divided and shifted: as wrong as the largest of its lane says. At two temperatures each logit is
/// divided and rounded first.
fn classes(case: &Case) -> [ArrayD<Class>; 2] {
    let [of_input, of_target] = case.temperatures;
    let to_logits = case.target == Target::Logits;
    let divisor = if to_logits { of_target } else { 1.0 };
    let [x, y] =
        [(INPUT, of_input), (TARGET, divisor)].map(|(row, t)| case.row(row).mapv(|z| z / t));
    let log_q = if case.from_logits { log_softmax(&x, case.axis) } else { x.clone() };
    let log_p = match case.target {
        Target::Logits => log_softmax(&y, case.axis),
        Target::Probabilities => y.ln(),
        _ => y.clone(),
    };
    let largest = |array: &ArrayD<f64>| {
        lanewise(array, case.axis, |lane| lane.iter().fold(0.0, |max, &z| z.abs().max(max)))
    };
    let reach = largest(&(&log_p - &log_q));
    let logits = largest(&x) * f64::from(u8::from(case.from_logits))
        + largest(&y) * f64::from(u8::from(to_logits));
    let known = |[x, y]: [f64; 2], [log_q, log_p]: [f64; 2], reach: f64| {
        let (size_q, size_p, d) = (log_q.abs(), log_p.abs(), log_p - log_q);
        let (q_error, x_error) = if case.from_logits { (size_q + 1.0, size_q) } else { (1.0, 0.0) };
        let (p_error, y_error) = match case.target {
            Target::Logits => (size_p + 1.0, size_p),
            Target::Probabilities => (0.0, 0.125),
            _ => (1.0, 0.0),
        };
        let d_error = d.abs() + x_error + y_error;
        let errors = match (to_logits, of_input == of_target) {
            (false, _) => [p_error, q_error, d_error],
            (true, true) => [p_error, q_error + reach, (d_error + reach).min(2.0 * reach)],
            (true, false) => {
                [p_error + y.abs(), q_error + x.abs() + reach, d_error + x.abs() + y.abs() + reach]
            }
        };
        let [p_error, q_error, d_error] = errors;
        let (p, q, mixture_error) = (log_p.exp(), log_q.exp(), 0.0);
        Class { p, q, d, p_error, q_error, d_error, mixture_error }
    };
    let ours = Zip::from(&x)
        .and(&y)
        .and(&log_q)
        .and(&log_p)
        .and(&reach)
        .map_collect(|&x, &y, &log_q, &log_p, &reach| known([x, y], [log_q, log_p], reach));
    let torchs = Zip::from(&ours).and(&log_q).and(&log_p).and(&logits).map_collect(
        |&class, &log_q, &log_p, &logits| {
            let error = 1.0 + log_q.abs() + log_p.abs() + logits;
            let [p_error, q_error, mixture_error, d_error] = [error, error, error, 2.0 * error];
            Class { p_error, q_error, d_error, mixture_error, ..class }
        },
    );
    [ours, torchs]
}

/// Of each lane, in its place: a number.
fn lanewise(
    array: &ArrayD<f64>,
    axis: Axis,
    number: impl Fn(ArrayView1<'_, f64>) -> f64,
) -> ArrayD<f64> {
    let mut result = array.clone();
    for mut lane in result.lanes_mut(axis) {
        let number = number(lane.view());
        lane.fill(number);
    }
    result
}

fn log_softmax(logits: &ArrayD<f64>, axis: Axis) -> ArrayD<f64> {
    let log_sum = lanewise(logits, axis, |lane| {
        let max = lane.fold(f64::NEG_INFINITY, |max, &z| z.max(max));
        max + lane.iter().map(|z| (z - max).exp()).sum::<f64>().ln()
    });
    logits - log_sum
}

/// How wrong results may be, in units of rounding: of the library, or of torch.
struct Bounds {
    value: ArrayD<f64>,
    input: ArrayD<f64>,
    target: ArrayD<f64>,
}

impl Bounds {
    /// ∂z_j = (g_j − q_j·Σg)/τ, with g the derivatives with respect to ln q; the target's alike.
    fn new(case: &Case, classes: &ArrayD<Class>, results: &ArrayD<Results>) -> Bounds {
        let factors = case.factors();
        let of = |result: fn(&Results) -> Computed, factor: &ArrayD<f64>| {
            Zip::from(results)
                .and(factor)
                .map_collect(|results, &f| result(results).scaled(f.abs()))
        };
        let terms = of(|results| results.term, &factors).mapv(|term| term.error);
        let u = &factors * &case.row(UPSTREAM);
        let chain = |slopes: ArrayD<Computed>, mass: fn(&Class) -> (f64, f64), temperature: f64| {
            let sum = |array: ArrayD<f64>| lanewise(&array, case.axis, |lane| lane.sum());
            let (sizes, errors) = (sum(slopes.mapv(|g| g.size)), sum(slopes.mapv(|g| g.error)));
            Zip::from(&slopes).and(classes).and(&sizes).and(&errors).map_collect(
                |slope, class, size, error| {
                    let (mass, mass_error) = mass(class);
                    (slope.error + mass * (error + size * (mass_error + 2.0))) / temperature
                },
            )
        };
        let [of_input, of_target] = case.temperatures;
        let input = of(|results| results.d_log_q, &u);
        let input = match case.from_logits {
            true => chain(input, |class| (class.q, class.q_error), of_input),
            false => input.mapv(|slope| slope.error),
        };
        let target = match case.target {
            Target::Logits => {
                let slopes = of(|results| results.d_log_p, &u);
                chain(slopes, |class| (class.p, class.p_error), of_target)
            }
            Target::Probabilities => of(|results| results.d_p, &u).mapv(|slope| slope.error),
            _ => of(|results| results.d_log_p, &u).mapv(|slope| slope.error),
        };
        let value = match case.reduction {
            AnyReduction::Pointwise => terms,
            _ => arr0(terms.sum()).into_dyn(),
        };
        Bounds { value, input, target }
    }
}

/// How far from torch's float64 the library may be.
///
/// One operation rounds by half an epsilon and an elementary function by one, on numbers that are each counted once: three
/// epsilons a unit cover them all, and seven tenths of that is seen. Torch's half an epsilon a unit is counted double.
fn tolerances<A: Number>(case: &Case) -> Bounds {
    let [ours, torchs] = classes(case);
    let divergence = case.divergence;
    // These two are their own generalized form.
    let is_nonnegative = matches!(divergence, Divergence::Jeffreys | Divergence::JensenShannon(_))
        || case.generalized;
    // Between logits the reverse divergence is the forward one with its sides exchanged, whose gradients with a factor for each
    // class are differences of masses, q·Σut − ut, in its generalized form too.
    let subtracts_masses = divergence == Divergence::Reverse
        && case.target == Target::Logits
        && case.reduction == AnyReduction::Pointwise;
    let results = ours.mapv(|class| {
        let results = class.results(divergence, is_nonnegative);
        let term = results.term;
        let plain = class.results(divergence, false);
        if subtracts_masses { Results { term, ..plain } } else { results }
    });
    let ours = Bounds::new(case, &ours, &results);
    let results = torchs.mapv(|class| class.results_of_torch(divergence, case.generalized));
    let torchs = Bounds::new(case, &torchs, &results);
    let both =
        |ours: ArrayD<f64>, torchs: ArrayD<f64>| ours * (3.0 * A::EPSILON) + torchs * f64::EPSILON;
    Bounds {
        value: both(ours.value, torchs.value),
        input: both(ours.input, torchs.input),
        target: both(ours.target, torchs.target),
    }
}

fn assert_close<A: Number>(
    what: &str,
    ours: &ArrayD<A>,
    torch: &ArrayD<f64>,
    bounds: &ArrayD<f64>,
) {
    assert_eq!(ours.shape(), torch.shape(), "{what}");
    for ((ours, &torch), &bound) in ours.iter().map(|a| a.to()).zip(torch).zip(bounds) {
        let close = (ours - torch).abs() <= bound;
        assert!(close, "{what}: {ours:e}, torch {torch:e}, bound {bound:e}");
    }
}

fn check<A: Number<Wide = A>>(case: &Case) {
    let [input, target] = [INPUT, TARGET].map(|row| case.full::<A>(row));
    let weights = case.row(WEIGHTS).index_axis_move(case.axis, 0).mapv(A::of);
    let batch = case.batch(&input, &target).weights(&weights).unwrap();
    let value = batch.forward().unwrap();
    let (same, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(&case.reduced::<A>(UPSTREAM)).unwrap();
    assert_eq!(value, same, "{}", case.name);

    let what = |of: &str| format!("{of}, {}", case.name);
    let bounds = tolerances::<A>(case);
    let [d_input, d_target] = [INPUT_GRADIENT, TARGET_GRADIENT].map(|row| case.row(row).to_owned());
    assert_close(&what("value"), &value, &case.reduced(VALUE), &bounds.value);
    assert_close(&what("input's gradient"), &gradients.input, &d_input, &bounds.input);
    assert_close(&what("target's gradient"), &gradients.target, &d_target, &bounds.target);
    if value.ndim() == 0 {
        let upstream = *case.row(UPSTREAM).first().unwrap();
        let bound = bounds.input / upstream.abs();
        assert_close(&what("gradient"), &gradient, &(d_input / upstream), &bound);
    }
}

#[test]
fn f32_is_pytorchs() {
    cases::<f32>().iter().for_each(check::<f32>);
}

#[test]
fn f64_is_pytorchs() {
    cases::<f64>().iter().for_each(check::<f64>);
}

#[test]
fn the_fixtures_cover_every_divergence_form_and_pair_of_operands() {
    let cases: Vec<_> = cases::<f32>().into_iter().chain(cases::<f64>()).collect();
    let kinds = |weights: &str, places: &[usize]| {
        let names = cases.iter().map(|case| case.name.split('/').collect::<Vec<_>>());
        let names = names.filter(|words| words[10] == weights);
        let kinds = names.map(|words| places.iter().map(|&place| words[place]).collect::<Vec<_>>());
        kinds.map(|words| words.join("/")).collect::<BTreeSet<_>>().len()
    };
    // Eight divergences in two forms, and total variation; two targets of log-probabilities, and of logits three at
    // three temperatures and one at two.
    let (forms, settings) = (8 * 2 + 1, 2 + 3 * 3 + 2);
    assert_eq!(kinds("plain", &[3, 4, 5, 6, 7, 8, 9]), forms * settings * 3);
    assert_eq!(kinds("plain", &[0, 3, 4, 5, 6, 7, 8]), 2 * forms * settings);
    assert_eq!(kinds("plain", &[0, 3, 4, 9]), 2 * forms * 3);
    assert_eq!(kinds("plain", &[0, 3, 11, 1]), 2 * 9 * 3 * 3);
    assert_eq!(kinds("weighted", &[3, 11]), 9 * 3);
    assert_eq!(cases.len(), forms * settings * 4 + 9 * 3);
}
